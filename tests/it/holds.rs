//! Statements that wait for people: the stock driver waits, and gets what was decided.

use std::time::Duration;

use serde_json::{Value, json};
use tests::process::Process;
use tests::record::{Frame, Kind};
use tests::{layout, wait};

use crate::bench::{Bench, Plan};

/// Changing data takes an approval; the rest is free.
pub(crate) const POLICY: &str = r#"
@id("free")
permit (principal, action in [Action::"login", Action::"observe", Action::"control",
    Action::"ddl", Action::"approve", Action::"operate"], resource);
@id("writes") @approvals("1") @wait("10m")
permit (principal, action in [Action::"write"], resource) when { context.approved };
"#;

/// Several polls for each wait.
pub(crate) const QUICK: &str = "[limits]\nhold_poll = \"2s\"";

/// The stock driver runs statements; what became of each is reported.
pub(crate) const DRIVER: &str = r#"
import json, sys
import snowflake.connector
connection = snowflake.connector.connect(
    account="testorg-testacct", user="agent", password="x", login_timeout=20)
seen = []
for statement in sys.argv[1:]:
    try:
        seen.append([list(row) for row in connection.cursor().execute(statement).fetchall()])
    except snowflake.connector.errors.Error as error:
        seen.append([type(error).__name__, error.errno, error.sqlstate, error.raw_msg])
print(json.dumps(seen))
"#;

pub(crate) const CREATE: &str = "create or replace table held (n int)";
pub(crate) const INSERT: &str = "insert into held values (1), (2)";
pub(crate) const COUNT: &str = "select count(*) from held";

pub(crate) fn bench(name: &str, policy: &str) -> Bench {
    let plan = Plan {
        policy,
        more: QUICK,
        ..Plan::default()
    };
    Bench::with(name, &plan)
}

pub(crate) fn start(bench: &Bench, statements: &[&str]) -> Process {
    let client = bench.python(DRIVER).args(statements);
    client.limit(LIMIT).start("driver").unwrap()
}

/// What a person on the host says with the command line.
#[track_caller]
pub(crate) fn person(bench: &Bench, arguments: &[&str]) -> Value {
    let client = bench.environment.outside(layout::snowfence());
    let client = client.args(arguments).arg("--json").arg("--config");
    let output = client.arg(&bench.daemon.files().config).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// Waits for an ask that is none of `known`.
#[track_caller]
pub(crate) fn await_ask(bench: &Bench, known: &[&str]) -> Value {
    let found = wait::until("an ask", LIMIT, || {
        let asks = person(bench, &["asks"]);
        let asks = asks.as_array().unwrap();
        let new = |ask: &&Value| !known.contains(&ask["id"].as_str().unwrap());
        Ok(asks.iter().find(new).cloned())
    });
    found.unwrap_or_else(|error| panic!("{error}: {}", bench.daemon.log()))
}

pub(crate) fn id(ask: &Value) -> &str {
    ask["id"].as_str().unwrap()
}

/// What the driver reports in the end.
#[track_caller]
pub(crate) fn seen(bench: &Bench, driver: &mut Process) -> Value {
    let ended = wait::until("the driver", LIMIT, || {
        Ok((!driver.is_running()).then_some(()))
    });
    assert!(ended.is_ok(), "{}{}", driver.log(), bench.daemon.log());
    let log = driver.log();
    serde_json::from_str(log.lines().last().unwrap_or_default())
        .unwrap_or_else(|_| panic!("{log}\n{}", bench.daemon.log()))
}

/// Waits until the driver was told "in progress" so many times.
#[track_caller]
fn await_polls(bench: &Bench, count: usize) {
    bench.await_frames(|frames| {
        let polls = frames.iter().filter(|frame| is_poll(frame)).count();
        polls >= count
    });
}

fn is_poll(frame: &Frame) -> bool {
    frame.kind == Kind::Decided && frame.payload["operation"] == "result"
}

#[test]
fn an_approved_statement_runs_once_and_its_driver_never_noticed() {
    let bench = bench("approved", POLICY);
    let mut driver = start(&bench, &[CREATE, INSERT, COUNT]);
    let ask = await_ask(&bench, &[]);
    assert_eq!(ask["subject"]["text"], INSERT);
    assert_eq!(ask["subject"]["effects"], json!(["insert"]));
    bench.await_metric("snowfence_holds_open", 1.0);
    let held = bench.status()["holds"][0].clone();
    assert_eq!(
        (&held["ask"], &held["workload"]),
        (&ask["id"], &json!("agent"))
    );
    await_polls(&bench, 2);
    assert_eq!(bench.executions("insert"), 0);

    person(&bench, &["approve", id(&ask), "--note", "go on"]);
    let seen = seen(&bench, &mut driver);
    assert_eq!(
        seen,
        json!([[["Table HELD successfully created."]], [[2]], [[2]]])
    );
    assert_eq!(bench.executions("insert"), 1);
    bench.await_metric("snowfence_holds_open", 0.0);
    bench.await_metric("snowfence_holds_ended_total{outcome=\"approved\"}", 1.0);
    assert_eq!(person(&bench, &["asks", id(&ask)])["state"], "used");

    let frames = bench.await_frames(|frames| {
        let approved = |frame: &Frame| frame.payload["approval"]["approved_by"] == json!(["root"]);
        frames.iter().any(approved)
    });
    let decided = |verdict: &str| {
        let found = frames.iter().find(|frame| {
            frame.payload["verdict"] == verdict && frame.payload["approval"] != Value::Null
        });
        found
            .unwrap_or_else(|| panic!("{frames:#?}"))
            .payload
            .clone()
    };
    assert_eq!(decided("hold")["approval"]["ask"], ask["id"]);
    let allowed = decided("allow");
    assert_eq!(allowed["approval"]["ask"], ask["id"]);
    assert_eq!(allowed["statement"]["text"], INSERT);
    bench.assert_record_is_whole();
}

#[test]
fn a_denial_reaches_the_driver_with_its_note() {
    let bench = bench("denied", POLICY);
    let mut driver = start(&bench, &[CREATE, INSERT, COUNT]);
    let ask = await_ask(&bench, &[]);
    person(&bench, &["deny", id(&ask), "--note", "not on a friday"]);
    let seen = seen(&bench, &mut driver);
    let error = &seen[1];
    assert_eq!(error[0], "ProgrammingError", "{seen}");
    assert_eq!((&error[1], &error[2]), (&json!(3001), &json!("42501")));
    let text = error[3].as_str().unwrap();
    for part in ["`root` denied it", "not on a friday", id(&ask)] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(seen[2], json!([[0]]), "the session goes on");
    assert_eq!(bench.executions("insert"), 0);
    bench.assert_record_is_whole();
}

#[test]
fn nobody_decides_in_time() {
    let bench = bench("expired", &POLICY.replace("10m", "3s"));
    let mut driver = start(&bench, &[CREATE, INSERT, COUNT]);
    let seen = seen(&bench, &mut driver);
    assert_eq!(
        (&seen[1][1], &seen[1][2]),
        (&json!(630), &json!("57014")),
        "{seen}"
    );
    assert_eq!(seen[2], json!([[0]]));
    bench.await_metric("snowfence_holds_ended_total{outcome=\"expired\"}", 1.0);
    assert_eq!(bench.executions("insert"), 0);
}

/// Cancels by request id, as the driver does when a statement's own timeout ends.
const TIMEOUT: &str = r#"
import json
import snowflake.connector
connection = snowflake.connector.connect(account="testorg-testacct", user="agent", password="x")
connection.cursor().execute("create or replace table held (n int)")
try:
    connection.cursor().execute("insert into held values (1), (2)", timeout=3)
except snowflake.connector.errors.Error as error:
    print(json.dumps([error.errno, error.sqlstate]))
"#;

#[test]
fn a_cancelled_statement_takes_its_ask_back() {
    let bench = bench("cancelled", POLICY);
    let mut driver = bench.python(TIMEOUT).start("driver").unwrap();
    let ask = await_ask(&bench, &[]);
    assert_eq!(seen(&bench, &mut driver), json!([604, "57014"]));
    let withdrawn = wait::until("the withdrawal", LIMIT, || {
        let ask = person(&bench, &["asks", id(&ask)]);
        Ok((ask["state"] == "withdrawn").then_some(()))
    });
    withdrawn.unwrap();

    // By query id, as Node does, from another connection; and then there is nothing to cancel.
    let script = "from client import *\nimport threading\ntoken = session()\nfound = []\n\
                  def run(): found.append(shown(query(token, 'insert into held values (3)', asyncExec=True)))\n\
                  answer = query(token, 'insert into held values (3)', asyncExec=True)\n\
                  id = answer['data']['queryId']\n\
                  abort = lambda: shown(request('POST', f'/queries/{id}/abort-request', {}, token))[:2]\n\
                  first, second = abort(), abort()\n\
                  last = shown(request('GET', f'/queries/{id}/result', None, token))[:2]\n\
                  status = request('GET', f'/monitoring/queries/{id}', None, token)['data']['queries'][0]\n\
                  report([answer['code'], first, second, last, status['status'], status['errorCode']])";
    let expected = json!([
        "333334",
        [200, null],
        [200, "000605"],
        [200, "000604"],
        "FAILED_WITH_ERROR",
        "000604"
    ]);
    assert_eq!(bench.ask(script), expected);
    assert_eq!(bench.executions("insert"), 0);
    bench.await_metric("snowfence_holds_ended_total{outcome=\"cancelled\"}", 2.0);
}

#[test]
fn a_retry_joins_and_another_execution_shares_the_ask() {
    let bench = bench("joined", POLICY);
    bench.ask(&format!(
        "from client import *\nreport(rows(query(session(), '{CREATE}')))"
    ));
    // Three requests: the first, its retry, and the same statement once more.
    let script = format!(
        "from client import *\nimport threading\ntoken = session()\nfound = {{}}\n\
         def run(name, request_id):\n\
         \x20   answer = query(token, '{INSERT}', request_id)\n\
         \x20   polls = 0\n\
         \x20   while answer.get('code') == '333333':\n\
         \x20       polls += 1\n\
         \x20       answer = request('GET', answer['data']['getResultUrl'], None, token)\n\
         \x20   found[name] = [answer['data']['queryId'], rows(answer), polls > 0]\n\
         threads = [threading.Thread(target=run, args=pair) for pair in [('first', 'r-1'), ('retry', 'r-1'), ('other', 'r-2')]]\n\
         for thread in threads: thread.start()\n\
         for thread in threads: thread.join()\n\
         report([found['first'], found['retry'], found['other']])"
    );
    let mut driver = bench.python(&script).limit(LIMIT).start("driver").unwrap();
    let ask = await_ask(&bench, &[]);
    bench.await_metric("snowfence_holds_open", 2.0);
    await_polls(&bench, 3);
    assert_eq!(person(&bench, &["asks"]).as_array().unwrap().len(), 1);
    person(&bench, &["approve", id(&ask)]);
    // One approval is one execution: the other one asks anew.
    let second = await_ask(&bench, &[id(&ask)]);
    assert_eq!(bench.executions("insert"), 1);
    person(&bench, &["approve", id(&second)]);
    let seen = seen(&bench, &mut driver);
    let [first, retry, other] = [&seen[0], &seen[1], &seen[2]];
    assert_eq!(first, retry, "{seen}");
    assert_eq!(
        (&first[1], &other[1]),
        (&json!([["2"]]), &json!([["2"]])),
        "{seen}"
    );
    assert_ne!(first[0], other[0]);
    assert_eq!(bench.executions("insert"), 2);
    bench.assert_record_is_whole();
}

/// The asynchronous way: status by monitoring, rows by `RESULT_SCAN` of the id that we gave.
const ASYNCHRONOUS: &str = r#"
import json
import snowflake.connector
from client import until
connection = snowflake.connector.connect(account="testorg-testacct", user="agent", password="x")
connection.cursor().execute("create or replace table held (n int)")
cursor = connection.cursor()
cursor.execute_async("insert into held values (1), (2)")
id = cursor.sfqid
first = connection.get_query_status(id).name
until(lambda: not connection.is_still_running(connection.get_query_status(id)), 60)
other = connection.cursor()
other.get_results_from_sfqid(id)
print(json.dumps([first, connection.get_query_status(id).name, [list(row) for row in other.fetchall()],
                  other.sfqid != id]))
"#;

#[test]
fn an_asynchronous_statement_waits_behind_the_drivers_back() {
    let bench = bench("asynchronous", POLICY);
    let mut driver = bench
        .python(ASYNCHRONOUS)
        .limit(LIMIT)
        .start("driver")
        .unwrap();
    let ask = await_ask(&bench, &[]);
    person(&bench, &["approve", id(&ask)]);
    let seen = seen(&bench, &mut driver);
    assert_eq!(seen[0], "RUNNING", "{seen}");
    assert_eq!(
        (&seen[1], &seen[2]),
        (&json!("SUCCESS"), &json!([[2]])),
        "{seen}"
    );
    assert_eq!(bench.executions("insert"), 1);
    bench.assert_record_is_whole();
}

#[test]
fn a_driver_that_cannot_wait_is_told_so_and_comes_again() {
    let bench = bench("cannot-wait", POLICY);
    let script = |sql: &str| {
        format!(
            "from client import *\nbody = {{'sqlText': '{sql}'}}\n\
             path = f'/queries/v1/query-request?requestId={{uuid.uuid4()}}'\n\
             answer = request('POST', path, body, session(), User_Agent='Rust/0.0.1')\n\
             report([rows(answer), answer['code']])"
        )
    };
    bench.ask(&script(CREATE));
    let told = bench.ask(&script(INSERT));
    assert_eq!(told[1], "003001", "{told}");
    let text = told[0][2].as_str().unwrap();
    let ask = await_ask(&bench, &[]);
    for part in [id(&ask), "cannot wait", "again"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(
        bench.ask(&script(INSERT))[1],
        "003001",
        "nobody has decided"
    );
    assert_eq!(person(&bench, &["asks"]).as_array().unwrap().len(), 1);
    person(&bench, &["approve", id(&ask)]);
    // Another session of the same workload: the approval is its own, for this statement, once.
    let other = bench.ask(&script("insert into held values (9)"));
    assert_eq!(other[1], "003001");
    assert_eq!(bench.ask(&script(INSERT)), json!([[["2"]], null]));
    assert_eq!(bench.ask(&script(INSERT))[1], "003001", "once");
    assert_eq!(bench.executions("insert"), 1);
    bench.assert_record_is_whole();
}

/// Imports of the connector, and several polls.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
