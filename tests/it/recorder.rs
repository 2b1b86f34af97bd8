//! A recorder that cannot write: nothing is forwarded any more, and everyone is told why.

use serde_json::json;
use tests::Environment;

use crate::bench::{Bench, Plan};

/// Statements of 100 kB until one is refused, and what comes after it.
const FILL: &str = r"
from client import *
token = session()
for number in range(100):
    answer = query(token, f'select {number} -- ' + 'x' * 100_000)
    if not answer['success']:
        break
report([number, shown(answer), shown(query(token, 'select 1000')), shown(login())])
";

#[test]
fn a_full_disk_refuses_everything_and_forwards_nothing() {
    let environment = Environment::new("full").unwrap();
    mount(&environment, "2m");
    let plan = Plan {
        record: "reserve_bytes = \"0 KiB\"",
        ..Plan::default()
    };
    let bench = Bench::within(environment, &plan);

    let seen = bench.ask(FILL);
    let message = "Snowfence: the decision could not be recorded, so nothing was sent to \
                   Snowflake; tell the operator of this host, and try again later";
    let number = seen[0].as_u64().unwrap();
    assert!((10..30).contains(&number), "{seen}");
    assert_eq!(seen[1], json!([200, "003001", message]));
    assert_eq!(seen[2], json!([200, "003001", message]), "it stays closed");
    assert_eq!(seen[3], json!([200, "390100", message]));
    assert_eq!(bench.executions(&format!("select {number} ")), 0);
    assert_eq!(bench.executions("select 1000"), 0);
    let received = bench.warehouse.received().unwrap();
    let logins = received
        .iter()
        .filter(|row| row["path"] == "/session/v1/login-request");
    assert_eq!(logins.count(), 1);
    bench.await_metric("snowfence_record_failures_total", 1.0);
    let labels = "{operation=\"query\",outcome=\"recorder_failed\"}";
    bench.await_metric(&format!("snowfence_requests_total{labels}"), 2.0);
    let recorder = bench.status()["recorder"].clone();
    assert_eq!(recorder["writable"], false, "{recorder}");
    let segment = recorder["segment"].as_str().unwrap();
    assert!(segment.ends_with(".sfr"), "{recorder}");
}

#[test]
fn below_its_reserve_the_recorder_refuses_until_there_is_space_again() {
    let environment = Environment::new("low").unwrap();
    mount(&environment, "8m");
    let plan = Plan {
        record: "reserve_bytes = \"4 MiB\"",
        ..Plan::default()
    };
    let bench = Bench::within(environment, &plan);
    bench.assert_serves();
    in_record(&bench, "head -c 5M /dev/zero > \"$0/ballast\"");
    bench.await_metric("snowfence_record_writable", 0.0);
    let seen = bench.ask("from client import *\nreport(shown(login()))");
    let message = "Snowfence: the decision could not be recorded, so nothing was sent to \
                   Snowflake; tell the operator of this host, and try again later";
    assert_eq!(seen, json!([200, "390100", message]));
    let recorder = bench.status()["recorder"].clone();
    assert_eq!(recorder["writable"], false, "{recorder}");
    assert_eq!(recorder["low_space"], true, "{recorder}");
    bench.await_metric("snowfence_record_failures_total", 0.0);

    in_record(&bench, "rm \"$0/ballast\"");
    bench.await_metric("snowfence_record_writable", 1.0);
    bench.assert_serves();
    let recorder = bench.status()["recorder"].clone();
    assert_eq!(recorder["writable"], true, "{recorder}");
    assert_eq!(recorder["host"].as_str().map(str::len), Some(64));
}

/// Gives the recording a file system of its own, which only this environment sees.
#[track_caller]
fn mount(environment: &Environment, size: &str) {
    let script = "set -e; mkdir -p -m 700 \"$0\"; \
                  mount -t tmpfs -o \"size=$1,mode=700\" tmpfs \"$0\"";
    let shell = environment.outside("/bin/sh").args(["-c", script]);
    let record = tests::daemon::Files::of(environment).record;
    let mounted = shell.arg(&record).arg(size).output().unwrap();
    assert!(mounted.status.success(), "{mounted:?}");
}

/// Runs a script where the recording can be seen.
#[track_caller]
fn in_record(bench: &Bench, script: &str) {
    let shell = bench.environment.outside("/bin/sh").args(["-c", script]);
    let done = shell.arg(&bench.daemon.files().record).output().unwrap();
    assert!(done.status.success(), "{done:?}");
}
