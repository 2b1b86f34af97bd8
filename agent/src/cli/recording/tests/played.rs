//! What people see of a recording, and what attacks on their terminals become.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use serde_json::{Value, json};

use crate::cli::output::{Output, is_unseen};
use crate::cli::recording::film::{Frame, Shot};
use crate::cli::recording::keys::Keys;
use crate::cli::recording::replay::{Player, Speed};
use crate::cli::recording::screen::{Paint, clip, value, visible, width, wrap};
use crate::cli::recording::table::draw;
use crate::cli::{Cli, dispatch, exit_code};
use crate::config;
use crate::record::event::{Closing, SessionClosed, SessionOpened};
use crate::record::replay::{Scene, Shows};
use crate::record::told::{Table, Told};
use crate::record::{Caller, Decided, Ending, Event, Opening, Outcome, Recorder, What};
use crate::snowflake::{Operation, Query};

const EVIL: &str = "x\u{1b}]0;pwned\u{7}\u{1b}[2J\r\u{9b}31m\u{202e}kcatta\u{200b}\u{e0041}";

fn run(arguments: &[&str]) -> Result<String, (u8, String, String)> {
    let cli = Cli::try_parse_from([&["snowfence"], arguments].concat()).unwrap();
    let mut bytes = Vec::new();
    let result = dispatch(cli.command, &mut Output::plain(&mut bytes));
    let text = String::from_utf8(bytes).unwrap();
    match result {
        Ok(()) => Ok(text),
        Err(error) => Err((exit_code(&error), format!("{error:#}"), text)),
    }
}

fn told(payload: Value) -> Box<Told> {
    Box::new(serde_json::from_value(payload).unwrap())
}

fn scene(shows: Shows, at: i64, payload: Value) -> Scene {
    Scene {
        shows,
        segment: 1,
        entry: 7,
        time: 1_790_000_000_000_000 + at * 1000,
        told: told(payload),
    }
}

fn table() -> Value {
    json!({
        "columns": [
            {"name": "ID", "type": "fixed"},
            {"name": "NAME", "type": "text", "labels": ["pii.name"]},
            {"name": "NOTE", "type": "text"},
            {"name": "AMOUNT", "type": "real"},
        ],
        "rows": [
            ["1", {"masked": "A***"}, "日本語 and 👍", "12.50"],
            ["20", {"masked": null}, "", null],
            ["300", null, "e\u{301}te\u{301}\nsecond line of a note that is quite long, and longer", "7"],
            ["4", "⟨null⟩", "▒ forged", "-1"],
        ],
        "of": 3125, "cut": "rows",
    })
}

fn film() -> Vec<Scene> {
    let caller = json!({"workload": "etl", "cgroup": "/agents.slice/etl", "tgid": 42, "uid": 1000,
        "exe": "/usr/bin/python3.11", "unit": "etl.service", "user": "ann@example.org",
        "ancestors": [{"pid": 40, "exe": "/usr/bin/bash"}, {"pid": 1}]});
    let ask = json!({"id": "ask-1", "reason": "month end", "asked": "2026-09-21T14:13:20.500Z",
        "votes": [{"person": "bea", "approves": true, "note": "fine"}]});
    vec![
        scene(
            Shows::Opened,
            0,
            json!({"session": "s1", "caller": caller, "account": "acme",
            "credential": "reader", "client": "PythonConnector", "snowflake_session": 77}),
        ),
        scene(
            Shows::Asked,
            1200,
            json!({"operation": "query", "verdict": "allow",
            "policies": ["read-sales"], "policy_version": "v7", "max_rows": 100,
            "statement": {"text": "select *\n  from sales.public.orders\n where note = 'a rather long literal'",
                "redacted": true},
            "bindings": {"values": [{"name": "1", "type": "TEXT", "value": null}]}}),
        ),
        scene(
            Shows::Ended,
            2400,
            json!({"outcome": "answer", "query_id": "01b2", "rows": 3125,
            "bytes": 51_200, "masked": {"pii.name": 2}, "unmasked": ["pii.mail"],
            "unmasked_by": ["hr"], "duration_us": 1_234_567,
            "stages": {"analysis": 812, "upstream": 1_200_000}, "table": table()}),
        ),
        scene(
            Shows::Asked,
            300_000,
            json!({"operation": "query", "verdict": "hold",
            "policies": ["drops"], "message": "people decide", "approval": {"ask": "ask-1"},
            "statement": {"text": "drop table t"}}),
        ),
        scene(
            Shows::Vote,
            302_000,
            json!({"event": "ask_voted", "ask": ask,
            "vote": {"person": "cid", "approves": false, "note": "no"}}),
        ),
        scene(
            Shows::Ended,
            302_100,
            json!({"outcome": "refusal", "reason": "denied"}),
        ),
        scene(
            Shows::Ended,
            302_200,
            json!({"outcome": "answer",
            "error": {"code": "002003", "message": "no such table"}}),
        ),
        scene(
            Shows::Gap,
            302_300,
            json!({"reason": "torn", "detail": {"bytes": 12}}),
        ),
        scene(Shows::Unended, 302_400, json!({})),
        scene(
            Shows::Closed,
            303_000,
            json!({"session": "s1", "reason": "logout"}),
        ),
    ]
}

fn played(columns: usize, colour: bool) -> String {
    let mut bytes = Vec::new();
    let mut output = Output::plain(&mut bytes);
    let player = Player {
        frame: Frame {
            columns,
            paint: Paint(colour),
        },
        speed: Speed::NONE,
        keys: Keys::None,
        output: &mut output,
    };
    player.play(film().into_iter()).unwrap();
    drop(output);
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_film_fits_its_terminal() {
    insta::assert_snapshot!("film_100", played(100, false));
    insta::assert_snapshot!("film_40", played(40, false));
    for columns in [40, 60, 100, 200] {
        for line in played(columns, false).lines() {
            assert!(width(line) <= columns, "{columns}: {line}");
        }
    }
    let coloured = played(100, true);
    assert!(coloured.contains("\u{1b}[33m▒ A***"), "{coloured}");
    assert!(coloured.contains("\u{1b}[1;31m"), "{coloured}");
}

#[test]
fn nothing_recorded_reaches_the_terminal_as_a_command() {
    for text in [
        visible(EVIL).into_owned(),
        value(EVIL),
        wrap(EVIL, 500).join("\n"),
    ] {
        assert!(
            !text.chars().any(|it| is_unseen(it) || it == '\u{e0041}'),
            "{text:?}"
        );
        assert!(
            text.contains("\\u{202e}") && text.contains("\\u{1b}"),
            "{text}"
        );
    }
    // Every text of every field, also those of no field of ours.
    fn poison(value: &mut Value) {
        match value {
            Value::String(text) => text.push_str(EVIL),
            Value::Array(items) => items.iter_mut().for_each(poison),
            Value::Object(fields) => fields.values_mut().for_each(poison),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let frame = Frame {
        columns: 100,
        paint: Paint(false),
    };
    for mut scene in film() {
        let kept = scene.told.outcome.clone();
        let mut payload = serde_json::to_value(&*scene.told).unwrap();
        poison(&mut payload);
        scene.told = told(payload);
        for outcome in [scene.told.outcome.clone(), kept] {
            scene.told.outcome = outcome;
            let Shot {
                before,
                typed,
                after,
            } = frame.shot(&scene);
            for line in [before, typed, after].concat() {
                assert!(
                    !line.chars().any(|it| is_unseen(it) || it == '\u{e0041}'),
                    "{line:?}"
                );
            }
        }
    }
}

#[test]
fn widths_are_those_of_a_terminal() {
    assert_eq!(width("日本"), 4);
    assert_eq!(width("e\u{301}"), 1);
    assert_eq!(clip("日本語", 5), "日本…");
    assert_eq!(clip("abc", 3), "abc");
    assert_eq!(wrap("abcdefghij\nk", 8), ["abcdefgh", "ij", "k"]);
}

#[test]
fn a_huge_table_is_cut_and_says_so() {
    let columns: Vec<Value> = (0..300)
        .map(|it| json!({"name": format!("C{it}"), "type": "text"}))
        .collect();
    let row: Vec<Value> = (0..300).map(|_| json!("v".repeat(10_000))).collect();
    let rows: Vec<Value> = (0..600).map(|_| json!(row[..2])).collect();
    let table = json!({"columns": columns, "rows": rows, "of": 10_000_000});
    let table: Table = serde_json::from_value(table).unwrap();
    let lines = draw(&table, 80, Paint(false));
    assert_eq!(lines.len(), 505);
    assert!(lines.iter().all(|line| width(line) <= 80));
    let footer = lines.last().unwrap();
    assert!(footer.contains("500 of 10,000,000 rows"), "{footer}");
    assert!(footer.contains("more columns"), "{footer}");
}

#[test]
fn steps_go_on_back_and_end() {
    let mut bytes = Vec::new();
    let mut output = Output::plain(&mut bytes);
    let player = Player {
        frame: Frame {
            columns: 100,
            paint: Paint(false),
        },
        speed: Speed::NONE,
        keys: Keys::Lines(Box::new("\n\nb\nx\n\n\nq\n".as_bytes())),
        output: &mut output,
    };
    player.step(film().into_iter()).unwrap();
    drop(output);
    let text = String::from_utf8(bytes).unwrap();
    let shown = |what: &str| text.matches(what).count();
    assert_eq!(shown("session opens"), 1);
    assert_eq!(
        shown("from sales.public.orders"),
        2,
        "shown again after back: {text}"
    );
    assert_eq!(shown("3,125 rows"), 4, "twice, in two places each");
    assert_eq!(shown("drop table t"), 1);
    assert_eq!(shown("ask voted"), 0);
}

/// A recording as the daemon makes it: a session with an answer and a refusal.
async fn record(dir: &Path, evil: &str) -> config::Record {
    let config = config::Record::for_test(dir);
    let recorder = Recorder::open(&config).unwrap();
    let principal = crate::identity::Principal {
        workload: crate::identity::Workload {
            name: "etl".to_owned(),
            cgroup: "/agents".to_owned(),
            ..crate::identity::Workload::default()
        },
        user: None,
        netns_cookie: 1,
    };
    let caller = Caller::from(&principal);
    let opened = SessionOpened {
        session: "s1".to_owned(),
        account: "acme".to_owned(),
        credential: "reader".to_owned(),
        client: "Test".to_owned(),
        snowflake_session: 5,
        login: 1,
        caller: caller.clone(),
    };
    let event = |what| Event {
        time: jiff::Timestamp::UNIX_EPOCH,
        what,
    };
    recorder
        .event(&event(What::SessionOpened(Box::new(opened))))
        .await
        .unwrap();
    for text in ["select 1", evil] {
        let mut entry = recorder.entry(Opening {
            caller: Some(caller.clone()),
            ..Opening::default()
        });
        let operation = Operation::Query(Box::new(Query::for_test("r", text)));
        let mut about = Decided::of(&operation, &Arc::default(), jiff::Timestamp::UNIX_EPOCH);
        about.session = Some("s1".to_owned());
        let permit = crate::policy::Permit::for_test(operation);
        drop(Box::pin(entry.decided(permit, about)).await.unwrap());
        let ending = Ending::new(Outcome::Answer, jiff::Timestamp::UNIX_EPOCH, Duration::ZERO);
        Box::pin(entry.close(ending)).await.unwrap();
    }
    let closed = SessionClosed {
        session: "s1".to_owned(),
        reason: Closing::Logout,
    };
    recorder
        .event(&event(What::SessionClosed(closed)))
        .await
        .unwrap();
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_recording_is_played_and_exported() {
    let dir = tempfile::tempdir().unwrap();
    let config = record(dir.path(), EVIL).await;
    let record = config.dir.display().to_string();
    let text = run(&["replay", "s1", "--record", &record, "--width", "80"]).unwrap();
    assert!(
        text.contains("❯ query") && text.contains("   select 1\n"),
        "{text}"
    );
    assert!(text.contains("session ends: logout"), "{text}");
    assert!(
        !text.chars().any(|it| it != '\n' && is_unseen(it)),
        "{text:?}"
    );
    assert_eq!(
        run(&["replay", "--last", "--record", &record, "--width", "80"]).unwrap(),
        text
    );
    let json = run(&["replay", "--entry", "2", "--record", &record, "--json"]).unwrap();
    let scenes: Vec<Value> = json
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    let shows: Vec<&str> = scenes
        .iter()
        .map(|it| it["scene"].as_str().unwrap())
        .collect();
    assert_eq!(
        shows,
        ["opened", "asked", "ended", "asked", "ended", "closed"]
    );
    assert_eq!(scenes[3]["statement"]["text"], EVIL);

    let (code, why, _) = run(&["replay", "s2", "--record", &record]).unwrap_err();
    assert_eq!((code, why.contains("`s2` is not in")), (1, true), "{why}");

    let export = ["export", "--record", &record, "--format"];
    let events = run(&[&export[..], &["ocsf"]].concat()).unwrap();
    assert_eq!(events.lines().count(), 4);
    let file = dir.path().join("out.jsonl").display().to_string();
    let to_file = [&export[..], &["jsonl", "--output", &file]].concat();
    run(&to_file).unwrap();
    let lines = fs::read_to_string(&file).unwrap();
    assert!(lines.lines().count() >= 6, "{lines}");
    let (_, why, _) = run(&to_file).unwrap_err();
    assert!(why.contains("there already"), "{why}");
    run(&[&to_file[..], &["--force"]].concat()).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), lines);

    let full = [&export[..], &["jsonl", "--force", "--output", "/dev/full"]].concat();
    let (code, why, _) = run(&full).unwrap_err();
    assert_eq!(code, 1);
    assert!(
        why.contains("/dev/full") && why.contains("No space left"),
        "{why}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_recording_is_exported_as_far_as_it_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let config = record(dir.path(), "select 2").await;
    // A second start: what is damaged is not the last segment.
    drop(Recorder::open(&config).unwrap());
    let record = config.dir.display().to_string();
    let path = config.dir.join("0000000000000001.sfr");
    let whole = fs::read(&path).unwrap();
    let export = ["export", "--record", &record, "--format", "jsonl"];
    let all = run(&export).unwrap();
    let at = whole.windows(8).position(|it| it == b"select 2").unwrap();
    let mut flipped = whole.clone();
    flipped[at] ^= 1;
    fs::write(&path, &flipped).unwrap();
    let (code, why, text) = run(&export).unwrap_err();
    assert_eq!(code, 1);
    assert!(why.contains("damaged in 1 places"), "{why}");
    assert!(!text.is_empty() && text.len() < all.len());
    assert!(all.starts_with(text.lines().next().unwrap()));
    let text = run(&["replay", "s1", "--record", &record]).unwrap();
    assert!(
        text.contains("select 1") && text.contains("DAMAGED"),
        "{text}"
    );
    assert!(
        text.contains("the end of the session is not here"),
        "{text}"
    );
    assert!(!text.contains("select 2"), "{text}");

    // Packed, it is read all the same.
    let packed = zstd::encode_all(whole.as_slice(), 1).unwrap();
    fs::write(path.with_extension("sfr.zst"), packed).unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(run(&export).unwrap(), all);
    // A segment that is not there is missed.
    drop(Recorder::open(&config).unwrap());
    fs::remove_file(config.dir.join("0000000000000002.sfr")).unwrap();
    let (_, why, _) = run(&export).unwrap_err();
    assert!(why.contains("damaged"), "{why}");
}
