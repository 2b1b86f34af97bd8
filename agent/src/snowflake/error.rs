//! Answers that are ours, in the form that every tested driver shows at once and does not retry.
//!
//! An error is HTTP 200 with `success: false`, numeric codes in strings, and all the fields below:
//! each is there because some driver fails without it. Other statuses are retried without end by
//! some drivers, except 404.

use serde::Serialize;

use super::json;
use super::operation::QueryId;
use super::route::DecodeError;

/// A statement that policy, or we ourselves, refuse.
pub const DENIED: (&str, &str) = ("003001", "42501");
/// A statement that cannot be read.
pub const NOT_UNDERSTOOD: (&str, &str) = ("001003", "42000");
/// A statement that the client canceled.
pub const CANCELED: (&str, &str) = ("000604", "57014");
/// A statement that took too long.
pub const TIMED_OUT: (&str, &str) = ("000630", "57014");
/// Something behind us failed: the statement may be sent again as a new one.
pub const UPSTREAM_FAILED: (&str, &str) = ("000610", "08006");

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

/// Writes the answer to a statement that policy refuses.
#[must_use]
pub fn denied(message: &str, query_id: &QueryId) -> Vec<u8> {
    statement_failed(DENIED, message, query_id)
}

/// Writes the answer to a login that is refused.
#[must_use]
pub fn login_refused(message: &str) -> Vec<u8> {
    failure("390100", message, &Empty {})
}

/// Writes the answer to a token of a session that is no more, or never was the caller's.
#[must_use]
pub fn session_gone() -> Vec<u8> {
    const MESSAGE: &str = "Session no longer exists.  New login required to access the service.";
    failure("390111", MESSAGE, &Empty {})
}

/// Writes the answer that makes a driver renew its tokens and send the request again.
#[must_use]
pub fn token_expired() -> Vec<u8> {
    failure(
        "390112",
        "Authentication token has expired.  The user must authenticate again.",
        &Empty {},
    )
}

/// Writes the answer that makes a driver log in again.
#[must_use]
pub fn master_expired() -> Vec<u8> {
    failure(
        "390114",
        "Authentication token has expired.  The user must authenticate again.",
        &Empty {},
    )
}

/// Writes the body of HTTP 404.
#[must_use]
pub fn not_found(message: &str) -> Vec<u8> {
    failure("390400", message, &Empty {})
}

/// Writes the answer to a request that needs none: heartbeat, close, telemetry, abort.
#[must_use]
pub fn done() -> Vec<u8> {
    json::success(&None::<()>)
}

/// Writes status and body of the answer to a request that is no operation.
#[must_use]
pub fn undecodable(error: &DecodeError, query_id: &QueryId) -> (u16, Vec<u8>) {
    let message = format!("Snowfence: {error}");
    match error {
        DecodeError::AuthenticatorRefused { .. } => (200, login_refused(&message)),
        DecodeError::Statement { .. }
        | DecodeError::Malformed
        | DecodeError::DuplicateKey
        | DecodeError::Field(_) => (200, statement_failed(NOT_UNDERSTOOD, &message, query_id)),
        DecodeError::UnknownPath
        | DecodeError::SqlApi
        | DecodeError::RestApi
        | DecodeError::MonitorList
        | DecodeError::InvalidQueryId => (404, not_found(&message)),
    }
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
        insta::assert_snapshot!(text(denied("SQL access control error: no", &id)), @r#"{"data":{"internalError":false,"errorCode":"003001","age":0,"sqlState":"42501","queryId":"01b00000-0000-0000-0000-000000000001","line":-1,"pos":-1,"type":"ERROR"},"code":"003001","message":"SQL access control error: no","success":false,"headers":null}"#);
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

    #[test]
    fn a_request_that_is_no_operation_is_answered_in_the_form_of_its_kind() {
        #[track_caller]
        fn check(error: &DecodeError, status: u16, code: &str) {
            let id = QueryId::parse("01b00000-0000-0000-0000-000000000001").unwrap();
            let (found, body) = undecodable(error, &id);
            let code = format!(r#""code":"{code}","message":"Snowfence: {error}""#);
            assert_eq!(found, status, "{error:?}");
            assert!(text(body).contains(&code), "{error:?}");
        }
        check(&DecodeError::UnknownPath, 404, "390400");
        check(&DecodeError::SqlApi, 404, "390400");
        check(&DecodeError::RestApi, 404, "390400");
        check(&DecodeError::MonitorList, 404, "390400");
        check(&DecodeError::InvalidQueryId, 404, "390400");
        check(&DecodeError::Malformed, 200, "001003");
        check(&DecodeError::DuplicateKey, 200, "001003");
        check(&DecodeError::Field("x"), 200, "001003");
        check(&DecodeError::Statement { what: "x" }, 200, "001003");
        check(
            &DecodeError::AuthenticatorRefused { message: "x" },
            200,
            "390100",
        );
    }
}
