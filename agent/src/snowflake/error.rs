//! Answers that are ours, in the form that every tested driver shows at once and does not retry.
//!
//! An error is HTTP 200 with `success: false`, numeric codes in strings, and all the fields below:
//! each is there because some driver fails without it. Other statuses are retried without end by
//! some drivers, except 404.

use serde::Serialize;

use super::json;
use super::operation::QueryId;

/// A statement that policy, or we ourselves, refuse.
pub const DENIED: (&str, &str) = ("003001", "42501");
/// A statement that cannot be read.
pub const NOT_UNDERSTOOD: (&str, &str) = ("001003", "42000");
/// A statement that took too long.
pub const TIMED_OUT: (&str, &str) = ("000630", "57014");
/// Something behind us failed: the statement may be sent again as a new one.
pub const UPSTREAM_FAILED: (&str, &str) = ("000610", "08006");

/// A login that is refused.
pub const LOGIN_REFUSED: &str = "390100";
/// A session that is no more.
pub const SESSION_GONE: &str = "390111";
/// A token to be renewed.
pub const TOKEN_EXPIRED: &str = "390112";
/// A token with which nothing can be renewed.
pub const MASTER_EXPIRED: &str = "390114";
/// A path that does not exist.
pub const NOT_FOUND: &str = "390400";

/// Writes the answer to a statement that fails.
#[must_use]
pub fn statement_failed(code: (&str, &str), message: &str, query_id: &QueryId) -> Vec<u8> {
    let (code, sql_state) = code;
    failure(
        code,
        message,
        &StatementFailure {
            internal_error: false,
            error_code: code,
            age: 0,
            sql_state,
            query_id: query_id.as_str(),
            line: -1,
            pos: -1,
            kind: "ERROR",
        },
    )
}

/// Writes the answer to a login that is refused.
#[must_use]
pub fn login_refused(message: &str) -> Vec<u8> {
    failure(LOGIN_REFUSED, message, &Empty {})
}

/// Writes the answer to a token of a session that is no more, or never was the caller's.
#[must_use]
pub fn session_gone() -> Vec<u8> {
    const MESSAGE: &str = "Session no longer exists.  New login required to access the service.";
    failure(SESSION_GONE, MESSAGE, &Empty {})
}

/// Writes the answer that makes a driver renew its tokens and send the request again.
#[must_use]
pub fn token_expired() -> Vec<u8> {
    failure(
        TOKEN_EXPIRED,
        "Authentication token has expired.  The user must authenticate again.",
        &Empty {},
    )
}

/// Writes the answer that makes a driver log in again.
#[must_use]
pub fn master_expired() -> Vec<u8> {
    failure(
        MASTER_EXPIRED,
        "Authentication token has expired.  The user must authenticate again.",
        &Empty {},
    )
}

/// Writes the body of HTTP 404.
#[must_use]
pub fn not_found(message: &str) -> Vec<u8> {
    failure(NOT_FOUND, message, &Empty {})
}

/// Writes the answer to a request that needs none: heartbeat, close, telemetry, abort.
#[must_use]
pub fn done() -> Vec<u8> {
    json::success(&None::<()>)
}

fn failure<T: Serialize>(code: &str, message: &str, data: &T) -> Vec<u8> {
    json::write(&Failure {
        data,
        code,
        message,
        success: false,
        headers: None,
    })
}

#[derive(Serialize)]
struct Failure<'a, T> {
    data: &'a T,
    code: &'a str,
    message: &'a str,
    success: bool,
    headers: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatementFailure<'a> {
    internal_error: bool,
    error_code: &'a str,
    age: u64,
    sql_state: &'a str,
    query_id: &'a str,
    line: i64,
    pos: i64,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// Drivers look into `data` of every failure: it is an object even when there is nothing to say.
#[derive(Serialize)]
struct Empty {}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: Vec<u8>) -> String {
        String::from_utf8(body).unwrap()
    }

    #[test]
    fn a_denial_has_the_body_that_every_tested_driver_shows_at_once() {
        let id = QueryId::parse("01b00000-0000-0000-0000-000000000001").unwrap();
        insta::assert_snapshot!(text(statement_failed(DENIED, "SQL access control error: no", &id)), @r#"{"data":{"internalError":false,"errorCode":"003001","age":0,"sqlState":"42501","queryId":"01b00000-0000-0000-0000-000000000001","line":-1,"pos":-1,"type":"ERROR"},"code":"003001","message":"SQL access control error: no","success":false,"headers":null}"#);
    }

    #[test]
    fn a_refused_login_and_lost_tokens_have_numeric_codes_and_data() {
        insta::assert_snapshot!(text(login_refused("no")), @r#"{"data":{},"code":"390100","message":"no","success":false,"headers":null}"#);
        insta::assert_snapshot!(text(session_gone()), @r#"{"data":{},"code":"390111","message":"Session no longer exists.  New login required to access the service.","success":false,"headers":null}"#);
        insta::assert_snapshot!(text(token_expired()), @r#"{"data":{},"code":"390112","message":"Authentication token has expired.  The user must authenticate again.","success":false,"headers":null}"#);
        insta::assert_snapshot!(text(master_expired()), @r#"{"data":{},"code":"390114","message":"Authentication token has expired.  The user must authenticate again.","success":false,"headers":null}"#);
        insta::assert_snapshot!(text(not_found("no such path")), @r#"{"data":{},"code":"390400","message":"no such path","success":false,"headers":null}"#);
        insta::assert_snapshot!(text(done()), @r#"{"data":null,"code":null,"message":null,"success":true,"headers":null}"#);
    }
}
