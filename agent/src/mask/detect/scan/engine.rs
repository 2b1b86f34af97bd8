//! One detector at one place of a text.

use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};

use super::Hit;
use super::context::{self, Phrase};
use super::needs::{self, Needs};
use super::starts::Beginning;
use crate::mask::detect::{Candidate, Confidence, Detector};

/// One detector, ready to run.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) detector: &'static Detector,
    /// The pattern at the start of a text, with the byte after it where it ends with a word.
    regex: Regex,
    pub(super) needs: Needs,
    pub(super) beginning: Beginning,
    pub(super) context: Vec<Phrase>,
}

impl Engine {
    pub(super) fn new(detector: &'static Detector) -> Option<Self> {
        let hir = needs::read(detector.pattern)?;
        let needs = Needs::of(&hir);
        let after = if needs.ends_in_word {
            "(?:[^0-9A-Za-z]|$)"
        } else {
            ""
        };
        let regex = RegexBuilder::new(&format!("^(?:{}){after}", detector.pattern))
            .unicode(false)
            .size_limit(COMPILED_BYTES_MAX)
            .dfa_size_limit(AUTOMATON_BYTES_MAX)
            .build();
        Some(Self {
            detector,
            regex: regex.ok()?,
            needs,
            beginning: Beginning::of(&hir),
            context: detector.context.iter().copied().map(Phrase::new).collect(),
        })
    }

    /// Where the match ends that begins with these bytes, if there is one and it is not empty.
    pub(super) fn end(&self, bytes: &[u8]) -> Option<usize> {
        let end = self.regex.find(bytes)?.end();
        let last = bytes.get(..end)?.last()?;
        // The byte that must stand behind a word is no part of it.
        let behind = self.needs.ends_in_word && !last.is_ascii_alphanumeric();
        Some(if behind { end - 1 } else { end })
    }

    pub(super) fn judge(
        &self,
        text: &str,
        range: Range<usize>,
        likely: bool,
        least: Confidence,
    ) -> Option<Hit> {
        // A pattern that speaks of any byte may end inside a character: then all of it is meant.
        let range = text.floor_char_boundary(range.start)..text.ceil_char_boundary(range.end);
        let mut candidate = Candidate {
            text: text.get(range.clone())?,
            before: text.get(..range.start)?,
            after: text.get(range.end..)?,
            in_context: likely,
        };
        if joins(candidate.before, candidate.text) || joins(candidate.text, candidate.after) {
            return None;
        }
        // Before the check: some are dearer by far where a word speaks for the candidate.
        candidate.in_context =
            likely || context::is_near(&self.context, candidate.before, candidate.after);
        let confidence = (self.detector.check)(&candidate)?;
        (confidence >= least).then_some(Hit {
            detector: self.detector,
            range,
            confidence,
        })
    }
}

/// True if the two make one run of letters and digits.
fn joins(one: &str, other: &str) -> bool {
    let is_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    is_word(one.as_bytes().last()) && is_word(other.as_bytes().first())
}

/// A compiled pattern, and all of them together. The largest is far below; a mistake is not.
const COMPILED_BYTES_MAX: usize = 16 << 20;

/// What the lazy automaton of a pattern may keep of its states in each thread.
const AUTOMATON_BYTES_MAX: usize = 2 << 20;
