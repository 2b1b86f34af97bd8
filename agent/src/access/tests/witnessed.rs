//! The witness and the store never disagree silently, whichever of them fails, and when.

use std::sync::{Mutex, PoisonError};

use proptest::prelude::*;
use serde_json::{Value, json};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use super::super::witness::{self, Operator, Recording, Seeing, Sight, Witness};
use super::*;
use crate::config;
use crate::mask::labels::Labels;
use crate::mask::literal;
use crate::mask::masks::Masks;
use crate::record::event::OperatorAction;
use crate::record::format::Kind;
use crate::record::read::said;
use crate::record::{self, RecordError, Recorder, Unrecorded};

/// When a witness fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Nothing of it is on disk.
    Before,
    /// It is, but nobody knows for sure.
    After,
    /// The store fails to commit what was seen.
    Commit,
}

/// Keeps what it sees, and fails once.
#[derive(Debug, Default)]
struct Notes(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    frames: Vec<(u64, Kind, Value)>,
    /// The next sight fails so.
    fault: Option<Fault>,
}

impl Notes {
    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The events that are said to have happened, without the votes that decided: kind and id.
    fn believed(&self) -> Vec<(String, String)> {
        let kept = self.kept();
        let marks = kept.frames.iter().filter(|(_, kind, _)| *kind == Kind::Gap);
        let marked = marks.flat_map(|(_, _, mark)| {
            assert_eq!(mark["reason"], "not_committed");
            mark["detail"]["frames"].as_array().unwrap().clone()
        });
        let marked: Vec<u64> = marked.map(|it| it.as_u64().unwrap()).collect();
        let frames = kept.frames.iter().filter(|(number, kind, payload)| {
            let decides = *kind == Kind::Vote && payload["ask"]["state"] != "open";
            *kind != Kind::Gap && !decides && !marked.contains(number)
        });
        frames.map(|(_, _, payload)| of(payload)).collect()
    }
}

/// What happened to what.
fn of(payload: &Value) -> (String, String) {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let id = text(&payload["ask"]["id"]).or_else(|| text(&payload["grant"]["id"]));
    let event = text(&payload["event"]).or_else(|| text(&payload["kind"]));
    (event.unwrap(), id.unwrap())
}

impl Witness for Notes {
    fn see(&self, events: Vec<record::Event>) -> Seeing<'_> {
        let mut kept = self.kept();
        let fault = kept.fault.take();
        let mut numbers = Vec::new();
        if fault != Some(Fault::Before) {
            for event in events {
                let number = kept.frames.len() as u64;
                let payload = serde_json::to_value(&event.what).unwrap();
                kept.frames.push((number, event.what.kind(), payload));
                numbers.push(number);
            }
        }
        let outcome = match fault {
            None | Some(Fault::Commit) => Ok(numbers),
            Some(Fault::Before | Fault::After) => Err(Unrecorded {
                source: RecordError::Full,
                frames: numbers,
            }),
        };
        Box::pin(async move { outcome })
    }

    fn note(&self, event: record::Event) {
        drop(self.see(vec![event]));
    }

    fn unmarked_after(&self, _number: u64) -> Vec<u64> {
        Vec::new()
    }

    fn hide(&self, statement: &str) -> String {
        statement.to_owned()
    }

    fn tell(&self, text: &str) -> String {
        text.to_owned()
    }
}

/// Changes the file behind the desk's back.
async fn tamper(dir: &std::path::Path, statement: &'static str) {
    let options = SqliteConnectOptions::new().filename(dir.join("access.db"));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(statement)
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

/// What the store says has happened: the outbox is written in the same transaction.
async fn committed(desk: &Desk) -> Vec<(String, String)> {
    let mut reader = desk.ledger.reader().await.unwrap();
    let bodies: Vec<String> = sqlx::query_scalar("SELECT body FROM events ORDER BY seq")
        .fetch_all(reader.connection())
        .await
        .unwrap();
    reader.give_back();
    let bodies = bodies.iter();
    bodies
        .map(|body| of(&serde_json::from_str(body).unwrap()))
        .collect()
}

/// One thing that is done at the desk. What it is done to is chosen by number.
#[derive(Clone, Copy, Debug)]
enum Step {
    AskRole,
    AskStatement,
    BreakGlass,
    Vote(usize, bool),
    Withdraw(usize),
    Consume(usize),
    Void,
    Roles,
    Grant,
    Revoke(usize),
    Extend(usize),
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::AskRole),
        Just(Step::AskStatement),
        Just(Step::BreakGlass),
        (0..3_usize, any::<bool>()).prop_map(|(ask, approves)| Step::Vote(ask, approves)),
        (0..3_usize, any::<bool>()).prop_map(|(ask, _)| Step::Vote(ask, true)),
        (0..3_usize).prop_map(Step::Withdraw),
        (0..3_usize).prop_map(Step::Consume),
        Just(Step::Void),
        Just(Step::Roles),
        Just(Step::Grant),
        (0..3_usize).prop_map(Step::Revoke),
        (0..3_usize).prop_map(Step::Extend),
        Just(Step::Sweep),
    ]
}

/// Whether it was done; what is not done says why.
async fn take(desk: &Desk, step: Step, number: i64) -> Result<(), AccessError> {
    let now = at(number * 600);
    let asks = desk.asks(false).await.unwrap();
    let grants = desk.grants(false).await.unwrap();
    let ask = |at: usize| {
        let found = asks.get(at).map(|it| it.id.clone());
        found.unwrap_or_else(|| AskId("ask-none".to_owned()))
    };
    let grant = |at: usize| {
        let found = grants.get(at).map(|it| it.id.clone());
        found.unwrap_or_else(|| GrantId("grant-none".to_owned()))
    };
    let person = format!("p{number}");
    let new = NewGrant {
        role: "sales-reader".to_owned(),
        workload: "etl".to_owned(),
        anchor: None,
        user: None,
        account: None,
        duration: Duration::from_secs(900),
        reason: None,
        ask: None,
        granted_by: vec![person.clone()],
    };
    match step {
        Step::AskRole => desk.ask(role(30), now).await.map(drop),
        Step::AskStatement => desk.ask(statement("d1"), now).await.map(drop),
        Step::BreakGlass => {
            let terms = Terms {
                breakglass: true,
                ..terms(0)
            };
            let ask = NewAsk { terms, ..role(30) };
            desk.break_glass(ask, now).await.map(drop)
        }
        Step::Vote(at, approves) => {
            let vote = vote(&person, 2_000, approves);
            desk.vote(&ask(at), vote, now).await.map(drop)
        }
        Step::Withdraw(at) => desk.withdraw(&ask(at), now).await,
        Step::Consume(at) => desk.consume(&ask(at), "d1", now).await.map(drop),
        Step::Void => {
            let version = if number % 2 == 0 { "v1" } else { "v2" };
            desk.void_other_versions(version, now).await
        }
        Step::Roles => {
            let roles = desk.roles(&key(), "testorg-testacct", now).await;
            roles.map(drop)
        }
        Step::Grant => desk.grant(new, now).await.map(drop),
        Step::Revoke(at) => desk.revoke(&grant(at), &person, now).await.map(drop),
        Step::Extend(at) => {
            let more = Duration::from_secs(60);
            desk.extend(&grant(at), more, &person, now).await.map(drop)
        }
        Step::Sweep => desk.sweep(now).await.map(drop),
    }
}

/// Lets every transaction that tells of something fail at its commit.
const DOOM: &str = "CREATE TABLE doom (ask TEXT REFERENCES asks (id) DEFERRABLE INITIALLY DEFERRED); \
    CREATE TRIGGER fault AFTER INSERT ON events BEGIN INSERT INTO doom VALUES ('nobody'); END";

async fn run(steps: &[Step], fault_at: usize, fault: Fault) {
    let dir = tempfile::tempdir().unwrap();
    let notes = Arc::new(Notes::default());
    let witness: Arc<dyn Witness> = Arc::<Notes>::clone(&notes);
    let desk = Desk::open(&dir.path().join("access.db"), witness)
        .await
        .unwrap();
    for (number, step) in steps.iter().enumerate() {
        let before = committed(&desk).await;
        let is_due = number == fault_at;
        match fault {
            Fault::Before | Fault::After if is_due => notes.kept().fault = Some(fault),
            Fault::Commit if is_due => tamper(dir.path(), DOOM).await,
            Fault::Before | Fault::After | Fault::Commit => {}
        }
        let frames = notes.kept().frames.len();
        let done = take(&desk, *step, i64::try_from(number).unwrap()).await;
        let after = committed(&desk).await;
        assert_eq!(notes.believed(), after, "{step:?}: {done:?}");
        let is_used = notes.kept().fault.take().is_none();
        if is_due && fault == Fault::Commit {
            tamper(dir.path(), "DROP TRIGGER fault; DROP TABLE doom").await;
            if notes.kept().frames.len() > frames {
                assert!(matches!(done, Err(AccessError::Store { .. })), "{done:?}");
            }
        } else if is_due && is_used {
            assert!(
                matches!(done, Err(AccessError::NotRecorded { .. })),
                "{done:?}"
            );
            assert_eq!(before, after, "nothing is done that is not recorded");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn what_is_committed_is_recorded_and_what_is_not_is_marked(
        steps in prop::collection::vec(step(), 1..14),
        fault_at in 0..14_usize,
        fault in prop::sample::select(vec![Fault::Before, Fault::After, Fault::Commit]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(&steps, fault_at, fault));
    }
}

const LABELS: &str = "[[label]]\nname = \"pci.card\"\nmethod = \"redact\"\n\
                      detectors = [\"card\"]\n";

/// Opens a desk with a recording that hides what detectors find.
async fn recorded(dir: &std::path::Path) -> Desk {
    let labels = Labels::parse(LABELS).unwrap();
    let key = crate::mask::key::MasterKey::new(zeroize::Zeroizing::new([7; 32]));
    let masks = Masks::new(&labels, &key);
    let hide = move |text: &str| literal::redact(text, masks.redactions()).into_owned();
    let recorder = Recorder::open(&config::Record::for_test(dir)).unwrap();
    let hide = Arc::new(hide);
    let witness = Arc::new(Recording::new(recorder, &dir.join("record"), hide));
    Desk::open(&dir.join("access.db"), witness).await.unwrap()
}

/// Kind and payload of every frame, but for those that every segment has.
fn frames(dir: &std::path::Path) -> Vec<(Kind, Value)> {
    said(&dir.join("record"))
}

#[tokio::test]
async fn a_vote_that_decides_is_recorded_before_what_it_decides_with_who_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let desk = recorded(dir.path()).await;
    let ask = desk.ask(role(30), at(0)).await.unwrap();
    desk.vote(&ask.id, vote("ann", 1_001, true), at(1))
        .await
        .unwrap();
    let root = Operator {
        name: "root".to_owned(),
        uid: 0,
    };
    let grants = desk.grants(true).await.unwrap();
    desk.operated_by(root)
        .revoke(&grants[0].id, "root: done", at(2))
        .await
        .unwrap();
    let action = OperatorAction {
        action: "labels import".to_owned(),
        operator: "root".to_owned(),
        uid: Some(0),
        object: Some("acme".to_owned()),
        outcome: "done",
        message: None,
    };
    desk.record(action).await.unwrap();
    drop(desk);
    let frames = frames(dir.path());
    let told: Vec<_> = frames
        .iter()
        .map(|(kind, it)| (*kind, it["event"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(
        told,
        [
            (Kind::Ask, "ask_opened"),
            (Kind::Vote, "ask_voted"),
            (Kind::Grant, "grant_given"),
            (Kind::Ask, "ask_approved"),
            (Kind::Grant, "grant_revoked"),
            (Kind::Operator, ""),
        ]
    );
    let vote = &frames[1].1["vote"];
    assert_eq!(
        (&vote["person"], &vote["uid"], &vote["note"]),
        (&json!("ann"), &json!(1_001), &json!("looked at it"))
    );
    assert_eq!(frames[0].1["ask"]["asker"]["anchor"], "/agents/etl");
    assert_eq!(frames[0].1["ask"]["reason"], "month end");
    assert_eq!(frames[2].1.get("operator"), None);
    assert_eq!(
        (&frames[4].1["operator"], &frames[4].1["uid"]),
        (&json!("root"), &json!(0))
    );
}

#[tokio::test]
async fn no_value_that_is_found_in_a_statement_is_recorded_nor_what_it_could_be_found_from() {
    const CARD: &str = "4111111111111111";
    let dir = tempfile::tempdir().unwrap();
    let desk = recorded(dir.path()).await;
    // The second one stands where the event is cut.
    let tail = "x".repeat(8 * 1024 - 40);
    let text = format!("DELETE FROM t WHERE c = '{CARD}' -- {tail} '{CARD}'");
    let mut new = statement("the-digest-of-the-clear-text");
    if let Subject::Statement(held) = &mut new.subject {
        held.text = text;
        held.objects = vec![format!("D.S.\"{CARD}\"")];
    }
    new.reason = Some(format!("card {CARD}"));
    new.message = format!("needs \"{CARD}\"");
    let ask = desk.ask(new, at(0)).await.unwrap();
    let mut voted = vote("ann", 1_001, true);
    voted.note = Some(format!("card {CARD}"));
    desk.vote(&ask.id, voted, at(1)).await.unwrap();
    drop(desk);
    let frames = frames(dir.path());
    assert_eq!(frames.len(), 3);
    for (kind, frame) in &frames {
        let subject = &frame["ask"]["subject"];
        let text = subject["text"].as_str().unwrap();
        assert!(text.starts_with("DELETE FROM t WHERE c = '["), "{text}");
        let all = frame.to_string();
        assert!(!all.contains("41111"), "{kind:?}: {all}");
        assert!(!all.contains("the-digest"), "{kind:?}: {all}");
    }
}

/// As after `kill -9` between the recording and the store.
#[tokio::test]
async fn what_was_recorded_and_not_committed_is_marked_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let desk = recorded(dir.path()).await;
    let ask = desk.ask(role(30), at(0)).await.unwrap();
    // The recording goes on behind the desk's back, as far as the store knows.
    let lost = role(60);
    let mut sight = desk.find(&ask.id).await.unwrap();
    sight.subject = lost.subject;
    let event = Event::of_ask(EventKind::AskOpened, &sight, at(1)).unwrap();
    let sights = [Sight {
        event,
        statement: None,
    }];
    let eye = Arc::clone(&desk.ledger.witness);
    let lost = eye.see(witness::frames(&sights, None, &*eye));
    let lost = lost.await.unwrap();
    drop((eye, desk));

    for _start in 0..3 {
        drop(recorded(dir.path()).await);
        let frames = frames(dir.path());
        let gaps: Vec<_> = frames
            .iter()
            .filter(|(kind, _)| *kind == Kind::Gap)
            .collect();
        let [(_, gap)] = gaps.as_slice() else {
            panic!("{gaps:?}")
        };
        assert_eq!(gap["reason"], "not_committed");
        assert_eq!(gap["detail"]["frames"], json!(lost));
    }
    let desk = recorded(dir.path()).await;
    desk.vote(&ask.id, vote("ann", 1_001, true), at(2))
        .await
        .unwrap();
    drop(desk);
    drop(recorded(dir.path()).await);
    let gaps = frames(dir.path()).into_iter();
    assert_eq!(gaps.filter(|(kind, _)| *kind == Kind::Gap).count(), 1);
}
