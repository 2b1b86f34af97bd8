//! The events that the exporter makes, checked against the schema itself.

use std::process::Command;

use tests::layout;

#[test]
fn every_event_is_one_of_the_schema() {
    let dir = layout::root().join("tests/ocsf");
    let output = Command::new(layout::warehouse_python())
        .arg(dir.join("validate.py"))
        .arg(dir.join("events.jsonl"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn an_event_that_is_not_is_found() {
    let dir = layout::root().join("tests/ocsf");
    let events = std::fs::read_to_string(dir.join("events.jsonl")).unwrap();
    let first = events.lines().next().unwrap();
    for (right, wrong, told) in [
        ("\"class_uid\":6005", "\"class_uid\":6003", "type_uid"),
        ("\"query_string\"", "\"query_text\"", "query_text"),
        ("\"severity_id\":1", "\"severity_id\":4", "severity"),
        ("\"pid\":42", "\"pid\":\"42\"", "pid"),
    ] {
        let changed = first.replace(right, wrong);
        assert_ne!(changed, first, "{right}");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), changed).unwrap();
        let output = Command::new(layout::warehouse_python())
            .arg(dir.join("validate.py"))
            .arg(file.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(told), "{said}");
    }
}
