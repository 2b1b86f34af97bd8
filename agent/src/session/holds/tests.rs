//! The ways in which a wait ends.

use std::time::Duration;

use super::held::GONE_AFTER;
use super::*;
use crate::identity::PrincipalKey;
use crate::session::{NewSession, Registry};
use crate::sql::SessionState;

type Answers = Holds<&'static str, &'static str>;

fn session(number: usize) -> SessionId {
    let registry = Registry::new(1000, 1, Box::new(|_, _| {}));
    let mut id = None;
    for _ in 0..=number {
        let new = NewSession {
            key: PrincipalKey::for_test("a"),
            account: "acct".to_owned(),
            credential: "c".to_owned(),
            client: String::new(),
            snowflake_id: 1,
            upstream: (),
            state: SessionState::default(),
        };
        id = Some(registry.open(new, Instant::now()).unwrap().0.id);
    }
    id.unwrap()
}

fn new(number: u64, session: SessionId, asynchronous: bool) -> NewHold {
    NewHold {
        id: QueryId::of_entry(number),
        session,
        request: RequestId(format!("r{number}")),
        asynchronous,
        api: false,
        workload: "agent".to_owned(),
    }
}

fn held(asynchronous: bool) -> Arc<Held<&'static str, &'static str>> {
    let holds = Answers::default();
    let new = new(1, session(0), asynchronous);
    holds.open(new, Instant::now()).unwrap().0
}

#[tokio::test(start_paused = true)]
async fn the_first_answer_is_told_once() {
    let held = held(false);
    assert_eq!(held.tell(), Told::InProgress);
    assert!(held.send());
    assert_eq!(held.tell(), Told::InProgress);
    let upstream = QueryId::parse("01b00000-0000-0000-0000-000000000001");
    held.sent(upstream.clone(), Ok("rows"));
    assert_eq!(held.upstream(), upstream);
    assert_eq!(held.tell(), Told::Answer("rows"));
    assert_eq!(held.tell(), Told::Elsewhere);
    assert!(!held.is_open());
}

#[tokio::test(start_paused = true)]
async fn what_ended_is_told_to_everyone_and_is_never_sent() {
    let held = held(false);
    assert!(held.end("denied"));
    assert!(!held.end("expired"));
    assert!(!held.send());
    assert_eq!(held.tell(), Told::Ended("denied"));
    assert_eq!(held.tell(), Told::Ended("denied"));
    assert_eq!(held.cancel("cancelled"), Cancelled::NotExecuting);
}

#[tokio::test(start_paused = true)]
async fn what_is_being_sent_cannot_be_ended_here() {
    let held = held(false);
    assert!(held.send());
    assert!(!held.send());
    assert!(!held.end("denied"));
    assert_eq!(held.cancel("cancelled"), Cancelled::Sent);
    held.wait_again();
    assert_eq!(held.cancel("cancelled"), Cancelled::Ended);
    held.sent(None, Ok("rows"));
    assert_eq!(held.tell(), Told::Ended("cancelled"));
}

#[tokio::test(start_paused = true)]
async fn every_step_wakes_those_who_wait() {
    let held = held(false);
    let mut changes = held.changes();
    let waiting = tokio::spawn(async move {
        changes.changed().await.unwrap();
    });
    tokio::task::yield_now().await;
    assert!(held.end("denied"));
    waiting.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_is_gone_five_minutes_after_its_last_request() {
    let held = held(false);
    let begin = Instant::now();
    assert_eq!(held.gone_at(), Some(begin + GONE_AFTER));
    held.attend();
    held.attend();
    tokio::time::advance(Duration::from_secs(40)).await;
    held.leave(Instant::now());
    assert_eq!(held.gone_at(), None, "another request still waits");
    tokio::time::advance(Duration::from_secs(10)).await;
    held.leave(Instant::now());
    assert_eq!(held.gone_at(), Some(Instant::now() + GONE_AFTER));
}

#[tokio::test(start_paused = true)]
async fn a_frozen_client_is_not_gone_and_has_its_time_when_it_runs_again() {
    let held = held(false);
    held.freeze(true, Instant::now());
    assert_eq!(held.gone_at(), None);
    tokio::time::advance(Duration::from_hours(1)).await;
    held.freeze(false, Instant::now());
    assert_eq!(held.gone_at(), Some(Instant::now() + GONE_AFTER));
}

#[tokio::test(start_paused = true)]
async fn whoever_left_an_asynchronous_statement_behind_is_not_gone() {
    assert_eq!(held(true).gone_at(), None);
}

#[tokio::test(start_paused = true)]
async fn a_retry_joins_and_a_session_cannot_flood() {
    let holds = Answers::default();
    let now = Instant::now();
    let (one, other) = (session(0), session(1));
    let (first, is_new) = holds.open(new(1, one, false), now).unwrap();
    assert!(is_new);
    let mut again = new(99, one, false);
    again.request = first.request.clone();
    let (joined, is_new) = holds.open(again, now).unwrap();
    assert!(!is_new && Arc::ptr_eq(&first, &joined));
    for number in 2..=SESSION_MAX as u64 {
        holds.open(new(number, one, false), now).unwrap();
    }
    let more = SESSION_MAX as u64 + 1;
    assert_eq!(
        holds.open(new(more, one, false), now).unwrap_err(),
        HoldsFull::Session
    );
    holds.open(new(more, other, false), now).unwrap();
    // Room is for those that wait.
    assert!(first.end("denied"));
    holds.open(new(more + 1, one, false), now).unwrap();
}

#[tokio::test(start_paused = true)]
async fn all_sessions_together_have_a_limit() {
    let holds = Answers::default();
    let now = Instant::now();
    for number in 0..HOLDS_MAX as u64 {
        let session = session(usize::try_from(number).unwrap() / SESSION_MAX);
        holds.open(new(number, session, false), now).unwrap();
    }
    assert_eq!(
        holds.open(new(9999, session(99), false), now).unwrap_err(),
        HoldsFull::Host
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_over_is_forgotten_the_oldest_first() {
    let holds = Answers::default();
    let now = Instant::now();
    let session = session(0);
    let (open, _) = holds.open(new(0, session, false), now).unwrap();
    for number in 1..=KEPT_MAX as u64 {
        let (held, _) = holds.open(new(number, session, false), now).unwrap();
        assert!(held.end("denied"));
    }
    assert!(holds.by_id(&open.id).is_some());
    assert!(holds.by_id(&QueryId::of_entry(1)).is_none());
    assert!(holds.by_id(&QueryId::of_entry(2)).is_some());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_comes_for_is_let_go() {
    let holds = Answers::default();
    let (held, _) = holds
        .open(new(1, session(0), false), Instant::now())
        .unwrap();
    assert!(held.send());
    held.sent(None, Ok("rows"));
    holds.sweep(Instant::now() + GONE_AFTER - Duration::from_secs(1));
    assert!(held.has_answer());
    holds.sweep(Instant::now() + GONE_AFTER);
    assert_eq!(held.tell(), Told::Elsewhere);
}
