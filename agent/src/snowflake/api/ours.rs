//! Answers of the SQL API that are ours.

use serde::Serialize;

use super::super::json;
use super::super::operation::QueryId;

/// Where to ask for a statement, relative to the host that was asked.
#[must_use]
pub fn status_url(id: &QueryId) -> String {
    format!("/api/v2/statements/{}", id.as_str())
}

/// Writes `QueryStatus`: the statement is not at its end, and its client asks again.
///
/// The code is that of an asynchronous statement, whatever it was sent as: with the status 202 it
/// says no more than that, and clients go by the status.
#[must_use]
pub fn in_progress(id: &QueryId, hint: &str) -> Vec<u8> {
    write("333334", None, hint, id)
}

/// Writes `QueryFailureStatus`.
#[must_use]
pub fn failed(code: (&str, &str), message: &str, id: &QueryId) -> Vec<u8> {
    let (code, sql_state) = code;
    write(code, Some(sql_state), message, id)
}

/// Writes the answer to a cancellation that was done.
#[must_use]
pub fn cancelled(id: &QueryId) -> Vec<u8> {
    write("000604", Some("57014"), "SQL execution canceled", id)
}

/// Writes the body of HTTP 404.
#[must_use]
pub fn not_found(message: &str) -> Vec<u8> {
    json::write(&NotFound {
        code: "390404",
        message,
    })
}

fn write(code: &str, sql_state: Option<&str>, message: &str, id: &QueryId) -> Vec<u8> {
    json::write(&Status {
        code,
        sql_state,
        message,
        statement_handle: id.as_str(),
        statement_status_url: &status_url(id),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sql_state: Option<&'a str>,
    message: &'a str,
    statement_handle: &'a str,
    statement_status_url: &'a str,
}

#[derive(Serialize)]
struct NotFound<'a> {
    code: &'static str,
    message: &'a str,
}
