//! The upstream leg against a server that misbehaves.

mod chunk;
mod faults;
mod renewal;
pub(crate) mod server;
mod sticky;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use self::server::{Reply, Seen, Server};
use super::*;
use crate::config::{Credential, CredentialKind, Limits, SecretSource};
use crate::credential::{Proof, Secret};
use crate::snowflake::request::Bounds;
use crate::snowflake::{Login, Operation, Query, QueryId};

const HOST: &str = "acct.snowflakecomputing.com";
const LOGIN: &str = "POST /session/v1/login-request";
const RENEW: &str = "POST /session/token-request";
const QUERY: &str = "POST /queries/v1/query-request";
const LOGOUT: &str = "POST /session";
const ROWS: &str = r#"{"data":{"rowset":[["1"]]},"code":null,"message":null,"success":true}"#;
const EXPIRED: &str = r#"{"data":null,"code":"390112","message":"expired","success":false}"#;

fn login_answer() -> Reply {
    Reply::json(
        r#"{"data":{"token":"session-0","masterToken":"master-0","validityInSeconds":3600,
        "masterValidityInSeconds":14400,"sessionId":7,"parameters":[],
        "sessionInfo":{"roleName":"R"}},"code":null,"message":null,"success":true}"#,
    )
}

/// The answer to the `n`-th renewal.
fn renewal_answer(n: usize) -> Reply {
    Reply::json(&format!(
        r#"{{"data":{{"sessionToken":"session-{n}","masterToken":"master-{n}",
        "validityInSecondsST":3600,"validityInSecondsMT":14400,"sessionId":7}},
        "code":null,"message":null,"success":true}}"#
    ))
}

fn limits() -> Limits {
    Limits {
        connections_max: 8,
        sessions_max: 8,
        hello_timeout: Duration::from_secs(5),
        request_body_bytes_max: 1 << 20,
        response_body_bytes_max: 64 * 1024,
        row_bytes_max: 64 * 1024,
        upstream_timeout: Duration::from_secs(20),
        hold_poll: Duration::from_secs(40),
    }
}

fn credential() -> Credential {
    Credential {
        name: "agent-ro".to_owned(),
        account: "testorg-testacct".to_owned(),
        user: Some("agent".to_owned()),
        kind: CredentialKind::Password {
            password: SecretSource::Systemd("unused".to_owned()),
        },
        role: Some("AGENT_RO".to_owned()),
        roles: vec!["AGENT_MORE".to_owned()],
        warehouse: Some("AGENT_WH".to_owned()),
        database: Some("DB".to_owned()),
        schema: None,
        session_parameters: BTreeMap::new(),
    }
}

fn proof() -> Proof {
    Proof::Password(Secret::new(Zeroizing::new("real-password".to_owned())))
}

fn login_as(role: Option<&str>) -> Login {
    Login {
        user: Some("anyone".to_owned()),
        account: None,
        database: None,
        schema: Some("PUBLIC".to_owned()),
        warehouse: Some("CLIENTS_WH".to_owned()),
        role: role.map(str::to_owned),
        client_app_id: "PythonConnector".to_owned(),
        client_app_version: "4.8.1".to_owned(),
        client_environment: RawValue::from_string("{}".to_owned()).unwrap(),
        session_parameters: Vec::new(),
        authenticator: "SNOWFLAKE".to_owned(),
    }
}

fn query() -> Operation {
    let mut query = Query::for_test("11111111-2222-3333-4444-555555555555", "SELECT 1");
    query.sequence_id = Some(1);
    Operation::Query(Box::new(query))
}

fn target(server: &Server) -> Target {
    Target {
        host: HOST.to_owned(),
        address: Some(server.address),
        account_name: "testorg-testacct".to_owned(),
    }
}

async fn log_in(
    upstream: &Upstream,
    server: &Server,
) -> Result<(UpstreamSession, crate::snowflake::login::LoginAnswer), UpstreamError> {
    upstream
        .log_in(
            &login_as(None),
            &target(server),
            &credential(),
            &proof(),
            "tag",
        )
        .await
}

/// A server that lets everyone in and then follows the script, with a session at it.
async fn session(
    limits: Limits,
    script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static,
) -> (Server, Upstream, UpstreamSession) {
    let server = Server::start(move |seen, index| {
        if seen.line.starts_with(LOGIN) {
            login_answer()
        } else {
            script(seen, index - 1)
        }
    })
    .await;
    let upstream = Upstream::new(server.connector.clone(), &limits, None);
    let (session, _answer) = log_in(&upstream, &server).await.unwrap();
    (server, upstream, session)
}

fn json(unmasked: Unmasked) -> Bytes {
    match unmasked.into_body() {
        UnmaskedBody::Json(bytes) => bytes,
        UnmaskedBody::Chunk { .. } => panic!("a chunk"),
    }
}

/// A test that waits for what never comes fails instead of hanging.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, work)
        .await
        .expect("it never came")
}

/// Lets the tasks run that put connections back.
async fn settle() {
    for _ in 0..16 {
        tokio::task::yield_now().await;
    }
}

async fn ask(upstream: &Upstream, session: &UpstreamSession) -> Result<Bytes, UpstreamError> {
    upstream
        .perform(query(), session, "tag", Bounds::default())
        .await
        .map(json)
}

#[tokio::test]
async fn a_login_shows_the_real_credential_and_keeps_the_real_tokens() {
    let server = Server::start(|_, _| login_answer()).await;
    let upstream = Upstream::new(server.connector.clone(), &limits(), None);
    let (session, answer) = log_in(&upstream, &server).await.unwrap();

    let seen = server.seen().remove(0);
    let body: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
    assert_eq!(body["data"]["ACCOUNT_NAME"], "TESTORG-TESTACCT");
    assert_eq!(body["data"]["LOGIN_NAME"], "agent");
    assert_eq!(body["data"]["PASSWORD"], "real-password");
    for pair in [
        "roleName=AGENT_RO",
        "warehouse=AGENT_WH",
        "databaseName=DB",
        "schemaName=PUBLIC",
    ] {
        assert!(seen.line.contains(pair), "{}", seen.line);
    }
    assert_eq!(
        seen.header("host"),
        Some(format!("{HOST}:{}", server.address.port()).as_str())
    );
    assert_eq!(seen.header("authorization"), None);
    let user_agent = seen.header("user-agent").unwrap();
    assert!(
        user_agent.starts_with("PythonConnector/4.8.1 snowfence/"),
        "{user_agent}"
    );

    assert!(answer.session_token.is_empty() && answer.master_token.is_empty());
    let shown = format!("{session:?} {answer:?} {upstream:?}");
    for secret in ["session-0", "master-0", "real-password"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn a_client_gets_only_roles_that_the_credential_lists() {
    let server = Server::start(|_, _| login_answer()).await;
    let upstream = Upstream::new(server.connector.clone(), &limits(), None);
    for (wish, expected) in [
        (None, Some("roleName=AGENT_RO")),
        (Some(""), Some("roleName=AGENT_RO")),
        (Some("agent_more"), Some("roleName=AGENT_MORE")),
        (Some("ACCOUNTADMIN"), None),
    ] {
        let (target, credential) = (target(&server), credential());
        let login = login_as(wish);
        let outcome = upstream
            .log_in(&login, &target, &credential, &proof(), "tag")
            .await;
        match expected {
            Some(pair) => {
                outcome.unwrap();
                assert!(server.seen().pop().unwrap().line.contains(pair), "{wish:?}");
            }
            None => {
                let error = outcome.unwrap_err();
                assert!(
                    matches!(error, UpstreamError::RoleRefused { .. }),
                    "{error}"
                );
            }
        }
    }
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn a_refused_login_says_why_but_never_the_secret() {
    let server = Server::start(|_, index| {
        let said = if index == 0 {
            "bad password"
        } else {
            "`real-password` is wrong"
        };
        let code = r#""code":"390100""#;
        Reply::json(&format!(
            r#"{{"data":{{}},{code},"message":"{said}","success":false}}"#
        ))
    })
    .await;
    let upstream = Upstream::new(server.connector.clone(), &limits(), None);
    let error = log_in(&upstream, &server).await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("`agent-ro` (390100): bad password"),
        "{error}"
    );
    let error = log_in(&upstream, &server).await.unwrap_err();
    assert!(
        !format!("{error} {error:?}").contains("real-password"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_login_whose_client_went_away_is_undone() {
    let (entered, mut login_seen) = tokio::sync::mpsc::unbounded_channel();
    let (left, mut logout_seen) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::start(move |seen, _| {
        if seen.line.starts_with(LOGIN) {
            entered.send(()).unwrap();
            login_answer()
        } else {
            left.send(seen.clone()).unwrap();
            Reply::json(r#"{"data":null,"code":null,"message":null,"success":true}"#)
        }
    })
    .await;
    let upstream = Upstream::new(server.connector.clone(), &limits(), None);
    tokio::select! {
        // Cancelled as soon as the server has the request.
        biased;
        _ = soon(login_seen.recv()) => {}
        _ = log_in(&upstream, &server) => panic!("the answer cannot be here yet"),
    }
    let logout = soon(logout_seen.recv()).await.unwrap();
    assert_eq!(logout.line, format!("{LOGOUT}?delete=true"));
    assert_eq!(
        logout.header("authorization"),
        Some("Snowflake Token=\"session-0\"")
    );
}

#[tokio::test]
async fn operations_carry_the_session_token_over_one_connection() {
    let (server, upstream, session) = session(limits(), |_, _| Reply::json(ROWS)).await;
    settle().await;
    assert_eq!(ask(&upstream, &session).await.unwrap(), ROWS);
    settle().await;
    let id = QueryId::parse("01234567-89ab-cdef-0123-456789abcdef").unwrap();
    upstream
        .perform(Operation::Result(id), &session, "tag", Bounds::default())
        .await
        .map(json)
        .unwrap();

    let seen = server.seen();
    assert_eq!(
        seen[1].header("authorization"),
        Some("Snowflake Token=\"session-0\"")
    );
    assert_eq!(seen[1].header("accept"), Some("application/snowflake"));
    assert_eq!(seen[1].header("accept-encoding"), Some("gzip"));
    assert_eq!(
        seen[2].line,
        "GET /queries/01234567-89ab-cdef-0123-456789abcdef/result"
    );
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn after_logout_nothing_is_sent() {
    let (server, upstream, session) = session(limits(), |_, _| Reply::json(ROWS)).await;
    upstream.logout(&session).await;
    upstream.logout(&session).await;
    let error = ask(&upstream, &session).await.unwrap_err();
    assert!(
        matches!(error, UpstreamError::SessionLost { .. }),
        "{error}"
    );
    assert_eq!(server.paths(), [LOGIN, LOGOUT]);
}

#[tokio::test]
async fn what_is_answered_here_is_not_forwarded() {
    let (server, upstream, session) = session(limits(), |_, _| Reply::json(ROWS)).await;
    let telemetry = upstream
        .perform(Operation::Telemetry, &session, "tag", Bounds::default())
        .await;
    assert!(
        matches!(telemetry, Err(UpstreamError::NotForwarded)),
        "{telemetry:?}"
    );
    assert_eq!(server.paths(), [LOGIN]);
}

#[tokio::test]
async fn outcomes_times_and_connections_are_counted() {
    let server = Server::start(|_, index| match index {
        0 => login_answer(),
        1 => Reply::status(503),
        2 => Reply::json(ROWS),
        _ => Reply::status(404),
    })
    .await;
    let registry = prometheus::Registry::new();
    let metrics = Metrics::new(&registry).unwrap();
    let upstream = Upstream::new(server.connector.clone(), &limits(), Some(metrics));
    let (session, _answer) = log_in(&upstream, &server).await.unwrap();
    ask(&upstream, &session).await.unwrap();
    ask(&upstream, &session).await.unwrap_err();

    let families = registry.gather();
    let text = prometheus::TextEncoder::new()
        .encode_to_string(&families)
        .unwrap();
    for line in [
        "snowfence_upstream_requests_total{outcome=\"ok\"} 2",
        "snowfence_upstream_requests_total{outcome=\"status\"} 1",
        "snowfence_upstream_retries_total 1",
        "snowfence_upstream_seconds_count 3",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is not in\n{text}"
        );
    }
    assert!(Metrics::new(&registry).is_err_and(|error| error.to_string().contains("Duplicate")));
}
