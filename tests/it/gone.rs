//! A client that goes away in the middle of a request.

use serde_json::{Value, json};
use tests::record::Kind;

use crate::bench::{Bench, reported};

#[test]
fn who_hangs_up_is_recorded_as_such_and_costs_nothing() {
    let bench = Bench::new("gone");
    bench.inject(&json!({"kind": "stall", "sql": "select 'stalled'", "seconds": 8}));
    let script = r#"
from client import *
token = session()
body = json.dumps({"sqlText": "select 'stalled'", "asyncExec": False}).encode()
def send(length):
    stream = tls()
    head = f"POST /queries/v1/query-request?requestId={uuid.uuid4()} HTTP/1.1\r\nHost: {HOST}\r\n" \
        f"Content-Type: application/json\r\nAuthorization: Snowflake Token=\"{token}\"\r\n"
    stream.sendall(head.encode() + f"Content-Length: {length}\r\n\r\n".encode() + body)
    return stream
half = send(len(body) + 1)
half.close()
whole = send(len(body))
whole.settimeout(1)
try:
    report(whole.recv(1).decode())
except TimeoutError:
    whole.close()
    report("gone")
"#;
    let seen = reported(&bench.python(script).output().unwrap());
    assert_eq!(seen, "gone");
    let frames = bench.await_frames(|frames| {
        let abandoned = Bench::endings(frames).get("abandoned").copied();
        abandoned.unwrap_or(0)
            + Bench::endings(frames)
                .get("bad_request")
                .copied()
                .unwrap_or(0)
            == 2
    });
    let decided: Vec<&Value> = frames
        .iter()
        .filter(|frame| frame.kind == Kind::Decided && frame.payload["operation"] == "query")
        .map(|frame| &frame.payload["statement"]["text"])
        .collect();
    assert_eq!(decided, ["select 'stalled'"], "half a body decides nothing");
    bench.assert_serves();
    bench.assert_record_is_whole();
}
