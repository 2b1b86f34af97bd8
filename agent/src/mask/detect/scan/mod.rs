//! Looks for everything at once in a value.
//!
//! Cheap questions come first: counts of bytes ([`gate`]) and words that must be there ([`words`]), then,
//! at each place where a find could begin, its first bytes and the length of its first word ([`starts`]),
//! then the few patterns that are left,
//! anchored to that place, and last the detector's own check. One automaton over all patterns does worse:
//! dozens of counted repeats, each begun at each word, have more states than a cache holds, and looking
//! for the place of what it found is a second search.
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
mod engine;
mod fold;
mod gate;
mod names;
mod needs;
mod settle;
mod starts;
mod words;

use std::ops::Range;
use std::sync::Arc;

use self::context::Name;
use self::engine::Engine;
use self::gate::{Gate, POSITIONS_MAX, Positions};
use self::names::Names;
use self::needs::Needs;
use self::starts::{Beginning, Starts};
use self::words::Words;
use super::{Confidence, Detector};
use crate::mask::leaves;

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
    /// What the name alone tells, by its place among [`Names`].
    named: u32,
}

impl Hint {
    /// What either makes likelier.
    #[must_use]
    pub const fn and(&self, other: &Self) -> Self {
        Self {
            likely: self.likely | other.likely,
            named: self.named | other.named,
        }
    }
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
    starts: Starts,
    numeric: Positions,
    names: Names,
    words: Words,
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
        let beginnings: Vec<Beginning> = engines.iter().map(|it| it.beginning).collect();
        let numeric = (0..).zip(&engines).filter(|(_, it)| it.detector.numeric);
        let numeric = numeric.fold(0, |sum: Positions, (at, _)| sum | (1 << at));
        Self {
            among: (0..engines.len()).fold(0, |sum, at| sum | (1 << at)),
            inner: Arc::new(Inner {
                gate: Gate::new(&needs),
                starts: Starts::new(&beginnings),
                numeric,
                names: Names::new(&engines),
                words: Words::new(&engines),
                engines,
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
        let name = Name::new(column);
        Hint {
            named: self.inner.names.of(&name),
            likely: self.inner.likely(&name),
        }
    }

    /// What the words around a value make likelier, where they are no name of it.
    #[must_use]
    pub fn context(&self, words: &str) -> Hint {
        Hint {
            named: 0,
            likely: self.inner.likely(&Name::new(words)),
        }
    }

    /// As [`Self::hint`], of a key as JSON writes it. The hints of keys are kept, for the same few are
    /// met in each value.
    #[must_use]
    pub fn hint_of_key(&self, key: &str) -> Hint {
        let hint = |key: &str| self.hint(&leaves::unescaped(key));
        self.inner.names.kept(key, &hint)
    }

    /// Finds everything of at least this confidence; the hits do not overlap and are in order.
    pub fn scan(&self, value: &str, hint: &Hint, least: Confidence, hits: &mut Vec<Hit>) {
        self.inner.patterns(self.among, value, hint, least, hits);
        self.inner.named(self.among, value, hint, least, hits);
    }

    /// The same in a number: what is found is all of it, and by detectors that know numbers.
    pub fn scan_number(&self, value: &str, hint: &Hint, least: Confidence, hits: &mut Vec<Hit>) {
        let among = self.among & self.inner.numeric;
        self.inner.patterns(among, value, hint, least, hits);
        self.inner.named(self.among, value, hint, least, hits);
        hits.retain(|hit| hit.range == (0..value.len()));
    }
}

impl Inner {
    fn likely(&self, name: &Name<'_>) -> Positions {
        let engines = (0..).zip(&self.engines);
        let likely = engines.filter(|(_, it)| name.has(&it.context));
        likely.fold(0, |sum, (at, _)| sum | (1 << at))
    }

    /// Adds a value that its name tells.
    fn named(
        &self,
        among: Positions,
        value: &str,
        hint: &Hint,
        least: Confidence,
        hits: &mut Vec<Hit>,
    ) {
        if hint.named != 0 {
            self.names.find(among, value, hint.named, least, hits);
            settle::settle(hits);
        }
    }

    /// Finds what patterns match.
    fn patterns(
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
        let bytes = text.as_bytes();
        let open = self.gate.pass(bytes, among);
        let open = self.words.pass(text, open, hint.likely);
        if open == 0 {
            return;
        }
        let mut state = State {
            text,
            hint,
            least,
            taken: Vec::new(),
            taken_to: 0,
            work: bytes
                .len()
                .saturating_mul(WORK_FACTOR)
                .saturating_add(WORK_FREE),
        };
        let mut at = 0;
        while let Some(rest @ [first, ..]) = bytes.get(at..) {
            let mut open = self.starts.at(rest, open);
            let mut next = at + 1;
            if first.is_ascii_alphanumeric() {
                let run = rest.iter().take_while(|it| it.is_ascii_alphanumeric());
                let run = run.count();
                open = self.starts.run(run, open);
                next = at + run;
            }
            while open != 0 {
                let position = open.trailing_zeros();
                open &= open - 1;
                let position = usize::try_from(position).unwrap_or(POSITIONS_MAX);
                if let Some(engine) = self.engines.get(position) {
                    state.attempt(engine, position, at, hits);
                }
            }
            at = next;
        }
        settle::settle(hits);
    }
}

/// One value while it is read.
struct State<'t> {
    text: &'t str,
    hint: &'t Hint,
    least: Confidence,
    /// Up to where a position has its finds, and beyond the allowance refused candidates.
    taken: Vec<(usize, usize)>,
    /// The largest of them.
    taken_to: usize,
    /// Bytes that may still be read again.
    work: usize,
}

impl State<'_> {
    /// Looks for a find of one detector that begins at a place.
    fn attempt(&mut self, engine: &Engine, position: usize, at: usize, hits: &mut Vec<Hit>) {
        if at < self.taken_to && self.taken.iter().any(|it| it.0 == position && at < it.1) {
            return;
        }
        let bytes = self.text.as_bytes().get(at..).unwrap_or_default();
        let Some(mut end) = engine.end(bytes) else {
            return;
        };
        let likely = self.hint.likely >> position & 1 == 1;
        let whole = at + end;
        for _ in 0..=SHORTER_MAX {
            if let Some(hit) = engine.judge(self.text, at..at + end, likely, self.least) {
                self.take(position, hit.range.end);
                hits.push(hit);
                return;
            }
            self.work = self.work.saturating_sub(end);
            if self.work == 0 {
                return self.take(position, whole);
            }
            let shorter = word_end_before(bytes, end).and_then(|cut| bytes.get(..cut));
            let Some(shorter) = shorter.and_then(|cut| engine.end(cut)) else {
                return;
            };
            end = shorter;
        }
    }

    fn take(&mut self, position: usize, to: usize) {
        self.taken_to = self.taken_to.max(to);
        match self.taken.iter_mut().find(|it| it.0 == position) {
            Some(taken) => taken.1 = to,
            None => self.taken.push((position, to)),
        }
    }
}

/// Where the last word ends that ends before `end`.
fn word_end_before(bytes: &[u8], end: usize) -> Option<usize> {
    let text = bytes.get(..end)?;
    let gap = text
        .iter()
        .rposition(|byte| !byte.is_ascii_alphanumeric())?;
    let text = text.get(..gap)?;
    let last = text.iter().rposition(u8::is_ascii_alphanumeric)?;
    Some(last + 1)
}

/// A candidate is cut so often: what follows a card number or an IBAN is rarely more words than that.
const SHORTER_MAX: usize = 8;

/// Bytes that may be read again after a refusal, for each byte of the value and for none.
const WORK_FACTOR: usize = 16;
const WORK_FREE: usize = 4096;

#[cfg(test)]
mod tests;
