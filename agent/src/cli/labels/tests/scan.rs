//! `snowfence labels scan`: what is found, where, how sure, and what a result would carry.

use std::io::Cursor;

use zeroize::Zeroizing;

use super::*;
use crate::cli::labels::scan::{batch, look::Looker};
use crate::mask::key::MasterKey;
use crate::mask::labels::Labels;

const CARD: &str = "4111111111111111";
const MAIL: &str = "ann.smith@example.com";

/// Runs lines through the batch protocol; whether a line failed, the text and the answers.
fn scan(labels: &Labels, lines: impl Into<Vec<u8>>) -> (bool, String, Vec<Value>) {
    let key = MasterKey::new(Zeroizing::new([7; 32]));
    let looker = Looker::new(labels.clone(), &key, "acme".to_owned());
    let mut bytes = Vec::new();
    let input = Cursor::new(lines.into());
    let result = batch::run(input, &looker, &mut Output::plain(&mut bytes));
    let text = String::from_utf8(bytes).unwrap();
    let answers = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let answers = answers.collect();
    (result.is_err(), text, answers)
}

/// The answer to one line about a column, with every shipped label.
fn one(column: &str, values: &Value) -> Value {
    let line = serde_json::json!({"id": 1, "column": column, "values": values});
    let labels = Labels::shipped().unwrap();
    let (failed, _, mut answers) = scan(&labels, line.to_string());
    assert!(!failed);
    answers.remove(0)
}

#[test]
fn what_is_found_is_told_by_its_place_and_masked() {
    let text = format!("é {MAIL} paid by {CARD}.");
    let answer = one("note", &serde_json::json!([text, "nothing", null, true]));
    assert_eq!(answer["id"], 1);
    assert_eq!(answer["column"], "note");
    assert_eq!(
        (&answer["label"], &answer["reason"]),
        (&Value::Null, &Value::Null)
    );
    let found = answer["values"][0]["found"].as_array().unwrap();
    let told: Vec<String> = found
        .iter()
        .map(|it| {
            format!(
                "{} {} {}-{}",
                it["detector"], it["label"], it["start"], it["end"]
            )
        })
        .collect();
    assert_eq!(
        told,
        [r#""email" "pii.email" 3-24"#, r#""card" "pci.card" 33-49"#]
    );
    assert!(
        found
            .iter()
            .all(|it| it["confidence"].as_u64().unwrap() >= 60)
    );
    let masked = answer["values"][0]["masked"].as_str().unwrap();
    assert!(
        masked.starts_with("é ") && masked.ends_with('.'),
        "{masked}"
    );
    assert!(masked.contains(" paid by ****1111."), "{masked}");
    assert!(masked.contains("@example.com"), "{masked}");
    assert!(!answer.to_string().contains(MAIL) && !answer.to_string().contains(CARD));
    let rest: Vec<&Value> = (1..4).map(|at| &answer["values"][at]["masked"]).collect();
    assert_eq!(
        rest,
        [&Value::from("nothing"), &Value::Null, &Value::from(true)]
    );
}

#[test]
fn the_name_of_a_column_masks_all_of_it() {
    for name in ["PAN", "pan", "shop.public.orders.pan"] {
        let answer = one(name, &serde_json::json!([CARD, "a", null, 7, false]));
        assert_eq!(
            (&answer["label"], &answer["reason"]),
            (&"pci.card".into(), &"name".into())
        );
        let masked: Vec<&Value> = (0..5).map(|at| &answer["values"][at]["masked"]).collect();
        assert_eq!(masked[2], &Value::Null);
        assert_eq!(masked[4], &Value::Null);
        assert!(!answer.to_string().contains(CARD), "{answer}");
        assert!(masked[0].as_str().unwrap().ends_with("1111"), "{answer}");
        assert_ne!(masked[1], "a");
    }
}

#[test]
fn values_that_are_alike_label_their_column() {
    let mails: Vec<String> = (0..30).map(|at| format!("user{at}@example.com")).collect();
    let mut values: Vec<Value> = mails.iter().map(|it| Value::from(it.as_str())).collect();
    values.push("no mail at all".into());
    let answer = one("contact", &values.into());
    assert_eq!(
        (&answer["label"], &answer["reason"]),
        (&"pii.email".into(), &"values".into())
    );
    // Also what is none: the column is taken for one of mails.
    assert_ne!(answer["values"][30]["masked"], "no mail at all");
    assert!(mails.iter().all(|it| !answer.to_string().contains(it)));
}

#[test]
fn numbers_are_masked_as_numbers() {
    let rounded = Labels::parse(
        "[[label]]\nname = \"pay\"\ncolumns = [\"*.*.*.PAY\"]\nmethod = \"number\"\nround = 3\n",
    )
    .unwrap();
    let line = r#"{"column": "PAY", "values": [1234.5, -99999999999999999999.25, 7, null]}
{"column": "PAY", "values": [1.5e3]}
{"column": "OTHER", "values": [1.50, 123456789012345678901234567890]}"#;
    let (failed, text, answers) = scan(&rounded, line);
    assert!(!failed);
    assert_eq!(answers[0]["label"], "pay");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].contains(r#""masked":1000.00"#), "{text}");
    assert!(
        !lines[0].contains("1234.5") && !lines[0].contains("9999.25"),
        "{text}"
    );
    assert!(
        !lines[1].contains("1500") && !lines[1].contains("1.5e3"),
        "{text}"
    );
    // What is not masked is as it was written.
    assert!(lines[2].contains(r#""masked":1.50}"#), "{text}");
    assert!(
        lines[2].contains(r#""masked":123456789012345678901234567890}"#),
        "{text}"
    );
}

#[test]
fn json_cells_are_looked_into_and_keep_their_keys() {
    let cell = serde_json::json!({"to/from": [{"a~b": MAIL}], "n": 1, "t": "x"});
    let answer = one("payload", &serde_json::json!([cell, "plain", [MAIL]]));
    let found = &answer["values"][0]["found"];
    assert_eq!(found[0]["at"], "/to~1from/0/a~0b");
    assert_eq!(
        (&found[0]["start"], &found[0]["end"]),
        (&0.into(), &21.into())
    );
    assert_eq!(answer["values"][2]["found"][0]["at"], "/0");
    let masked: Value =
        serde_json::from_str(answer["values"][0]["masked"].as_str().unwrap()).unwrap();
    assert_eq!((&masked["n"], &masked["t"]), (&1.into(), &"x".into()));
    let mail = masked["to/from"][0]["a~b"].as_str().unwrap();
    assert!(mail.ends_with("@example.com") && mail != MAIL);
    assert_eq!(answer["values"][1]["masked"], "plain");
    assert!(!answer.to_string().contains(MAIL));
}

/// What is masked by the key that names it is told by the same key.
#[test]
fn keys_of_json_tell_what_stands_under_them() {
    let bare =
        serde_json::json!([{"ssn": "078051120", "password": ["hunter2"], "id": "078051120"}]);
    let answer = one("document", &bare);
    let cell = &answer["values"][0];
    let found = cell["found"].as_array().unwrap().iter();
    let found: Vec<&str> = found.filter_map(|it| it["at"].as_str()).collect();
    assert_eq!(found, ["/password/0", "/ssn"]);
    let masked: Value = serde_json::from_str(cell["masked"].as_str().unwrap()).unwrap();
    assert_eq!(masked["id"], "078051120");
    assert_ne!(masked["ssn"], "078051120");
    assert_ne!(masked["password"][0], "hunter2");
}

#[test]
fn what_is_no_question_is_told_without_its_words_and_passed_over() {
    let labels = Labels::shipped().unwrap();
    let mut input = Vec::new();
    for line in [
        "",
        "{\"id\": 1, \"column\": \"c\"}",
        &format!("{{\"values\": \"{CARD}\"}}"),
        &format!("{{\"{CARD}\": 1, \"values\": [1}}"),
        &format!("{{\"values\": [\"{CARD}\""),
        &format!("{{\"column\": {CARD}, \"values\": []}}"),
        "{\"values\": [\"\\ud800\"]}",
        &"[".repeat(100_000),
        &format!("{{\"values\": [{}]}}", "[".repeat(100_000)),
        &format!("{{\"values\": [\"{}\"]}}", "x".repeat(17 << 20)),
    ] {
        input.extend_from_slice(line.as_bytes());
        input.push(b'\n');
    }
    input.extend_from_slice(b"{\"values\": [\"\xff\"]}\n");
    input.extend_from_slice(b"{\"id\": {\"any\": 1.50}, \"column\": \"c\", \"values\": [\"x\"]}");
    let (failed, text, answers) = scan(&labels, input);
    assert!(failed);
    assert_eq!(answers.len(), 12);
    for answer in &answers[..11] {
        assert_eq!(answer["id"], Value::Null);
        assert!(answer["error"].is_string(), "{answer}");
    }
    assert!(!text.contains(CARD), "{text}");
    assert!(
        text.lines()
            .last()
            .unwrap()
            .starts_with(r#"{"id":{"any": 1.50},"#),
        "{text}"
    );
    assert_eq!(answers[11]["values"][0]["masked"], "x");
}

#[test]
fn one_column_is_a_table() {
    let (dir, _) = labels("");
    let key = write(dir.path(), "key", &"0a".repeat(32));
    let json = format!("{{\"a\": \"{MAIL}\"}}");
    let free = format!("write to {MAIL} or {MAIL}");
    let arguments = [
        "scan", "--key", &key, "--column", "note", &free, &json, "nothing",
    ];
    let said = check(&dir, &arguments, 0);
    assert!(!said.contains(MAIL), "{said}");
    insta::assert_snapshot!(said);
    let json = check(&dir, &[&arguments[..], &["--json"]].concat(), 0);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["values"][1]["found"][0]["at"], "/a");
}

#[test]
fn the_same_key_masks_the_same_value_the_same_way() {
    let (dir, file) =
        labels("[[label]]\nname = \"a\"\ncolumns = [\"*.*.*.A\"]\nmethod = \"hash\"\n");
    let key = |bytes: &str| write(dir.path(), "key", bytes);
    let mask = |key: Option<&str>| {
        let mut arguments = vec![
            "scan", "--labels", &file, "--column", "A", "--json", "value",
        ];
        arguments.extend(key.into_iter().flat_map(|key| ["--key", key]));
        check(&dir, &arguments, 0)
    };
    let one = mask(Some(&key(&"0a".repeat(32))));
    assert_eq!(one, mask(Some(&key(&format!("{}\n", "0A".repeat(32))))));
    assert_ne!(one, mask(Some(&key(&"0b".repeat(32)))));
    assert_ne!(mask(None), mask(None));
    let said = check(
        &dir,
        &["scan", "--key", &key("secret"), "--column", "A", "x"],
        1,
    );
    assert!(said.contains("the masking key in `DIR/key`"), "{said}");
    assert!(!said.contains("secret"), "{said}");
}
