//! Answers about a statement that the upstream does not know yet.
//!
//! The address is a bare path without a query: gosnowflake and JDBC take it for a path as it is.
//! Id and address are in every one of them: the C driver fails without.

use serde::Serialize;

use super::json;
use super::operation::QueryId;

/// Writes the answer that makes a driver ask again, and go on doing so for as long as it takes.
///
/// `asynchronous` is what the statement was sent as, and decides the code: gosnowflake takes
/// `333333` for the finished result of an asynchronous statement, and the others return to the
/// application on `333334`. The hint is for people who read traces; drivers do not show it.
#[must_use]
pub fn in_progress(id: &QueryId, asynchronous: bool, hint: &str) -> Vec<u8> {
    let (code, message) = if asynchronous {
        (
            "333334",
            "Asynchronous execution in progress. Use provided query id to perform query \
             monitoring and management.",
        )
    } else {
        (
            "333333",
            "Query execution in progress. Use provided query id to perform query monitoring and \
             management.",
        )
    };
    json::write(&InProgress {
        data: Data {
            query_id: id.as_str(),
            get_result_url: &format!("/queries/{}/result", id.as_str()),
            query_aborts_after_secs: ABORTS_AFTER_SECS,
            progress_desc: hint,
        },
        code,
        message,
        success: true,
        headers: None,
    })
}

/// How a statement stands that the upstream does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// It waits: for a driver the same as running.
    Waiting,
    /// It ended without ever being sent.
    Failed { code: &'a str, message: &'a str },
}

/// Writes the answer to `GET /monitoring/queries/<id>`.
#[must_use]
pub fn monitored(id: &QueryId, standing: Standing<'_>) -> Vec<u8> {
    let (status, state, code, message) = match standing {
        Standing::Waiting => ("RUNNING", "EXECUTING", "", ""),
        Standing::Failed { code, message } => ("FAILED_WITH_ERROR", "FAILED", code, message),
    };
    json::success(&Queries {
        queries: [Monitored {
            id: id.as_str(),
            status,
            state,
            error_code: code,
            error_message: message,
            stats: Stats {
                scan_bytes: 0,
                produced_rows: 0,
            },
        }],
    })
}

#[derive(Serialize)]
struct InProgress<'a> {
    data: Data<'a>,
    code: &'static str,
    message: &'static str,
    success: bool,
    headers: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    query_id: &'a str,
    get_result_url: &'a str,
    query_aborts_after_secs: u32,
    progress_desc: &'a str,
}

#[derive(Serialize)]
struct Queries<'a> {
    queries: [Monitored<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Monitored<'a> {
    id: &'a str,
    status: &'static str,
    state: &'static str,
    error_code: &'a str,
    error_message: &'a str,
    stats: Stats,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    scan_bytes: u64,
    produced_rows: u64,
}

/// What Snowflake says; no driver acts on it.
const ABORTS_AFTER_SECS: u32 = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snowflake::result::{self, Asked, InProgress as Progress};

    fn id() -> QueryId {
        QueryId::of_entry(17)
    }

    #[test]
    fn an_answer_in_progress_has_what_every_driver_reads() {
        let text = |asynchronous| {
            String::from_utf8(in_progress(
                &id(),
                asynchronous,
                "waits for approval: ask-1",
            ))
            .unwrap()
        };
        insta::assert_snapshot!(text(false), @r#"{"data":{"queryId":"00000000-0000-0000-0000-000000000011","getResultUrl":"/queries/00000000-0000-0000-0000-000000000011/result","queryAbortsAfterSecs":300,"progressDesc":"waits for approval: ask-1"},"code":"333333","message":"Query execution in progress. Use provided query id to perform query monitoring and management.","success":true,"headers":null}"#);
        insta::assert_snapshot!(text(true), @r#"{"data":{"queryId":"00000000-0000-0000-0000-000000000011","getResultUrl":"/queries/00000000-0000-0000-0000-000000000011/result","queryAbortsAfterSecs":300,"progressDesc":"waits for approval: ask-1"},"code":"333334","message":"Asynchronous execution in progress. Use provided query id to perform query monitoring and management.","success":true,"headers":null}"#);
    }

    /// What we say ourselves is what we accept from the upstream.
    #[test]
    fn our_own_reader_takes_it_for_an_answer_in_progress() {
        for (asynchronous, expected) in [(false, Progress::Attached), (true, Progress::Detached)] {
            let body = in_progress(&id(), asynchronous, "x").into();
            let admitted = result::admit(&body, Asked::Query { asynchronous }).unwrap();
            assert_eq!(admitted.in_progress, Some(expected));
            assert_eq!(admitted.query_id, Some(id()));
        }
    }

    #[test]
    fn a_status_is_one_that_drivers_know() {
        let text = |standing| String::from_utf8(monitored(&id(), standing)).unwrap();
        insta::assert_snapshot!(text(Standing::Waiting), @r#"{"data":{"queries":[{"id":"00000000-0000-0000-0000-000000000011","status":"RUNNING","state":"EXECUTING","errorCode":"","errorMessage":"","stats":{"scanBytes":0,"producedRows":0}}]},"code":null,"message":null,"success":true,"headers":null}"#);
        let failed = Standing::Failed {
            code: "003001",
            message: "no",
        };
        insta::assert_snapshot!(text(failed), @r#"{"data":{"queries":[{"id":"00000000-0000-0000-0000-000000000011","status":"FAILED_WITH_ERROR","state":"FAILED","errorCode":"003001","errorMessage":"no","stats":{"scanBytes":0,"producedRows":0}}]},"code":null,"message":null,"success":true,"headers":null}"#);
    }
}
