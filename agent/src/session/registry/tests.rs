//! Who a token lets in, and for how long.

use super::*;

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
    let registry = Registry::new(8, 1);
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
    let registry = Registry::new(8, 1);
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
    let registry = Registry::new(8, 1);
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
    let registry = Registry::new(8, 1);
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

#[tokio::test(start_paused = true)]
async fn closing_and_sweeping_leave_nothing_behind() {
    let registry = Registry::new(8, 1);
    let now = Instant::now();
    let (session, tokens) = registry.open(new("a"), now).unwrap();
    assert!(registry.sweep(now).is_empty());
    assert!(registry.close(session.id).is_some());
    let gone = registry.by_session_token(tokens.session.as_str(), &key("a"), now);
    assert_eq!(gone.unwrap_err(), TokenError::Unknown);
    registry.open(new("a"), now).unwrap();
    assert_eq!(registry.sweep(now + MASTER_VALIDITY).len(), 1);
    let inner = registry.lock();
    assert!(inner.held.is_empty() && inner.by_token.is_empty() && inner.by_master.is_empty());
}

#[tokio::test(start_paused = true)]
async fn one_principal_cannot_take_every_session() {
    let registry = Registry::new(4, 1);
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
