//! The SQL API: a plain HTTPS client in the scope, and the same spine behind it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::Environment;
use tests::record::{Frame, Kind};

use crate::bench::{ALLOW_ALL, Bench, Plan, reported, write_private};
use crate::holds::{INSERT, POLICY, await_ask, id, person};

pub(crate) const TOKEN: &str = "real-access-token-of-bearer-4711";
const PLACEHOLDER: &str = "placeholder-token-of-the-client";

pub(crate) const WAREHOUSE: &str = r#"
inline_rows = 100
chunk_rows = 1000
[[user]]
name = "BEARER"
access_tokens = ["real-access-token-of-bearer-4711"]
"#;

fn bench(name: &str, policy: &str) -> Bench {
    bench_of(name, WAREHOUSE, policy, "")
}

/// A bench with a credential that the SQL API takes.
pub(crate) fn bench_of(name: &str, warehouse: &str, policy: &str, labels: &str) -> Bench {
    let environment = Environment::new(name).unwrap();
    let dir = environment.dir().to_owned();
    write_private(&dir.join("token"), TOKEN);
    let credentials = format!(
        "[[credential]]\nname = \"c\"\naccount = \"testorg-testacct\"\nuser = \"BEARER\"\n\
         kind = \"programmatic-access-token\"\ntoken = {{ file = \"{}/token\" }}",
        dir.display()
    );
    let plan = Plan {
        warehouse,
        credentials: Some(&credentials),
        policy,
        labels,
        more: "[limits]\nhold_poll = \"2s\"",
        ..Plan::default()
    };
    Bench::within(environment, &plan)
}

/// The operations that were decided, oldest first, with their verdicts.
fn decided(frames: &[Frame]) -> Vec<(String, String)> {
    // A denial is one with its ending.
    let decided = frames
        .iter()
        .filter(|frame| frame.payload["verdict"].is_string());
    let text =
        |frame: &Frame, key: &str| frame.payload[key].as_str().unwrap_or_default().to_owned();
    decided
        .map(|frame| (text(frame, "operation"), text(frame, "verdict")))
        .collect()
}

fn pair(operation: &str, verdict: &str) -> (String, String) {
    (operation.to_owned(), verdict.to_owned())
}

/// What reached the account's SQL API.
pub(crate) fn reached(bench: &Bench) -> Vec<Value> {
    let of_api = |row: &Value| {
        row["path"]
            .as_str()
            .is_some_and(|path| path.starts_with("/api/"))
    };
    let rows = bench.warehouse.received().unwrap();
    rows.into_iter().filter(of_api).collect()
}

#[test]
fn a_statement_is_judged_recorded_and_sent_with_our_credential() {
    let bench = bench("api-read", ALLOW_ALL);
    let seen = bench.ask(
        "from client import *
first = statement('select ? as n, true as b', '?nullable=true', bindings={'1': {'type': 'FIXED', 'value': '7'}},
    parameters={'timezone': 'UTC', 'QUERY_TAG': 'mine'}, timeout=20)
again = api('GET', '/' + first['statementHandle'])
report([first, again])",
    );
    let (first, again) = (&seen[0], &seen[1]);
    assert_eq!(first["status"], 200, "{seen}");
    assert_eq!(first["data"], json!([["7", "true"]]));
    assert_eq!(first["resultSetMetaData"]["numRows"], 1);
    assert_eq!(first["resultSetMetaData"]["rowType"][0]["name"], "N");
    let handle = first["statementHandle"].as_str().unwrap();
    let url = format!("/api/v2/statements/{handle}");
    assert_eq!(first["statementStatusUrl"], url);
    let link = first["link"].as_str().unwrap();
    assert!(link.starts_with(&format!("<{url}?partition=0>")), "{link}");
    assert_eq!(again["data"], first["data"]);

    let frames = bench.await_endings("answer", 3);
    let expected = [
        pair("login", "allow"),
        pair("query", "allow"),
        pair("api_result", "allow"),
    ];
    assert_eq!(decided(&frames), expected);
    let query = frames
        .iter()
        .find(|frame| frame.payload["operation"] == "query")
        .unwrap();
    assert_eq!(
        query.payload["statement"]["text"],
        "select ? as n, true as b"
    );
    assert_eq!(query.payload["credential"], "c");

    assert_sent(&bench);
    // The client's token is nowhere but with the client, and ours nowhere but upstream.
    let recorded = format!("{frames:?}{}{seen}", bench.daemon.log());
    assert!(!recorded.contains(PLACEHOLDER) && !recorded.contains(TOKEN));
    bench.assert_record_is_whole();
}

/// What was judged reached the account, with our token and no other.
#[track_caller]
fn assert_sent(bench: &Bench) {
    let rows = reached(bench);
    let sent = &rows[0];
    assert_eq!(sent["auth"], "PROGRAMMATIC_ACCESS_TOKEN");
    let keys: BTreeSet<&str> = sent["body"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let expected = [
        "bindings",
        "database",
        "parameters",
        "role",
        "schema",
        "statement",
        "timeout",
        "warehouse",
    ];
    assert_eq!(keys, BTreeSet::from(expected));
    let body = &sent["body"];
    assert_eq!(
        (&body["database"], &body["role"]),
        (&json!("DEMO"), &json!("ANALYST"))
    );
    let tag: Value =
        serde_json::from_str(body["parameters"]["QUERY_TAG"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&tag["tag"], &tag["snowfence"]["workload"]),
        (&json!("mine"), &json!("agent"))
    );
    for row in &rows {
        assert_eq!(
            row["headers"].to_string().matches(TOKEN).count(),
            1,
            "{row}"
        );
        assert!(!row.to_string().contains(PLACEHOLDER), "{row}");
    }
}

#[test]
fn what_policy_denies_fails_and_reaches_nobody() {
    let bench = bench("api-denied", POLICY);
    let seen = bench.ask(
        "from client import *
report([told(statement('drop user u')), told(statement('select 1')), told(statement('this is no sql'))])",
    );
    assert_eq!(
        (&seen[0][0], &seen[0][1]),
        (&json!(422), &json!("003001")),
        "{seen}"
    );
    assert_eq!(seen[1], json!([200, "090001", [["1"]]]));
    assert_eq!(seen[2][0], 422, "{seen}");
    assert_eq!(bench.executions("drop"), 0);
    assert_eq!(bench.executions("no sql"), 0);
    let frames = bench.await_endings("answer", 2);
    assert!(decided(&frames).contains(&pair("query", "deny")));
    assert_eq!(Bench::endings(&frames).get("denied_by_policy"), Some(&2));
}

#[test]
fn a_login_that_policy_denies_lets_no_statement_through() {
    let policy = r#"@id("reads") permit (principal, action in [Action::"observe"], resource);"#;
    let bench = bench("api-login", policy);
    let seen = bench.ask("from client import *\nreport(told(statement('select 1')))");
    assert_eq!(
        (&seen[0], &seen[1]),
        (&json!(422), &json!("003001")),
        "{seen}"
    );
    assert!(reached(&bench).is_empty());
    let frames = bench.await_endings("denied_by_policy", 2);
    assert_eq!(decided(&frames), [pair("login", "deny")]);
}

/// Sends a statement that is held, and asks for it until it is answered otherwise.
const HELD: &str = "
from client import *
statement('create or replace table held (n int)')
first = statement('insert into held values (1), (2)')
seen = [first]
def answered():
    seen.append(api('GET', '/' + first['statementHandle']))
    return seen[-1]['status'] != 202
until(answered, 60)
seen.append(api('GET', '/' + first['statementHandle']))
seen.append(statement('select count(*) from held'))
report([seen[0], seen[-3], seen[-2], seen[-1]])
";

#[test]
fn a_held_statement_runs_once_when_it_is_approved() {
    let bench = bench("api-held", POLICY);
    let mut client = bench.python(HELD).start("client").unwrap();
    let ask = await_ask(&bench, &[]);
    assert_eq!(ask["subject"]["text"], INSERT);
    assert_eq!(bench.executions("insert"), 0);
    // The first answer was given by then.
    bench.await_frames(|frames| decided(frames).contains(&pair("api_result", "allow")));
    person(&bench, &["approve", id(&ask)]);
    let seen = crate::holds::seen(&bench, &mut client);
    let (first, done, again) = (&seen[0], &seen[1], &seen[2]);
    assert_eq!(
        (&first["status"], &first["code"]),
        (&json!(202), &json!("333334")),
        "{seen}"
    );
    let handle = first["statementHandle"].as_str().unwrap();
    assert!(
        first["message"].as_str().unwrap().contains(id(&ask)),
        "{first}"
    );
    assert_eq!(
        first["statementStatusUrl"],
        format!("/api/v2/statements/{handle}")
    );
    for answer in [done, again] {
        assert_eq!(
            (&answer["status"], &answer["data"]),
            (&json!(200), &json!([["2"]])),
            "{seen}"
        );
        assert_eq!(answer["stats"]["numRowsInserted"], 2);
        assert_eq!(answer["statementHandle"], handle);
    }
    assert_eq!(seen[3]["data"], json!([["2"]]));
    assert_eq!(bench.executions("insert"), 1);
    bench.assert_record_is_whole();
    let frames = bench.await_frames(|_| true);
    let approved = |frame: &&Frame| {
        frame.kind == Kind::Decided && frame.payload["approval"]["approved_by"].is_array()
    };
    assert_eq!(frames.iter().filter(approved).count(), 1);
}

#[test]
fn a_held_statement_that_is_cancelled_never_runs() {
    let bench = bench("api-cancelled", POLICY);
    let seen = bench.ask(
        "from client import *
statement('create or replace table held (n int)')
first = statement('insert into held values (1), (2)', '?async=true')
place = '/' + first['statementHandle']
report([told(first)[:2], told(api('POST', place + '/cancel')), told(api('GET', place)),
    told(api('POST', place + '/cancel')), told(api('GET', place + '?partition=1'))])",
    );
    assert_eq!(seen[0], json!([202, "333334"]), "{seen}");
    assert_eq!(seen[1], json!([200, "000604", "SQL execution canceled"]));
    assert_eq!((&seen[2][0], &seen[2][1]), (&json!(422), &json!("000604")));
    assert_eq!((&seen[3][0], &seen[3][1]), (&json!(422), &json!("000605")));
    assert_eq!(bench.executions("insert"), 0);
    bench.await_metric("snowfence_holds_ended_total{outcome=\"cancelled\"}", 1.0);
}

#[test]
fn what_runs_is_asked_for_and_cancelled() {
    let bench = bench("api-async", ALLOW_ALL);
    let seen = bench.ask(
        "from client import *
first = statement('select system$wait(2)', '?async=true&requestId=' + str(uuid.uuid4()))
place = '/' + first['statementHandle']
polls = []
def done():
    polls.append(api('GET', place))
    return polls[-1]['status'] != 202
until(done)
long = statement('select system$wait(60)', '?async=true')
other = '/' + long['statementHandle']
report([told(first)[:2], first['statementStatusUrl'] == STATEMENTS + place, told(polls[-1]),
    told(api('POST', other + '/cancel'))[:2], told(api('GET', other))[:2]])",
    );
    assert_eq!(seen[0], json!([202, "333334"]), "{seen}");
    assert_eq!(seen[1], true);
    assert_eq!(seen[2], json!([200, "090001", [["waited 2 seconds"]]]));
    assert_eq!(seen[3], json!([200, "000604"]));
    assert_eq!(seen[4], json!([422, "000604"]));
    let frames =
        bench.await_frames(|frames| decided(frames).contains(&pair("api_cancel", "allow")));
    let cancelled = frames
        .iter()
        .find(|frame| frame.payload["operation"] == "api_cancel")
        .unwrap();
    assert!(cancelled.payload["query"].is_string());
}

#[test]
fn a_large_result_comes_in_partitions_and_only_in_order() {
    let bench = bench("api-partitions", ALLOW_ALL);
    let seen = bench.ask(
        "from client import *
text = 'select seq4() as n from table(generator(rowcount => 3000))'
hasty = statement(text, '?async=true')
place = '/' + hasty['statementHandle']
early = api('GET', place + '?partition=1')
first = api('GET', place)
count = len(first['resultSetMetaData']['partitionInfo'])
rest = [api('GET', f'{place}?partition={n}') for n in range(1, count)]
rows = first['data'] + [row for part in rest for row in part['data']]
report([told(early), count, sorted(int(row[0]) for row in rows) == list(range(3000)), first['link'],
    rest[0]['link'], sorted(rest[0]), told(api('GET', f'{place}?partition={count}'))[:2]])",
    );
    assert_eq!(
        (&seen[0][0], &seen[0][1]),
        (&json!(422), &json!("003001")),
        "{seen}"
    );
    assert_eq!((&seen[1], &seen[2]), (&json!(4), &json!(true)));
    let (first, second) = (seen[3].as_str().unwrap(), seen[4].as_str());
    assert!(
        first.contains("?partition=1>;rel=\"next\"")
            && first.contains("?partition=3>;rel=\"last\"")
    );
    assert!(!first.contains("requestId"));
    assert_eq!(second, None);
    assert_eq!(seen[5], json!(["data", "link", "status"]));
    assert_eq!(seen[6][0], 422);
    let frames = bench.await_frames(|frames| decided(frames).len() >= 7);
    let rows: Vec<u64> = frames
        .iter()
        .filter_map(|frame| frame.payload["rows"].as_u64())
        .collect();
    assert!(rows.contains(&1000), "{rows:?}");
}

#[test]
fn a_handle_of_another_workload_is_refused_before_anyone_is_asked() {
    let bench = bench("api-foreign", ALLOW_ALL);
    let owned = bench.ask(
        "from client import *
report([statement('select 7')['statementHandle'], statement('select system$wait(30)', '?async=true')['statementHandle']])",
    );
    let before = reached(&bench).len();
    let script = format!(
        "from client import *
done, running = {owned}
report([told(api('GET', '/' + done)), told(api('GET', '/' + done + '?partition=1')),
    told(api('POST', '/' + running + '/cancel')), told(api('GET', '/' + running)),
    told(statement(\"select * from table(result_scan('\" + done + \"'))\")),
    shown(request('GET', '/queries/' + done + '/result', None, session()))])"
    );
    let seen = reported(&bench.python_in_child(&script).output().unwrap());
    for answer in seen.as_array().unwrap() {
        assert_eq!(answer[1], "003001", "{seen}");
        assert!(
            answer[2]
                .as_str()
                .unwrap()
                .contains("is not one of a statement that you ran"),
            "{answer}"
        );
    }
    assert_eq!(reached(&bench).len(), before);
    bench.await_endings("foreign_query", 6);
}

#[test]
fn several_statements_have_a_handle_each_and_errors_are_the_upstreams() {
    let bench = bench("api-several", ALLOW_ALL);
    let seen = bench.ask(
        "from client import *
both = statement('select 1; select 2', parameters={'MULTI_STATEMENT_COUNT': '2'})
parts = [told(api('GET', '/' + handle)) for handle in both['statementHandles']]
report([told(both)[:2], parts, told(statement('select * from nothing_here')), told(statement('select system$wait(30)', timeout=1))[:2]])",
    );
    assert_eq!(seen[0], json!([200, "090001"]), "{seen}");
    assert_eq!(
        seen[1],
        json!([[200, "090001", [["1"]]], [200, "090001", [["2"]]]])
    );
    assert_eq!(seen[2][0], 422);
    assert!(
        seen[2][2]
            .as_str()
            .unwrap()
            .contains("does not exist or not authorized"),
        "{seen}"
    );
    assert_eq!(seen[3], json!([408, "000630"]));
}

#[test]
fn a_request_that_could_mean_something_else_is_refused() {
    let bench = bench("api-strict", ALLOW_ALL);
    let seen = bench.ask(
        "from client import *
asked = lambda text, parameters='', **fields: told(statement(text, parameters, **fields))[:2]
report([
    asked('select 1', '?pageSize=10'), asked('select 1', '?nullable=false'), asked('select 1', plan='x'),
    asked(''), asked('select 1', database='a.b'), asked('select 1', async_='x'),
    told(api('PUT', '', {'statement': 'select 1'}))[:2], told(api('GET', ''))[:2], told(api('GET', '/x'))[:2],
    told(api('POST', '', {'statement': 'select 1'}, Authorization='Snowflake Token=\"x\"'))[:2],
    told(request('GET', '/api/v2/databases'))[0],
])",
    );
    let seen = seen.as_array().unwrap();
    for answer in &seen[..6] {
        assert_eq!(answer, &json!([422, "001003"]), "{seen:?}");
    }
    for answer in &seen[6..9] {
        assert_eq!(answer, &json!([404, "390404"]), "{seen:?}");
    }
    assert_eq!(seen[9], json!([422, "001003"]));
    assert_eq!(seen[10], 404);
    assert!(reached(&bench).is_empty());
}

#[test]
fn an_answer_that_nobody_has_described_is_withheld() {
    let bench = bench("api-odd", ALLOW_ALL);
    for kind in ["unknown_key", "row_count", "broken_json"] {
        bench.inject(&json!({"kind": kind, "path": "/api/v2/statements"}));
        let seen = bench.ask("from client import *\nreport(told(statement('select 4711')))");
        assert_eq!(
            (&seen[0], &seen[1]),
            (&json!(422), &json!("000610")),
            "{kind}: {seen}"
        );
        assert!(!seen.to_string().contains("4711"), "{seen}");
    }
    bench.await_endings("upstream_answer", 3);
    bench.inject(&json!({"kind": "reset_after", "path": "/api/v2/statements"}));
    let seen = bench.ask("from client import *\nreport(told(statement('select 4712')))");
    assert_eq!(seen, json!([200, "090001", [["4712"]]]));
    assert_eq!(
        bench.executions("4712"),
        1,
        "a lost answer is asked for again"
    );
}

#[test]
fn a_statement_that_is_sent_again_runs_once_and_never_as_another() {
    let bench = bench("api-again", ALLOW_ALL);
    let script = "from client import *
same = '?requestId=4d2f7b34-6f0a-4e5e-9c1e-0123456789ab'
ask = lambda text, more='': told(statement(text, same + more))
report([ask('select 4713'), ask('select 4713'), ask('select 4713', '&retry=true'), ask('select 1', '&retry=true')])";
    let seen = bench.ask(script);
    for answer in 0..3 {
        assert_eq!(seen[answer], json!([200, "090001", [["4713"]]]), "{seen}");
    }
    assert_eq!((&seen[3][0], &seen[3][1]), (&json!(422), &json!("001003")));
    assert_eq!(bench.executions("4713"), 1, "{:#?}", reached(&bench));
    // At Snowflake both are the same user: the id of one workload is none of the other's.
    let other = reported(&bench.python_in_child(script).output().unwrap());
    assert_eq!(other[0], json!([200, "090001", [["4713"]]]), "{other}");
    assert_eq!(bench.executions("4713"), 2);
}

const TEN_ROWS: &str = r#"
@id("login") permit (principal, action in [Action::"login"], resource);
@id("ten") @max_rows("10")
permit (principal, action in [Action::"observe", Action::"control"], resource);
"#;

#[test]
fn the_bounds_of_a_permit_hold_for_every_way() {
    let bench = bench("api-bounds", TEN_ROWS);
    let seen = bench.ask(
        "from client import *
many = lambda n: told(statement(f'select seq4() from table(generator(rowcount => {n}))'))
report([len(many(10)[2]), many(11)])",
    );
    assert_eq!(seen[0], 10, "{seen}");
    assert_eq!(seen[1][0], 422);
    assert!(
        seen[1][2]
            .as_str()
            .unwrap()
            .contains("more than the 10 rows"),
        "{seen}"
    );
    assert_eq!(
        reached(&bench)[0]["body"]["parameters"]["ROWS_PER_RESULTSET"],
        "11"
    );
    bench.await_endings("result_too_large", 1);
}

const LOGIN_ONLY: &str =
    "@id(\"login\") permit (principal, action in [Action::\"login\"], resource);";

#[test]
fn a_statement_that_runs_is_stopped_when_its_right_ends() {
    let bench = bench("api-lost", ALLOW_ALL);
    let handle = bench.ask("from client import *\nreport(statement('select system$wait(50)', '?async=true')['statementHandle'])");
    crate::policies::reload(&bench, LOGIN_ONLY, "\"policies loaded\"");
    let place = format!("/api/v2/statements/{}/cancel", handle.as_str().unwrap());
    let stopped = tests::wait::until(
        "the cancellation",
        std::time::Duration::from_secs(10),
        || {
            Ok(reached(&bench)
                .iter()
                .any(|row| row["path"] == *place && row["status"] == 200)
                .then_some(()))
        },
    );
    assert!(stopped.is_ok(), "{}", bench.daemon.log());
}
