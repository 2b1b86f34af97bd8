//! Answers that may be passed on, and those that may not.

use super::*;

const ID: &str = "01b00000-0000-0000-0000-000000000001";

fn query() -> Asked<'static> {
    Asked::Query {
        asynchronous: false,
    }
}

fn capability() -> Capability<'static> {
    Capability {
        host: "acct.snowflakecomputing.com",
        path_token: "path",
        header_value: "header",
    }
}

/// An answer with `data` made of the given members.
fn answer(members: &str) -> Bytes {
    Bytes::from(format!(
        r#"{{"data":{{"queryId":"{ID}"{members}}},"code":null,"message":null,"success":true}}"#
    ))
}

fn render(admitted: Admitted) -> String {
    String::from_utf8(admitted.render(Some(&capability())).unwrap().to_vec()).unwrap()
}

#[test]
fn an_answer_that_needs_no_change_is_passed_on_as_the_bytes_that_came() {
    let bodies = [
        answer(r#", "rowset" : [["1" , null]],"total":1,"returned":1,"rowtype":[{"name":"é"}]"#),
        answer(r#","rowsetBase64":"AAAA","queryResultFormat":"arrow","total":7,"returned":7"#),
        answer(r#","rowset":[],"total":0,"returned":null,"someFlag":true,"someMode":"x""#),
    ];
    for body in bodies {
        let admitted = admit(&body, query()).unwrap();
        let out = admitted.render(None).unwrap();
        assert_eq!(out, body);
        assert_eq!(out.as_ptr(), body.as_ptr(), "not even copied");
    }
}

#[test]
fn what_could_carry_rows_or_files_past_us_is_refused() {
    #[track_caller]
    fn check(members: &str, expected: &str) {
        let outcome = admit(&answer(members), query());
        assert_eq!(format!("{:?}", outcome.unwrap_err()), expected, "{members}");
    }
    check(r#","newRows":[["1"]]"#, r#"UnknownKey("newRows")"#);
    check(r#","inline":{"a":1}"#, r#"UnknownKey("inline")"#);
    check(
        &format!(r#","blob":"{}""#, "A".repeat(63)),
        r#"UnknownKey("blob")"#,
    );
    check(r#","richResultSet":"x""#, r#"UnknownKey("richResultSet")"#);
    check(r#","rowsetbase64":"AAAA""#, r#"UnknownKey("rowsetbase64")"#);
    check(r#","version":[["1"]]"#, r#"UnknownKey("version")"#);
    check(r#","sqlState":{"a":1}"#, r#"UnknownKey("sqlState")"#);
    check(r#","RowSet":[]"#, r#"UnknownKey("RowSet")"#);
    check(r#","resultUrl":"https://s""#, r#"UnknownKey("resultUrl")"#);

    for key in [
        "stageInfo",
        "uploadInfo",
        "command",
        "presignedUrls",
        "src_locations",
    ] {
        check(&format!(r#","{key}":{{}}"#), "FileTransfer");
        check(&format!(r#","{key}":"UPLOAD""#), "FileTransfer");
    }
    check(r#","statementTypeId":28929"#, "FileTransfer");
    check(r#","statementTypeId":28930"#, "FileTransfer");

    check(
        r#","rowset":[["1"]],"queryResultFormat":"arrow","total":1"#,
        "RowForm",
    );
    check(r#","rowsetBase64":"AAAA","total":1"#, "RowForm");
    check(r#","rowset":[],"queryResultFormat":"parquet""#, "RowForm");
    check(r#","rowset":{}"#, r#"Malformed(Field("rowset"))"#);
    check(
        r#","rowset":[],"rowset":[["1"]]"#,
        "Malformed(DuplicateKey)",
    );
    check(
        r#","rowsetBase64":["AAAA"]"#,
        r#"UnknownKey("rowsetBase64")"#,
    );
    check(
        r#","rowsetBase64":7"#,
        r#"Malformed(Field("rowsetBase64"))"#,
    );
    check(r#","resultIds":"x""#, r#"Malformed(Field("resultIds"))"#);
}

#[test]
fn row_counts_that_contradict_each_other_are_refused() {
    #[track_caller]
    fn check(members: &str, expected: &Result<Option<u64>, ResultError>) {
        let outcome = admit(&answer(members), query()).map(|admitted| admitted.rows);
        assert_eq!(&outcome, expected, "{members}");
    }
    let chunk = r#","chunks":[{"url":"https://s/1","rowCount":5}]"#;
    let wrong = Err(ResultError::RowCount);
    check(r#","rowset":[["1"]],"total":1,"returned":1"#, &Ok(Some(1)));
    check(r#","rowset":[["1"]],"total":1"#, &Ok(Some(1)));
    check(r#","rowset":[["1"]],"total":9,"returned":1"#, &Ok(Some(1)));
    check(r#","rowset":[["1"]]"#, &Ok(Some(1)));
    check(r#","rowset":[["1"],["2"]],"total":1,"returned":1"#, &wrong);
    check(r#","rowset":[["1"]],"total":2,"returned":2"#, &wrong);
    check(r#","rowset":[["1"]],"total":1,"returned":2"#, &wrong);
    check(
        &format!(r#","rowset":[["1"]],"total":6,"returned":6{chunk}"#),
        &Ok(Some(6)),
    );
    check(
        &format!(r#","rowset":[["1"]],"total":5,"returned":5{chunk}"#),
        &wrong,
    );
    check(&format!(r#","rowset":[]{chunk}"#), &wrong);
    let arrow = r#","rowsetBase64":"AAAA","queryResultFormat":"arrow""#;
    check(
        &format!(r#"{arrow},"total":9,"returned":9{chunk}"#),
        &Ok(Some(9)),
    );
    check(&format!(r#"{arrow},"total":4,"returned":4{chunk}"#), &wrong);
    let huge = r#","total":1,"chunks":[{"url":"u","rowCount":18446744073709551615},{"url":"u","rowCount":1}]"#;
    check(huge, &Err(JsonError::Field("chunks").into()));
}

#[test]
fn chunks_are_served_from_the_account_host_and_their_secrets_stay_here() {
    let body = answer(
        r#","rowset":[],"total":5,"returned":5,"qrmk":"secret-k",
        "chunkHeaders":{"x-amz-key":"secret-h"},
        "chunks":[{"url":"https://s3/secret-1","rowCount":2, "uncompressedSize":10,"compressedSize":9},
                  {"url":"https://s3/secret-2","rowCount":3,"uncompressedSize":11,"compressedSize":8}]"#,
    );
    let mut admitted = admit(&body, query()).unwrap();
    assert!(!format!("{admitted:?}").contains("secret"));
    assert_eq!(
        admit(&body, query()).unwrap().render(None),
        Err(ResultError::NoCapability)
    );

    let set = admitted.take_chunks().unwrap();
    assert_eq!(
        set.urls.iter().map(|url| url.as_str()).collect::<Vec<_>>(),
        ["https://s3/secret-1", "https://s3/secret-2"]
    );
    assert_eq!(
        (set.headers[0].0.as_str(), set.headers[0].1.as_str()),
        ("x-amz-key", "secret-h")
    );
    assert_eq!(set.qrmk.as_ref().unwrap().as_str(), "secret-k");
    assert!(!format!("{set:?} {:?}", capability()).contains("secret"));
    assert!(admitted.take_chunks().is_none());

    let text = render(admitted);
    assert!(!text.contains("secret"), "{text}");
    insta::assert_snapshot!(text, @r#"{"data":{"queryId":"01b00000-0000-0000-0000-000000000001","rowset":[],"total":5,"returned":5,"chunks":[{"url":"https://acct.snowflakecomputing.com/sfc-results/path/0","rowCount":2,"uncompressedSize":10,"compressedSize":9},{"url":"https://acct.snowflakecomputing.com/sfc-results/path/1","rowCount":3,"uncompressedSize":11,"compressedSize":8}],"chunkHeaders":{"x-snowfence-chunk":"header"}},"code":null,"message":null,"success":true}"#);
}

#[test]
fn in_progress_answers_get_the_bare_address_and_the_code_of_their_kind() {
    #[track_caller]
    fn check(code: &str, url: &str, asynchronous: bool, expected: Result<&str, ResultError>) {
        let body = format!(
            r#"{{"data":{{"queryId":"{ID}","getResultUrl":"{url}","queryAbortsAfterSecs":300}},
            "code":"{code}","message":"running","success":true}}"#
        );
        let outcome = admit(&body.into(), Asked::Query { asynchronous });
        match (outcome, expected) {
            (Ok(admitted), Ok(code)) => {
                assert_eq!(admitted.query_id.as_ref().unwrap().as_str(), ID);
                let expected = format!(
                    r#"{{"data":{{"queryId":"{ID}","getResultUrl":"/queries/{ID}/result","queryAbortsAfterSecs":300}},"code":"{code}","message":"running","success":true}}"#
                );
                assert_eq!(render(admitted), expected);
            }
            (outcome, expected) => assert_eq!(outcome.map(render), expected.map(str::to_owned)),
        }
    }
    let bare = format!("/queries/{ID}/result");
    let full = format!("https://evil.example/queries/{ID}/result?x=1");
    check("333333", &bare, false, Ok("333333"));
    check("333333", &full, false, Ok("333333"));
    check("333334", &bare, false, Ok("333334"));
    check("333334", &bare, true, Ok("333334"));
    check("333333", &bare, true, Ok("333334"));
    let other = "/queries/01b00000-0000-0000-0000-000000000002/result";
    check("333333", other, false, Err(ResultError::InProgress));
}

#[test]
fn an_in_progress_answer_without_id_or_address_or_with_rows_is_refused() {
    #[track_caller]
    fn check(members: &str) {
        let body = format!(r#"{{"data":{{{members}}},"code":"333333","success":true}}"#);
        let outcome = admit(&body.into(), Asked::Result);
        assert_eq!(outcome.unwrap_err(), ResultError::InProgress, "{members}");
    }
    let url = format!(r#""getResultUrl":"/queries/{ID}/result""#);
    check(&url);
    check(&format!(r#""queryId":"{ID}""#));
    check(&format!(r#""queryId":"{ID}",{url},"rowset":[["1"]]"#));
    let arrow = r#""rowsetBase64":"AAAA","queryResultFormat":"arrow""#;
    check(&format!(r#""queryId":"{ID}",{url},{arrow}"#));
}

#[test]
fn failures_pass_with_their_code_and_without_rows() {
    let body = format!(
        r#"{{"data":{{"internalError":false,"errorCode":"002003","age":0,"sqlState":"42S02","queryId":"{ID}"}},"code":"002003","message":"no such table","success":false,"headers":null}}"#
    );
    let admitted = admit(&body.clone().into(), query()).unwrap();
    let expected = UpstreamFailure {
        code: "002003".to_owned(),
        sql_state: Some("42S02".to_owned()),
    };
    assert_eq!(admitted.error, Some(expected));
    assert_eq!(render(admitted), body);

    let body = r#"{"data":{"rowset":[["1"]]},"code":"1","success":false}"#;
    let outcome = admit(&body.into(), query());
    assert_eq!(
        outcome.unwrap_err(),
        ResultError::UnknownKey("rowset".to_owned())
    );
}

#[test]
fn an_envelope_that_is_none_is_refused() {
    for body in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"success":"true"}"#,
        r#"{"success":true}"#,
        "<html>",
    ] {
        assert!(admit(&body.into(), query()).is_err(), "{body}");
    }
    let extra = r#"{"data":{},"success":true,"rows":[["1"]]}"#;
    let expected = ResultError::UnknownKey("rows".to_owned());
    assert_eq!(admit(&extra.into(), query()).unwrap_err(), expected);
    let twice = r#"{"data":{},"success":true,"data":{"rowset":[["1"]]}}"#;
    assert_eq!(
        admit(&twice.into(), query()).unwrap_err(),
        JsonError::DuplicateKey.into()
    );
}

#[test]
fn statements_of_several_parts_name_their_results_and_states() {
    let other = "01b00000-0000-0000-0000-000000000002";
    let body = answer(&format!(
        r#","resultIds":"{ID},{other}","resultTypes":"4096,12544","finalRoleName":"R","finalSchemaName":null"#
    ));
    let admitted = admit(&body, query()).unwrap();
    let ids: Vec<&str> = admitted.child_ids.iter().map(QueryId::as_str).collect();
    assert_eq!(ids, [ID, other]);
    assert_eq!(admitted.session_changes.role.as_deref(), Some("R"));
    assert_eq!(admitted.session_changes.schema, None);
}

#[test]
fn monitoring_shows_the_asked_query_and_only_what_drivers_read() {
    let id = QueryId::parse(ID).unwrap();
    let status = |queries: &str| {
        let body = format!(r#"{{"data":{{"queries":[{queries}]}},"success":true}}"#);
        admit(&body.into(), Asked::Monitor(&id)).map(render)
    };
    let own = format!(r#"{{"id":"{ID}","status":"RUNNING","userName":"SVC","stats":{{"a":1}}}}"#);
    let kept = format!(
        r#"{{"data":{{"queries":[{{"id":"{ID}","status":"RUNNING","stats":{{"a":1}}}}]}},"success":true}}"#
    );
    assert_eq!(status(&own), Ok(kept));
    assert_eq!(
        status(""),
        Ok(r#"{"data":{"queries":[]},"success":true}"#.to_owned())
    );
    let wrong = Err(JsonError::Field("queries").into());
    assert_eq!(
        status(r#"{"id":"01b00000-0000-0000-0000-000000000002"}"#),
        wrong
    );
    assert_eq!(status(&format!("{own},{own}")), wrong);
    assert_eq!(status("{}"), wrong);
}

#[test]
fn answers_that_only_say_that_it_worked_carry_nothing_else() {
    let body = r#"{"data":{"rowset":[["1"]]},"code":null,"message":null,"success":true}"#;
    let text = render(admit(&body.into(), Asked::Abort).unwrap());
    assert_eq!(
        text,
        r#"{"data":null,"code":null,"message":null,"success":true}"#
    );
}

proptest::proptest! {
    #[test]
    fn admitting_never_panics(noise in ".{0,200}") {
        drop(admit(&noise.into(), query()));
    }

    /// Whatever the values are, those that we do not rewrite come out as the bytes that came.
    #[test]
    fn untouched_values_stay_byte_identical(
        cells in proptest::collection::vec("[^\u{0}-\u{1f}\"\\\\]{0,20}", 0..20),
        name in "[^\u{0}-\u{1f}\"\\\\]{0,20}",
        number in "-?[1-9][0-9]{0,30}(\\.[0-9]{1,5})?(e[0-9]{1,2})?",
    ) {
        let rows: Vec<String> = cells.iter().map(|cell| format!("[ \"{cell}\"]")).collect();
        let rows = format!("[{}]", rows.join(" , "));
        let total = cells.len() + 1;
        let rowtype = format!(r#"[{{ "name":"{name}", "scale" : {number} }}]"#);
        let body = answer(&format!(
            r#","rowtype":{rowtype},"rowset":{rows},"queryContext":{{"x":{number}}},"total":{total},
            "chunks":[{{"url":"https://s/secret","rowCount":1}}]"#
        ));
        let text = render(admit(&body, query()).unwrap());
        for kept in [rows, rowtype, format!(r#""queryContext":{{"x":{number}}}"#)] {
            proptest::prop_assert!(text.contains(&kept), "{text}");
        }
        proptest::prop_assert!(!text.contains("https://s/secret"), "{text}");
        proptest::prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }
}

#[test]
fn rows_and_row_type_are_taken_out_and_put_back() {
    let body =
        answer(r#", "rowtype" : [{"name":"A"}], "rowset":[["1" , null]],"total":1,"returned":1"#);
    let mut admitted = admit(&body, query()).unwrap();
    assert_eq!(admitted.format(), Format::Json);
    assert_eq!(admitted.row_type(), Some(&br#"[{"name":"A"}]"#[..]));
    assert_eq!(admitted.rows(), Some(Rows::Json(br#"[["1" , null]]"#)));

    // What is the same is no change.
    admitted.replace_rows(br#"[["1" , null]]"#.to_vec());
    admitted.replace_row_type(br#"[{"name":"A"}]"#.to_vec());
    assert_eq!(admitted.whole.as_ref(), Some(&body));

    admitted.replace_rows(br#"[["x",null]]"#.to_vec());
    let out = render(admitted);
    let expected = format!(
        r#"{{"data":{{"queryId":"{ID}","rowtype":[{{"name":"A"}}],"rowset":[["x",null]],"total":1,"returned":1}},"code":null,"message":null,"success":true}}"#
    );
    assert_eq!(out, expected);

    let mut admitted = admit(&body, query()).unwrap();
    admitted.replace_row_type(br#"[{"name":"B"}]"#.to_vec());
    assert_eq!(admitted.whole, None);
    assert!(render(admitted).contains(r#""rowtype":[{"name":"B"}]"#));
}

#[test]
fn rows_are_those_of_the_form_that_the_answer_says() {
    #[track_caller]
    fn check(members: &str, format: Format, expected: Option<Rows<'_>>) {
        let admitted = admit(&answer(members), query()).unwrap();
        assert_eq!(admitted.format(), format);
        assert_eq!(admitted.rows(), expected, "{members}");
    }
    check(
        r#","queryResultFormat":"arrow","rowset":[],"rowsetBase64":"AAAA","total":7"#,
        Format::Arrow,
        Some(Rows::Base64(br#""AAAA""#)),
    );
    check(
        r#","queryResultFormat":"arrow","rowsetBase64":"","total":0"#,
        Format::Arrow,
        None,
    );
    check(
        r#","queryResultFormat":"json","rowset":null,"rowsetBase64":"""#,
        Format::Json,
        None,
    );
    check(r#","rowset":[]"#, Format::Json, Some(Rows::Json(b"[]")));
    check("", Format::Json, None);
}
