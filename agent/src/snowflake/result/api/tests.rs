//! Which answers of the SQL API may reach a client, and in what form.

use super::*;
use crate::snowflake::QueryId;

const ID: &str = "01b00000-0000-0000-0000-00000000000a";
const CHILD: &str = "01b00000-0000-0000-0000-00000000000b";
const META: &str = r#""resultSetMetaData":{"numRows":3,"format":"jsonv2","partitionInfo":[
    {"rowCount":2,"uncompressedSize":10},{"rowCount":1,"uncompressedSize":5,"compressedSize":4}],
    "rowType":[{"name":"A","type":"text"},{"name":"B","type":"fixed","scale":0}]}"#;

fn read(status: u16, body: &str, asked: Asked<'_>) -> Result<Admitted, ResultError> {
    admit(status, &Bytes::copy_from_slice(body.as_bytes()), asked)
}

fn whole(data: &str, more: &str) -> String {
    format!(
        r#"{{{META},"data":{data},"code":"090001","statementStatusUrl":"/api/v2/statements/{ID}?requestId=r",
        "sqlState":"00000","statementHandle":"{ID}","message":"ok","createdOn":1{more}}}"#
    )
}

fn rendered(admitted: Admitted) -> String {
    String::from_utf8(admitted.render(None).unwrap().to_vec()).unwrap()
}

const ROWS: &str = r#"[["x","1"],[null,"2"]]"#;

#[test]
fn a_result_is_read_into_the_parts_of_every_other() {
    let more =
        r#","stats":{"numRowsInserted":0,"numRowsUpdated":1,"secret":["x"]},"new":"dropped""#;
    let admitted = read(200, &whole(ROWS, more), Asked::Result).unwrap();
    assert!(admitted.success && admitted.in_progress.is_none());
    assert_eq!((admitted.rows, admitted.inline_rows()), (Some(3), 2));
    assert_eq!(admitted.query_id, QueryId::parse(ID));
    let data = admitted.data.as_ref().unwrap();
    let keys: Vec<&str> = data.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["rowtype", "rowset"]);
    let shape = admitted.shape().unwrap();
    assert_eq!(shape.rows, [2, 1]);
    let head = admitted.head().unwrap();
    assert_eq!(head.status, 200);
    insta::assert_snapshot!(head.link.unwrap(), @r#"</api/v2/statements/01b00000-0000-0000-0000-00000000000a?partition=0>;rel="first",</api/v2/statements/01b00000-0000-0000-0000-00000000000a?partition=1>;rel="next",</api/v2/statements/01b00000-0000-0000-0000-00000000000a?partition=1>;rel="last""#);
    insta::assert_snapshot!(rendered(admitted), @r#"{"code":"090001","sqlState":"00000","message":"ok","createdOn":1,"stats":{"numRowsInserted":0,"numRowsUpdated":1,"numRowsDeleted":0,"numDuplicateRowsUpdated":0},"statementHandle":"01b00000-0000-0000-0000-00000000000a","statementStatusUrl":"/api/v2/statements/01b00000-0000-0000-0000-00000000000a","resultSetMetaData":{"numRows":3,"format":"jsonv2","partitionInfo":[{"rowCount":2,"uncompressedSize":10},{"rowCount":1,"uncompressedSize":5,"compressedSize":4}],"rowType":[{"name":"A","type":"text"},{"name":"B","type":"fixed","scale":0}]},"data":[["x","1"],[null,"2"]]}"#);
}

/// Rows that were masked take the place of those that came.
#[test]
fn what_is_written_are_the_parts_that_were_kept() {
    let mut admitted = read(200, &whole(ROWS, ""), Asked::Result).unwrap();
    super::super::set(
        admitted.data.as_mut().unwrap(),
        "rowset",
        br#"[["*","1"],["*","2"]]"#.to_vec(),
    );
    let text = rendered(admitted);
    assert!(text.contains(r#""data":[["*","1"],["*","2"]]"#), "{text}");
    assert!(!text.contains("\"x\""), "{text}");
}

#[test]
fn a_query_is_called_by_the_id_that_its_client_knows() {
    let ours = QueryId::of_entry(17);
    let mut admitted = read(200, &whole(ROWS, ""), Asked::Result).unwrap();
    admitted.call(&ours).unwrap();
    assert_eq!(
        admitted.query_id,
        QueryId::parse(ID),
        "for us it is what it was"
    );
    let link = admitted.head().unwrap().link.unwrap();
    let text = rendered(admitted);
    assert!(!text.contains(ID) && !link.contains(ID), "{text} {link}");
    assert!(text.contains(ours.as_str()) && link.contains(ours.as_str()));
}

#[test]
fn rows_that_do_not_fit_what_is_said_of_them_are_refused() {
    #[track_caller]
    fn check(body: &str, expected: &ResultError) {
        assert_eq!(
            read(200, body, Asked::Result).unwrap_err(),
            *expected,
            "{body}"
        );
    }
    let data = || JsonError::Field("data").into();
    for rows in [r#"[["x","1"]]"#, r#"[["x","1"],["x","1"],["x","1"]]"#, "[]"] {
        check(&whole(rows, ""), &ResultError::RowCount);
    }
    for rows in [r#"[["x"],["y","1"]]"#, r#"[["x","1","z"],["y","1"]]"#] {
        check(&whole(rows, ""), &ResultError::RowForm);
    }
    for rows in [
        r#"[["x",1],["y","2"]]"#,
        r#"[["x",["a"]],["y","2"]]"#,
        r#"[{"a":"b"}]"#,
        "\"x\"",
        "{}",
    ] {
        check(&whole(rows, ""), &data());
    }
    check(
        &whole(ROWS, "").replace("\"numRows\":3", "\"numRows\":2"),
        &ResultError::RowCount,
    );
    check(
        &whole(ROWS, "").replace("\"rowCount\":1", "\"rowCount\":18446744073709551615"),
        &ResultError::RowCount,
    );
    check(
        &whole(ROWS, "").replace("jsonv2", "arrowv1"),
        &ResultError::RowForm,
    );
    check(&whole("null", ""), &data());
    let handle = whole(ROWS, "").replace(ID, "x");
    check(&handle, &JsonError::Field("statementHandle").into());
}

#[test]
fn a_key_that_could_carry_rows_refuses_the_answer() {
    #[track_caller]
    fn check(status: u16, body: &str, key: &str) {
        let error = read(status, body, Asked::Result).unwrap_err();
        assert_eq!(error, ResultError::UnknownKey(key.to_owned()), "{body}");
    }
    for (key, value) in [
        ("more", r#"[["x"]]"#),
        ("more", r#"{"a":1}"#),
        ("rowset", "\"x\""),
        ("resultSetMetaData2", "1"),
    ] {
        check(200, &whole(ROWS, &format!(r#","{key}":{value}"#)), key);
    }
    let long = format!("\"{}\"", "x".repeat(65));
    check(200, &whole(ROWS, &format!(r#","more":{long}"#)), "more");
    let meta = whole(ROWS, "").replace(r#""format""#, r#""rows":[["x"]],"format""#);
    check(200, &meta, "rows");
    check(
        200,
        &whole(ROWS, "").replace(r#""message":"ok""#, r#""message":["x"]"#),
        "message",
    );
    // Rows where there are none.
    check(422, &whole(ROWS, ""), "resultSetMetaData");
    check(
        202,
        &format!(r#"{{"code":"333334","statementHandle":"{ID}","data":[["x"]]}}"#),
        "data",
    );
    let deep = whole(ROWS, "").replace(
        r#""uncompressedSize":10"#,
        r#""uncompressedSize":10,"rows":[]"#,
    );
    let error = read(200, &deep, Asked::Result).unwrap_err();
    assert_eq!(error, JsonError::Field("partitionInfo").into());
    let twice = whole(ROWS, r#","data":[]"#);
    assert_eq!(
        read(200, &twice, Asked::Result).unwrap_err(),
        JsonError::DuplicateKey.into()
    );
}

fn shape() -> Shape {
    read(200, &whole(ROWS, ""), Asked::Result)
        .unwrap()
        .shape()
        .unwrap()
}

#[test]
fn a_later_partition_has_the_columns_of_the_first_and_its_own_rows() {
    let first = shape();
    let admitted = read(200, r#"{"data":[["z","3"]]}"#, Asked::Partition(&first, 1)).unwrap();
    assert_eq!((admitted.rows, admitted.inline_rows()), (Some(1), 1));
    let keys: Vec<&str> = admitted
        .data
        .iter()
        .flatten()
        .map(|(key, _)| key.as_str())
        .collect();
    assert_eq!(
        keys,
        ["rowtype", "rowset"],
        "the mask knows what the cells are"
    );
    assert!(admitted.shape().is_none());
    assert_eq!(rendered(admitted), r#"{"data":[["z","3"]]}"#);

    #[track_caller]
    fn check(body: &str, number: u32, expected: &ResultError) {
        let outcome = read(200, body, Asked::Partition(&shape(), number));
        assert_eq!(outcome.unwrap_err(), *expected, "{body}");
    }
    check(r#"{"data":[["z","3"]]}"#, 2, &ResultError::RowCount);
    check(
        r#"{"data":[["z","3"],["z","3"]]}"#,
        1,
        &ResultError::RowCount,
    );
    check(r#"{"data":[["z"]]}"#, 1, &ResultError::RowForm);
    check("{}", 1, &JsonError::Field("data").into());
    let more = r#"{"data":[["z","3"]],"more":[["y"]]}"#;
    check(more, 1, &ResultError::UnknownKey("more".to_owned()));
    let failed = read(
        422,
        r#"{"code":"000606","message":"no"}"#,
        Asked::Partition(&first, 1),
    );
    assert!(!failed.unwrap().success);
}

#[test]
fn what_still_runs_and_what_failed_have_no_rows() {
    let running = format!(
        r#"{{"code":"333333","message":"in progress","statementHandle":"{ID}","createdOn":1,
        "statementStatusUrl":"https://elsewhere/api"}}"#
    );
    let admitted = read(202, &running, Asked::Result).unwrap();
    assert_eq!(admitted.in_progress, Some(InProgress::Attached));
    assert_eq!(
        admitted.head().unwrap(),
        Head {
            status: 202,
            link: None
        }
    );
    let text = rendered(admitted);
    assert!(
        text.contains(&format!(
            r#""statementStatusUrl":"/api/v2/statements/{ID}""#
        )),
        "{text}"
    );
    for odd in [
        running.replace("333333", "090001"),
        running.replace("statementHandle", "other"),
    ] {
        assert_eq!(
            read(202, &odd, Asked::Result).unwrap_err(),
            ResultError::InProgress
        );
    }
    read(202, &running, Asked::Cancel).unwrap_err();
    read(204, &running, Asked::Result).unwrap_err();

    let failed = format!(
        r#"{{"code":"002003","sqlState":"42S02","message":"no table","statementHandle":"{ID}"}}"#
    );
    for status in [400, 404, 408, 422, 429] {
        let admitted = read(status, &failed, Asked::Result).unwrap();
        assert!(!admitted.success && admitted.rows.is_none());
        let error = admitted.error.clone().unwrap();
        assert_eq!(
            (error.code.as_str(), error.sql_state.as_deref()),
            ("002003", Some("42S02"))
        );
        assert_eq!(admitted.head().unwrap().status, status);
    }
    let cancelled = read(200, &failed, Asked::Cancel).unwrap();
    assert!(cancelled.success);
    // No rows to whoever cancels.
    read(200, &whole(ROWS, ""), Asked::Cancel).unwrap_err();
}

#[test]
fn every_statement_of_several_has_a_handle() {
    let more = format!(r#","statementHandles":["{CHILD}"]"#);
    let admitted = read(200, &whole(ROWS, &more), Asked::Result).unwrap();
    assert_eq!(admitted.child_ids, [QueryId::parse(CHILD).unwrap()]);
    assert!(rendered(admitted).contains(&format!(r#""statementHandles":["{CHILD}"]"#)));
    for odd in [r#"["x"]"#, r#""x""#, r#"[["x"]]"#] {
        let more = format!(r#","statementHandles":{odd}"#);
        let error = read(200, &whole(ROWS, &more), Asked::Result).unwrap_err();
        assert_eq!(error, JsonError::Field("statementHandles").into(), "{odd}");
    }
}

proptest::proptest! {
    /// What goes out is what was read, whatever the cells are.
    #[test]
    fn cells_come_out_as_they_went_in(cells in proptest::collection::vec(proptest::option::of(".{0,12}"), 4)) {
        let rows = json::write(&[&cells[..2], &cells[2..]]);
        let rows = String::from_utf8(rows).unwrap();
        let admitted = read(200, &whole(&rows, ""), Asked::Result).unwrap();
        let written = format!(r#""data":{rows}}}"#);
        proptest::prop_assert!(rendered(admitted).ends_with(&written));
    }

    #[test]
    fn reading_never_panics(status in 100_u16..600, body in ".{0,200}") {
        let first = shape();
        for asked in [Asked::Result, Asked::Cancel, Asked::Partition(&first, 1)] {
            drop(read(status, &body, asked));
        }
    }
}
