use bytes::Bytes;

use super::*;

pub(crate) fn request(method: Method, target: &str, body: &str) -> CanonicalRequest {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    CanonicalRequest {
        method,
        path: path.to_owned(),
        query: form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        authorization: None,
        user_agent: None,
        accept: None,
        headers: Vec::new(),
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

#[test]
fn every_path_of_the_protocol_and_no_other_is_an_operation() {
    #[track_caller]
    fn check(method: Method, target: &str, expected: &str) {
        let outcome = match decode(&request(method, target, "{}")) {
            Ok(operation) => format!("{operation:?}"),
            Err(error) => format!("{error:?}"),
        };
        assert_eq!(outcome, expected, "{method:?} {target}");
    }
    use Method::{Get, Post};
    let id = "01B00000-0000-0000-0000-00000000000a";
    let named = r#"QueryId("01b00000-0000-0000-0000-00000000000a")"#;

    check(Post, "/session?delete=true", "Close");
    check(Post, "/session", "UnknownPath");
    check(Get, "/session?delete=true", "UnknownPath");
    check(Post, "/session/heartbeat", "Heartbeat");
    check(Post, "/telemetry/send", "Telemetry");
    check(Post, "/telemetry/send/sessionless", "Telemetry");
    check(
        Get,
        &format!("/queries/{id}/result"),
        &format!("Result({named})"),
    );
    check(
        Post,
        &format!("/queries/{id}/abort-request"),
        &format!("Abort(Query({named}))"),
    );
    check(
        Get,
        &format!("/monitoring/queries/{id}"),
        &format!("Monitor({named})"),
    );
    check(Get, "/monitoring/queries", "MonitorList");
    check(Get, "/monitoring/queries?session_id=1", "MonitorList");
    check(Post, "/queries/None/abort-request", "InvalidQueryId");
    check(Get, "/queries/../result", "InvalidQueryId");
    check(
        Get,
        "/sfc-results/ab_-9/0",
        r#"Chunk { capability: "ab_-9", index: 0 }"#,
    );
    check(Get, "/sfc-results/ab/00", "UnknownPath");
    check(Get, "/sfc-results/ab/+1", "UnknownPath");
    check(Get, "/sfc-results/ab/4294967296", "UnknownPath");
    check(Get, "/sfc-results/a.b/1", "UnknownPath");
    check(Post, "/api/v2/statements", "SqlApi");
    check(Get, "/api/v2/statements/x/cancel", "SqlApi");
    check(Get, "/api/v2/databases", "RestApi");
    check(Post, "/api/v2/cortex/inference:complete", "RestApi");
    check(Get, "/", "UnknownPath");
    check(Get, "", "UnknownPath");
    check(Post, "/oauth/token-request", "UnknownPath");
    check(Post, "/queries/v1/query-request/x", "UnknownPath");
    check(Post, "/QUERIES/v1/query-request", "UnknownPath");
    check(Post, "/queries/v1/query-request", r#"Field("requestId")"#);
    check(Post, "/queries/v1/abort-request", r#"Field("requestId")"#);
    check(Post, "/session/token-request", r#"Field("requestType")"#);
}
