//! A token endpoint that answers well, badly and not at all.

use serde_json::json;

use super::*;
use crate::upstream::server::{Reply, Seen, Server};

const SILENCE_MAX: Duration = Duration::from_secs(5);

fn client(server: &Server, secret: &str) -> ClientCredentials {
    let connector = Connector::new(server.connector.clone(), SILENCE_MAX, None);
    let url = format!(
        "https://localhost:{}/oauth/token?x=1",
        server.address.port()
    );
    let secret = Source::Held(Secret::from_bytes(secret.as_bytes()).unwrap());
    ClientCredentials::new(connector, &url, "the id", secret, Some("session:role-any")).unwrap()
}

fn token(text: &str, expires_in: Option<u64>) -> Reply {
    Reply::json(&json!({"access_token": text, "expires_in": expires_in}).to_string())
}

/// The `n`-th answer is token `t<n>`.
fn numbered(expires_in: u64) -> impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static {
    move |_, index| token(&format!("t{index}"), Some(expires_in))
}

#[tokio::test]
async fn the_request_is_the_one_of_the_rfc() {
    let server = Server::start(numbered(3600)).await;
    let token = client(&server, "s:e c~r%").token().await.unwrap();
    assert_eq!(token.reveal(), "t0");

    let seen = server.seen().remove(0);
    assert_eq!(seen.line, "POST /oauth/token?x=1");
    assert_eq!(
        seen.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    let authorization = seen
        .header("authorization")
        .unwrap()
        .strip_prefix("Basic ")
        .unwrap();
    assert_eq!(
        STANDARD.decode(authorization).unwrap(),
        b"the+id:s%3Ae+c%7Er%25"
    );
    assert_eq!(
        seen.body,
        "grant_type=client_credentials&scope=session%3Arole-any"
    );
}

#[tokio::test]
async fn a_token_is_kept_while_it_is_good_for_a_login() {
    let server = Server::start(numbered(121)).await;
    let client = client(&server, "s");
    assert_eq!(client.token().await.unwrap().reveal(), "t0");
    assert_eq!(client.token().await.unwrap().reveal(), "t0");

    let server = Server::start(numbered(120)).await;
    let client = self::client(&server, "s");
    assert_eq!(client.token().await.unwrap().reveal(), "t0");
    assert_eq!(client.token().await.unwrap().reveal(), "t1");
}

#[tokio::test]
async fn callers_that_come_together_share_one_exchange() {
    let server = Server::start(numbered(3600)).await;
    let client = std::sync::Arc::new(client(&server, "s"));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let client = std::sync::Arc::clone(&client);
            tokio::spawn(async move { client.token().await.unwrap() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().reveal(), "t0");
    }
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_token_that_still_holds_outlives_an_endpoint_that_is_down() {
    let server = Server::start(|_, index| {
        if index == 0 {
            token("t0", Some(60))
        } else {
            Reply::status(503)
        }
    })
    .await;
    let client = client(&server, "s");
    assert_eq!(client.token().await.unwrap().reveal(), "t0");
    assert_eq!(client.token().await.unwrap().reveal(), "t0");
    assert_eq!(server.seen().len(), 2);

    let server = Server::start(|_, index| {
        if index == 0 {
            token("t0", Some(0))
        } else {
            Reply::status(503)
        }
    })
    .await;
    let client = self::client(&server, "s");
    assert_eq!(client.token().await.unwrap().reveal(), "t0");
    let error = client.token().await.unwrap_err();
    assert!(
        matches!(error, OauthError::Refused { status: 503, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn every_failure_is_told_apart_and_tells_no_secret() {
    async fn check(reply: fn() -> Reply, expected: &str) {
        let server = Server::start(move |_, _| reply()).await;
        let error = client(&server, "m4rk3r").token().await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(
            !format!("{error} {error:?}").contains("m4rk3r"),
            "{error:?}"
        );
    }
    check(
        || Reply::with(401, "", br#"{"error":"invalid_client"}"#),
        "401 (invalid_client:",
    )
    .await;
    check(
        || Reply::with(400, "", br#"{"error":"m4rk3r"}"#),
        "HTTP status 400",
    )
    .await;
    check(
        || Reply::with(302, "location: https://elsewhere/\r\n", b""),
        "HTTP status 302",
    )
    .await;
    check(
        || Reply::json(r#"{"access_token":["m4rk3r"]}"#),
        "gave no access token",
    )
    .await;
    check(
        || Reply::json(r#"{"access_token":""}"#),
        "gave no access token",
    )
    .await;
    check(
        || Reply::json(r#"{"access_token":"m4rk3r","expires_in":-1}"#),
        "gave no",
    )
    .await;
    check(
        || Reply::json(&" ".repeat(TOKEN_ANSWER_BYTES_MAX + 1)),
        "cannot read",
    )
    .await;
    check(|| Reply::Reset, "broke the connection").await;
}

#[tokio::test]
async fn an_endpoint_with_another_certificate_gets_nothing() {
    let server = Server::start(numbered(3600)).await;
    let stranger = Server::start(numbered(3600)).await;
    let mut client = client(&server, "s");
    client.connector = Connector::new(stranger.connector.clone(), SILENCE_MAX, None);
    let error = client.token().await.unwrap_err();
    assert!(matches!(error, OauthError::Connect { .. }), "{error}");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn the_endpoint_must_be_https() {
    let server = Server::start(numbered(3600)).await;
    for url in [
        "http://localhost/token",
        "https://u:p@localhost/",
        "localhost/token",
        "",
    ] {
        let connector = Connector::new(server.connector.clone(), SILENCE_MAX, None);
        let secret = Source::Held(Secret::from_bytes(b"s").unwrap());
        let outcome = ClientCredentials::new(connector, url, "id", secret, None);
        assert!(matches!(outcome, Err(OauthError::Url { .. })), "{url}");
    }
}
