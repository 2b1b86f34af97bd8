//! Tokens that expire.

use super::*;

/// Answers each query with `EXPIRED` unless it carries the token of the last renewal.
fn renewing() -> impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static {
    let renewals = std::sync::atomic::AtomicUsize::new(0);
    move |seen, _| {
        use std::sync::atomic::Ordering::SeqCst;
        if seen.line.starts_with(RENEW) {
            return renewal_answer(renewals.fetch_add(1, SeqCst) + 1);
        }
        let token = format!(
            "Snowflake Token=\"session-{}\"",
            renewals.load(SeqCst).max(1)
        );
        let fresh = seen.header("authorization") == Some(token.as_str());
        Reply::json(if fresh { ROWS } else { EXPIRED })
    }
}

#[tokio::test]
async fn an_expired_token_is_renewed_and_the_same_request_sent_again() {
    let (server, upstream, session) = session(limits(), renewing()).await;
    assert_eq!(ask(&upstream, &session).await.unwrap(), ROWS);

    assert_eq!(server.paths(), [LOGIN, QUERY, RENEW, QUERY]);
    let seen = server.seen();
    assert_eq!(seen[1].line, seen[3].line);
    assert_eq!(seen[1].body, seen[3].body);
    assert!(
        seen[1]
            .line
            .contains("requestId=11111111-2222-3333-4444-555555555555")
    );
    assert_eq!(
        seen[2].header("authorization"),
        Some("Snowflake Token=\"master-0\"")
    );
    assert!(seen[2].body.contains("session-0"));
    assert_eq!(
        seen[3].header("authorization"),
        Some("Snowflake Token=\"session-1\"")
    );
}

#[tokio::test]
async fn requests_that_meet_the_same_expiry_share_one_renewal() {
    let (server, upstream, session) = session(limits(), renewing()).await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (upstream, session) = (upstream.clone(), session.clone());
            tokio::spawn(async move { ask(&upstream, &session).await.unwrap() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), ROWS);
    }
    let renewals = server.paths().iter().filter(|path| *path == RENEW).count();
    assert_eq!(renewals, 1);
}

#[tokio::test]
async fn a_token_that_expires_at_once_again_ends_the_session() {
    let (server, upstream, session) = session(limits(), |seen, _| {
        if seen.line.starts_with(RENEW) {
            renewal_answer(1)
        } else {
            Reply::json(EXPIRED)
        }
    })
    .await;
    let error = ask(&upstream, &session).await.unwrap_err();
    assert!(
        matches!(error, UpstreamError::SessionLost { .. }),
        "{error}"
    );
    assert_eq!(server.paths(), [LOGIN, QUERY, RENEW, QUERY]);
    assert!(session.is_lost());
}

#[tokio::test]
async fn a_refused_renewal_ends_the_session_for_all() {
    let (server, upstream, session) = session(limits(), |seen, _| {
        let refusal = r#"{"data":null,"code":"390114","message":"expired","success":false}"#;
        Reply::json(if seen.line.starts_with(RENEW) {
            refusal
        } else {
            EXPIRED
        })
    })
    .await;
    for _ in 0..2 {
        let error = ask(&upstream, &session).await.unwrap_err();
        assert!(error.to_string().contains("has ended (390114)"), "{error}");
    }
    assert_eq!(server.paths(), [LOGIN, QUERY, RENEW]);
}

#[tokio::test]
async fn a_session_that_snowflake_ended_is_lost() {
    for code in ["390103", "390104", "390111"] {
        let answer = format!(r#"{{"data":null,"code":"{code}","message":"m","success":false}}"#);
        let (_server, upstream, session) =
            session(limits(), move |_, _| Reply::json(&answer)).await;
        let error = ask(&upstream, &session).await.unwrap_err();
        assert!(
            matches!(error, UpstreamError::SessionLost { .. }),
            "{error}"
        );
    }
    let (_server, upstream, session) = session(limits(), |_, _| Reply::status(401)).await;
    let error = ask(&upstream, &session).await.unwrap_err();
    assert!(
        matches!(error, UpstreamError::SessionLost { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn renewal_is_due_after_three_quarters_of_the_time() {
    let (server, upstream, session) = session(limits(), renewing()).await;
    let now = tokio::time::Instant::now();
    assert!(!upstream.renew_due(&session, now).await.unwrap());
    assert!(
        !upstream
            .renew_due(&session, now + Duration::from_secs(2690))
            .await
            .unwrap()
    );
    assert!(
        upstream
            .renew_due(&session, now + Duration::from_secs(2701))
            .await
            .unwrap()
    );
    assert_eq!(server.paths(), [LOGIN, RENEW]);
    assert_eq!(ask(&upstream, &session).await.unwrap(), ROWS);
    assert_eq!(server.paths(), [LOGIN, RENEW, QUERY]);
}

#[tokio::test]
async fn a_renewal_outlives_the_request_that_asked_for_it() {
    let (began, mut renewal) = tokio::sync::mpsc::unbounded_channel();
    let script = renewing();
    let (server, upstream, session) = session(limits(), move |seen, index| {
        if seen.line.starts_with(RENEW) {
            began.send(()).unwrap();
        }
        script(seen, index)
    })
    .await;
    tokio::select! {
        biased;
        _ = soon(renewal.recv()) => {}
        _ = ask(&upstream, &session) => panic!("the renewal cannot be over yet"),
    }
    assert_eq!(ask(&upstream, &session).await.unwrap(), ROWS);
    let renewals = server.paths().iter().filter(|path| *path == RENEW).count();
    assert_eq!(renewals, 1);
}

#[tokio::test]
async fn a_failed_renewal_is_not_repeated_by_those_who_waited_for_it() {
    let (server, upstream, session) = session(limits(), |seen, _| {
        if seen.line.starts_with(RENEW) {
            Reply::status(500)
        } else {
            Reply::json(EXPIRED)
        }
    })
    .await;
    let tokens = session.tokens().unwrap();
    let turn = session.renewal_turn().await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (upstream, session) = (upstream.clone(), session.clone());
            let seen = tokens.clone();
            tokio::spawn(async move { upstream.renew(&session, seen).await })
        })
        .collect();
    settle().await;
    drop(turn);
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap().unwrap_err().outcome());
    }
    outcomes.sort_unstable();
    let waited = ["renewal_failed"; 7];
    assert_eq!(outcomes, [waited.as_slice(), &["status"]].concat());
    assert_eq!(server.paths(), [LOGIN, RENEW]);

    // It was not the end of the session: the next request tries again.
    let error = ask(&upstream, &session).await.unwrap_err();
    assert!(
        matches!(error, UpstreamError::Status { status: 500, .. }),
        "{error}"
    );
    assert_eq!(server.paths(), [LOGIN, RENEW, QUERY, RENEW]);
}
