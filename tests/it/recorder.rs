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
    let record = tests::daemon::Files::of(&environment).record;
    // Visible in this environment's own mount namespace only.
    let mount = environment.outside("/bin/sh").args([
        "-c",
        "set -e; mkdir -p -m 700 \"$0\"; mount -t tmpfs -o size=2m,mode=700 tmpfs \"$0\"",
    ]);
    let mounted = mount.arg(&record).output().unwrap();
    assert!(mounted.status.success(), "{mounted:?}");
    let bench = Bench::within(environment, &Plan::default());

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
