//! What people see of a recording, from segments alone and through an index that is kept.

use std::fs;
use std::path::Path;

use clap::Parser as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::output::Output;
use crate::cli::{Cli, dispatch, exit_code};
use crate::record::index::tests::recording::Recording;

/// What a command line prints, or its exit code and why.
fn run(arguments: &[&str]) -> Result<String, (u8, String)> {
    let cli = Cli::try_parse_from([&["snowfence"], arguments].concat())
        .map_err(|error| (2, error.to_string()))?;
    let mut bytes = Vec::new();
    let result = dispatch(cli.command, &mut Output::plain(&mut bytes));
    result.map_err(|error| (exit_code(&error), format!("{error:#}")))?;
    Ok(String::from_utf8(bytes).unwrap())
}

/// A recording in which an agent does what it may and what it may not.
fn shop() -> TempDir {
    let mut recording = Recording::new();
    recording.open("s-1", "etl-nightly");
    let number = recording.allow(
        "s-1",
        "etl-nightly",
        "select email\nfrom users",
        "SHOP.PUBLIC.USERS",
    );
    recording.clock += 90;
    recording.end(number, 10, &json!({"pii.email": 10}));
    recording.rotate();
    recording.clock += 3_600;
    recording.open("s-2", "agent\u{1b}[31m");
    let evil = "drop table users -- \u{1b}[2J\u{202e}";
    recording.refuse("s-2", "agent\u{1b}[31m", evil, "SHOP.PUBLIC.USERS", "deny");
    recording.refuse(
        "s-2",
        "agent",
        "delete from orders",
        "SHOP.PUBLIC.ORDERS",
        "hold",
    );
    recording.close("s-1", "logout");
    let dir = tempfile::tempdir().unwrap();
    recording.write_all_to(dir.path());
    dir
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn a_recording_is_listed_searched_and_counted_without_a_daemon() {
    let dir = shop();
    let record = shown(dir.path());
    let mut said = String::new();
    for arguments in [
        vec!["sessions"],
        vec!["sessions", "--open"],
        vec!["sessions", "--workload", "etl-*", "--table", "public.users"],
        vec!["sessions", "--user", "nobody"],
        vec!["search", "users"],
        vec!["search", "\"from users\""],
        vec!["search", "orders", "--verdict", "hold"],
        vec!["search", "nothing"],
        vec!["stats"],
        vec!["stats", "--by", "table", "--since", "2026-11-20T09:00:00Z"],
    ] {
        let all = [arguments.as_slice(), &["--record", &record]].concat();
        let printed = run(&all).unwrap();
        assert!(!printed.contains(['\u{1b}', '\u{202e}']), "{printed:?}");
        said.push_str(&format!("$ snowfence {}\n{printed}\n", arguments.join(" ")));
    }
    insta::assert_snapshot!(said);
}

#[test]
fn programs_get_everything_as_json() {
    let dir = shop();
    let record = shown(dir.path());
    let json = |arguments: &[&str]| -> Value {
        let printed = run(&[arguments, &["--json", "--record", &record]].concat()).unwrap();
        assert!(!printed.contains(['\u{1b}', '\u{202e}']), "{printed:?}");
        serde_json::from_str(&printed).unwrap()
    };
    let hits = json(&["search", "drop"]);
    assert_eq!(
        hits[0]["statement"],
        "drop table users -- \u{1b}[2J\u{202e}"
    );
    assert_eq!(hits[0]["workload"], "agent\u{1b}[31m");
    assert_eq!(hits[0]["segment"], 2);
    let sessions = json(&["sessions"]);
    assert_eq!(sessions[1]["reason"], "logout");
    assert_eq!(sessions[0]["is_open"], true);
    assert_eq!(json(&["stats"])["all"]["denied"], 1);
}

#[test]
fn an_index_is_kept_and_made_again() {
    let dir = shop();
    let record = shown(dir.path());
    let path = dir.path().join("kept.db");
    let index = shown(&path);
    let source = ["--record", &record, "--index", &index];
    let with = |arguments: &[&str]| run(&[arguments, &source].concat());
    let rebuilt = "2 segments read, 3 entries indexed\n";
    assert_eq!(with(&["index", "rebuild"]).unwrap(), rebuilt);
    let before = with(&["search", "users"]).unwrap();
    let status = with(&["index", "status"]).unwrap();
    assert!(status.contains("entries     3\n"), "{status}");
    assert!(status.contains("behind      0 bytes\n"), "{status}");

    fs::write(&path, "nothing").unwrap();
    assert_eq!(with(&["search", "users"]).unwrap(), before);
    fs::remove_file(&path).unwrap();
    assert_eq!(with(&["search", "users"]).unwrap(), before);
    assert_eq!(with(&["index", "rebuild"]).unwrap(), rebuilt);
}

#[test]
fn what_is_asked_wrongly_is_told() {
    let dir = shop();
    let record = shown(dir.path());
    let wrong =
        |arguments: &[&str]| run(&[arguments, &["--record", &record]].concat()).unwrap_err();
    for (arguments, code, why) in [
        (vec!["search", "a \"b"], 2, "is not closed"),
        (vec!["search", "*"], 2, "has nothing to search for"),
        (
            vec!["search", "a", "--table", "a.b.c.d"],
            2,
            "is not a name of up to three parts",
        ),
        (vec!["sessions", "--since", "soon"], 2, "a time is written"),
        (vec!["sessions", "--verdict", "maybe"], 2, "a verdict is"),
        (vec!["index", "rebuild"], 1, "name one with `--index FILE`"),
    ] {
        let (found, said) = wrong(&arguments);
        assert!(
            found == code && said.contains(why),
            "{arguments:?}: {found} {said}"
        );
    }
    let (code, said) = run(&["sessions", "--record", "/nowhere/at/all"]).unwrap_err();
    assert!(
        code == 1 && said.contains("cannot list the recording"),
        "{said}"
    );
}
