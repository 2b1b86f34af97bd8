//! What an operator has us ask Snowflake: which tags are set on what, and the answer.
//!
//! Rows come as JSON: the texts of [`Header`](crate::mask::labels::import::Header)'s columns, in the
//! answer and, beyond some hundred, in chunks.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::chunk::ChunkSet;
use super::envelope::{AnswerError, Envelope};
use super::json::JsonError;
use super::operation::{Query, QueryId, RequestId};
use super::result::{self, Asked, ResultError, Rows};
use super::rowtype;
use crate::mask::labels::import;
use crate::sql::ObjectName;

/// An account with more tags on its columns is read in parts: exported, and imported from files.
pub const ROWS_MAX: usize = 100_000;
/// Nine short texts a row: some 200 bytes.
pub const BYTES_MAX: usize = 64 << 20;

/// The cells of a row; Snowflake writes every value as a text.
pub type Row = Vec<Option<String>>;

/// What the answer is.
#[derive(Debug)]
pub enum Answer {
    /// Asked again under this id, it tells the result.
    Running(QueryId),
    /// The statement failed, for instance because the role may not read the view.
    Failed {
        code: String,
        message: String,
    },
    Page(Page),
}

/// The result: its columns, the rows that came with the answer, and where the others are.
#[derive(Debug)]
pub struct Page {
    pub names: Vec<String>,
    pub rows: Vec<Row>,
    pub chunks: Option<ChunkSet>,
    /// Of the whole result.
    pub total: u64,
    /// The length of the answer.
    pub bytes: u64,
    pub query_id: Option<QueryId>,
}

/// Writes the statement that asks.
#[must_use]
pub fn query(tags: &[ObjectName], request_id: RequestId) -> Query {
    // A client that Snowflake does not know gets JSON anyway.
    let json = RawValue::from_string("\"JSON\"".to_owned());
    let format = json.map(|json| ("PYTHON_CONNECTOR_QUERY_RESULT_FORMAT".to_owned(), json));
    Query {
        text: import::query(tags),
        parameters: format.into_iter().collect(),
        ..Query::restated(request_id)
    }
}

/// Reads the answer.
///
/// # Errors
/// It is none to this statement.
pub fn read(body: &Bytes) -> Result<Answer, ResultError> {
    let mut admitted = result::admit(
        body,
        Asked::Query {
            asynchronous: false,
        },
    )?;
    if !admitted.success {
        return match Envelope::parse(body)?.into_success() {
            Err(AnswerError::Refused { code, message }) => Ok(Answer::Failed { code, message }),
            Ok(_) | Err(AnswerError::Malformed) => Err(JsonError::Malformed.into()),
        };
    }
    if admitted.in_progress.is_some() {
        let id = admitted.query_id.ok_or(ResultError::InProgress)?;
        return Ok(Answer::Running(id));
    }
    let columns = admitted.row_type().and_then(rowtype::parse);
    let columns = columns.ok_or(JsonError::Field("rowtype"))?;
    let rows = match admitted.rows() {
        None => Vec::new(),
        Some(Rows::Json(json)) => {
            serde_json::from_slice(json).map_err(|_error| JsonError::Field("rowset"))?
        }
        Some(Rows::Base64(_)) => return Err(ResultError::RowForm),
    };
    Ok(Answer::Page(Page {
        names: columns.into_iter().map(|column| column.name).collect(),
        rows,
        total: admitted.rows.unwrap_or(0),
        bytes: admitted.body_bytes(),
        query_id: admitted.query_id.clone(),
        chunks: admitted.take_chunks(),
    }))
}

/// Reads a chunk, unpacked: rows with commas between them, and no brackets around.
///
/// # Errors
/// It is none.
pub fn read_chunk(text: &[u8]) -> Result<Vec<Row>, JsonError> {
    let mut array = Vec::with_capacity(text.len().saturating_add(2));
    array.push(b'[');
    array.extend_from_slice(text);
    array.push(b']');
    serde_json::from_slice(&array).map_err(|_error| JsonError::Field("rowset"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Result<Answer, ResultError> {
        read(&Bytes::from(body.to_owned()))
    }

    const COLUMNS: &str = r#""rowtype":[{"name":"TAG_NAME","type":"text","nullable":true},
        {"name":"TAG_VALUE","type":"text","nullable":true}]"#;

    #[test]
    fn the_statement_asks_for_json_and_runs_as_it_is() {
        let tags = [ObjectName::parse("gov.tags.level").unwrap()];
        let query = query(&tags, RequestId("r".to_owned()));
        assert_eq!(query.text, import::query(&tags));
        assert!(!query.describe_only && !query.asynchronous);
        let (name, value) = query.parameters.first().unwrap();
        assert!(name.ends_with("_QUERY_RESULT_FORMAT"), "{name}");
        assert_eq!(value.get(), "\"JSON\"");
    }

    #[test]
    fn rows_come_with_the_answer_and_in_chunks() {
        let body = format!(
            r#"{{"data":{{{COLUMNS},"rowset":[["A","x"],["B",null]],"total":5,"returned":5,
            "queryResultFormat":"json","qrmk":"k",
            "chunks":[{{"url":"https://s/1","rowCount":3,"compressedSize":9}}]}},
            "code":null,"message":null,"success":true}}"#
        );
        let Answer::Page(page) = answer(&body).unwrap() else {
            panic!("no page")
        };
        assert_eq!(page.names, ["TAG_NAME", "TAG_VALUE"]);
        let text = |text: &str| Some(text.to_owned());
        let expected = vec![vec![text("A"), text("x")], vec![text("B"), None]];
        assert_eq!((page.rows, page.total), (expected, 5));
        assert_eq!(page.chunks.unwrap().urls.len(), 1);

        let chunk = read_chunk(br#"["C","y"],["D",null]"#).unwrap();
        assert_eq!(chunk, [[text("C"), text("y")], [text("D"), None]]);
        assert_eq!(read_chunk(b"").unwrap().len(), 0);
        for wrong in ["1", r#"["a"],"#, r#"["a"]]["#, r#"[{"a":1}]"#] {
            read_chunk(wrong.as_bytes()).unwrap_err();
        }
    }

    #[test]
    fn what_is_no_page_says_what_it_is() {
        let id = "01b00000-0000-0000-0000-000000000001";
        let running = format!(
            r#"{{"data":{{"queryId":"{id}","getResultUrl":"/queries/{id}/result"}},
            "code":"333333","message":"m","success":true}}"#
        );
        assert!(matches!(answer(&running), Ok(Answer::Running(it)) if it.as_str() == id));
        let failed = r#"{"data":{"sqlState":"42S02"},"code":"002003",
            "message":"Object does not exist or not authorized.","success":false}"#;
        let Answer::Failed { code, message } = answer(failed).unwrap() else {
            panic!("not failed")
        };
        assert_eq!(code, "002003");
        assert_eq!(message, "Object does not exist or not authorized.");
        let arrow = format!(
            r#"{{"data":{{{COLUMNS},"rowsetBase64":"AAAA","total":1,"returned":1,
            "queryResultFormat":"arrow"}},"code":null,"message":null,"success":true}}"#
        );
        assert_eq!(answer(&arrow).unwrap_err(), ResultError::RowForm);
        answer("{}").unwrap_err();
    }
}
