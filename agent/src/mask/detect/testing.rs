//! Runs one detector over a text: what the tests of detectors share.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;

use proptest::prelude::{BoxedStrategy, Strategy as _};
use proptest::sample::select;
use proptest::string::string_regex;
use regex::bytes::{Regex, RegexBuilder};

use super::{Candidate, Confidence, Detector};

/// As far as this many bytes before a candidate and after it, a word is near.
const NEAR_BYTES: usize = 48;

/// The least confidence that is believed where nobody configured another.
pub(super) const BELIEVED: Confidence = 60;

/// What a detector finds in a text, with how sure it is.
pub(super) fn finds(
    detector: &Detector,
    text: &str,
    column: Option<&str>,
) -> Vec<(Range<usize>, Confidence)> {
    let pattern = pattern(detector);
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(hit) = pattern.find_at(text.as_bytes(), from) {
        let range = hit.range();
        assert!(!range.is_empty(), "a pattern matches nothing");
        let confidence = candidate(detector, text, &range, column)
            .and_then(|candidate| (detector.check)(&candidate));
        from = match confidence {
            Some(_) => range.end,
            None => range.start + 1,
        };
        found.extend(confidence.map(|confidence| (range, confidence)));
    }
    found
}

/// What is believed of it, as texts.
pub(super) fn believed<'t>(detector: &Detector, text: &'t str) -> Vec<&'t str> {
    let found = finds(detector, text, None).into_iter();
    let found = found.filter(|(_, confidence)| *confidence >= BELIEVED);
    found.map(|(range, _)| &text[range]).collect()
}

/// Checks that a text as a whole is found, and is believed.
#[track_caller]
pub(super) fn assert_found(detector: &Detector, value: &str) {
    assert_eq!(believed(detector, value), [value], "{}", detector.name);
}

/// Checks that a value is believed only where a word says what it is.
#[track_caller]
pub(super) fn assert_needs_context(detector: &Detector, value: &str) {
    assert_absent(detector, value);
    let text = format!("{}: {value}", detector.context[0]);
    assert_eq!(believed(detector, &text), [value], "{}", detector.name);
}

/// Checks that nothing is believed of a text.
#[track_caller]
pub(super) fn assert_absent(detector: &Detector, text: &str) {
    assert_eq!(believed(detector, text), [""; 0], "{}", detector.name);
}

/// Compiled once: properties run hundreds of texts through every pattern.
fn pattern(detector: &Detector) -> Regex {
    static COMPILED: Mutex<BTreeMap<&str, Regex>> = Mutex::new(BTreeMap::new());
    let mut compiled = COMPILED.lock().unwrap();
    let compile = || {
        RegexBuilder::new(detector.pattern)
            .unicode(false)
            .build()
            .unwrap()
    };
    compiled
        .entry(detector.pattern)
        .or_insert_with(compile)
        .clone()
}

fn candidate<'t>(
    detector: &Detector,
    text: &'t str,
    range: &Range<usize>,
    column: Option<&str>,
) -> Option<Candidate<'t>> {
    let (before, after) = (text.get(..range.start)?, text.get(range.end..)?);
    let inner = text.get(range.clone())?;
    let joins = |one: Option<char>, other: Option<char>| {
        one.is_some_and(char::is_alphanumeric) && other.is_some_and(char::is_alphanumeric)
    };
    if joins(before.chars().next_back(), inner.chars().next())
        || joins(inner.chars().next_back(), after.chars().next())
    {
        return None;
    }
    let near = |text: String| {
        let words = text.to_lowercase().replace(['_', '-', '.'], " ");
        let words = words.split(|c: char| !c.is_alphanumeric());
        let words = format!(
            " {} ",
            words
                .filter(|it| !it.is_empty())
                .collect::<Vec<_>>()
                .join(" ")
        );
        detector
            .context
            .iter()
            .any(|it| words.contains(&format!(" {} ", it.replace(['_', '-', '.'], " "))))
    };
    let start = before.ceil_char_boundary(before.len().saturating_sub(NEAR_BYTES));
    let end = after.floor_char_boundary(NEAR_BYTES);
    Some(Candidate {
        text: inner,
        before,
        after,
        in_context: near(before[start..].to_owned())
            || near(after[..end].to_owned())
            || column.is_some_and(|it| near(it.to_owned())),
    })
}

/// Texts that contain something of the shape that one of the detectors looks for.
pub(super) fn patterned(detectors: &'static [&'static Detector]) -> BoxedStrategy<String> {
    let shapes = select(detectors).prop_flat_map(|detector| {
        // The generator knows no anchors.
        string_regex(&detector.pattern.replace("\\z", "").replace("\\b", "")).unwrap()
    });
    ("[ a-zé:=\"]{0,9}", shapes, "[ a-zé:=\"]{0,9}")
        .prop_map(|(before, shape, after)| format!("{before} {shape}{after}"))
        .boxed()
}
