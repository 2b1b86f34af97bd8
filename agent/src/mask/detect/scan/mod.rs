//! Looks for everything at once in a value.
//!
//! Cheap questions come first: counts of bytes ([`gate`]), then one automaton over all patterns that
//! are left, then each pattern that it named, and last the detector's own check.
//!
//! A find never begins or ends inside a run of ASCII letters and digits: `x4111111111111111` is one
//! word and no card. A pattern that begins (or ends) with something else takes no heed of what stands
//! beside it. Letters beyond ASCII part words too, since Chinese and Japanese put numbers between them
//! without a space.
//!
//! Where a check refuses a candidate, the pattern is tried again on shorter texts from the same place
//! and then from the next word on, so that `4111 1111 1111 1111 123` is a card with a code behind it.
//! That costs at most [`WORK_FACTOR`] times the value; beyond it, candidates that overlap a refused one
//! are passed over, and the rest of the value is still read to its end.

mod context;
mod fold;
mod gate;
mod needs;
mod settle;

use std::ops::Range;
use std::sync::Arc;

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use self::context::Phrase;
use self::gate::{Gate, POSITIONS_MAX, Positions};
use self::needs::Needs;
use super::{Candidate, Confidence, Detector};

/// Something that was found in a value.
#[derive(Clone, Debug)]
pub struct Hit {
    pub detector: &'static Detector,
    /// Bytes of the value.
    pub range: Range<usize>,
    pub confidence: Confidence,
}

/// What a column's name makes likelier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hint {
    /// By the position of the detector in its scanner.
    likely: Positions,
}

/// Finds what some detectors know; made once, used by many threads, cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Scanner {
    inner: Arc<Inner>,
    /// The positions that are looked for.
    among: Positions,
}

#[derive(Debug, Default)]
struct Inner {
    engines: Vec<Engine>,
    gate: Gate,
    /// All patterns by position: tells which match, not where.
    set: RegexSet,
    numeric: Positions,
}

/// One detector, ready to run.
#[derive(Debug)]
struct Engine {
    detector: &'static Detector,
    /// The pattern with the byte before and after it, where it begins and ends with a word.
    regex: Regex,
    needs: Needs,
    context: Vec<Phrase>,
}

impl Scanner {
    /// Each detector counts once, and of more than 128 those beyond do not: `detect::tests` counts.
    #[must_use]
    pub fn new(detectors: impl IntoIterator<Item = &'static Detector>) -> Self {
        let mut engines: Vec<Engine> = Vec::new();
        for detector in detectors {
            let is_new = engines.iter().all(|it| it.detector.name != detector.name);
            if is_new && engines.len() < POSITIONS_MAX {
                // Patterns are ours: that each of them compiles is a test of `detect`.
                engines.extend(Engine::new(detector));
            }
        }
        let needs: Vec<Needs> = engines.iter().map(|it| it.needs).collect();
        let patterns = engines.iter().map(|it| it.regex.as_str());
        let set = RegexSetBuilder::new(patterns)
            .unicode(false)
            .size_limit(COMPILED_BYTES_MAX)
            .dfa_size_limit(AUTOMATON_BYTES_MAX)
            .build();
        let numeric = (0..).zip(&engines).filter(|(_, it)| it.detector.numeric);
        let numeric = numeric.fold(0, |sum: Positions, (at, _)| sum | (1 << at));
        Self {
            among: (0..engines.len()).fold(0, |sum, at| sum | (1 << at)),
            inner: Arc::new(Inner {
                engines,
                gate: Gate::new(&needs),
                set: set.unwrap_or_default(),
                numeric,
            }),
        }
    }

    /// The same that looks for some of its detectors only. Hints fit both.
    #[must_use]
    pub fn only(&self, keeps: &dyn Fn(&Detector) -> bool) -> Self {
        let kept = (0..).zip(&self.inner.engines);
        let kept = kept.filter(|(_, it)| keeps(it.detector));
        let kept = kept.fold(0, |sum: Positions, (at, _)| sum | (1 << at));
        Self {
            inner: Arc::clone(&self.inner),
            among: self.among & kept,
        }
    }

    /// True if nothing can be found.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.among == 0
    }

    /// True if something can be found in columns of numbers.
    #[must_use]
    pub fn reads_numbers(&self) -> bool {
        self.among & self.inner.numeric != 0
    }

    /// What the name of a column makes likelier.
    #[must_use]
    pub fn hint(&self, column: &str) -> Hint {
        let engines = (0..).zip(&self.inner.engines);
        let likely = engines.filter(|(_, it)| context::names(&it.context, column));
        Hint {
            likely: likely.fold(0, |sum, (at, _)| sum | (1 << at)),
        }
    }

    /// Finds everything of at least this confidence; the hits do not overlap and are in order.
    pub fn scan(&self, value: &str, hint: &Hint, least: Confidence, hits: &mut Vec<Hit>) {
        self.inner.scan(self.among, value, hint, least, hits);
    }

    /// The same in a number: what is found is all of it, and by detectors that know numbers.
    pub fn scan_number(&self, value: &str, hint: &Hint, least: Confidence, hits: &mut Vec<Hit>) {
        let among = self.among & self.inner.numeric;
        self.inner.scan(among, value, hint, least, hits);
        hits.retain(|hit| hit.range == (0..value.len()));
    }
}

impl Inner {
    fn scan(
        &self,
        among: Positions,
        value: &str,
        hint: &Hint,
        least: Confidence,
        hits: &mut Vec<Hit>,
    ) {
        hits.clear();
        let Some(folded) = fold::fold(value) else {
            return self.find(among, value, hint, least, hits);
        };
        self.find(among, &folded.text, hint, least, hits);
        for hit in hits {
            hit.range = folded.original(&hit.range, value);
        }
    }

    fn find(
        &self,
        among: Positions,
        text: &str,
        hint: &Hint,
        least: Confidence,
        hits: &mut Vec<Hit>,
    ) {
        let mut open = self.gate.pass(text.as_bytes(), among);
        if open.count_ones() > ALONE_MAX {
            let matched = self.set.matches(text.as_bytes());
            open &= matched.iter().fold(0, |sum: Positions, at| sum | (1 << at));
        }
        for (at, engine) in (0..).zip(&self.engines) {
            let bit: Positions = 1 << at;
            if open & bit != 0 {
                engine.search(text, hint.likely & bit != 0, least, hits);
            }
            if open < bit {
                break;
            }
        }
        settle::settle(hits);
    }
}

impl Engine {
    fn new(detector: &'static Detector) -> Option<Self> {
        let needs = Needs::of(detector.pattern)?;
        let edge = |is_word, edge| if is_word { edge } else { "" };
        let before = edge(needs.starts_in_word, "(?:^|[^0-9A-Za-z])");
        let after = edge(needs.ends_in_word, "(?:[^0-9A-Za-z]|$)");
        let regex = RegexBuilder::new(&format!("{before}(?:{}){after}", detector.pattern))
            .unicode(false)
            .size_limit(COMPILED_BYTES_MAX)
            .dfa_size_limit(AUTOMATON_BYTES_MAX)
            .build();
        Some(Self {
            detector,
            regex: regex.ok()?,
            needs,
            context: detector.context.iter().copied().map(Phrase::new).collect(),
        })
    }

    /// Finds what does not overlap, from left to right.
    fn search(&self, text: &str, likely: bool, least: Confidence, hits: &mut Vec<Hit>) {
        let bytes = text.as_bytes();
        let (mut from, mut work) = (0_usize, 0_usize);
        let work_max = text.len().saturating_mul(WORK_FACTOR);
        while from <= bytes.len()
            && let Some(found) = self.regex.find_at(bytes, from)
        {
            work = work.saturating_add(found.end() - from);
            let whole = self.inner(bytes, found.range());
            if whole.is_empty() {
                from = found.end().max(from + 1);
                continue;
            }
            let mut hit = self.judge(text, whole.clone(), likely, least);
            let mut end = whole.end;
            for _ in 0..SHORTER_MAX {
                if hit.is_some() || work > work_max {
                    break;
                }
                let Some(shorter) = word_end_before(bytes, whole.start, end) else {
                    break;
                };
                let cut = bytes.get(..shorter).unwrap_or_default();
                let found_shorter = self.regex.find_at(cut, found.start());
                let Some(shorter) = found_shorter.filter(|it| it.start() == found.start()) else {
                    break;
                };
                work = work.saturating_add(shorter.len());
                let shorter = self.inner(cut, shorter.range());
                end = shorter.end;
                hit = self.judge(text, shorter, likely, least);
            }
            from = match &hit {
                Some(hit) => hit.range.end.max(from + 1),
                None if work > work_max => whole.end,
                None => word_after(bytes, whole.start),
            };
            hits.extend(hit);
        }
    }

    /// What the pattern itself matched: without the bytes beside it that the regex asks for.
    fn inner(&self, bytes: &[u8], range: Range<usize>) -> Range<usize> {
        let is_word = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
        let Range { mut start, mut end } = range;
        if self.needs.starts_in_word && start < end && !is_word(start) {
            start += 1;
        }
        if self.needs.ends_in_word && start < end && !is_word(end - 1) {
            end -= 1;
        }
        start..end
    }

    fn judge(
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
            in_context: true,
        };
        if joins(candidate.before, candidate.text) || joins(candidate.text, candidate.after) {
            return None;
        }
        // Most candidates are refused whatever stands around them, and looking there costs more.
        let mut confidence = (self.detector.check)(&candidate)?;
        if !likely && !context::is_near(&self.context, candidate.before, candidate.after) {
            candidate.in_context = false;
            confidence = (self.detector.check)(&candidate)?;
        }
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

/// Where the last word ends that ends before `end` and after `start`.
fn word_end_before(bytes: &[u8], start: usize, end: usize) -> Option<usize> {
    let text = bytes.get(start..end)?;
    let gap = text
        .iter()
        .rposition(|byte| !byte.is_ascii_alphanumeric())?;
    let text = text.get(..gap)?;
    let last = text.iter().rposition(u8::is_ascii_alphanumeric)?;
    Some(start + last + 1)
}

/// From where the next candidate may begin, if the one at `start` is none.
fn word_after(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let word = rest.iter().take_while(|it| it.is_ascii_alphanumeric());
    start + word.count().max(1)
}

/// Up to so many patterns are tried one by one: the automaton of all of them costs as much as two.
const ALONE_MAX: u32 = 2;

/// A candidate is cut so often: what follows a card number or an IBAN is rarely more words than that.
const SHORTER_MAX: usize = 8;

/// Bytes that a detector may look at again, for each byte of the value.
const WORK_FACTOR: usize = 32;

/// A compiled pattern, and all of them together. The largest is far below; a mistake is not.
const COMPILED_BYTES_MAX: usize = 16 << 20;

/// What the lazy automaton of a thread may keep of its states. Forty patterns in one take about a
/// megabyte for usual values; less makes it start over again and again.
const AUTOMATON_BYTES_MAX: usize = 8 << 20;
