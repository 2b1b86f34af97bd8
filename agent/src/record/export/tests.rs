//! Every kind of frame in every form. That the events are what the schema says is checked against
//! the schema itself, on the same file, in `tests/ocsf`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{Exporter, Filter, Format};
use crate::record::chain::Digest;
use crate::record::format::Kind;
use crate::record::read::Frame;
use crate::record::walk::Placed;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/ocsf/events.jsonl");

fn placed(kind: Kind, entry: u64, payload: &Value) -> Placed {
    let payload = if kind == Kind::Checkpoint {
        [&[7; 8][..], &[1], &[0xab; 64]].concat()
    } else {
        serde_json::to_vec(payload).unwrap()
    };
    Placed {
        segment: 3,
        host: "db-1".into(),
        digest: Digest([u8::try_from(entry % 251).unwrap(); 32]),
        frame: Frame {
            kind,
            entry,
            time_microseconds: 1_790_000_000_123_456 + i64::try_from(entry).unwrap(),
            payload,
        },
    }
}

fn caller() -> Value {
    json!({
        "workload": "etl", "cgroup": "/agents.slice/etl.service", "tgid": 42, "uid": 1000, "gid": 1000,
        "comm": "python3", "started": 1234, "unit": "etl.service", "container": "c0ffee",
        "pod": "etl-7f", "exe": "/usr/bin/python3.11", "exe_sha256": "ab".repeat(32),
        "ancestors": [{"pid": 40, "exe": "/usr/bin/bash"}, {"pid": 1}], "user": "ann@example.org",
    })
}

fn decided(operation: &str) -> Value {
    json!({
        "connection": 9, "server_name": "acme.snowflakecomputing.com", "caller": caller(),
        "session": "s123", "account": "acme", "credential": "reader", "operation": operation,
        "verdict": "allow", "policies": ["read-sales"], "policy_version": "v7",
        "max_rows": 100, "timeout_seconds": 60,
    })
}

fn with(mut value: Value, more: Value) -> Value {
    let (Value::Object(fields), Value::Object(more)) = (&mut value, more) else {
        panic!("objects");
    };
    fields.extend(more);
    value
}

fn statement(effects: &[&str], object: Option<&str>) -> Value {
    json!({
        "request": "r-1",
        "statement": {"text": "select\n  *\nfrom sales.public.orders", "digest": "d1", "redacted": true},
        "bindings": {"values": [{"name": "1", "type": "TEXT", "value": null}], "redacted": false},
        "facts": {
            "kinds": ["SELECT"], "effects": effects, "lineage": "known", "fingerprint": "f",
            "accesses": [{"action": "read", "type": "Table", "object": object, "policies": []}],
            "functions": ["SUM"], "predicates": ["SALES.PUBLIC.ORDERS.ID"],
        },
    })
}

fn ask() -> Value {
    json!({
        "id": "ask-1", "subject": {"kind": "statement", "session": "s123", "text": "select 1"},
        "asker": {"workload": "etl", "uid": 1000}, "account": "acme", "reason": "month end",
        "approvals": 2, "state": "open",
    })
}

/// One frame of each kind, and of each way that it can be.
fn recording() -> Vec<Placed> {
    let mut entry = 10;
    let mut frames = Vec::new();
    let mut add = |kind, next: bool, payload: Value| {
        entry += u64::from(next);
        frames.push(placed(kind, entry, &payload));
    };
    let ended = json!({"outcome": "answer", "query_id": "01b2", "rows": 3, "bytes": 512,
        "masked": {"pii.email": 3}, "unmasked": ["pii.name"], "unmasked_by": ["hr"],
        "duration_us": 1_234_567, "stages": {"analysis": 800, "upstream": 1_200_000}});
    let cases = [
        (&["read"][..], Some("SALES.PUBLIC.ORDERS")),
        (&["insert"], Some("SALES.PUBLIC.ORDERS")),
        (&["update"], Some("\"a.b\".S.T")),
        (&["delete"], None),
        (&["create"], None),
        (&["describe"], None),
        (&["insert", "read"], None),
    ];
    for (effects, object) in cases {
        let payload = with(decided("query"), statement(effects, object));
        add(Kind::Decided, true, payload);
        add(Kind::Ended, false, ended.clone());
    }
    refused(&mut add);
    sessions(&mut add);
    others(&mut add);
    add(Kind::Decided, true, decided("query"));
    frames
}

fn refused(add: &mut impl FnMut(Kind, bool, Value)) {
    let failed = json!({"outcome": "answer", "duration_us": 7,
        "error": {"code": "002003", "message": "table does not exist"}});
    add(
        Kind::Decided,
        true,
        with(decided("query"), statement(&[], None)),
    );
    add(Kind::Ended, false, failed);
    let denied = json!({"verdict": "deny", "outcome": "refusal", "reason": "denied",
        "message": "no writes", "duration_us": 5});
    let refused = with(with(decided("query"), statement(&["drop"], None)), denied);
    add(Kind::Ended, true, refused);
    let held = json!({"verdict": "hold", "outcome": "refusal", "reason": "held",
        "approval": {"ask": "ask-1"}, "duration_us": 5});
    add(
        Kind::Ended,
        true,
        with(with(decided("query"), statement(&["drop"], None)), held),
    );
    let observed = json!({"observed": {"policies": ["no-drop"], "message": "no"},
        "outcome": "abandoned", "duration_us": 5});
    add(Kind::Ended, true, with(decided("query"), observed));
}

fn sessions(add: &mut impl FnMut(Kind, bool, Value)) {
    for operation in ["login", "renew", "result", "abort", "unreadable", "chunk"] {
        add(Kind::Decided, true, decided(operation));
        add(
            Kind::Ended,
            false,
            json!({"outcome": "answer", "duration_us": 5}),
        );
    }
    // A connection that never said what it is, and nothing was recorded of it.
    add(
        Kind::Ended,
        true,
        json!({"connection": 1, "outcome": "abandoned", "duration_us": 1}),
    );
    add(
        Kind::Opened,
        true,
        json!({"session": "s123", "account": "acme", "credential": "reader",
        "client": "PythonConnector", "snowflake_session": 77, "login": 20, "caller": caller()}),
    );
    for reason in ["logout", "revoked", "daemon_ended"] {
        add(
            Kind::Closed,
            true,
            json!({"session": "s123", "reason": reason}),
        );
    }
}

fn others(add: &mut impl FnMut(Kind, bool, Value)) {
    for name in [
        "ask_opened",
        "ask_approved",
        "ask_denied",
        "ask_expired",
        "break_glass",
    ] {
        add(Kind::Ask, true, json!({"event": name, "ask": ask()}));
    }
    let vote = json!({"person": "bea", "uid": 1001, "approves": false, "note": "not today",
        "time": "2026-11-22T10:00:00Z"});
    add(
        Kind::Vote,
        true,
        json!({"event": "ask_voted", "ask": ask(), "vote": vote}),
    );
    for name in [
        "grant_given",
        "grant_activated",
        "grant_extended",
        "grant_revoked",
        "grant_ended",
    ] {
        let grant = json!({"id": "grant-1", "role": "reader", "workload": "etl", "reason": null});
        add(Kind::Grant, true, json!({"event": name, "grant": grant}));
    }
    add(
        Kind::Policy,
        true,
        json!({"outcome": "loaded", "policy_version": "v8",
        "files": [{"name": "a.cedar", "digest": "d"}]}),
    );
    add(
        Kind::Policy,
        true,
        json!({"outcome": "rejected", "policy_version": "v8", "message": "a:1:1"}),
    );
    own(add);
}

fn own(add: &mut impl FnMut(Kind, bool, Value)) {
    for action in ["start", "stop", "reload", "revoke"] {
        add(
            Kind::Operator,
            true,
            json!({"action": action, "operator": "root", "uid": 0,
            "object": "grant-1", "outcome": "done"}),
        );
    }
    add(
        Kind::Operator,
        true,
        json!({"action": "reload", "operator": "x", "outcome": "refused"}),
    );
    add(
        Kind::Canary,
        true,
        json!({"outcome": "failed", "reason": "udp_passed"}),
    );
    add(
        Kind::Gap,
        true,
        json!({"reason": "torn", "detail": {"bytes": 12}}),
    );
    add(Kind::Checkpoint, false, Value::Null);
    add(Kind::Carried, false, json!({"sessions": ["s123"]}));
    add(
        Kind::Archived,
        false,
        json!({"segment": 2, "file": "0000000000000002.sfr.zst",
        "bytes": 9, "sha256": "cd".repeat(32)}),
    );
    add(
        Kind::Pruned,
        false,
        json!({"first": 1, "last": 1, "message": "older than 90 days"}),
    );
}

fn export(format: Format, filter: Filter, frames: &[Placed]) -> String {
    let mut exporter = Exporter::new(format, filter);
    let mut out = Vec::new();
    for placed in frames {
        exporter.frame(placed, &mut out).unwrap();
    }
    exporter.finish(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(exporter.lines(), text.lines().count() as u64);
    text
}

#[test]
fn the_events_are_those_that_the_schema_is_checked_with() {
    let events = export(Format::Ocsf, Filter::default(), &recording());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(Path::new(GOLDEN).parent().unwrap()).unwrap();
        fs::write(GOLDEN, &events).unwrap();
    }
    let golden = fs::read_to_string(GOLDEN).unwrap();
    assert!(golden == events, "UPDATE_GOLDEN=1 writes {GOLDEN}");
}

#[test]
fn an_operation_is_one_event_with_a_number_of_its_own() {
    let text = export(Format::Ocsf, Filter::default(), &recording());
    let events: Vec<Value> = text
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    let mut uids: Vec<&str> = events
        .iter()
        .map(|it| it["metadata"]["uid"].as_str().unwrap())
        .collect();
    let count = uids.len();
    uids.sort_unstable();
    uids.dedup();
    assert_eq!(uids.len(), count);
    let first = &events[0];
    assert_eq!(first["metadata"]["uid"], "db-1:11");
    assert_eq!(first["disposition"], "Allowed");
    assert_eq!(first["action"], "Modified");
    assert_eq!(first["duration"], 1234);
    assert_eq!(first["table"]["name"], "SALES.PUBLIC.ORDERS");
    assert_eq!(first["actor"]["process"]["pid"], 42);
    let denied = events
        .iter()
        .find(|it| it["message"] == "no writes")
        .unwrap();
    assert_eq!(
        (&denied["disposition"], &denied["status"]),
        (&"Blocked".into(), &"Failure".into())
    );
    let last = events.last().unwrap();
    assert_eq!(last["status"], "Unknown", "decided, and never ended");
}

#[test]
fn every_frame_is_a_line() {
    let frames = recording();
    let text = export(Format::Jsonl, Filter::default(), &frames);
    assert_eq!(text.lines().count(), frames.len());
    for (line, placed) in text.lines().zip(&frames) {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["kind"], placed.frame.kind.name());
        if placed.frame.kind == Kind::Checkpoint {
            assert_eq!(line["payload"]["sealed"], true);
        } else {
            let payload: Value = serde_json::from_slice(&placed.frame.payload).unwrap();
            assert_eq!(line["payload"], payload);
        }
    }
    let ends: Vec<&str> = text
        .lines()
        .filter(|it| it.contains("checkpoint"))
        .collect();
    insta::assert_snapshot!(ends.join("\n"));
}

#[test]
fn a_payload_that_is_not_one_of_ours_stays_on_its_line() {
    let mut frame = placed(Kind::Gap, 1, &json!({}));
    frame.frame.payload = b"{\"reason\":\n \"torn\"}".to_vec();
    let text = export(Format::Jsonl, Filter::default(), &[frame.clone()]);
    assert!(text.contains(r#""payload":{"reason":"torn"}"#), "{text}");
    assert_eq!(text.lines().count(), 1);

    frame.frame.payload = b"no\xff".to_vec();
    let mut out = Vec::new();
    let mut exporter = Exporter::new(Format::Jsonl, Filter::default());
    let error = exporter.frame(&frame, &mut out).unwrap_err();
    assert_eq!((error.segment, error.entry), (3, 1));
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains(r#""payload":null,"raw":"6e6fff""#), "{text}");
}

#[test]
fn endings_follow_their_beginnings_through_a_filter() {
    let other = with(decided("query"), json!({"caller": {"workload": "web"}}));
    let frames = [
        placed(Kind::Decided, 1, &decided("query")),
        placed(Kind::Decided, 2, &other),
        placed(
            Kind::Opened,
            3,
            &json!({"session": "s1", "caller": caller()}),
        ),
        placed(
            Kind::Opened,
            4,
            &json!({"session": "s2", "caller": {"workload": "web"}}),
        ),
        placed(Kind::Ended, 2, &json!({"outcome": "answer"})),
        placed(Kind::Ended, 1, &json!({"outcome": "answer"})),
        placed(Kind::Closed, 5, &json!({"session": "s1"})),
        placed(Kind::Closed, 6, &json!({"session": "s2"})),
        placed(Kind::Ask, 7, &json!({"event": "ask_opened", "ask": ask()})),
        placed(Kind::Gap, 8, &json!({"reason": "torn"})),
    ];
    let entries = |filter: Filter| -> Vec<u64> {
        let text = export(Format::Jsonl, filter, &frames);
        let lines = text
            .lines()
            .map(|it| serde_json::from_str::<Value>(it).unwrap());
        lines.map(|it| it["entry"].as_u64().unwrap()).collect()
    };
    assert_eq!(
        entries(Filter::new(None, None, Some("etl".to_owned()))),
        [1, 3, 1, 5, 7]
    );
    let at = |entry: u64| {
        jiff::Timestamp::from_microsecond(
            placed(Kind::Gap, entry, &json!({})).frame.time_microseconds,
        )
        .ok()
    };
    assert_eq!(entries(Filter::new(at(3), at(6), None)), [3, 4, 5]);
}
