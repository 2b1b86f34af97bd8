use super::*;

const LIMITS: Limits = Limits {
    sessions_max: 3,
    sessions_per_principal_max: 2,
};

fn key(workload: &str) -> PrincipalKey {
    PrincipalKey {
        workload: workload.to_owned(),
        anchor: "/agents.slice/a.service".to_owned(),
        user: None,
        netns_cookie: 1,
    }
}

fn opening(workload: &str) -> Opening<()> {
    Opening {
        key: key(workload),
        account: "acct.snowflakecomputing.com".to_owned(),
        credential: "main".to_owned(),
        upstream: Arc::new(()),
    }
}

fn registry() -> (Registry<()>, Opened<()>, Instant) {
    let mut registry = Registry::new(LIMITS);
    let now = Instant::now();
    let opened = registry.open(opening("a"), now).unwrap();
    (registry, opened, now)
}

#[tokio::test(start_paused = true)]
async fn a_token_leads_to_its_session_and_only_for_its_principal() {
    let (registry, opened, now) = registry();
    let (session, master) = (opened.session_token.as_str(), opened.master_token.as_str());
    let id = opened.session.id;
    assert_eq!(
        registry
            .by_session_token(session, &key("a"), now)
            .unwrap()
            .id,
        id
    );
    assert_eq!(
        registry.by_master_token(master, &key("a"), now).unwrap().id,
        id
    );

    // A master token is no session token, nor the other way round.
    assert_eq!(
        registry
            .by_session_token(master, &key("a"), now)
            .unwrap_err(),
        TokenError::Unknown
    );
    assert_eq!(
        registry
            .by_master_token(session, &key("a"), now)
            .unwrap_err(),
        TokenError::Unknown
    );
    assert_eq!(
        registry.by_session_token("x", &key("a"), now).unwrap_err(),
        TokenError::Unknown
    );

    let others = [
        key("b"),
        PrincipalKey {
            netns_cookie: 2,
            ..key("a")
        },
        PrincipalKey {
            anchor: "/agents.slice/b.service".to_owned(),
            ..key("a")
        },
        PrincipalKey {
            user: Some("eve".to_owned()),
            ..key("a")
        },
    ];
    for other in others {
        let outcome = registry.by_session_token(session, &other, now).unwrap_err();
        assert_eq!(outcome, TokenError::Foreign, "{other:?}");
        let outcome = registry.by_master_token(master, &other, now).unwrap_err();
        assert_eq!(outcome, TokenError::Foreign, "{other:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_expire_in_the_order_that_drivers_expect() {
    let (mut registry, opened, now) = registry();
    let session = opened.session_token.as_str();
    let at = |seconds| now + Duration::from_secs(seconds);
    let ask = |registry: &Registry<()>, seconds| {
        registry
            .by_session_token(session, &key("a"), at(seconds))
            .map(|session| session.id)
    };
    assert_eq!(ask(&registry, 3599), Ok(opened.session.id));
    assert_eq!(ask(&registry, 3600), Err(TokenError::Expired));
    assert_eq!(ask(&registry, 14_399), Err(TokenError::Expired));
    assert_eq!(ask(&registry, 14_400), Err(TokenError::MasterExpired));
    let master = opened.master_token.as_str();
    let outcome = registry
        .renew(master, session, &key("a"), at(14_400))
        .unwrap_err();
    assert_eq!(outcome, TokenError::MasterExpired);

    registry.keep_alive(opened.session.id, at(10_000));
    assert_eq!(
        ask(&registry, 14_400),
        Err(TokenError::Expired),
        "a heartbeat keeps it renewable"
    );
    assert!(registry.sweep(at(14_400)).is_empty());
    assert_eq!(registry.sweep(at(24_400)).len(), 1);
    assert_eq!(ask(&registry, 24_400), Err(TokenError::Unknown));
    assert!(registry.tokens.is_empty());
}

#[tokio::test(start_paused = true)]
async fn renewing_gives_new_tokens_and_the_old_pair_a_grace() {
    let (mut registry, opened, now) = registry();
    let (session, master) = (opened.session_token.as_str(), opened.master_token.as_str());
    let foreign = registry.renew(master, session, &key("b"), now).unwrap_err();
    assert_eq!(foreign, TokenError::Foreign);
    let wrong = registry.renew(master, "x", &key("a"), now).unwrap_err();
    assert_eq!(wrong, TokenError::Unknown);

    let renewed = registry.renew(master, session, &key("a"), now).unwrap();
    assert_eq!(renewed.session.id, opened.session.id);
    let new = renewed.session_token.as_str();
    let ask = |token, after| {
        registry
            .by_session_token(token, &key("a"), now + after)
            .map(|session| session.id)
    };
    let second = Duration::from_secs(1);
    assert_eq!(ask(session, GRACE - second), Ok(opened.session.id));
    assert_eq!(ask(session, GRACE), Err(TokenError::Expired));
    assert_eq!(ask(new, SESSION_TOKEN_LIFE - second), Ok(opened.session.id));

    let late = registry
        .renew(master, session, &key("a"), now + GRACE)
        .unwrap_err();
    assert_eq!(late, TokenError::MasterExpired);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_does_not_revive_an_expired_session_token() {
    let (mut registry, opened, now) = registry();
    let (session, master) = (opened.session_token.as_str(), opened.master_token.as_str());
    let later = now + SESSION_TOKEN_LIFE;
    registry.renew(master, session, &key("a"), later).unwrap();
    let outcome = registry
        .by_session_token(session, &key("a"), later)
        .unwrap_err();
    assert_eq!(outcome, TokenError::Expired);
}

#[tokio::test(start_paused = true)]
async fn renewing_in_a_loop_keeps_a_bounded_number_of_tokens() {
    let (mut registry, opened, now) = registry();
    let mut current = opened;
    for _ in 0..100 {
        let (session, master) = (
            current.session_token.as_str(),
            current.master_token.as_str(),
        );
        current = registry.renew(master, session, &key("a"), now).unwrap();
    }
    assert_eq!(registry.tokens.len(), 2 * TOKENS_PER_SESSION_MAX);
}

#[tokio::test(start_paused = true)]
async fn sessions_are_bounded_for_each_principal_and_for_all() {
    let (mut registry, first, now) = registry();
    registry.open(opening("a"), now).unwrap();
    let outcome = registry.open(opening("a"), now).unwrap_err();
    assert_eq!(outcome, OpenError::PrincipalFull);
    registry.open(opening("b"), now).unwrap();
    assert_eq!(
        registry.open(opening("c"), now).unwrap_err(),
        OpenError::Full
    );

    assert_eq!(
        registry.close(first.session.id).unwrap().id,
        first.session.id
    );
    assert!(registry.close(first.session.id).is_none());
    let token = first.session_token.as_str();
    assert_eq!(
        registry
            .by_session_token(token, &key("a"), now)
            .unwrap_err(),
        TokenError::Unknown
    );
    let again = registry.open(opening("c"), now).unwrap();
    assert!(
        again.session.id > first.session.id,
        "numbers are never used twice"
    );
    let ids: Vec<u64> = registry.list().iter().map(|session| session.id.0).collect();
    assert_eq!(ids, [2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn no_token_shows_in_debug() {
    let (registry, opened, _) = registry();
    let shown = format!("{registry:?} {opened:?}");
    assert!(!shown.contains(opened.session_token.as_str()), "{shown}");
    assert!(!shown.contains(opened.master_token.as_str()), "{shown}");
}
