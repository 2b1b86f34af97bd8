//! Workloads that stand still while people decide, and workloads that are ended.

use std::fs;

use serde_json::json;
use tests::cgroup::Place;
use tests::process::Process;
use tests::{Client, Daemon, wait};

use crate::bench::Bench;
use crate::holds::{
    COUNT, CREATE, DRIVER, INSERT, LIMIT, POLICY, await_ask, bench, id, person, seen, start,
};

const FREEZE: &str = "@freeze @approvals";

fn frozen(bench: &Bench) -> bool {
    let path = bench.environment.tree().path(Place::Agents).join("other");
    let events = fs::read_to_string(path.join("cgroup.events")).unwrap_or_default();
    events.lines().any(|line| line == "frozen 1")
}

#[track_caller]
fn await_frozen(bench: &Bench, expected: bool) {
    let reached = wait::until("the kernel", LIMIT, || {
        Ok((frozen(bench) == expected).then_some(()))
    });
    assert!(reached.is_ok(), "{}", bench.daemon.log());
}

fn start_in_child(bench: &Bench, statements: &[&str]) -> Process {
    let client: Client = bench.python_in_child(DRIVER).args(statements);
    client.limit(LIMIT).start("driver").unwrap()
}

#[test]
fn a_frozen_workload_resumes_on_approval_and_gets_its_rows() {
    let bench = bench("frozen", &POLICY.replace("@approvals", FREEZE));
    let mut driver = start_in_child(&bench, &[CREATE, INSERT, COUNT]);
    let ask = await_ask(&bench, &[]);
    await_frozen(&bench, true);
    bench.await_metric("snowfence_workloads_frozen", 1.0);
    assert_eq!(bench.status()["holds"][0]["frozen"], json!(true));
    person(&bench, &["approve", id(&ask)]);
    let seen = seen(&bench, &mut driver);
    assert_eq!(seen[1], json!([[2]]), "{seen}");
    assert!(!frozen(&bench));
    bench.await_metric("snowfence_workloads_frozen", 0.0);

    // The scope itself is never frozen: others live in it.
    let mut driver = start(&bench, &[INSERT]);
    let ask = await_ask(&bench, &[]);
    assert!(bench.daemon.log().contains("not strictly inside a scope"));
    person(&bench, &["deny", id(&ask), "--note", "no"]);
    self::seen(&bench, &mut driver);
}

#[test]
fn nobody_stays_frozen_when_the_daemon_stops_or_dies() {
    let mut bench = bench("thawed", &POLICY.replace("@approvals", FREEZE));
    let mut driver = start_in_child(&bench, &[CREATE, INSERT]);
    await_ask(&bench, &[]);
    await_frozen(&bench, true);
    bench.daemon.process().kill().unwrap();
    assert!(frozen(&bench), "nobody is there to thaw it");
    bench.daemon = Daemon::restart(&bench.environment).unwrap();
    await_frozen(&bench, false);
    driver.kill().unwrap();

    let mut driver = start_in_child(&bench, &[CREATE, INSERT]);
    wait::until("an ask", LIMIT, || Ok(frozen(&bench).then_some(()))).unwrap();
    bench.daemon.process().stop().unwrap();
    assert!(!frozen(&bench));
    driver.kill().unwrap();
    assert!(
        !bench
            .daemon
            .files()
            .access
            .with_extension("frozen")
            .exists()
    );
}

/// Whoever asks for that is ended, and everything beside it in its cgroup.
const KILL: &str = r#"
@id("all") permit (principal, action, resource);
@id("trap") @kill forbid (principal, action == Action::"drop", resource);
"#;

#[test]
fn a_workload_that_policy_ends_is_ended() {
    let bench = bench("killed-by-policy", KILL);
    let mut driver = start_in_child(&bench, &[CREATE, "drop table held", COUNT]);
    let ended = wait::until("the driver", LIMIT, || {
        Ok((!driver.is_running()).then_some(()))
    });
    assert!(ended.is_ok(), "{}", bench.daemon.log());
    assert!(!driver.log().contains("held"), "{}", driver.log());
    assert!(!driver.log().lines().any(|line| line.starts_with('[')));
    bench.await_metric("snowfence_workloads_killed_total", 1.0);
    assert_eq!(bench.executions("drop table"), 0);
    bench.assert_serves();
}
