//! Real drivers and labelled columns: each sees rows as ever, and nothing that is protected.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use tests::layout;

use crate::suite::{PASSWORD, PLACEHOLDER, Rules, SUITE_LIMIT, Stage};

const DRIVERS: [&str; 7] = ["py48", "py317", "py52", "node", "adbc", "jdbc", "rust"];

const CASE: &str = "protected";

/// Everything but to see what a label protects.
const POLICY: &str = r#"
@id("everything-but-unmask")
permit (principal, action, resource) unless { action == Action::"unmask" };
"#;

/// Every kind of method that a driver could stumble over, each on a column of another type.
const LABELS: &str = r#"
[[label]]
name = "ssn"
rank = 40
columns = ["DEMO.PUBLIC.PEOPLE.SSN"]
method = "redact"

[[label]]
name = "email"
rank = 20
columns = ["DEMO.PUBLIC.PEOPLE.EMAIL"]
method = "email-domain"
otherwise = "redact"

[[label]]
name = "born"
rank = 10
columns = ["DEMO.PUBLIC.PEOPLE.BORN"]
method = "date"
date = "year"

[[label]]
name = "card"
rank = 30
columns = ["DEMO.PUBLIC.CARDS.NUMBER"]
method = "partial"
keep_first = 0
keep_last = 4

[[label]]
name = "limit"
rank = 30
columns = ["DEMO.PUBLIC.CARDS.CREDIT_LIMIT"]
method = "null"
"#;

/// Of every protected column something that no answer may hold. A date of birth keeps its year.
const PROTECTED: [&str; 11] = [
    "078-05-1120",
    "362-47-8811",
    "ada@",
    "grace@",
    "barbara@",
    "12-10",
    "05-11",
    "41111111",
    "5500005555",
    "12500",
    "750.25",
];

/// Columns in the order of the case.
const NOT_PROTECTED: [usize; 3] = [0, 1, 5];

/// 5 to the power of 5: inline rows and several chunks.
const ROWS: usize = 3125;

#[test]
fn no_driver_sees_what_is_protected_and_every_one_sees_the_rest() {
    let rules = Rules {
        policy: POLICY,
        labels: LABELS,
        more: "",
        warehouse: "inline_rows = 200\nchunk_rows = 700",
    };
    let stage = Stage::new("masked", &DRIVERS, rules);
    for driver in DRIVERS {
        let (masked, text) = run(&stage, driver, PLACEHOLDER);
        let (clear, clear_text) = run(&stage, driver, PASSWORD);
        assert_eq!((clear.len(), masked.len()), (ROWS, ROWS), "{driver}");
        for secret in PROTECTED {
            assert!(!text.contains(secret), "{driver} sees {secret}");
            // Or the driver writes it otherwise, and not to find it says nothing.
            assert!(
                clear_text.contains(secret),
                "{driver} does not write {secret}"
            );
        }
        for column in NOT_PROTECTED {
            let of = |rows: &[Value]| -> Vec<Value> {
                rows.iter().map(|row| cell(row, column).clone()).collect()
            };
            assert_eq!(of(&masked), of(&clear), "{driver}: column {column}");
        }
        check_masked(driver, &masked, &clear);
    }
    let metrics = stage.daemon.metrics().unwrap();
    let counted = metrics
        .lines()
        .any(|line| line.starts_with("snowfence_masked_cells_total") && line.contains("ssn"));
    assert!(counted, "{metrics}");
}

/// Nulls stay, and what is masked looks as its method says.
#[track_caller]
fn check_masked(driver: &str, masked: &[Value], clear: &[Value]) {
    let expected = BTreeMap::from([
        (2, "@example.com"),
        (3, "[masked:ssn]"),
        (4, "-01-01"),
        (6, "****"),
    ]);
    for (masked, clear) in masked.iter().zip(clear) {
        for (column, part) in &expected {
            let (masked, clear) = (cell(masked, *column), cell(clear, *column));
            let was_null = is_null(clear);
            assert_eq!(is_null(masked), was_null, "{driver}: {clear} is {masked}");
            assert!(
                was_null || masked.to_string().contains(part),
                "{driver}: {clear} is {masked}"
            );
        }
        assert!(is_null(cell(masked, 7)), "{driver}: {masked}");
    }
}

/// Node names its cells.
fn cell(row: &Value, column: usize) -> &Value {
    let cell = &row[column];
    cell.get(1).unwrap_or(cell)
}

/// The Rust connector shows a cell as it prints it.
fn is_null(cell: &Value) -> bool {
    cell.is_null() || matches!(cell.as_str(), Some("None" | "Null" | "null"))
}

/// Runs the case, and gives its rows and everything that was written.
#[track_caller]
fn run(stage: &Stage, driver: &str, password: &str) -> (Vec<Value>, String) {
    let out = stage.environment.dir().join(format!("{driver}-{password}"));
    let client = match password {
        PLACEHOLDER => stage.environment.inside(layout::warehouse_python()),
        _ => stage.environment.outside(layout::warehouse_python()),
    };
    let suite = stage.suite(driver, client, password, &out);
    let suite = suite.args(["--only", CASE]).limit(SUITE_LIMIT);
    let output = suite.output().unwrap();
    let text = fs::read_to_string(&out).unwrap_or_default();
    let failure = || format!("{driver}: {output:?}\n{text}\n{}", stage.daemon.log());
    let mut lines = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let line: Option<Value> = lines.find(|line: &Value| line["case"] == CASE);
    let line = line.unwrap_or_else(|| panic!("no case: {}", failure()));
    assert_eq!(line["ok"], json!(true), "{}", failure());
    (line["rows"].as_array().unwrap().clone(), text)
}
