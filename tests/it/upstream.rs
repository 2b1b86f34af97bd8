//! The upstream misbehaves: the stock driver sees its normal retry or one clean error, a statement
//! runs once, and nothing is lost from the record.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

use anyhow::ensure;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::{Value, json};
use tests::wait;

use crate::bench::{Bench, Plan};

const QUICK: Plan<'_> = Plan {
    variables: &[],
    more: "[limits]\nupstream_timeout = \"3s\"",
    warehouse: "",
    credentials: None,
    policy: crate::bench::ALLOW_ALL,
    labels: "",
    record: "",
    scope: "",
};

/// The stock driver runs all statements in one session; each is `[rows]` or what the error says.
/// Before the last one it waits until the other end of the pipe is opened and closed.
const DRIVER: &str = r#"
import json, sys, time
import snowflake.connector
pipe, statements = sys.argv[1], sys.argv[2:]
connection = snowflake.connector.connect(
    account="testorg-testacct", user="agent", password="x", login_timeout=20, network_timeout=30)
seen = []
for statement in statements:
    if statement is statements[-1]:
        open(pipe).read()
    begin = time.monotonic()
    try:
        seen.append([list(row) for row in connection.cursor().execute(statement).fetchall()])
    except snowflake.connector.errors.Error as error:
        seen.append([type(error).__name__, error.errno, error.sqlstate, error.raw_msg])
    assert time.monotonic() - begin < 20, f"{statement} hangs"
print(json.dumps(seen))
"#;

/// A statement under a fault that waits for it, and what becomes of it.
struct Case {
    sql: &'static str,
    fault: Value,
    seen: Value,
    executions: usize,
}

const fn case(sql: &'static str, fault: Value, seen: Value, executions: usize) -> Case {
    Case {
        sql,
        fault,
        seen,
        executions,
    }
}

/// Runs the cases in one session of the stock driver; before the last, tokens expire.
#[track_caller]
fn check(bench: &Bench, expire: &str, cases: &[Case]) {
    for case in cases {
        let mut fault = case.fault.clone();
        if let Some(fields) = fault.as_object_mut() {
            fields.insert("sql".to_owned(), json!(case.sql));
            bench.inject(&fault);
        }
    }
    let pipe = bench.environment.dir().join("pipe");
    mkfifo(&pipe, Mode::S_IRWXU).unwrap();
    let client = bench.python(DRIVER).arg(&pipe);
    let mut client = client
        .args(cases.iter().map(|case| case.sql))
        .start("driver")
        .unwrap();
    let opened = wait::until("the driver's last statement", LIMIT, || {
        // Without a reader it fails.
        let opened = OpenOptions::new()
            .write(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(&pipe);
        ensure!(client.is_running(), "the driver ended");
        Ok(opened.ok())
    });
    let pipe = opened.unwrap_or_else(|error| panic!("{error}: {}", client.log()));
    bench.control("POST", "/expire", &json!({"what": expire}));
    drop(pipe);
    let ended = wait::until("the driver", LIMIT, || {
        Ok((!client.is_running()).then_some(()))
    });
    assert!(ended.is_ok(), "{}", client.log());
    let seen: Value = serde_json::from_str(client.log().lines().last().unwrap_or_default())
        .unwrap_or_else(|_| panic!("{}", client.log()));
    for (case, one) in cases.iter().zip(seen.as_array().unwrap()) {
        assert_eq!(one, &case.seen, "{} of {seen:#}", case.sql);
        assert_eq!(bench.executions(case.sql), case.executions, "{}", case.sql);
    }
    bench.clear_faults();
    bench.assert_serves();
    bench.assert_record_is_whole();
}

/// Three tries of three seconds, for each of the slow cases.
const LIMIT: Duration = Duration::from_secs(60);

/// The error of the driver for one of our own refusals.
fn failed(errno: u32, state: &str, message: &str) -> Value {
    json!([
        "ProgrammingError",
        errno,
        state,
        format!("Snowfence: {message}")
    ])
}

/// The same for an upstream that failed.
fn gone(message: &str) -> Value {
    failed(610, "08006", message)
}

const HOST: &str = "testorg-testacct.snowflakecomputing.com";

#[test]
fn a_failure_that_passes_is_not_seen_and_the_statement_runs_once() {
    let bench = Bench::with("passing-fault", &QUICK);
    check(
        &bench,
        "session",
        &[
            case(
                "select 'reset'",
                json!({"kind": "reset"}),
                json!([["reset"]]),
                1,
            ),
            case(
                "select 'answer lost'",
                json!({"kind": "reset_after"}),
                json!([["answer lost"]]),
                1,
            ),
            case(
                "select '503'",
                json!({"kind": "status", "count": 2}),
                json!([["503"]]),
                1,
            ),
            case(
                "select 'truncated'",
                json!({"kind": "truncate"}),
                json!([["truncated"]]),
                1,
            ),
            case(
                "select 'in progress'",
                json!({"kind": "in_progress"}),
                json!([["in progress"]]),
                1,
            ),
            case(
                "select 'session expired'",
                Value::Null,
                json!([["session expired"]]),
                1,
            ),
        ],
    );
}

#[test]
fn a_failure_that_stays_is_one_clean_error() {
    let bench = Bench::with("lasting-fault", &QUICK);
    check(
        &bench,
        "all",
        &[
            case(
                "select 'always 503'",
                json!({"kind": "status", "count": 100}),
                gone(&format!("`{HOST}` answered with HTTP status 503")),
                0,
            ),
            case(
                "select 'redirect'",
                json!({"kind": "status", "status": 302}),
                gone(&format!(
                    "`{HOST}` redirects with HTTP status 302, which is not followed: name \
                         the account's own host in `[[account]] hosts`"
                )),
                0,
            ),
            case(
                "select 'stall'",
                json!({"kind": "stall", "seconds": 8}),
                failed(630, "57014", &format!("`{HOST}` did not answer within 3 s")),
                0,
            ),
            case(
                "select 'broken json'",
                json!({"kind": "broken_json"}),
                gone(&format!(
                    "the answer of `{HOST}` is not what Snowflake sends"
                )),
                1,
            ),
            // The rows are the driver's to decode: we pass on what needs no change.
            case(
                "select 'broken arrow'",
                json!({"kind": "broken_arrow"}),
                json!([
                    "OperationalError",
                    255_005,
                    "n/a",
                    "Failed to open arrow stream: [Snowflake Exception] error getting schema from \
                     stream, error code: 22, error info: Expected 0xFFFFFFFF at start of message \
                     but found 0x20746F6E"
                ]),
                1,
            ),
            case(
                "select 'master expired'",
                Value::Null,
                json!([
                    "ProgrammingError",
                    390_111,
                    "n/a",
                    "Session no longer exists.  New login required to access the service."
                ]),
                0,
            ),
        ],
    );
}
