//! What requests of the SQL API are read as, and what is sent for them.

use super::*;
use crate::http::Method;
use crate::snowflake::request::{Bounds, upstream_request};
use crate::snowflake::route::tests::request;
use crate::snowflake::{Operation, QueryId, Via, decode};

const ID: &str = "01b00000-0000-0000-0000-00000000000a";

fn post(target: &str, body: &str) -> Result<Operation, crate::snowflake::DecodeError> {
    decode(&request(Method::Post, target, body))
}

#[test]
fn what_was_judged_is_what_is_sent() {
    let target = "/api/v2/statements?requestId=r-1&async=true&nullable=true&retry=true";
    let body = r#"{"statement":"select ?","timeout":60,"database":"sales","schema":"RAW",
        "warehouse":"","role":"analyst","bindings":{"1":{"type":"FIXED","value":"7"}},
        "parameters":{"multi_statement_count":0,"QUERY_TAG":"mine","SEARCH_PATH":"evil"}}"#;
    let mut operation = post(target, body).unwrap();
    assert!(operation.is_api());
    let Operation::Query(query) = &mut operation else {
        panic!("{operation:?}");
    };
    assert_eq!(query.own_tag().as_deref(), Some("mine"));
    let Via::Api(api) = &mut query.via else {
        panic!("it came through the SQL API");
    };
    api.request_key = "ours".to_owned();
    let bounds = Bounds {
        rows_max: Some(100),
        seconds_max: Some(30),
    };
    let sent = upstream_request(&operation, "tag", bounds).unwrap();
    insta::assert_snapshot!(sent.path_and_query, @"/api/v2/statements?requestId=ours&async=true&retry=true");
    insta::assert_snapshot!(String::from_utf8(sent.body).unwrap(), @r#"{"statement":"select ?","timeout":30,"database":"SALES","schema":"RAW","role":"ANALYST","bindings":{"1":{"type":"FIXED","value":"7"}},"parameters":{"MULTI_STATEMENT_COUNT":"0","ROWS_PER_RESULTSET":"101","QUERY_TAG":"tag"}}"#);
}

#[test]
fn a_client_can_shorten_its_time_and_not_lengthen_it() {
    #[track_caller]
    fn check(own: u64, ours: Option<u64>, expected: &str) {
        let body = format!(r#"{{"statement":"select 1","timeout":{own}}}"#);
        let operation = post("/api/v2/statements", &body).unwrap();
        let bounds = Bounds {
            rows_max: None,
            seconds_max: ours,
        };
        let sent = upstream_request(&operation, "", bounds).unwrap();
        let text = String::from_utf8(sent.body).unwrap();
        assert_eq!(text.contains("timeout"), !expected.is_empty(), "{text}");
        assert!(text.contains(expected), "{text}");
    }
    check(10, Some(60), r#""timeout":10,"#);
    check(600, Some(60), r#""timeout":60,"#);
    check(0, Some(60), r#""timeout":60,"#);
    check(600, None, r#""timeout":600,"#);
    check(0, None, "");
}

#[test]
fn paths_and_partitions_have_one_spelling() {
    #[track_caller]
    fn check(method: Method, target: &str, expected: &str) {
        let outcome = match decode(&request(method, &format!("/api/v2/{target}"), "")) {
            Ok(operation) => {
                let sent = upstream_request(&operation, "", Bounds::default()).unwrap();
                assert!(sent.body.is_empty());
                format!("{} {}", operation.name(), sent.path_and_query)
            }
            Err(error) => format!("{error:?}"),
        };
        assert_eq!(outcome, expected, "{method:?} {target}");
    }
    use Method::{Get, Post};
    let place = format!("/api/v2/statements/{ID}");
    let result = format!("api_result {place}");
    let upper = ID.to_uppercase();
    check(Get, &format!("statements/{upper}"), &result);
    check(Get, &format!("statements/{ID}?requestId=x"), &result);
    check(Get, &format!("statements/{ID}?partition=0"), &result);
    check(
        Get,
        &format!("statements/{ID}?partition=12"),
        &format!("{result}?partition=12"),
    );
    for partition in ["", "-1", "+1", "01", "1.0", "4294967296"] {
        check(
            Get,
            &format!("statements/{ID}?partition={partition}"),
            r#"Field("partition")"#,
        );
    }
    let unknown =
        r#"Statement { what: "the request has a query parameter that is not known here" }"#;
    check(Get, &format!("statements/{ID}?nullable=false"), unknown);
    check(Get, &format!("statements/{ID}?page=1"), unknown);
    check(
        Post,
        &format!("statements/{ID}/cancel"),
        &format!("api_cancel {place}/cancel"),
    );
    check(Get, &format!("statements/{ID}/cancel"), "SqlApi");
    check(Post, &format!("statements/{ID}"), "SqlApi");
    check(Post, &format!("statements/{ID}/cancel/x"), "SqlApi");
    check(Get, "statements", "SqlApi");
    check(Get, "statements/x", "InvalidQueryId");
    check(Get, "statements:list", "RestApi");
}

#[test]
fn a_statement_that_could_say_two_things_is_refused() {
    #[track_caller]
    fn check(query: &str, body: &str, expected: &str) {
        let error = post(&format!("/api/v2/statements{query}"), body).unwrap_err();
        let error = format!("{error:?}");
        assert!(error.contains(expected), "{query} {body}: {error}");
    }
    let fine = r#"{"statement":"select 1"}"#;
    check("?nullable=false", fine, "nullable=false");
    check("?nullable=no", fine, r#"Field("nullable")"#);
    check("?async=1", fine, r#"Field("async")"#);
    check("?retry=", fine, r#"Field("retry")"#);
    check("?pageSize=10", fine, "query parameter that is not known");
    check("?requestId=a%20b", fine, r#"Field("requestId")"#);
    check("", "[]", "Malformed");
    check("", "{}", r#"Field("statement")"#);
    check("", r#"{"statement":" "}"#, "is empty");
    check("", r#"{"sqlText":"select 1"}"#, "key that is not known");
    check(
        "",
        r#"{"statement":"select 1","x":null}"#,
        "key that is not known",
    );
    check(
        "",
        r#"{"statement":"select 1","statement":"drop table t"}"#,
        "DuplicateKey",
    );
    check(
        "",
        r#"{"statement":"select 1","timeout":-1}"#,
        r#"Field("timeout")"#,
    );
    check(
        "",
        r#"{"statement":"select 1","bindings":{"1":{"sql":"x"}}}"#,
        r#"Field("bindings")"#,
    );
    check(
        "",
        r#"{"statement":"x","parameters":{"TIMEZONE":"a","timezone":"b"}}"#,
        "DuplicateKey",
    );
    for name in ["a.b", "\\\"a\\\"", "a b", "1a", "é", "a;b"] {
        for key in ["database", "schema", "warehouse", "role"] {
            let body = format!(r#"{{"statement":"select 1","{key}":"{name}"}}"#);
            check("", &body, "must be plain names");
        }
    }
    let long = "x".repeat((4 << 20) + 1);
    check(
        "",
        &format!(r#"{{"statement":"{long}"}}"#),
        "longer than 4 MiB",
    );
}

#[test]
fn a_key_pair_token_names_a_user_and_nothing_else_does() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    #[track_caller]
    fn check(claims: &str, expected: Option<&str>) {
        let token = format!("Bearer e30.{}.sig", URL_SAFE_NO_PAD.encode(claims));
        assert_eq!(named_user(&token).as_deref(), expected, "{claims}");
    }
    check(r#"{"sub":"ORG-ACCT.AGENT"}"#, Some("AGENT"));
    check(r#"{"iss":"ORG-ACCT.AGENT.SHA256:abc/d.e="}"#, Some("AGENT"));
    check(r#"{"iss":"ORG-ACCT.AGENT"}"#, None);
    check(r#"{"sub":"AGENT"}"#, None);
    check(r#"{"sub":"ACCT."}"#, None);
    check(r#"{"sub":7}"#, None);
    check(r#"{"sub":"A.B","sub":"A.C"}"#, None);
    check("x", None);
    for other in [
        "Bearer a.b",
        "Bearer x",
        "",
        "Snowflake Token=\"a.b.c\"",
        "Bearer",
    ] {
        assert_eq!(named_user(other), None, "{other}");
    }
}

#[test]
fn our_answers_have_what_clients_read() {
    let id = QueryId::of_entry(17);
    let text = |body: Vec<u8>| String::from_utf8(body).unwrap();
    insta::assert_snapshot!(text(in_progress(&id, "waits")), @r#"{"code":"333334","message":"waits","statementHandle":"00000000-0000-0000-0000-000000000011","statementStatusUrl":"/api/v2/statements/00000000-0000-0000-0000-000000000011"}"#);
    insta::assert_snapshot!(text(failed(("003001", "42501"), "no", &id)), @r#"{"code":"003001","sqlState":"42501","message":"no","statementHandle":"00000000-0000-0000-0000-000000000011","statementStatusUrl":"/api/v2/statements/00000000-0000-0000-0000-000000000011"}"#);
    insta::assert_snapshot!(text(cancelled(&id)), @r#"{"code":"000604","sqlState":"57014","message":"SQL execution canceled","statementHandle":"00000000-0000-0000-0000-000000000011","statementStatusUrl":"/api/v2/statements/00000000-0000-0000-0000-000000000011"}"#);
    insta::assert_snapshot!(text(not_found("no")), @r#"{"code":"390404","message":"no"}"#);
}

proptest::proptest! {
    #[test]
    fn reading_never_panics(target in ".{0,60}", body in ".{0,200}", token in ".{0,80}") {
        for path in ["/api/v2/statements?", "/api/v2/statements/"] {
            let target = format!("{path}{target}");
            drop(post(&target, &body));
            drop(decode(&request(Method::Get, &target, &body)));
        }
        drop(named_user(&format!("Bearer {token}")));
    }
}
