//! Who a token lets in, and for how long.

use super::tokens::{RENEWAL_GRACE, TOKENS_MAX};
use super::*;
use crate::sql::SessionState;

fn key(workload: &str) -> PrincipalKey {
    PrincipalKey::for_test(workload)
}

fn new(workload: &str) -> NewSession<()> {
    NewSession {
        key: key(workload),
        account: "acct".to_owned(),
        credential: "cred".to_owned(),
        client: String::new(),
        snowflake_id: 1,
        state: SessionState::default(),
        upstream: (),
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_opens_its_session_for_its_principal_only() {
    let registry = Registry::new(8, 1, Box::new(|_, _| {}));
    let now = Instant::now();
    let (session, tokens) = registry.open(new("a"), now).unwrap();
    let found = registry
        .by_session_token(tokens.session.as_str(), &key("a"), now)
        .unwrap();
    assert_eq!(found.id, session.id);
    let foreign = registry.by_session_token(tokens.session.as_str(), &key("b"), now);
    assert_eq!(foreign.unwrap_err(), TokenError::Foreign);
    let mut moved = key("a");
    moved.netns_cookie = 2;
    let foreign = registry.by_master_token(tokens.master.as_str(), &moved, now);
    assert_eq!(foreign.unwrap_err(), TokenError::Foreign);
    let unknown = registry.by_session_token("x", &key("a"), now);
    assert_eq!(unknown.unwrap_err(), TokenError::Unknown);
    let crossed = registry.by_session_token(tokens.master.as_str(), &key("a"), now);
    assert_eq!(crossed.unwrap_err(), TokenError::Unknown);
}

#[tokio::test(start_paused = true)]
async fn renewal_replaces_tokens_and_leaves_the_old_one_a_moment() {
    let registry = Registry::new(8, 1, Box::new(|_, _| {}));
    let now = Instant::now();
    let (session, old) = registry.open(new("a"), now).unwrap();
    let late = now + SESSION_VALIDITY;
    let expired = registry.by_session_token(old.session.as_str(), &key("a"), late);
    assert_eq!(expired.unwrap_err(), TokenError::Expired);
    let fresh = registry.renew(session.id, now).unwrap();
    let soon = now + RENEWAL_GRACE / 2;
    for token in [&old.session, &fresh.session] {
        registry
            .by_session_token(token.as_str(), &key("a"), soon)
            .unwrap();
    }
    let after = now + RENEWAL_GRACE;
    let expired = registry.by_session_token(old.session.as_str(), &key("a"), after);
    assert_eq!(expired.unwrap_err(), TokenError::Expired);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_lost_the_answer_to_its_renewal_can_renew_again() {
    let registry = Registry::new(8, 1, Box::new(|_, _| {}));
    let now = Instant::now();
    let (session, old) = registry.open(new("a"), now).unwrap();
    registry.renew(session.id, now).unwrap();
    let soon = now + RENEWAL_GRACE / 2;
    registry
        .by_master_token(old.master.as_str(), &key("a"), soon)
        .unwrap();
    // The second renewal does not prolong the first token.
    registry.renew(session.id, soon).unwrap();
    let after = now + RENEWAL_GRACE;
    let expired = registry.by_master_token(old.master.as_str(), &key("a"), after);
    assert_eq!(expired.unwrap_err(), TokenError::MasterExpired);
}

#[tokio::test(start_paused = true)]
async fn renewing_without_end_keeps_a_few_tokens() {
    let registry = Registry::new(8, 1, Box::new(|_, _| {}));
    let now = Instant::now();
    let (session, first) = registry.open(new("a"), now).unwrap();
    for _ in 0..TOKENS_MAX {
        registry.renew(session.id, now).unwrap();
    }
    let gone = registry.by_session_token(first.session.as_str(), &key("a"), now);
    assert_eq!(gone.unwrap_err(), TokenError::Unknown);
    let inner = registry.lock();
    assert_eq!(
        (inner.by_token.len(), inner.by_master.len()),
        (TOKENS_MAX, TOKENS_MAX)
    );
}

/// Every way out of the registry, and what is told of it.
#[tokio::test(start_paused = true)]
async fn of_every_session_whose_beginning_is_recorded_the_end_is_told_once() {
    let told: Arc<Mutex<Vec<(String, Closing)>>> = Arc::default();
    let list = Arc::clone(&told);
    let ends: Ends = Box::new(move |id, closing| {
        list.lock().unwrap().push((id.to_string(), closing));
    });
    let registry = Registry::new(100, 1, ends);
    let now = Instant::now();
    let open = |later| registry.open(new("a"), later).unwrap().0.id;
    let take = || std::mem::take(&mut *told.lock().unwrap());

    let (logout, unrecorded) = (open(now), open(now));
    assert!(registry.recorded(logout, Closing::Shutdown));
    assert!(registry.close(logout, Closing::Logout).is_some());
    assert!(registry.close(logout, Closing::Revoked).is_none());
    assert_eq!(take(), [("s1".to_owned(), Closing::Logout)]);
    // Nobody knows of its beginning, unless that is recorded only after it was closed.
    assert!(registry.close(unrecorded, Closing::Lost).is_some());
    assert_eq!(take(), []);
    assert!(!registry.recorded(unrecorded, Closing::Shutdown));
    assert_eq!(take(), [("s2".to_owned(), Closing::Shutdown)]);

    let silent = open(now);
    assert!(registry.recorded(silent, Closing::Shutdown));
    let late = open(now + MASTER_VALIDITY / 2);
    assert!(registry.recorded(late, Closing::Shutdown));
    assert_eq!(registry.sweep(now + MASTER_VALIDITY).len(), 1);
    assert_eq!(take(), [("s3".to_owned(), Closing::Expired)]);
    assert_eq!(registry.close_all(Closing::Shutdown).len(), 1);
    assert_eq!(take(), [("s4".to_owned(), Closing::Shutdown)]);
    assert!(registry.is_empty());
}

#[tokio::test(start_paused = true)]
async fn closing_and_sweeping_leave_nothing_behind() {
    let registry = Registry::new(8, 1, Box::new(|_, _| {}));
    let now = Instant::now();
    let (session, tokens) = registry.open(new("a"), now).unwrap();
    assert!(registry.sweep(now).is_empty());
    assert!(registry.close(session.id, Closing::Logout).is_some());
    let gone = registry.by_session_token(tokens.session.as_str(), &key("a"), now);
    assert_eq!(gone.unwrap_err(), TokenError::Unknown);
    registry.open(new("a"), now).unwrap();
    assert_eq!(registry.sweep(now + MASTER_VALIDITY).len(), 1);
    let inner = registry.lock();
    assert!(inner.held.is_empty() && inner.by_token.is_empty() && inner.by_master.is_empty());
}

#[tokio::test(start_paused = true)]
async fn one_principal_cannot_take_every_session() {
    let registry = Registry::new(4, 1, Box::new(|_, _| {}));
    let now = Instant::now();
    registry.open(new("a"), now).unwrap();
    assert_eq!(
        registry.open(new("a"), now).unwrap_err(),
        OpenError::PrincipalFull
    );
    for other in ["b", "c", "d"] {
        registry.open(new(other), now).unwrap();
    }
    assert_eq!(registry.open(new("e"), now).unwrap_err(), OpenError::Full);
}
