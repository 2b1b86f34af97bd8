//! Which requests are operations.

use bytes::Bytes;

use super::*;
use crate::snowflake::request::Bounds;

pub(crate) fn request(method: Method, target: &str, body: &str) -> CanonicalRequest {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    CanonicalRequest {
        method,
        path: path.to_owned(),
        query: form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        authorization: None,
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
    check(Post, "/api/v2/statements", r#"Field("statement")"#);
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

fn query(body: &str) -> Result<Operation, DecodeError> {
    decode(&request(
        Method::Post,
        "/queries/v1/query-request?requestId=r-1",
        body,
    ))
}

#[test]
fn a_statement_that_could_say_two_things_is_refused() {
    #[track_caller]
    fn check(body: &str, expected: &str) {
        assert_eq!(
            format!("{:?}", query(body).unwrap_err()),
            expected,
            "{body}"
        );
    }
    check(
        r#"{"sqlText":"select 1","sqlText":"drop table t"}"#,
        "DuplicateKey",
    );
    check(
        r#"{"sqlText":"select 1","sql\u0054ext":"drop table t"}"#,
        "DuplicateKey",
    );
    check(
        r#"{"sqlText":"x","bindings":{"1":{},"1":{}}}"#,
        "DuplicateKey",
    );
    let body = r#"{"sqlText":"x","bindings":{"1":{"value":"a","value":"b"}}}"#;
    check(body, "DuplicateKey");
    check(
        r#"{"sqlText":"x","parameters":{"TIMEZONE":1,"timezone":2}}"#,
        "DuplicateKey",
    );

    let empty = r#"Statement { what: "`sqlText` is empty" }"#;
    check(r#"{"sqlText":"","dataframeAst":"CgQ="}"#, empty);
    check(r#"{"sqlText":" \n"}"#, empty);
    check(r#"{"dataframeAst":"CgQ="}"#, r#"Field("sqlText")"#);
    check(r#"{"sqlText":null}"#, r#"Field("sqlText")"#);
    check(r#"{"sqlText":["select 1"]}"#, r#"Field("sqlText")"#);

    let unknown = r#"Statement { what: "the request has a key that is not known here" }"#;
    check(r#"{"sqlText":"x","SQLTEXT":"drop table t"}"#, unknown);
    check(r#"{"sqlText":"x","plan":{"a":1}}"#, unknown);
    check(r#"{"sqlText":"x","plan":["a"]}"#, unknown);
    let stage = "bindings in a stage file are not supported: bind the values in the statement";
    let stage = format!("Statement {{ what: {stage:?} }}");
    check(r#"{"sqlText":"x","bindStage":"@s"}"#, &stage);

    for value in [r#"{"a":1}"#, r#"[["a"]]"#, r#"[{"a":1}]"#] {
        let body = format!(r#"{{"sqlText":"x","bindings":{{"1":{{"value":{value}}}}}}}"#);
        check(&body, r#"Field("bindings")"#);
    }
    check(
        r#"{"sqlText":"x","bindings":{"1":{"sql":"y"}}}"#,
        r#"Field("bindings")"#,
    );
    check(
        r#"{"sqlText":"x","queryContextDTO":{"sql":"y"}}"#,
        r#"Field("queryContextDTO")"#,
    );
    check(
        r#"{"sqlText":"x","asyncExec":"true"}"#,
        r#"Field("asyncExec")"#,
    );
    check(
        r#"{"sqlText":"x","sequenceId":-1}"#,
        r#"Field("sequenceId")"#,
    );
    check(r#"{"sqlText":"x"} x"#, "Malformed");
    check("[]", "Malformed");
    check("", "Malformed");
}

#[test]
fn what_was_judged_is_what_is_sent() {
    let body = r#"{"sqlText":"select ?","dataframeAst":"CgQ=","asyncExec":true,"isInternal":true,
        "sequenceId":3,"querySubmissionTime":17,"describeOnly":false,"describedJobId":"x",
        "parameters":{"QUERY_TAG":"mine","MULTI_STATEMENT_COUNT":1,"SEARCH_PATH":"evil"},
        "bindings":{"1": {"type":"TEXT","value":["a",null]}},"bindStage":null,
        "queryContextDTO":{"entries": []},"disableOfflineChunks":false}"#;
    let target = "/queries/v1/query-request?requestId=r-1&retryCount=2&retryReason=503&target=x";
    let operation = decode(&request(Method::Post, target, body)).unwrap();
    let sent =
        crate::snowflake::request::upstream_request(&operation, "ours", Bounds::default()).unwrap();
    insta::assert_snapshot!(sent.path_and_query, @r#"/queries/v1/query-request?requestId=r-1&clientStartTime=17&retryCount=2"#);
    insta::assert_snapshot!(String::from_utf8(sent.body.clone()).unwrap(), @r#"{"sqlText":"select ?","asyncExec":true,"sequenceId":3,"querySubmissionTime":17,"isInternal":true,"describeOnly":false,"parameters":{"MULTI_STATEMENT_COUNT":1,"QUERY_TAG":"ours"},"bindings":{"1": {"type":"TEXT","value":["a",null]}},"queryContextDTO":{"entries": []}}"#);
    assert!(!format!("{sent:?}").contains("select"));
}

#[test]
fn an_abort_that_is_sent_twice_is_the_same_abort_and_names_the_bodys_request() {
    let target = "/queries/v1/abort-request?requestId=this-exchange";
    let body = r#"{"sqlText":"x","requestId":"the-statement"}"#;
    let operation = decode(&request(Method::Post, target, body)).unwrap();
    let send =
        || crate::snowflake::request::upstream_request(&operation, "", Bounds::default()).unwrap();
    assert_eq!(send().body, br#"{"requestId":"the-statement"}"#);
    assert_eq!(send().path_and_query, send().path_and_query);
    let id = send().path_and_query.split_once('=').unwrap().1.to_owned();
    assert!(
        QueryId::parse(&id).is_some_and(|parsed| parsed.as_str() == id),
        "{id}"
    );
}

proptest::proptest! {
    #[test]
    fn decoding_never_panics(path in ".{0,40}", body in ".{0,200}") {
        for target in [path.as_str(), "/session/v1/login-request", "/session/token-request",
            "/queries/v1/query-request?requestId=r", "/queries/v1/abort-request"] {
            for method in [Method::Get, Method::Post] {
                drop(decode(&request(method, target, &body)));
            }
        }
    }

    #[test]
    fn a_key_that_comes_twice_is_refused_wherever_we_read(
        key in proptest::sample::select(vec!["sqlText", "bindings", "parameters", "x", "asyncExec"]),
        first in "[a-z]{0,8}",
        second in "[a-z]{0,8}",
        before in proptest::bool::ANY,
    ) {
        let pair = format!(r#""{key}":"{first}","{key}":"{second}""#);
        let body = if before {
            format!(r#"{{{pair},"sqlText":"select 1"}}"#)
        } else {
            format!(r#"{{"sqlText":"select 1",{pair}}}"#)
        };
        proptest::prop_assert_eq!(query(&body).unwrap_err(), DecodeError::DuplicateKey);
    }
}
