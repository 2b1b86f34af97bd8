//! What belongs to one workload is useless to another one, also on the same host and as root.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Client, wait};

use crate::bench::{Bench, Plan, reported};

/// Logs in, runs a statement with chunks, starts one that goes on, and tells everything it got.
const OWNER: &str = r"
from client import *
token = session()
small = query(token, 'select 7')
running, id = str(uuid.uuid4()), None
large = query(token, 'select seq4() from table(generator(rowcount => 3000))')['data']
background = query(token, 'select system$wait(20)', running, asyncExec=True)
report({
    'token': token,
    'query': small['data']['queryId'],
    'running': background['data']['queryId'],
    'request': running,
    'chunk': large['chunks'][0]['url'],
    'headers': large['chunkHeaders'],
})
";

/// Tries to use it all, given the owner's report and the token to use.
const USER: &str = r#"
import sys
from urllib.parse import urlsplit
from client import *
loot = json.loads(sys.argv[1])
token = loot["token"] if sys.argv[2] == "stolen" else session()
chunk = urlsplit(loot["chunk"])
report({
    "abort": shown(request("POST", f"/queries/{loot['running']}/abort-request", {}, token)),
    "statement": shown(query(token, "select 1")),
    "result": shown(request("GET", f"/queries/{loot['query']}/result", None, token)),
    "scan": shown(query(token, f"select * from table(result_scan('{loot['query']}'))")),
    "monitor": shown(request("GET", f"/monitoring/queries/{loot['query']}", None, token)),
    "abort by request": shown(request("POST", "/queries/v1/abort-request", {"requestId": loot["request"]}, token)),
    "chunk": request("GET", chunk.path, None, **loot["headers"])["status"],
    "renew": shown(request("POST", "/session/token-request", {"oldSessionToken": token, "requestType": "RENEW"}, token)),
    "close": shown(request("POST", "/session?delete=true", {}, loot["token"])) if sys.argv[2] == "stolen" else None,
})
"#;

const CHUNKED: Plan<'_> = Plan {
    variables: &[],
    warehouse: "inline_rows = 100\nchunk_rows = 1000",
    credentials: None,
    policy: crate::bench::ALLOW_ALL,
    labels: "",
    record: "",
    scope: "",
    more: "",
};

/// The message with which an id of someone else is refused.
fn not_yours(id: &Value) -> Value {
    let id = id.as_str().unwrap();
    json!([
        200,
        "003001",
        format!(
            "Snowfence: the query id `{id}` is not one of a statement that you ran; run your own"
        )
    ])
}

#[test]
fn what_one_workload_got_is_useless_to_another() {
    let bench = Bench::with("foreign", &CHUNKED);
    let loot = bench.ask(OWNER);
    let run = |client: Client, how: &str| {
        let client = client.args([&loot.to_string(), how]);
        reported(&client.output().unwrap())
    };
    assert_stolen(&bench, &run(bench.python_in_child(USER), "stolen"));
    assert_own(&bench, &loot, &run(bench.python_in_child(USER), "own"));

    let owner = run(bench.python(USER), "stolen");
    for what in ["statement", "result", "scan", "monitor", "abort", "close"] {
        assert_eq!(owner[what], json!([200, null, null]), "{what} by the owner");
    }
    assert_eq!(owner["chunk"], 200);
    let closed = wait::until("the logout", Duration::from_secs(5), || {
        let state = bench.control("GET", "/state", &Value::Null);
        Ok((state["sessions"][0]["closed"] == true).then_some(()))
    });
    closed.unwrap();
    bench.assert_record_is_whole();
}

/// The owner's token says nothing to anybody else.
#[track_caller]
fn assert_stolen(bench: &Bench, answers: &Value) {
    let gone = json!([
        200,
        "390111",
        "Session no longer exists.  New login required to access the service."
    ]);
    for (what, answer) in answers.as_object().unwrap() {
        let expected = if what == "chunk" {
            json!(404)
        } else {
            gone.clone()
        };
        assert_eq!(answer, &expected, "{what} with a stolen token");
    }
    let sample = |labels: &str| format!("snowfence_requests_total{{{labels}}}");
    bench.await_metric(
        &sample("operation=\"chunk\",outcome=\"chunk_unknown\""),
        1.0,
    );
    bench.await_metric(
        &sample("operation=\"query\",outcome=\"foreign_token\""),
        2.0,
    );
    let frames = bench.await_endings("foreign_token", 7);
    let refused = frames
        .iter()
        .find(|frame| frame.payload["statement"]["text"] == "select 1")
        .unwrap();
    assert_eq!(
        refused.payload["reason"], "foreign_token",
        "what was asked is recorded"
    );
    assert_eq!(refused.payload["caller"]["workload"], "other");
}

/// A token of one's own does not open it either, though both are the same user upstream.
#[track_caller]
fn assert_own(bench: &Bench, loot: &Value, answers: &Value) {
    assert_eq!(answers["statement"], json!([200, null, null]));
    for what in ["result", "scan", "monitor"] {
        assert_eq!(answers[what], not_yours(&loot["query"]), "{what}");
    }
    assert_eq!(answers["abort"], not_yours(&loot["running"]));
    let nothing = "Snowfence: no statement of this session has this request id, so there is \
                   nothing to cancel";
    assert_eq!(answers["abort by request"], json!([200, "000605", nothing]));
    assert_eq!(answers["chunk"], 404);
    bench.await_endings("foreign_query", 4);
    let received = bench.warehouse.received().unwrap();
    for id in [&loot["query"], &loot["running"]] {
        let id = id.as_str().unwrap();
        let names = |row: &&Value| row["path"].as_str().is_some_and(|path| path.contains(id));
        let reached = received.iter().filter(names).count();
        assert_eq!(reached, 0, "nothing of it reached the upstream");
    }
}
