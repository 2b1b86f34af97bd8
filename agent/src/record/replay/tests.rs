//! Which scenes a recording has, on frames as writers of both versions leave them.

use serde_json::{Value, json};

use super::{Film, Found, Scene, Shows, Wanted, find};
use crate::record::chain::Digest;
use crate::record::format::Kind;
use crate::record::read::{Frame, ReadError};
use crate::record::walk::{Damage, DamageError, Placed, Step};

fn frame(at: u8, kind: Kind, entry: u64, payload: &Value) -> Step {
    Step::Frame(Placed {
        segment: 1,
        host: "h".into(),
        digest: Digest([at; 32]),
        frame: Frame {
            kind,
            entry,
            time_microseconds: i64::from(at) * 1_000_000,
            payload: serde_json::to_vec(payload).unwrap(),
        },
    })
}

fn by(workload: &str, session: &str) -> Value {
    json!({"session": session, "caller": {"workload": workload}, "operation": "query",
        "verdict": "allow", "statement": {"text": "select 1"}})
}

/// Frames from a short form, each a second after the one before.
fn steps(frames: &[(Kind, u64, Value)]) -> impl Iterator<Item = Step> {
    let frames = (0..).zip(frames);
    frames.map(|(at, (kind, entry, payload))| frame(at, *kind, *entry, payload))
}

fn scenes(frames: &[(Kind, u64, Value)], wanted: &Wanted) -> Vec<(Shows, u64)> {
    let found = find(steps(frames), wanted).unwrap();
    let film = Film::new(steps(frames), found);
    film.map(|scene| (scene.shows, scene.entry)).collect()
}

fn session(id: &str) -> Wanted {
    Wanted::Session(id.to_owned())
}

#[test]
fn a_session_is_told_from_its_opening_to_its_end() {
    let denied = json!({"verdict": "deny", "outcome": "refusal", "reason": "denied",
        "duration_us": 500_000, "session": "s1", "caller": {"workload": "etl"}});
    let held = json!({"verdict": "hold", "outcome": "refusal", "reason": "held",
        "session": "s1", "approval": {"ask": "ask-1"}});
    let frames = [
        (Kind::Operator, 1, json!({"action": "start"})),
        (
            Kind::Opened,
            2,
            json!({"session": "s1", "caller": {"workload": "etl"}}),
        ),
        (Kind::Decided, 3, by("etl", "s1")),
        (Kind::Decided, 4, by("web", "s2")),
        (Kind::Ended, 4, json!({"outcome": "answer"})),
        (Kind::Ended, 3, json!({"outcome": "answer", "rows": 1})),
        (Kind::Ended, 5, denied),
        (Kind::Ended, 6, held),
        (
            Kind::Vote,
            7,
            json!({"event": "ask_voted", "ask": {"id": "ask-1"}}),
        ),
        (
            Kind::Vote,
            8,
            json!({"event": "ask_voted", "ask": {"id": "ask-2"}}),
        ),
        (Kind::Gap, 9, json!({"reason": "torn"})),
        (Kind::Decided, 9, by("etl", "s1")),
        (
            Kind::Closed,
            10,
            json!({"session": "s1", "reason": "logout"}),
        ),
        (Kind::Gap, 11, json!({"reason": "torn"})),
    ];
    let expected = [
        (Shows::Opened, 2),
        (Shows::Asked, 3),
        (Shows::Ended, 3),
        (Shows::Asked, 5),
        (Shows::Ended, 5),
        (Shows::Asked, 6),
        (Shows::Ended, 6),
        (Shows::Vote, 7),
        (Shows::Gap, 9),
        (Shows::Asked, 9),
        (Shows::Closed, 10),
        (Shows::Unended, 9),
    ];
    assert_eq!(scenes(&frames, &session("s1")), expected);
    assert_eq!(scenes(&frames, &Wanted::Entry(5)), expected);
    let other = [
        (Shows::Joined, 4),
        (Shows::Asked, 4),
        (Shows::Ended, 4),
        (Shows::Gap, 9),
        (Shows::Gap, 11),
        (Shows::Endless, 11),
    ];
    assert_eq!(scenes(&frames, &Wanted::Last), other, "s2 began last");
    let found = find(steps(&frames), &session("s1")).unwrap();
    let refused: Vec<Scene> = Film::new(steps(&frames), found)
        .filter(|scene| scene.entry == 5)
        .collect();
    assert_eq!(refused[1].time - refused[0].time, 500_000);
    assert_eq!(find(steps(&frames), &session("s9")), None);
}

#[test]
fn an_id_that_was_given_again_is_another_session() {
    let opened = |entry| {
        (
            Kind::Opened,
            entry,
            json!({"session": "s1", "caller": {"workload": "etl"}}),
        )
    };
    let frames = [
        opened(1),
        (Kind::Decided, 2, by("etl", "s1")),
        (Kind::Ended, 2, json!({"outcome": "answer"})),
        opened(3),
        (Kind::Decided, 4, by("etl", "s1")),
        (Kind::Ended, 4, json!({"outcome": "answer"})),
    ];
    let first = [
        (Shows::Opened, 1),
        (Shows::Asked, 2),
        (Shows::Ended, 2),
        (Shows::Endless, 3),
    ];
    assert_eq!(scenes(&frames, &Wanted::Entry(2)), first);
    let last = [
        (Shows::Opened, 3),
        (Shows::Asked, 4),
        (Shows::Ended, 4),
        (Shows::Endless, 4),
    ];
    assert_eq!(scenes(&frames, &session("s1")), last);
    assert_eq!(find(steps(&frames), &session("s1")).unwrap().others, [1]);
}

#[test]
fn without_openings_the_user_of_an_id_tells_sessions_apart() {
    let frames = [
        (Kind::Decided, 1, by("etl", "s1")),
        (Kind::Ended, 1, json!({"outcome": "answer"})),
        (Kind::Decided, 2, by("web", "s1")),
        (Kind::Ended, 2, json!({"outcome": "answer"})),
    ];
    let first = [
        (Shows::Joined, 1),
        (Shows::Asked, 1),
        (Shows::Ended, 1),
        (Shows::Endless, 2),
    ];
    assert_eq!(scenes(&frames, &Wanted::Entry(1)), first);
    let last = [
        (Shows::Joined, 2),
        (Shows::Asked, 2),
        (Shows::Ended, 2),
        (Shows::Endless, 2),
    ];
    assert_eq!(scenes(&frames, &session("s1")), last);
}

#[test]
fn an_entry_without_a_session_is_shown_alone() {
    let login = json!({"operation": "login", "verdict": "allow", "caller": {"workload": "etl"}});
    let frames = [
        (Kind::Decided, 1, login.clone()),
        (Kind::Decided, 2, login),
        (Kind::Ended, 2, json!({"outcome": "answer"})),
        (Kind::Ended, 1, json!({"outcome": "answer"})),
    ];
    let alone = [(Shows::Joined, 2), (Shows::Asked, 2), (Shows::Ended, 2)];
    assert_eq!(scenes(&frames, &Wanted::Entry(2)), alone);
}

#[test]
fn damage_is_a_scene_and_the_rest_is_played() {
    let frames = [
        (Kind::Decided, 1, by("etl", "s1")),
        (Kind::Ended, 1, json!({"outcome": "answer"})),
        (Kind::Decided, 2, by("etl", "s1")),
    ];
    let found: Found = find(steps(&frames), &session("s1")).unwrap();
    let damage = Step::Damage(Damage {
        segment: 2,
        path: "/r/2".into(),
        is_tail: false,
        error: DamageError::Read(ReadError::Broken { offset: 99 }),
    });
    let mut damaged: Vec<Step> = steps(&frames).collect();
    damaged.insert(2, damage);
    let film: Vec<Scene> = Film::new(damaged.into_iter(), found).collect();
    let shows: Vec<Shows> = film.iter().map(|it| it.shows).collect();
    let expected = [
        Shows::Joined,
        Shows::Asked,
        Shows::Ended,
        Shows::Damage,
        Shows::Asked,
        Shows::Unended,
        Shows::Endless,
    ];
    assert_eq!(shows, expected);
    let json = film[3].to_json().unwrap();
    assert_eq!(json["scene"], "damage");
    assert!(
        json["message"].as_str().unwrap().contains("byte 99"),
        "{json}"
    );
}
