//! Runs one detector over a text: what the tests of detectors share.

use std::ops::Range;

use super::{Confidence, Detector, Hint, Scanner};

/// The least confidence that is believed where nobody configured another.
pub(super) const BELIEVED: Confidence = 60;

/// What a detector finds in a text, with how sure it is.
pub(super) fn finds(
    detector: &'static Detector,
    text: &str,
    column: Option<&str>,
) -> Vec<(Range<usize>, Confidence)> {
    let scanner = Scanner::new([detector]);
    assert!(!scanner.is_empty(), "the pattern does not compile");
    let hint = column.map_or_else(Hint::default, |column| scanner.hint(column));
    let mut hits = Vec::new();
    scanner.scan(text, &hint, 0, &mut hits);
    let hits = hits.into_iter();
    hits.map(|hit| (hit.range, hit.confidence)).collect()
}

/// What is believed of it, as texts.
pub(super) fn believed<'t>(detector: &'static Detector, text: &'t str) -> Vec<&'t str> {
    let scanner = Scanner::new([detector]);
    let mut hits = Vec::new();
    scanner.scan(text, &Hint::default(), BELIEVED, &mut hits);
    hits.into_iter()
        .map(|hit| text.get(hit.range).unwrap())
        .collect()
}

/// Checks that a text as a whole is found, and is believed.
#[track_caller]
pub(super) fn assert_found(detector: &'static Detector, value: &str) {
    assert_eq!(believed(detector, value), [value], "{}", detector.name);
}

/// Checks that a value is believed only where a word says what it is.
#[track_caller]
pub(super) fn assert_needs_context(detector: &'static Detector, value: &str) {
    assert_absent(detector, value);
    let text = format!("{}: {value}", detector.context[0]);
    assert_eq!(believed(detector, &text), [value], "{}", detector.name);
}

/// Checks that nothing is believed of a text.
#[track_caller]
pub(super) fn assert_absent(detector: &'static Detector, text: &str) {
    assert_eq!(believed(detector, text), [""; 0], "{}", detector.name);
}
