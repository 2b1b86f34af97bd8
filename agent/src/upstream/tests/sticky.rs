//! Front ends that want a session's requests for themselves.

use super::*;

const STICKY: &str = "x-snowflake-session";

/// What is sent back with a second request when the first one's answer had these headers.
async fn check(headers: &'static str, expected: Option<&'static str>) {
    let script = move |_: &Seen, _| Reply::with(200, headers, ROWS.as_bytes());
    let (server, upstream, session) = session(limits(), script).await;
    for _ in 0..2 {
        ask(&upstream, &session).await.unwrap();
    }
    let seen = server.seen();
    assert_eq!(seen[1].header(STICKY), None);
    assert_eq!(seen[2].header(STICKY), expected, "{headers:?}");
}

#[tokio::test]
async fn what_the_account_host_says_of_itself_is_sent_back() {
    check("x-snowflake-session: front-7\r\n", Some("front-7")).await;
    check("", None).await;
}

#[tokio::test]
async fn what_is_no_short_plain_value_is_not() {
    check("x-snowflake-session: a b\r\n", None).await;
    check("x-snowflake-session: \u{e9}\r\n", None).await;
    check("x-snowflake-session: a\r\nx-snowflake-session: b\r\n", None).await;
    let long: &'static str =
        Box::leak(format!("x-snowflake-session: {}\r\n", "a".repeat(257)).into_boxed_str());
    check(long, None).await;
}
