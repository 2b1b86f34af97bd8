//! Chunks come through us: links that expire and storage that fails in the middle of a fetch.

use serde_json::{Value, json};

use crate::bench::{Bench, Plan};

const ROWS: usize = 12_000;

const CHUNKED: Plan<'_> = Plan {
    variables: &[],
    warehouse: "inline_rows = 100\nchunk_rows = 2000",
    credentials: None,
    policy: crate::bench::ALLOW_ALL,
    labels: "",
    record: "",
    scope: "",
    more: "[limits]\nupstream_timeout = \"3s\"",
};

/// The stock driver fetches a large result; what it says of it.
const DRIVER: &str = r#"
import json
import snowflake.connector
connection = snowflake.connector.connect(
    account="testorg-testacct", user="agent", password="x", login_timeout=20, network_timeout=20)
try:
    cursor = connection.cursor()
    cursor.execute("select seq4() as n from table(generator(rowcount => 12000))")
    rows = cursor.fetchall()
    print(json.dumps([len(rows), sum(row[0] for row in rows)]))
except snowflake.connector.errors.Error as error:
    print(json.dumps([type(error).__name__, error.errno, str(error)]))
"#;

fn whole() -> Value {
    json!([ROWS, ROWS * (ROWS - 1) / 2])
}

#[track_caller]
fn check(bench: &Bench, faults: &[Value]) -> Value {
    for fault in faults {
        bench.inject(fault);
    }
    let before = bench.executions("generator");
    let seen = bench.ask(DRIVER);
    assert_eq!(bench.executions("generator"), before + 1, "{seen}");
    bench.clear_faults();
    seen
}

#[test]
fn links_that_expire_are_renewed_and_the_statement_is_not_run_again() {
    let bench = Bench::with("links", &CHUNKED);
    let storage = "sfc-stage.s3.test.amazonaws.com";
    let expired = json!({"kind": "chunk_403", "skip": 1, "count": 2});
    assert_eq!(check(&bench, &[expired]), whole());
    let reset = json!({"kind": "reset", "host": storage, "skip": 1});
    let busy = json!({"kind": "status", "host": storage, "skip": 2});
    assert_eq!(
        check(&bench, &[reset, busy]),
        whole(),
        "a failure that passes"
    );
    let received = bench.warehouse.received().unwrap();
    let asked_again = received.iter().filter(|row| {
        let path = row["path"].as_str().unwrap_or_default();
        path.starts_with("/queries/") && path.ends_with("/result")
    });
    assert!(asked_again.count() >= 1);
    bench.assert_serves();
    bench.assert_record_is_whole();
}

#[test]
fn a_chunk_that_is_cut_is_fetched_again_by_the_driver() {
    let bench = Bench::with("cut", &CHUNKED);
    let storage = "sfc-stage.s3.test.amazonaws.com";
    let cut = json!({"kind": "truncate", "host": storage, "skip": 2});
    assert_eq!(check(&bench, &[cut]), whole());
    bench.assert_serves();
    bench.assert_record_is_whole();
}

/// The Python driver asks ten times, with waits of up to 16 s, whoever refuses it; each time we
/// answer at once.
#[test]
fn storage_that_stays_away_is_a_refusal_each_time() {
    let bench = Bench::with("storage", &CHUNKED);
    let storage = "sfc-stage.s3.test.amazonaws.com";
    bench.inject(&json!({"kind": "chunk_403", "count": 2}));
    bench.inject(&json!({"kind": "stall", "host": storage, "seconds": 8, "skip": 2}));
    bench.inject(&json!({"kind": "status", "host": storage, "skip": 2, "count": 3}));
    let seen = bench.ask(
        r"
from urllib.parse import urlsplit
from client import *
data = query(session(), 'select seq4() from table(generator(rowcount => 12000))')['data']
def fetch():
    return shown(request('GET', urlsplit(data['chunks'][0]['url']).path, None, **data['chunkHeaders']))
report([fetch(), fetch(), fetch(), fetch()[:2]])",
    );
    let refused = |message: &str| json!([404, "390400", format!("Snowfence: {message}")]);
    assert_eq!(
        seen,
        json!([
            refused(&format!(
                "`{storage}` no longer serves the result chunk (HTTP status 403): its link expired"
            )),
            refused(&format!("`{storage}` did not answer within 3 s")),
            refused(&format!("`{storage}` answered with HTTP status 503")),
            [200, null],
        ])
    );
    // With a fresh link it was tried again, which is an entry of its own.
    let endings = [
        ("chunk_unknown", 2_u8),
        ("upstream_timeout", 1),
        ("upstream_unreachable", 1),
    ];
    for (outcome, times) in endings {
        let labels = format!("operation=\"chunk\",outcome=\"{outcome}\"");
        let sample = format!("snowfence_requests_total{{{labels}}}");
        bench.await_metric(&sample, f64::from(times));
        bench.await_endings(outcome, usize::from(times));
    }
    bench.assert_serves();
    bench.assert_record_is_whole();
}
