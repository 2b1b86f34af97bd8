//! Texts with finds in them, and columns that vote.

use std::sync::LazyLock;

use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
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

/// Every detector, all under labels of their names.
fn everything() -> Content {
    let all = detect::all().map(|it| (it, masking(it.name, 0, Method::Redact)));
    Content::new(all.collect(), Detection::default())
}

fn json(content: &Content, column: &str, value: &str) -> Option<String> {
    let (mut output, mut found) = ("before|".to_owned(), Vec::new());
    let hint = content.scanner().hint(column);
    let changed = content.json(value, &hint, &mut output, &mut found);
    assert_eq!(changed, !found.is_empty());
    let output = output.strip_prefix("before|").unwrap().to_owned();
    assert!(changed || output.is_empty());
    changed.then_some(output)
}

#[test]
fn keys_say_what_their_values_are() {
    let content = everything();
    for (value, masked) in [
        (r#"{"ssn":"078051120"}"#, r#"{"ssn":"[masked:us-ssn]"}"#),
        (r#"{"ssn": 536904399}"#, r#"{"ssn": "[masked:us-ssn]"}"#),
        (
            r#"{"\u0073sn":"078051120"}"#,
            r#"{"\u0073sn":"[masked:us-ssn]"}"#,
        ),
        (
            r#"{"password":"hunter2"}"#,
            r#"{"password":"[masked:password]"}"#,
        ),
        (
            r#"{"password":12345678}"#,
            r#"{"password":"[masked:password]"}"#,
        ),
        (
            r#"{"dob":"1985-12-10"}"#,
            r#"{"dob":"[masked:date-of-birth]"}"#,
        ),
        (
            r#"{"user":{"apiKey":"q7Rk2Zp9","age":41}}"#,
            r#"{"user":{"apiKey":"[masked:keyed-secret]","age":41}}"#,
        ),
        (
            r#"{"ssns":["078051120",["536904399"],{"n":"078051120"},"001010001"]}"#,
            r#"{"ssns":["[masked:us-ssn]",["[masked:us-ssn]"],{"n":"078051120"},"[masked:us-ssn]"]}"#,
        ),
    ] {
        assert_eq!(json(&content, "PAYLOAD", value).as_deref(), Some(masked));
        // By the kept hint of the key.
        assert_eq!(json(&content, "PAYLOAD", value).as_deref(), Some(masked));
    }
    for value in [
        r#"{"n":"078051120","other":{"ssn":{"part":"078051120"}}}"#,
        r#"{"password":null,"password":true,"password":"none","secret":"false"}"#,
        r#"{"created":"1985-12-10","count":536904399}"#,
        r#"{"4111111111111111":"a key stays"}"#,
        "[]",
        "12",
    ] {
        assert_eq!(json(&content, "PAYLOAD", value), None, "{value}");
    }
    // The column's name counts beside the keys.
    assert_eq!(
        json(&content, "SSN", r#"{"v":["078051120"]}"#).as_deref(),
        Some(r#"{"v":["[masked:us-ssn]"]}"#)
    );
}

#[test]
fn finds_inside_json_texts_are_masked_and_escaped() {
    let content = everything();
    for (value, masked) in [
        (
            r#"{"note":"say \"4111 1111 1111 1111\"\n","n":4111111111111111}"#,
            r#"{"note":"say \"[masked:card]\"\n","n":"[masked:card]"}"#,
        ),
        (
            // JSON in a string in JSON.
            r#"{"raw":"{\"ssn\":\"536-90-4399\",\"ok\":1}"}"#,
            r#"{"raw":"{\"ssn\":\"[masked:us-ssn]\",\"ok\":1}"}"#,
        ),
        // No JSON: as a text.
        ("{ssn: 536-90-4399", "{ssn: [masked:us-ssn]"),
        (r#"["jane@doe.org""#, r#"["[masked:email]""#),
    ] {
        assert_eq!(json(&content, "V", value).as_deref(), Some(masked));
    }
}

#[test]
fn a_number_in_json_that_cannot_be_masked_is_null() {
    let card = detect::by_name("card").unwrap();
    let masking = masking("pci", 0, Method::Null);
    let content = Content::new(vec![(card, masking)], Detection::default());
    assert_eq!(
        json(&content, "V", r#"[4111111111111111, "4111111111111111"]"#).as_deref(),
        Some(r#"[null, "[masked:pci]"]"#)
    );
}

#[test]
fn columns_of_secrets_are_told_by_their_name() {
    let content = everything();
    let words: Vec<String> = (0..40).map(|n| format!("hunter{n}")).collect();
    let voted = |column| vote(&content, &words, column, false);
    assert_eq!(voted("PASSWORD").as_deref(), Some("password"));
    assert_eq!(voted("CLIENT_SECRET").as_deref(), Some("keyed-secret"));
    assert_eq!(voted("NICKNAME"), None);
    let numbers: Vec<String> = (0..40).map(|n| (100_000 + n).to_string()).collect();
    let voted = |column| vote(&content, &numbers, column, true);
    assert_eq!(voted("PASSWORD").as_deref(), Some("password"));
    assert_eq!(voted("PRIMARY_KEY"), None);
    let hint = content.scanner().hint("PASSWORD");
    let (mut output, mut found) = (String::new(), Vec::new());
    assert!(content.text("correct horse", &hint, &mut output, &mut found));
    assert_eq!(output, "[masked:password]");
}

/// One value of each kind, in the writings that people use.
const VALUES: [&str; 12] = [
    "4111-1111-1111-1111",
    "5555 5555 5555 4444",
    "536-90-4399",
    "+1 415 555 2671",
    "(415) 555-2671 ext. 33",
    "jane.doe+7@example.org",
    "DE89 3704 0044 0532 0130 00",
    "192.0.2.146",
    "2001:db8::8a2e:370:7334",
    "1HGCM82633A004352",
    "password=hunter2",
    "postgres://app:s3cret@db",
];

proptest! {
    /// Nothing of a find is left, whatever stands around it, and all around it stays.
    #[test]
    fn redacted_finds_leave_nothing(
        before in "[a-z \u{e9}\u{4e2d}.]{0,12}",
        at in 0..VALUES.len(),
        after in "[a-z \u{e9}\u{4e2d}.]{0,12}",
    ) {
        static EVERYTHING: LazyLock<Content> = LazyLock::new(everything);
        let value = VALUES[at];
        // Words around it are no part of it: `2001:db8::8a2e:370:7334.` ends before the full stop.
        // The word right before can say that it is none: `v 192.0.2.146`.
        let text = format!("{before} is {value} {after}");
        let (output, _) = masked(&EVERYTHING, &text).unwrap();
        let pieces = value.split(|c: char| !c.is_ascii_digit()).filter(|it| !it.is_empty());
        for piece in pieces {
            prop_assert!(!output.contains(piece), "{output}");
        }
        let quoted = serde_json::to_string(&text).unwrap();
        let inside = json(&EVERYTHING, "V", &quoted).unwrap();
        prop_assert_eq!(serde_json::from_str::<String>(&inside).unwrap(), output);
    }
}
