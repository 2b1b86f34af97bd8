//! What people and programs get from the offline commands.

use std::fs;
use std::io::{Cursor, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use clap::Parser as _;
use serde_json::Value;
use tempfile::TempDir;

use super::batch::{self, Batch, Judge};
use super::judge::Asker;
use crate::cli::output::Output;
use crate::cli::{Cli, dispatch, exit_code};
use crate::policy::PolicySet;
use crate::sql::Context;

mod masks;
mod suggest;

const POLICIES: &str = r#"
@id("reads")
permit (principal == Workload::"agent", action == Action::"read", resource);

@id("clean-up")
permit (principal, action == Action::"delete", resource)
when { principal in Role::"janitor" };

@id("no-strangers") @message("this process is not known")
forbid (principal == Workload::"unknown", action, resource);
"#;

/// What a command line prints and why it failed, if it did.
fn run(arguments: &[&str]) -> (String, Option<(u8, String)>) {
    let cli = Cli::try_parse_from([&["snowfence", "policy"], arguments].concat());
    let cli = cli.unwrap_or_else(|error| panic!("{error}"));
    let mut bytes = Vec::new();
    let result = dispatch(cli.command, &mut Output::plain(&mut bytes));
    let failure = result.err();
    let failure = failure.map(|error| (exit_code(&error), format!("{error:#}")));
    (String::from_utf8(bytes).unwrap(), failure)
}

fn write(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    path.display().to_string()
}

fn policies(text: &str) -> (TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "first.cedar", text);
    let shown = dir.path().display().to_string();
    (dir, shown)
}

/// The output with the directory's name taken out, and the exit code.
#[track_caller]
fn check(dir: &str, arguments: &[&str], code: u8) -> String {
    let (said, failure) = run(arguments);
    let found = failure.as_ref().map_or(0, |(code, _)| *code);
    assert_eq!(found, code, "{said}\n{failure:?}");
    let why = failure.map(|(code, why)| format!("---- exit {code}: {why}\n"));
    format!("{said}{}", why.unwrap_or_default()).replace(dir, "DIR")
}

#[test]
fn check_tells_everything_with_its_place() {
    let (dir, shown) = policies(POLICIES);
    insta::assert_snapshot!(check(&shown, &["check", &shown], 0));
    write(
        dir.path(),
        "second.cedar",
        "permit (principal, action == Action::\"red\", resource);\n",
    );
    write(dir.path(), "third.cedar", "@id(\"x\")\nforbid (principal\n");
    insta::assert_snapshot!(check(&shown, &["check", &shown], 1));
    let said = check(&shown, &["check", &shown, "--json"], 1);
    let json: Value = serde_json::from_str(said.split("----").next().unwrap()).unwrap();
    assert!(json["problems"].as_array().unwrap().len() >= 2, "{json}");
}

#[test]
fn check_warns_of_waits_that_nobody_can_end() {
    let waits = r#"@id("waits") @approvers("stewards")
permit (principal is Workload, action == Action::"drop", resource) when { context.approved };
"#;
    let (dir, shown) = policies(waits);
    let said = check(&shown, &["check", &shown], 0);
    assert!(
        said.starts_with("warning: `waits` makes statements wait"),
        "{said}"
    );
    let decide = r#"@id("decide") permit (principal is User, action == Action::"approve", resource is Ask)
when { principal in resource.approvers };
"#;
    write(dir.path(), "second.cedar", decide);
    let said = check(&shown, &["check", &shown], 0);
    assert_eq!(said, "DIR: 2 policies, no errors\n");
}

#[test]
fn cases_that_fail_say_what_is_otherwise() {
    let (dir, shown) = policies(POLICIES);
    let cases = r#"
        [[case]]
        name = "an agent reads"
        workload = "agent"
        sql = "select 1"
        verdict = "allow"
        policies = ["reads"]

        [[case]]
        name = "an agent deletes"
        workload = "agent"
        sql = "delete from d.s.t"
        verdict = "allow"
        policies = ["clean-up"]

        [[case]]
        name = "a stranger hears why"
        workload = "unknown"
        sql = "select 1"
        verdict = "deny"
        policies = ["no-strangers"]
        message = "is not known"

        [[case]]
        name = "a login"
        workload = "agent"
        login = "reader"
        verdict = "deny"
    "#;
    let file = write(dir.path(), "cases/all.toml", cases);
    insta::assert_snapshot!(check(&shown, &["test", &shown], 1));
    let good = cases.replace(
        "\"an agent deletes\"",
        "\"a janitor deletes\"\nroles = [\"janitor\"]",
    );
    let good = good.replace("[\"clean-up\"]", "[\"clean-up\", \"reads\"]");
    fs::write(&file, good).unwrap();
    insta::assert_snapshot!(check(&shown, &["test", &shown, &file], 0));
    fs::write(
        &file,
        cases.replace("verdict = \"deny\"", "verdikt = \"deny\""),
    )
    .unwrap();
    let said = check(&shown, &["test", &shown], 2);
    assert!(said.contains("unknown field `verdikt`"), "{said}");
}

#[test]
fn the_shipped_packs_are_good_and_answer_their_cases() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../policies");
    check(shipped, &["check", shipped], 0);
    let said = check(shipped, &["test", shipped], 0);
    assert!(
        said.contains("/cases/pci.toml: ") && !said.contains("FAILED"),
        "{said}"
    );
}

#[test]
fn cases_can_be_about_some_of_the_files() {
    let (dir, shown) = policies(POLICIES);
    let forbid = "@id(\"nobody\") forbid (principal, action, resource);";
    write(dir.path(), "second.cedar", forbid);
    let cases = |files: &str, verdict: &str, by: &str| {
        let text = format!(
            "{files}\n[[case]]\nname = \"n\"\nworkload = \"agent\"\nsql = \"select 1\"\n\
             verdict = \"{verdict}\"\npolicies = [\"{by}\"]\n"
        );
        write(dir.path(), "cases/all.toml", &text)
    };
    cases("", "deny", "nobody");
    check(&shown, &["test", &shown], 0);
    cases("files = [\"first.cedar\"]", "allow", "reads");
    check(&shown, &["test", &shown], 0);
    cases("files = [\"absent.cedar\"]", "allow", "reads");
    check(&shown, &["test", &shown], 1);
}

#[test]
fn explain_tells_what_would_change_the_answer() {
    let (_dir, shown) = policies(POLICIES);
    let explain = |sql: &str, more: &[&str]| {
        let arguments = ["explain", sql, "--policies", &shown, "--workload", "agent"];
        let at = ["--at", "2026-03-02T09:30:00Z"];
        check(&shown, &[&arguments[..], &at, more].concat(), 0)
    };
    insta::assert_snapshot!(explain("select a from d.s.t", &[]));
    insta::assert_snapshot!(explain("delete from d.s.t where a = 1", &[]));
    let allowed = explain(
        "delete from d.s.t where a = 1",
        &["--role", "janitor", "--json"],
    );
    let json: Value = serde_json::from_str(&allowed).unwrap();
    assert_eq!(
        (&json["verdict"], &json["changes"]),
        (&"allow".into(), &Value::Array(vec![]))
    );
}

#[test]
fn matrix_shows_workloads_roles_and_objects() {
    let (_dir, shown) = policies(POLICIES);
    insta::assert_snapshot!(check(&shown, &["matrix", &shown], 0));
    let all = check(
        &shown,
        &["matrix", &shown, "--json", "--object", "Table:d.s.t"],
        0,
    );
    let cells: Vec<Value> = serde_json::from_str(&all).unwrap();
    let cell = cells.iter().find(|cell| {
        cell["principal"] == "agent" && cell["action"] == "insert" && cell["object"] == "D.S.T"
    });
    assert_eq!(cell.unwrap()["verdict"], "deny");
    let said = check(&shown, &["matrix", &shown, "--object", "Tabel:d.s.t"], 2);
    assert!(said.contains("--object Tabel:d.s.t"), "{said}");
}

/// Runs lines through the batch protocol; whether a line failed, and the answers.
fn batch(input: impl Read + Send + 'static, judged: bool) -> (bool, Vec<Value>) {
    let now = "2026-03-02T09:30:00Z".parse().unwrap();
    let policies = PolicySet::parse(&[("first.cedar", POLICIES)]).unwrap();
    let judge = judged.then(|| Judge {
        masks: Arc::new(super::masks::masks(&policies)),
        policies: Arc::new(policies),
        asker: Asker::workload("agent", now),
    });
    let context = Context::default();
    let mut bytes = Vec::new();
    let result = batch::run(
        input,
        &Batch { context, judge },
        &mut Output::plain(&mut bytes),
    );
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    let answers = text.lines().map(|line| serde_json::from_str(line).unwrap());
    (result.is_err(), answers.collect())
}

fn lines(text: &str) -> Cursor<Vec<u8>> {
    Cursor::new(text.as_bytes().to_vec())
}

#[test]
fn a_batch_answers_every_line_in_order() {
    let input = r#"{"id": 1, "sql": "select a from d.s.t"}
{"id": "two", "sql": "delete from d.s.t"}
{"id": {"any": ["value", 1.50]}, "sql": "select 1; drop table t"}
{"sql": ""}"#;
    let (failed, answers) = batch(lines(input), true);
    assert!(!failed);
    let seen: Vec<String> = answers
        .iter()
        .map(|answer| format!("{} {} {}", answer["id"], answer["kind"], answer["verdict"]))
        .collect();
    assert_eq!(seen.len(), 4, "{seen:?}");
    assert_eq!(seen[0], r#"1 "SELECT" "allow""#);
    assert_eq!(seen[1], r#""two" "DELETE" "deny""#);
    assert!(
        seen[2].ends_with(r#""SELECT; DROP TABLE" "deny""#),
        "{seen:?}"
    );
    assert_eq!(seen[3], r#"null "OPAQUE" "deny""#);
    for key in [
        "id",
        "kind",
        "effects",
        "accesses",
        "functions",
        "predicates",
        "lineage",
        "verdict",
        "policies",
        "message",
    ] {
        assert!(answers[0].get(key).is_some(), "no {key} in {}", answers[0]);
    }
}

#[test]
fn a_batch_of_facts_has_no_verdict() {
    let (failed, answers) = batch(lines("{\"sql\": \"select 1\"}\n"), false);
    assert!(!failed);
    for key in ["verdict", "policies", "message"] {
        assert_eq!(answers[0].get(key), Some(&Value::Null));
    }
}

#[test]
fn what_is_no_question_is_told_and_passed_over() {
    let long = "x".repeat(17 << 20);
    let mut input = Vec::new();
    for line in [
        "",
        "select 1",
        "[]",
        "{\"id\": 1}",
        "{\"id\": 1, \"sql\": null}",
        "{\"id\": 1, \"sql\": \"\\ud800\"}",
        "{\"sql\": 1, \"sql\": \"select 1\"}",
        &format!("{{\"sql\": \"{long}\"}}"),
        &"[".repeat(100_000),
    ] {
        input.extend_from_slice(line.as_bytes());
        input.push(b'\n');
    }
    input.extend_from_slice(b"{\"sql\": \"select '\xff'\"}\n");
    input.extend_from_slice(b"{\"id\": 9, \"sql\": \"select 1\"}");
    let (failed, answers) = batch(Cursor::new(input), true);
    assert!(failed);
    assert_eq!(answers.len(), 11);
    for answer in &answers[..10] {
        assert_eq!(answer["id"], Value::Null);
        assert!(answer["error"].is_string(), "{answer}");
    }
    assert_eq!(answers[7]["error"], "the line is longer than 16 MiB");
    assert_eq!(
        (&answers[10]["id"], &answers[10]["verdict"]),
        (&9.into(), &"allow".into())
    );
}

/// Gives the next line only when the answer to the one before was written.
#[test]
fn an_answer_does_not_wait_for_the_next_line() {
    let (mut asks, input) = std::io::pipe()
        .map(|(reader, writer)| (writer, reader))
        .unwrap();
    let (answers, out) = std::io::pipe().unwrap();
    let worker = std::thread::spawn(move || {
        let mut out = out;
        let mut output = Output::plain(&mut out);
        let context = Context::default();
        batch::run(
            input,
            &Batch {
                context,
                judge: None,
            },
            &mut output,
        )
        .unwrap();
    });
    let mut answers = std::io::BufReader::new(answers);
    for id in 0..3 {
        use std::io::{BufRead as _, Write as _};
        writeln!(asks, "{{\"id\": {id}, \"sql\": \"select 1\"}}").unwrap();
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer["id"], id);
    }
    drop(asks);
    worker.join().unwrap();
}
