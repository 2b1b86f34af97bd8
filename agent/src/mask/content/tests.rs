//! Texts with finds in them, and columns that vote.

use zeroize::Zeroizing;

use super::*;
use crate::mask::detect;
use crate::mask::key::MasterKey;
use crate::mask::method::{Method, Rule};

fn masking(label: &str, rank: i64, method: Method) -> Arc<Masking> {
    let key = MasterKey::new(Zeroizing::new([7; 32]));
    let rule = Rule {
        method,
        ..Rule::default()
    };
    Arc::new(Masking::new(label.into(), rank, rule, key.of(label)))
}

fn content(labels: &[(&str, &[&str])]) -> Content {
    let mut maskings = Vec::new();
    for (rank, (label, detectors)) in (0..).zip(labels) {
        let masking = masking(label, rank, Method::Redact);
        let detectors = detectors.iter().map(|it| detect::by_name(it).unwrap());
        maskings.extend(detectors.map(|it| (it, Arc::clone(&masking))));
    }
    Content::new(maskings, Detection::default())
}

fn usual() -> Content {
    content(&[
        ("bank", &["iban", "us-aba"]),
        ("health", &["npi", "mrn"]),
        ("person", &["us-ssn"]),
        ("pci", &["card"]),
    ])
}

fn masked(content: &Content, value: &str) -> Option<(String, Vec<String>)> {
    let (mut output, mut found) = ("before|".to_owned(), Vec::new());
    let changed = content.text(value, &Hint::default(), &mut output, &mut found);
    let labels = found.iter().map(|it| it.label.to_string()).collect();
    if changed {
        return Some((output.strip_prefix("before|").unwrap().to_owned(), labels));
    }
    assert_eq!((output.as_str(), found.len()), ("before|", 0));
    None
}

#[test]
fn every_find_in_a_text_is_masked() {
    let value = "ä 4111 1111 1111 1111, 536-90-4399 and 5555555555554444.";
    let (output, labels) = masked(&usual(), value).unwrap();
    assert_eq!(output, "ä [masked:pci], [masked:person] and [masked:pci].");
    assert_eq!(labels, ["pci", "person", "pci"]);
    assert_eq!(masked(&usual(), "nothing in 2026-01-02 12:00 here"), None);
    assert_eq!(masked(&usual(), ""), None);
}

#[test]
fn a_find_in_the_middle_of_a_text_cannot_be_null() {
    let masking = masking("pci", 0, Method::Null);
    let card = detect::by_name("card").unwrap();
    let content = Content::new(vec![(card, masking)], Detection::default());
    let (output, _) = masked(&content, "is 4111111111111111?").unwrap();
    assert_eq!(output, "is [masked:pci]?");
}

#[test]
fn no_digit_of_a_find_is_left() {
    for value in [
        "ssn 536 90 4399",
        "４１１１ 1111\u{a0}1111 1111",
        "41\u{200b}11111111111111",
    ] {
        let (output, _) = masked(&usual(), value).unwrap();
        assert!(!output.contains(char::is_numeric), "{output}");
    }
}

#[test]
fn labels_that_may_be_seen_hide_no_others() {
    let all = usual();
    let some = all.without(&|label| label == "pci");
    assert_eq!(masked(&some, "4111111111111111"), None);
    let (output, _) = masked(&some, "4111111111111111 536-90-4399").unwrap();
    assert_eq!(output, "4111111111111111 [masked:person]");
    let hint = all.scanner().hint("MRN");
    assert_eq!(hint, some.scanner().hint("MRN"), "hints fit both");
    assert!(all.without(&|_| true).is_empty());
}

#[test]
fn of_two_labels_of_a_detector_the_strictest_counts() {
    let card = detect::by_name("card").unwrap();
    let maskings = [("low", 1), ("high", 9), ("mid", 5)]
        .map(|(label, rank)| (card, masking(label, rank, Method::Redact)));
    let content = Content::new(maskings.to_vec(), Detection::default());
    assert_eq!(
        masked(&content, "4111111111111111").unwrap().0,
        "[masked:high]"
    );
    let cards = vec!["4111111111111111"; 20];
    let voted = content.vote(&mut cards.into_iter(), &Hint::default(), false);
    assert_eq!(&*voted.unwrap().label, "high");
}

#[test]
fn what_a_detection_does_not_believe_stays() {
    let detection = Detection {
        confidence: 91,
        ..Detection::default()
    };
    let content = Content::new(usual().maskings, detection);
    assert_eq!(
        masked(&content, "5555555555554444"),
        None,
        "75 without a word"
    );
    assert!(masked(&content, "card 5555555555554444").is_some());
}

fn vote(content: &Content, values: &[String], column: &str, are_numbers: bool) -> Option<String> {
    let hint = content.scanner().hint(column);
    let mut values = values.iter().map(String::as_str);
    let voted = content.vote(&mut values, &hint, are_numbers);
    voted.map(|it| it.label.to_string())
}

fn mixed(of: &str, count: usize, others: usize) -> Vec<String> {
    let others = (0..others).map(|n| format!("no {n}"));
    vec![of.to_owned(); count]
        .into_iter()
        .chain(others)
        .collect()
}

#[test]
fn a_share_of_enough_values_makes_a_column() {
    let pci = Some("pci".to_owned());
    let card = "4111111111111111";
    assert_eq!(vote(&usual(), &mixed(card, 20, 80), "A", false), pci);
    assert_eq!(vote(&usual(), &mixed(card, 19, 81), "A", false), None);
    assert_eq!(
        vote(&usual(), &mixed(card, 19, 0), "A", false),
        None,
        "too few"
    );
    assert_eq!(vote(&usual(), &mixed(card, 20, 0), "A", true), pci);
    // Only the sample counts, and blank values are none.
    let mut late = mixed("no", 200, 0);
    late.extend(mixed(card, 200, 0));
    assert_eq!(vote(&usual(), &late, "A", false), None);
    let mut blank = mixed(" ", 300, 0);
    blank.extend(mixed(card, 20, 0));
    assert_eq!(vote(&usual(), &blank, "A", false), pci);
}

#[test]
fn texts_with_something_in_them_make_no_column() {
    let notes = mixed(
        "please charge 4111111111111111 for the order of last week",
        50,
        0,
    );
    assert_eq!(vote(&usual(), &notes, "NOTE", false), None);
    let padded = mixed("card: 4111111111111111 ", 50, 0);
    assert_eq!(
        vote(&usual(), &padded, "NOTE", false),
        Some("pci".to_owned())
    );
}

#[test]
fn weak_finds_need_nearly_all_or_a_name() {
    // Routing numbers with right check digits, which chance gets right in one of ten.
    let banks = |count, others| mixed("121000248", count, others);
    let bank = Some("bank".to_owned());
    assert_eq!(masked(&usual(), "121000248"), None);
    assert_eq!(
        vote(&usual(), &banks(79, 21), "N", true),
        None,
        "the others are no numbers"
    );
    let wrong = |count: usize| (0..count).map(|n| (121_000_300 + n * 10).to_string());
    let numbers = |right: usize, rest: usize| {
        banks(right, 0)
            .into_iter()
            .chain(wrong(rest))
            .collect::<Vec<_>>()
    };
    assert_eq!(vote(&usual(), &numbers(95, 5), "N", true), bank);
    assert_eq!(vote(&usual(), &numbers(50, 50), "N", true), None);
    assert_eq!(vote(&usual(), &numbers(50, 50), "ROUTING_NO", true), bank);
}

#[test]
fn numbers_ask_only_detectors_that_know_numbers() {
    let ibans = content(&[("bank", &["iban"])]);
    let values = mixed("DE89370400440532013000", 50, 0);
    assert_eq!(vote(&ibans, &values, "IBAN", true), None);
    assert_eq!(
        vote(&ibans, &values, "IBAN", false),
        Some("bank".to_owned())
    );
    assert_eq!(vote(&Content::default(), &values, "IBAN", false), None);
}
