//! Names mean what they mean in their session, objects what Snowflake says of them, and permits
//! bound what they permit: rows, time, budgets.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use tests::record::{Frame, Kind};
use tests::{Daemon, layout, wait};

use crate::bench::{Bench, Plan, reported};

/// What most tests here permit: the schema DEMO.PUBLIC but for its cards, and nothing beside it.
const ONE_SCHEMA: &str = r#"
@id("login") permit (principal, action == Action::"login", resource);
@id("control") permit (principal, action in Action::"control", resource);
@id("account") permit (principal, action in Action::"observe", resource is Account);
@id("public") permit (principal, action in Action::"observe", resource in Schema::"DEMO.PUBLIC");
@id("cards") forbid (principal == Workload::"agent", action, resource == Table::"DEMO.PUBLIC.CARDS");
@id("setup") permit (principal == Workload::"other", action, resource);
"#;

/// The stock driver, and what it says of each of some statements: the number of rows, or the error.
const DRIVER: &str = r#"
import json, sys
import snowflake.connector
connection = snowflake.connector.connect(
    account="testorg-testacct", user="agent", password="x", database="DEMO", schema="PUBLIC",
    login_timeout=20, network_timeout=20)
cursor = connection.cursor()
def run(text):
    try:
        return len(cursor.execute(text).fetchall())
    except snowflake.connector.errors.Error as error:
        text = str(error)
        words = {"denied": "denied", "does not exist": "missing", "No catalog": "unknown",
                 "Unexpected token": "wrong"}
        return next((said for word, said in words.items() if word in text), text)
def report(texts):
    print(json.dumps([run(text) for text in texts]))
"#;

/// A bench whose stand-in has the demo's tables.
fn bench(name: &str, policy: &str, more: &Plan<'_>) -> Bench {
    let seed = layout::tests().join("warehouse/demo.sql");
    let warehouse = format!("seed_files = [\"{}\"]\n{}", seed.display(), more.warehouse);
    let plan = Plan {
        warehouse: &warehouse,
        policy,
        ..*more
    };
    Bench::with(name, &plan)
}

#[track_caller]
fn set_up(bench: &Bench, statements: &[&str]) {
    let script = format!("{DRIVER}\nreport({})", json!(statements));
    let seen = reported(&bench.python_in_child(&script).output().unwrap());
    for (statement, seen) in statements.iter().zip(seen.as_array().unwrap()) {
        assert!(seen.is_number(), "{statement}: {seen}");
    }
}

/// Runs statements in one session, each with what comes of it.
#[track_caller]
fn check(bench: &Bench, cases: &[(&str, Value)]) {
    let statements: Vec<&str> = cases.iter().map(|(statement, _)| *statement).collect();
    let seen = bench.ask(&format!("{DRIVER}\nreport({})", json!(statements)));
    let seen = seen.as_array().unwrap();
    let told: Vec<(&str, &Value)> = statements.iter().copied().zip(seen).collect();
    let expected: Vec<(&str, &Value)> = cases.iter().map(|(text, it)| (*text, it)).collect();
    assert_eq!(told, expected, "{}", bench.daemon.log());
}

fn denied() -> Value {
    json!("denied")
}

#[test]
fn names_follow_the_session() {
    let bench = bench("names", ONE_SCHEMA, &Plan::default());
    set_up(
        &bench,
        &[
            "create schema demo.private",
            "create table demo.private.secrets (id int)",
            "create table demo.private.people (id int)",
        ],
    );
    check(
        &bench,
        &[
            ("select * from people", json!(5)),
            ("use schema private", json!(1)),
            ("select * from people", denied()),
            ("select * from secrets", denied()),
            ("select * from public.people", json!(5)),
            ("use schema public", json!(1)),
            ("select * from people", json!(5)),
            // A statement that fails changes nothing.
            ("use schema nowhere", json!("unknown")),
            ("select * from people", json!(5)),
            ("set t = 'demo.private.secrets'", json!(1)),
            ("select * from identifier($t)", denied()),
            ("set t = 'people'", json!(1)),
            ("select * from identifier($t)", json!(5)),
            // Another table by its name, though the stand-in finds the same one.
            ("select * from \"cards\"", json!(4)),
            (
                "alter session set quoted_identifiers_ignore_case = true",
                json!(1),
            ),
            ("select * from \"cards\"", denied()),
            (
                "alter session unset quoted_identifiers_ignore_case",
                json!(1),
            ),
            (
                "alter session set search_path = 'demo.private, demo.public'",
                json!(1),
            ),
            ("select * from secrets", denied()),
        ],
    );
    bench.assert_record_is_whole();
}

/// What fails without being understood may have done anything before, so Snowflake is asked.
#[test]
fn a_session_that_was_lost_sight_of_is_found_again() {
    let policy = format!(
        "{ONE_SCHEMA}\n@id(\"any\") permit (principal, action == Action::\"opaque\", resource);"
    );
    let bench = bench("astray", &policy, &Plan::default());
    set_up(
        &bench,
        &[
            "create schema demo.private",
            "create table demo.private.people (id int)",
        ],
    );
    check(
        &bench,
        &[
            ("selct 1", json!("wrong")),
            ("select * from people", json!(5)),
            ("use schema private", json!(1)),
            ("selct 1", json!("wrong")),
            ("select * from people", denied()),
            ("select * from public.people", json!(5)),
        ],
    );
    assert_eq!(bench.executions("SHOW PARAMETERS"), 2);
    bench.assert_record_is_whole();
}

#[test]
fn an_old_answer_does_not_move_the_session() {
    let bench = bench("replayed", ONE_SCHEMA, &Plan::default());
    set_up(
        &bench,
        &[
            "create schema demo.private",
            "create table demo.private.people (id int)",
        ],
    );
    let seen = bench.ask(
        r"
from client import *
token = login('&databaseName=DEMO&schemaName=PUBLIC')['data']['token']
def short(answer):
    return answer['success'] or 'denied' in answer['message']
seen = [query(token, 'select 1', 'first')['success'], query(token, 'use schema private')['success']]
seen += [query(token, 'select 1', 'first')['data']['finalSchemaName']]
answer = query(token, 'select * from people')
seen += [answer['success'], 'denied' in (answer['message'] or '')]
report(seen)",
    );
    assert_eq!(seen, json!([true, true, "PUBLIC", false, true]));
}

const LABELS: &str = r#"
[[label]]
name = "pii.ssn"
columns = ["DEMO.PUBLIC.PEOPLE.SSN"]
method = "redact"
rank = 10
"#;

const NO_FILTER: &str = r#"
@id("all") permit (principal, action, resource);
@id("search") forbid (principal == Workload::"agent", action == Action::"filter", resource)
when { context.labels.contains("pii.ssn") };
"#;

/// Adds labels to a bench's policies.
#[track_caller]
fn label(bench: &Bench) {
    fs::write(bench.daemon.files().policies.join("labels.toml"), LABELS).unwrap();
    bench.daemon.reload().unwrap();
    let read = wait::until("the reload", Duration::from_secs(5), || {
        Ok(bench
            .daemon
            .log()
            .contains("\"policies loaded\"")
            .then_some(()))
    });
    assert!(read.is_ok(), "{}", bench.daemon.log());
}

#[test]
fn a_view_is_asked_about_once_and_its_columns_keep_their_labels() {
    let bench = bench("views", NO_FILTER, &Plan::default());
    label(&bench);
    set_up(
        &bench,
        &[
            "create view demo.public.codes (number, code) as select id, ssn from demo.public.people",
            "create view demo.public.more as select number, code as c from demo.public.codes",
        ],
    );
    // Whoever made the views was asked about as well: a session sees its own tables for itself.
    let asked = |name: &str| bench.executions(&format!("SHOW VIEWS LIKE '{name}'"));
    let before = asked("CODES");
    check(
        &bench,
        &[
            ("select number from codes where number = 1", json!(1)),
            ("select number from codes where code like '0%'", denied()),
            ("select number from codes order by number", json!(5)),
            ("select c from more where number = 2", json!(1)),
            ("select number from more where c like '0%'", denied()),
        ],
    );
    assert_eq!((asked("CODES"), asked("MORE")), (before + 1, 1));
    // Each question is an entry of its own, permitted by no policy of a file.
    let is_ours =
        |frame: &Frame| frame.kind == Kind::Decided && frame.payload["operation"] == "catalog";
    let frames =
        bench.await_frames(|frames| frames.iter().filter(|frame| is_ours(frame)).count() >= 3);
    let ours = frames
        .iter()
        .find(|frame| is_ours(frame) && frame.payload["caller"]["workload"] == "agent")
        .unwrap();
    assert_eq!(ours.payload["policies"], json!(["snowfence.catalog"]));
    // Another definition is another lineage.
    set_up(
        &bench,
        &[
            "create or replace view demo.public.codes (number, code) as select id, city from demo.public.people",
        ],
    );
    check(
        &bench,
        &[("select number from codes where code like 'L%'", json!(2))],
    );
    assert_eq!(asked("CODES"), before + 2);
    bench.assert_record_is_whole();
}

#[test]
fn a_result_keeps_its_lineage() {
    let bench = bench("results", NO_FILTER, &Plan::default());
    label(&bench);
    let seen = bench.ask(&format!(
        r#"{DRIVER}
def scan(first, where):
    connection.cursor().execute("select 1").fetchall()
    cursor.execute(first).fetchall()
    return run(f"select * from table(result_scan('{{cursor.sfqid}}')) where {{where}}")
print(json.dumps([
    scan("select ssn as x, city as y from people", "x like '0%'"),
    scan("select ssn as x, city as y from people", "y like 'L%'"),
]))"#
    ));
    // The stand-in reads results whole or not at all: what counts is who refuses.
    assert_eq!(seen[0], "denied", "{}", bench.daemon.log());
    assert_ne!(seen[1], "denied", "{}", bench.daemon.log());
}

#[test]
fn a_result_with_more_rows_than_permitted_is_refused_whole() {
    let policy = r#"
        @id("login") permit (principal, action == Action::"login", resource);
        @id("three") @max_rows("3") permit (principal, action in Action::"observe", resource);"#;
    let bench = bench("rows", policy, &Plan::default());
    let seen = bench.ask(
        r"
from client import *
token = login('&databaseName=DEMO&schemaName=PUBLIC')['data']['token']
answer = query(token, 'select id from people')
again = request('GET', '/queries/' + answer['data']['queryId'] + '/result', None, token)
fits = query(token, 'select id from people limit 3')
report([shown(answer), shown(again)[1:], len(rows(fits))])",
    );
    let message = "Snowfence: the result has more than the 3 rows that policy gives you \
                   (`@max_rows`), so none of it is passed on; add a LIMIT of at most 3, aggregate, \
                   or ask the owner of the policies for more";
    assert_eq!(
        seen,
        json!([[200, "003001", message], ["003001", message], 3])
    );
    bench.await_endings("result_too_large", 2);
    let frames = bench.await_frames(|frames| frames.iter().any(|it| it.payload["max_rows"] == 3));
    let decided = frames
        .iter()
        .find(|frame| frame.payload["max_rows"] == 3)
        .unwrap();
    assert_eq!(
        decided.payload["facts"]["accesses"],
        json!([{"action": "read", "type": "Table", "object": "DEMO.PUBLIC.PEOPLE",
                "decision": "allow", "policies": ["three"]}])
    );
}

#[test]
fn a_statement_that_runs_too_long_is_ended() {
    let policy = r#"
        @id("login") permit (principal, action == Action::"login", resource);
        @id("short") @timeout("1s") permit (principal, action, resource);"#;
    let bench = bench("time", policy, &Plan::default());
    let seen = bench.ask(
        r"
import time
from client import *
token = session()
begin = time.monotonic()
answer = query(token, 'select system$wait(40)')
late = time.monotonic() - begin > 12
report([*shown(answer)[:2], answer['data']['sqlState'], late, rows(query(token, 'select 7'))])",
    );
    assert_eq!(
        seen,
        json!([200, "000630", "57014", false, [["7"]]]),
        "{}",
        bench.daemon.log()
    );
    bench.await_endings("statement_timeout", 1);
    bench.assert_record_is_whole();
}

#[test]
fn a_budget_ends_and_survives_a_restart() {
    let policy = r#"
        @id("login") permit (principal, action == Action::"login", resource);
        @id("budget") permit (principal, action in Action::"observe", resource)
        when { context.rows_day < 8 };"#;
    let mut bench = bench("budget", policy, &Plan::default());
    let people = "select id from people";
    check(
        &bench,
        &[(people, json!(5)), (people, json!(5)), (people, denied())],
    );
    bench.daemon.process().stop().unwrap();
    bench.daemon = Daemon::restart(&bench.environment).unwrap();
    check(&bench, &[(people, denied())]);
}

#[test]
fn a_budget_ends_within_a_large_result() {
    let policy = r#"
        @id("login") permit (principal, action == Action::"login", resource);
        @id("budget") permit (principal, action in Action::"observe", resource)
        when { context.rows_day < 4000 };"#;
    let plan = Plan {
        warehouse: "inline_rows = 100\nchunk_rows = 2000",
        ..Plan::default()
    };
    let bench = bench("spent", policy, &plan);
    let seen = bench.ask(
        r"
from urllib.parse import urlsplit
from client import *
data = query(session(), 'select seq4() from table(generator(rowcount => 12000))')['data']
def fetch(chunk):
    answer = request('GET', urlsplit(chunk['url']).path, None, **data['chunkHeaders'])
    return [answer['status'], 'withheld' in (answer.get('message') or '')]
report([fetch(chunk) for chunk in data['chunks'][:3]])",
    );
    assert_eq!(
        seen,
        json!([[200, false], [200, false], [404, true]]),
        "{}",
        bench.daemon.log()
    );
}

#[test]
fn a_scope_that_observes_lets_pass_and_records() {
    let policy = r#"
        @id("login") permit (principal, action == Action::"login", resource);
        @id("no") @message("not here") forbid (principal, action == Action::"read", resource);"#;
    let plan = Plan {
        scope: "mode = \"observe\"",
        ..Plan::default()
    };
    let bench = bench("observe", policy, &plan);
    check(&bench, &[("select id from people", json!(5))]);
    bench.await_metric("snowfence_verdicts_total{verdict=\"observed\"}", 1.0);
    let frames = bench.await_frames(|frames| {
        let mut frames = frames.iter();
        frames.any(|frame| !frame.payload["observed"].is_null())
    });
    let frame = frames
        .iter()
        .find(|frame| !frame.payload["observed"].is_null())
        .unwrap();
    assert_eq!(frame.payload["verdict"], "allow");
    assert_eq!(frame.payload["observed"]["policies"], json!(["no"]));
    bench.assert_record_is_whole();
}
