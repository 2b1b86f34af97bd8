//! The scanner with detectors of its own, so that each rule stands alone.

use std::sync::LazyLock;

use proptest::prelude::{any, prop_assert, proptest};

use super::*;
use crate::mask::detect::Candidate;

const fn detector(
    name: &'static str,
    pattern: &'static str,
    check: fn(&Candidate<'_>) -> Option<Confidence>,
) -> Detector {
    Detector {
        name,
        title: "A test's own",
        category: "TEST",
        pattern,
        check,
        context: &["pin", "secret number"],
        numeric: false,
    }
}

/// Four digits that add up to 10: surer in context.
static PIN: Detector = detector("pin", "[0-9](?:[ -]?[0-9]){3,5}", |candidate| {
    let digits = candidate.text.bytes().filter(u8::is_ascii_digit);
    let sum: u32 = digits.map(|byte| u32::from(byte - b'0')).sum();
    (sum == 10).then_some(if candidate.in_context { 90 } else { 60 })
});

/// Any byte but a space between brackets, so that it can cut characters.
static BRACKET: Detector = detector("bracket", r"\[[^ \]]{1,3}", |_| Some(50));

static WORD: Detector = Detector {
    numeric: true,
    ..detector("word", "[0-9]{4}[a-z]{0,2}", |_| Some(70))
};

/// The above and those that ship.
static EVERYTHING: LazyLock<Scanner> = LazyLock::new(|| {
    let own = [&PIN, &WORD, &BRACKET];
    Scanner::new(own.into_iter().chain(crate::mask::detect::all()))
});

fn found(detectors: &[&'static Detector], text: &str) -> Vec<(String, Confidence)> {
    let scanner = Scanner::new(detectors.iter().copied());
    let mut hits = Vec::new();
    scanner.scan(text, &Hint::default(), 0, &mut hits);
    let hits = hits.into_iter();
    hits.map(|it| (text.get(it.range).unwrap().to_owned(), it.confidence))
        .collect()
}

fn pins(text: &str) -> Vec<String> {
    let found = found(&[&PIN], text).into_iter();
    found.map(|(text, _)| text).collect()
}

#[test]
fn every_find_is_told_in_order() {
    assert_eq!(pins("1234, 4321; 1 2 3 4"), ["1234", "4321", "1 2 3 4"]);
    assert_eq!(pins("1234 4321 1333"), ["1234", "4321", "1333"]);
    assert_eq!(pins(""), [""; 0]);
}

#[test]
fn nothing_inside_a_longer_word_is_found() {
    for text in ["x1234", "1234x", "12345678", "0001234"] {
        assert_eq!(pins(text), [""; 0], "{text}");
    }
    for text in ["_1234_", "é1234é", "号1234是", "\"1234\"", "=1234&"] {
        assert_eq!(pins(text), ["1234"], "{text}");
    }
    assert_eq!(
        found(&[&BRACKET], "x[ab]x").len(),
        1,
        "a bracket is no word"
    );
}

#[test]
fn a_refused_candidate_hides_none() {
    assert_eq!(pins("1234 99"), ["1234"], "the longest is refused");
    assert_eq!(pins("99 1234"), ["1234"], "the first is refused");
    assert_eq!(pins("9 1 2 3 4 9"), ["1 2 3 4"]);
    assert_eq!(pins("99-1234-99 1234"), ["1234", "1234"]);
}

#[test]
fn a_find_is_surer_in_context_and_below_the_least_it_is_none() {
    let scanner = Scanner::new([&PIN]);
    let sure = |text: &str, hint: &Hint, least| {
        let mut hits = Vec::new();
        scanner.scan(text, hint, least, &mut hits);
        hits.first().map(|hit| hit.confidence)
    };
    let none = Hint::default();
    assert_eq!(sure("1234", &none, 0), Some(60));
    assert_eq!(sure("1234", &none, 61), None);
    assert_eq!(sure("1234", &scanner.hint("USER_PIN"), 61), Some(90));
    assert_eq!(sure("1234", &scanner.hint("SPIN"), 0), Some(60));
    assert_eq!(sure("Secret number: 1234", &none, 61), Some(90));
    assert_eq!(sure("1234 (pin)", &none, 61), Some(90));
}

#[test]
fn of_two_the_surer_one_is_told() {
    assert_eq!(found(&[&PIN, &WORD], "1234"), [("1234".to_owned(), 70)]);
    assert_eq!(found(&[&WORD, &PIN], "pin 1234"), [("1234".to_owned(), 90)]);
    let scanner = Scanner::new([&PIN, &WORD, &PIN]);
    assert_eq!(scanner.inner.engines.len(), 2, "each counts once");
}

#[test]
fn some_detectors_can_be_left_out() {
    let all = Scanner::new([&PIN, &WORD]);
    let some = all.only(&|it| it.name == "pin");
    let mut hits = Vec::new();
    some.scan("1234", &all.hint("pin"), 0, &mut hits);
    assert_eq!(hits.first().map(|it| it.detector.name), Some("pin"));
    assert!(all.reads_numbers() && !some.reads_numbers());
    assert!(some.only(&|_| false).is_empty() && Scanner::default().is_empty());
}

#[test]
fn numbers_are_found_whole_or_not_at_all() {
    let scanner = Scanner::new([&PIN, &WORD]);
    let count = |value: &str| {
        let mut hits = Vec::new();
        scanner.scan_number(value, &Hint::default(), 0, &mut hits);
        hits.len()
    };
    assert_eq!([count("1234"), count("-1234"), count("1234.0")], [1, 0, 0]);
    assert_eq!(count("1 2 3 4"), 0, "not a detector that knows numbers");
}

#[test]
fn look_alikes_are_found_where_they_stand() {
    for text in [
        "１２３４",
        "1\u{200b}2\u{200b}34",
        "1\u{a0}2\u{2011}34",
        "١٢٣٤",
    ] {
        assert_eq!(pins(&format!("ö: {text}!")), [text]);
    }
    assert_eq!(pins("x１２３４"), [""; 0]);
}

#[test]
fn a_find_ends_at_a_character() {
    assert_eq!(found(&[&BRACKET], "[a号]"), [("[a号".to_owned(), 50)]);
    assert_eq!(found(&[&BRACKET], "号[号号]"), [("[号".to_owned(), 50)]);
}

/// Much of what makes a naive search start again at every byte. The assertion is that it ends:
/// quadratic work would take minutes.
#[test]
fn hostile_texts_are_read_to_the_end() {
    let scanner = &*EVERYTHING;
    for (junk, bytes) in [
        ("9", 1 << 20),
        ("9 ", 1 << 14),
        ("9-", 1 << 14),
        ("99 ", 1 << 14),
        ("4111 ", 1 << 14),
        ("9a ", 1 << 16),
        ("[", 1 << 16),
        ("９", 1 << 16),
        ("1-1.", 1 << 16),
        ("A9 ", 1 << 16),
        ("bc1q", 1 << 16),
        ("DE89 ", 1 << 14),
    ] {
        let text = format!("{} . 1 2 3 4", junk.repeat(bytes / junk.len()));
        let mut hits = Vec::new();
        scanner.scan(&text, &Hint::default(), 60, &mut hits);
        let last = hits.last().and_then(|it| text.get(it.range.clone()));
        assert_eq!(last, Some("1 2 3 4"), "{junk}");
    }
}

/// Beyond the allowance only what does not overlap a refused candidate is found: this is the limit.
#[test]
fn work_is_bounded_by_the_value() {
    static GREEDY: Detector = detector("greedy", "a(?: a)*(?: b)?", |candidate| {
        (candidate.text == "a b").then_some(80)
    });
    let text = format!("{} b . a b", "a ".repeat(1 << 15).trim_end());
    assert_eq!(found(&[&GREEDY], &text).len(), 1, "the last one");
    assert_eq!(found(&[&GREEDY], "a a a b . a b").len(), 2);
}

proptest! {
    #[test]
    fn hits_are_in_order_and_whole_characters(
        text in "[0-9a-zA-Z@:. ,４\u{200b}é号\\[\\]-]{0,60}",
        any in any::<String>(),
        least in 0..101_u8,
    ) {
        let scanner = &*EVERYTHING;
        for text in [text, any] {
            let mut hits = Vec::new();
            scanner.scan(&text, &scanner.hint(&text), least, &mut hits);
            for hit in &hits {
                prop_assert!(text.get(hit.range.clone()).is_some_and(|it| !it.is_empty()));
                prop_assert!(hit.confidence >= least);
            }
            prop_assert!(hits.windows(2).all(|pair| pair[0].range.end <= pair[1].range.start));
        }
    }
}
