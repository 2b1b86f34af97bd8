//! What was judged is judged again: by a reload, while it waits and while it runs.

use std::time::Duration;

use serde_json::{Value, json};
use tests::record::{Frame, Kind};
use tests::wait;

use crate::bench::ALLOW_ALL;
use crate::holds::{
    COUNT, CREATE, INSERT, LIMIT, POLICY, await_ask, bench, id, person, seen, start,
};
use crate::policies::reload;

const LOADED: &str = "\"policies loaded\"";

#[test]
fn an_approval_under_other_policies_is_void() {
    let bench = bench("void", POLICY);
    let mut driver = start(&bench, &[CREATE, INSERT]);
    let first = await_ask(&bench, &[]);
    reload(&bench, &format!("{POLICY}\n// Another version."), LOADED);
    let second = await_ask(&bench, &[id(&first)]);
    let state = || person(&bench, &["asks", id(&first)])["state"].clone();
    assert!(
        matches!(state().as_str(), Some("void" | "withdrawn")),
        "{}",
        state()
    );
    assert_eq!(bench.executions("insert"), 0);
    person(&bench, &["approve", id(&second)]);
    assert_eq!(seen(&bench, &mut driver)[1], json!([[2]]));
    assert_eq!(bench.executions("insert"), 1);
}

#[test]
fn a_statement_that_waits_goes_on_when_policy_allows_it() {
    let bench = bench("allowed", POLICY);
    let mut driver = start(&bench, &[CREATE, INSERT]);
    let ask = await_ask(&bench, &[]);
    reload(&bench, ALLOW_ALL, LOADED);
    assert_eq!(seen(&bench, &mut driver)[1], json!([[2]]));
    assert_ne!(person(&bench, &["asks", id(&ask)])["state"], "open");
    bench.await_metric("snowfence_holds_ended_total{outcome=\"allowed\"}", 1.0);
}

const NO_WRITES: &str = r#"
@id("free")
permit (principal, action in [Action::"login", Action::"observe", Action::"control",
    Action::"ddl", Action::"approve", Action::"operate"], resource);
"#;

#[test]
fn a_statement_that_waits_is_denied_when_policy_says_so() {
    let bench = bench("denied-later", POLICY);
    let mut driver = start(&bench, &[CREATE, INSERT, COUNT]);
    await_ask(&bench, &[]);
    reload(&bench, NO_WRITES, LOADED);
    let seen = seen(&bench, &mut driver);
    assert_eq!(
        (&seen[1][1], &seen[1][2]),
        (&json!(3001), &json!("42501")),
        "{seen}"
    );
    assert_eq!(seen[2], json!([[0]]));
    bench.await_metric(
        "snowfence_holds_ended_total{outcome=\"denied_by_policy\"}",
        1.0,
    );
    assert_eq!(bench.executions("insert"), 0);
}

/// Far longer than the test waits.
const LONG: &str = "select system$wait(50)";

const NO_READS: &str = r#"
@id("login-only")
permit (principal, action in [Action::"login", Action::"control", Action::"approve",
    Action::"operate"], resource);
"#;

fn aborts(rows: &[Value]) -> usize {
    let is_abort = |row: &&Value| {
        row["path"]
            .as_str()
            .is_some_and(|path| path.contains("abort-request"))
    };
    rows.iter().filter(is_abort).count()
}

#[test]
fn a_running_statement_that_lost_its_right_is_aborted() {
    let bench = bench("revoked", ALLOW_ALL);
    let mut driver = start(&bench, &[CREATE, LONG, "select 1"]);
    let runs = wait::until("the statement", LIMIT, || {
        Ok((bench.executions("system$wait") > 0).then_some(()))
    });
    runs.unwrap();
    reload(&bench, NO_READS, LOADED);
    let seen = seen(&bench, &mut driver);
    assert_eq!(
        (&seen[1][1], &seen[1][2]),
        (&json!(3001), &json!("42501")),
        "{seen}"
    );
    let text = seen[1][3].as_str().unwrap();
    assert!(text.contains("stopped while it ran"), "{text}");
    assert_eq!(seen[2][1], json!(3001), "{seen}");
    bench.await_metric("snowfence_statements_stopped_total", 1.0);
    let stopped = wait::until("the abort", Duration::from_secs(10), || {
        Ok((aborts(&bench.warehouse.received()?) == 1).then_some(()))
    });
    stopped.unwrap();
    // The abort is an operation of ours in the record.
    bench.await_frames(|frames| {
        let is_ours =
            |frame: &Frame| frame.kind == Kind::Decided && frame.payload["operation"] == "abort";
        frames.iter().any(is_ours)
    });
    bench.assert_record_is_whole();
}

const BY_GRANT: &str = r#"
@id("free")
permit (principal, action in [Action::"login", Action::"control", Action::"ddl",
    Action::"approve", Action::"operate"], resource);
@id("readers")
permit (principal in Role::"reader", action in [Action::"observe"], resource);
"#;

#[test]
fn a_running_statement_is_aborted_when_its_grant_is_revoked() {
    let bench = bench("grant-revoked", BY_GRANT);
    let grant = [
        "grant",
        "reader",
        "--workload",
        "agent",
        "--for",
        "1h",
        "--reason",
        "x",
    ];
    let grant = person(&bench, &grant);
    let mut driver = start(&bench, &["select 1", LONG, "select 1"]);
    let runs = wait::until("the statement", LIMIT, || {
        Ok((bench.executions("system$wait") > 0).then_some(()))
    });
    runs.unwrap_or_else(|error| panic!("{error}: {}{}", driver.log(), bench.daemon.log()));
    person(&bench, &["revoke", id(&grant)]);
    let seen = seen(&bench, &mut driver);
    assert_eq!(seen[0], json!([[1]]), "{seen}");
    let text = seen[1][3].as_str().unwrap();
    assert!(text.contains("stopped while it ran"), "{text}");
    assert_eq!(seen[2][1], json!(3001), "{seen}");
    bench.await_metric("snowfence_statements_stopped_total", 1.0);
}

#[test]
fn a_running_statement_that_keeps_its_right_goes_on() {
    let bench = bench("kept", ALLOW_ALL);
    let mut driver = start(&bench, &[CREATE, "select system$wait(6)"]);
    let runs = wait::until("the statement", LIMIT, || {
        Ok((bench.executions("system$wait") > 0).then_some(()))
    });
    runs.unwrap();
    reload(&bench, &format!("{ALLOW_ALL}\n// Another version."), LOADED);
    assert_eq!(seen(&bench, &mut driver)[1], json!([["waited 6 seconds"]]));
    assert_eq!(aborts(&bench.warehouse.received().unwrap()), 0);
}

#[test]
fn a_session_whose_login_lost_its_right_is_closed() {
    let bench = bench("closed", ALLOW_ALL);
    let script = "from client import *\nimport pathlib, sys\ntoken = session()\n\
                  pathlib.Path(sys.argv[1]).touch()\n\
                  ask = lambda: query(token, 'select 1')\n\
                  until(lambda: not ask().get('success'))\n\
                  report(ask()['code'])";
    let file = bench.environment.dir().join("logged-in");
    let mut client = bench.python(script).arg(&file).start("driver").unwrap();
    wait::until("the login", LIMIT, || Ok(file.exists().then_some(()))).unwrap();
    let no_login = r#"@id("all") permit (principal, action, resource);
                      @id("off") forbid (principal, action == Action::"login", resource);"#;
    reload(&bench, no_login, LOADED);
    assert_eq!(seen(&bench, &mut client), json!("390111"));
    bench.await_metric("snowfence_sessions_closed_total", 1.0);
    assert_eq!(bench.status()["sessions"], json!(0));
}
