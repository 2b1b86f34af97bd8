//! Masks what detectors find in values that no lineage and no name labels.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::detect::{Detector, Hint, Hit, Scanner, WEAK};
use super::labels::Detection;
use super::leaves::{self, Change, Leaf};
use super::method::{Masking, Replaced};

/// Detectors with what is done to what they find.
#[derive(Debug, Default)]
pub struct Content {
    scanner: Scanner,
    maskings: Vec<(&'static Detector, Arc<Masking>)>,
    detection: Detection,
}

/// What was found in one value: how often each label, in the order of the scan.
pub type Found = Vec<Arc<Masking>>;

impl Content {
    #[must_use]
    pub fn new(maskings: Vec<(&'static Detector, Arc<Masking>)>, detection: Detection) -> Self {
        let scanner = Scanner::new(maskings.iter().map(|(detector, _)| *detector));
        Self {
            scanner,
            maskings,
            detection,
        }
    }

    /// True if nothing can be found.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.scanner.is_empty()
    }

    #[must_use]
    pub const fn scanner(&self) -> &Scanner {
        &self.scanner
    }

    /// The same without some labels: those that a principal may see. Hints fit both.
    #[must_use]
    pub fn without(&self, is_clear: &dyn Fn(&str) -> bool) -> Self {
        let kept = self.maskings.iter();
        let kept = kept.filter(|(_, masking)| !is_clear(&masking.label));
        let maskings: Vec<_> = kept
            .map(|(it, masking)| (*it, Arc::clone(masking)))
            .collect();
        let keeps = |detector: &Detector| maskings.iter().any(|(it, _)| it.name == detector.name);
        Self {
            scanner: self.scanner.only(&keeps),
            maskings,
            detection: self.detection.clone(),
        }
    }

    /// The same with every find redacted, whatever the label's method keeps: for what is stored.
    #[must_use]
    pub fn redacting(&self) -> Self {
        self.with(&|masking| masking.redacting())
    }

    /// The same with every find replaced by what is said of its label.
    #[must_use]
    pub fn saying(&self, text: &dyn Fn(&str) -> String) -> Self {
        self.with(&|masking| masking.saying(text(&masking.label)))
    }

    fn with(&self, other: &dyn Fn(&Masking) -> Masking) -> Self {
        let maskings = self.maskings.iter();
        let maskings = maskings.map(|(it, masking)| (*it, Arc::new(other(masking))));
        Self {
            scanner: self.scanner.clone(),
            maskings: maskings.collect(),
            detection: self.detection.clone(),
        }
    }

    /// Copies a text to `output` with every find masked; false, and nothing copied, if there is
    /// none. `found` gets the masking of each find.
    pub fn text(&self, value: &str, hint: &Hint, output: &mut String, found: &mut Found) -> bool {
        let mut hits = Vec::new();
        self.scanner
            .scan(value, hint, self.detection.confidence, &mut hits);
        if hits.is_empty() {
            return false;
        }
        let mut end = 0;
        for hit in &hits {
            let Some(masking) = self.masking(hit.detector) else {
                continue;
            };
            output.push_str(value.get(end..hit.range.start).unwrap_or_default());
            let part = value.get(hit.range.clone()).unwrap_or_default();
            end = hit.range.end;
            masking.span(part, output);
            found.push(Arc::clone(masking));
        }
        output.push_str(value.get(end..).unwrap_or_default());
        true
    }

    /// The same inside the values of a JSON text, whose keys are like names of columns; a text that is
    /// no JSON is scanned as it is. A number that is found becomes a string, or null.
    pub fn json(&self, value: &str, hint: &Hint, output: &mut String, found: &mut Found) -> bool {
        let (length, count) = (output.len(), found.len());
        let likely = |key: &str| self.scanner.hint_of_key(key).and(hint);
        let each = &mut |key: &str, leaf: Leaf<'_>, output: &mut String| match leaf {
            Leaf::Text(text) if self.text(text, &likely(key), output, found) => Change::Text,
            Leaf::Number(number) => self.number(number, &likely(key), output, found),
            Leaf::Text(_) | Leaf::Boolean(_) => Change::Same,
        };
        let changed = leaves::rewrite_keyed(value, output, each);
        match changed {
            Ok(true) => true,
            Ok(false) => {
                output.truncate(length);
                false
            }
            Err(leaves::NotJson) => {
                output.truncate(length);
                found.truncate(count);
                self.text(value, hint, output, found)
            }
        }
    }

    /// A number inside JSON: it has no column of its own that could vote.
    fn number(&self, number: &str, hint: &Hint, output: &mut String, found: &mut Found) -> Change {
        let mut hits = Vec::new();
        self.scanner
            .scan_number(number, hint, self.detection.confidence, &mut hits);
        let hit = hits.first();
        let Some(masking) = hit.and_then(|hit| self.masking(hit.detector)) else {
            return Change::Same;
        };
        found.push(Arc::clone(masking));
        match masking.text(number, output) {
            Replaced::Text => Change::Text,
            Replaced::Null => Change::Null,
        }
    }

    /// What a whole column is to be taken for, by a sample of its values that are not null: the
    /// masking of the label that the configured share of at least [`VOTERS_MIN`] of them shows. Finds
    /// that are not sure enough to be masked count where nearly all values are such ones. Of several
    /// labels the strictest is taken.
    #[must_use]
    pub fn vote(
        &self,
        values: &mut dyn Iterator<Item = &str>,
        hint: &Hint,
        are_numbers: bool,
    ) -> Option<&Arc<Masking>> {
        if self.is_empty() || (are_numbers && !self.scanner.reads_numbers()) {
            return None;
        }
        let least = self.detection.confidence.min(WEAK);
        let (mut voters, mut hits) = (0, Vec::new());
        let mut votes: BTreeMap<&str, Votes> = BTreeMap::new();
        let values = values.map(str::trim).filter(|value| !value.is_empty());
        for value in values.take(self.sample()) {
            voters += 1;
            if are_numbers {
                self.scanner.scan_number(value, hint, least, &mut hits);
            } else {
                self.scanner.scan(value, hint, least, &mut hits);
            }
            for hit in hits.iter().filter(|hit| is_most_of(hit, value)) {
                let Some(masking) = self.masking(hit.detector) else {
                    continue;
                };
                let votes = votes.entry(&*masking.label).or_default();
                votes.all += 1;
                votes.sure += usize::from(hit.confidence >= self.detection.confidence);
            }
        }
        if voters < VOTERS_MIN {
            return None;
        }
        let elected = |votes: &Votes| {
            votes.sure * 100 >= voters * usize::from(self.detection.share).max(1)
                || votes.all * 100 >= voters * WEAK_SHARE
        };
        let label = |masking: &Masking| votes.get(&*masking.label).is_some_and(elected);
        let maskings = self.maskings.iter().map(|(_, masking)| masking);
        maskings
            .filter(|it| label(it))
            .max_by_key(|it| it.strictness())
    }

    /// How many values of a column vote.
    #[must_use]
    pub const fn sample(&self) -> usize {
        self.detection.sample
    }

    /// What masks the finds of a detector. If several labels name it, the strictest.
    fn masking(&self, detector: &Detector) -> Option<&Arc<Masking>> {
        let all = self.maskings.iter();
        let all = all.filter(|(it, _)| it.name == detector.name);
        all.map(|(_, masking)| masking)
            .max_by_key(|masking| masking.strictness())
    }
}

/// Fewer values than these are not called a column of anything.
pub const VOTERS_MIN: usize = 20;

/// In percent: so many values must show a check digit that chance gets right in one of ten at most,
/// where nothing else speaks for it.
const WEAK_SHARE: usize = 80;

#[derive(Clone, Copy, Debug, Default)]
struct Votes {
    sure: usize,
    all: usize,
}

/// True if there is more of the find in the value than of other text: a column of sentences, each with
/// an address in it, is masked address by address.
fn is_most_of(hit: &Hit, value: &str) -> bool {
    hit.range.len() * 2 > value.len()
}

#[cfg(test)]
mod tests;
