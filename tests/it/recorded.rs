//! What the record keeps of results: the first rows, and nothing in them that is hidden from anyone.

use std::fs;

use serde_json::{Value, json};
use tests::layout;
use tests::record::Kind;

use crate::bench::{Bench, Plan, reported};
use crate::masked::DRIVER;

/// Who is `other` sees everything but dates.
const POLICY: &str = r#"
@id("statements") permit (principal, action in [Action::"login", Action::"observe", Action::"control"], resource);
@id("ssn") permit (principal == Workload::"other", action == Action::"unmask", resource == Label::"pii.ssn");
@id("card") permit (principal == Workload::"other", action == Action::"unmask", resource == Label::"pci.card");
"#;

const LABELS: &str = r#"
[[label]]
name = "pii.ssn"
columns = ["DEMO.*.*.SSN"]
method = "redact"
rank = 20

[[label]]
name = "pii.date"
columns = ["DEMO.PUBLIC.PEOPLE.BORN"]
method = "null"
rank = 10

[[label]]
name = "pci.card"
detectors = ["card"]
method = "redact"
rank = 30
"#;

const STATEMENT: &str = "select p.id, p.ssn, p.born, 'pays with ' || c.number as note \
     from people p join cards c on c.person_id = p.id order by p.id limit 2";

/// What must be in no file of the recording.
const SECRETS: [&str; 4] = [
    "4111111111111111",
    "5500005555555559",
    "078-05-1120",
    "219-09-9999",
];

fn bench(name: &str) -> Bench {
    let seed = layout::tests().join("warehouse/demo.sql");
    let warehouse = format!("seed_files = [\"{}\"]\n", seed.display());
    let plan = Plan {
        warehouse: &warehouse,
        policy: POLICY,
        labels: LABELS,
        ..Plan::default()
    };
    Bench::with(name, &plan)
}

fn script() -> String {
    format!(
        "{DRIVER}\nprint(json.dumps([run(connect(format).cursor(), {}) \
         for format in ('ARROW', 'JSON')]))",
        json!(STATEMENT)
    )
}

/// The tables that are recorded of the statement, one for each format.
#[track_caller]
fn tables(bench: &Bench) -> Vec<Value> {
    let is_about = |payload: &Value| payload["table"]["columns"][1]["name"] == "SSN";
    let frames = bench.await_frames(|frames| {
        let ended = frames.iter().filter(|frame| frame.kind == Kind::Ended);
        ended.filter(|frame| is_about(&frame.payload)).count() == 2
    });
    let about = frames.iter().filter(|frame| is_about(&frame.payload));
    about.map(|frame| frame.payload["table"].clone()).collect()
}

#[track_caller]
fn assert_no_secrets(bench: &Bench) {
    let mut bytes = 0;
    for entry in fs::read_dir(&bench.daemon.files().record).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let content = fs::read(&path).unwrap();
            bytes += content.len();
            let content = String::from_utf8_lossy(&content);
            for secret in SECRETS {
                assert!(!content.contains(secret), "{secret} in {}", path.display());
            }
        }
    }
    assert!(bytes > 1000);
}

fn columns() -> Value {
    json!([
        {"name": "ID", "type": "fixed", "labels": []},
        {"name": "SSN", "type": "text", "labels": ["pii.ssn"]},
        {"name": "BORN", "type": "date", "labels": ["pii.date"]},
        {"name": "NOTE", "type": "text", "labels": []},
    ])
}

#[test]
fn the_first_rows_are_recorded_as_the_client_saw_them() {
    let bench = bench("recorded");
    let (ssn, note) = ("[masked:pii.ssn]", "pays with [masked:pci.card]");
    let seen = json!([["1", ssn, null, note], ["2", ssn, null, note]]);
    assert_eq!(
        bench.ask(&script()),
        json!([seen, seen]),
        "{}",
        bench.daemon.log()
    );
    let masked = |text: &str| json!({"masked": text});
    let row = |id: &str| json!([id, masked(ssn), {"masked": null}, masked(note)]);
    let expected = json!({
        "columns": columns(), "rows": [row("1"), row("2")], "of": 2, "cut": null,
    });
    let tables = tables(&bench);
    assert_eq!(tables, [expected.clone(), expected]);
    assert_no_secrets(&bench);
    bench.assert_record_is_whole();
}

#[test]
fn what_is_seen_by_right_is_not_recorded() {
    let bench = bench("unrecorded");
    let output = bench.python_in_child(&script()).output().unwrap();
    let seen = json!([
        ["1", "078-05-1120", null, "pays with 4111111111111111"],
        ["2", "219-09-9999", null, "pays with 5500005555555559"],
    ]);
    assert_eq!(
        reported(&output),
        json!([seen, seen]),
        "{}",
        bench.daemon.log()
    );
    let masked = |text: &str| json!({"masked": text});
    let note = masked("pays with [unmasked:pci.card]");
    let row = |id: &str| json!([id, masked("[unmasked:pii.ssn]"), {"masked": null}, note]);
    let expected = json!({
        "columns": columns(), "rows": [row("1"), row("2")], "of": 2, "cut": null,
    });
    let tables = tables(&bench);
    assert_eq!(tables, [expected.clone(), expected]);
    assert_no_secrets(&bench);
    bench.assert_record_is_whole();
}
