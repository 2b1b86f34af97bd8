//! What we ask Snowflake about a session that we lost sight of: what names mean in it.
//!
//! The statement needs no warehouse and reads no table. Where the session stands is in every answer
//! (`final…Name`); the parameters are rows of this one.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::envelope::Envelope;
use super::json::JsonError;
use super::operation::{Query, RequestId};
use super::result::SessionChanges;

/// What decides about names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `SEARCH_PATH` as Snowflake writes it: `$current, $public`.
    pub search_path: String,
    /// `QUOTED_IDENTIFIERS_IGNORE_CASE`: `true` or `false`.
    pub ignore_case: String,
    pub place: SessionChanges,
}

/// A session has some hundred parameters.
const ROWS_MAX: usize = 10_000;

/// Writes the statement that asks.
#[must_use]
pub fn query(request_id: RequestId) -> Query {
    Query {
        text: "SHOW PARAMETERS IN SESSION".to_owned(),
        ..Query::restated(request_id)
    }
}

/// Reads the answer; `None` when it does not say all of it.
#[must_use]
pub fn read(body: &[u8]) -> Option<Settings> {
    told(body).ok().flatten()
}

fn told(body: &[u8]) -> Result<Option<Settings>, JsonError> {
    #[derive(Deserialize)]
    struct Column {
        name: String,
    }

    let envelope = Envelope::parse(body)?;
    let data = envelope.object.object("data")?;
    let Some(data) = data.filter(|_| envelope.success) else {
        return Ok(None);
    };
    if data.get("getResultUrl").is_some() {
        return Ok(None);
    }
    let text = |key: &str| data.get(key).map_or("[]", RawValue::get);
    let rowtype = serde_json::from_str::<Vec<Column>>(text("rowtype"));
    let rowset = serde_json::from_str::<Vec<Vec<Option<String>>>>(text("rowset"));
    let (Ok(columns), Ok(rows)) = (rowtype, rowset) else {
        return Err(JsonError::Field("rowset"));
    };
    let at = |wanted: &str| columns.iter().position(|column| column.name == wanted);
    let (Some(key), Some(value)) = (at("key"), at("value")) else {
        return Ok(None);
    };
    let cell = |row: &[Option<String>], at: usize| row.get(at).cloned().flatten();
    let parameter = |name: &str| {
        let mut found = rows
            .iter()
            .take(ROWS_MAX)
            .filter(|row| cell(row, key).as_deref() == Some(name));
        match (found.next(), found.next()) {
            (Some(row), None) => cell(row, value),
            _ => None,
        }
    };
    let parameters = (
        parameter("SEARCH_PATH"),
        parameter("QUOTED_IDENTIFIERS_IGNORE_CASE"),
    );
    let (Some(search_path), Some(ignore_case)) = parameters else {
        return Ok(None);
    };
    Ok(Some(Settings {
        search_path,
        ignore_case,
        place: SessionChanges {
            database: data.string("finalDatabaseName")?,
            schema: data.string("finalSchemaName")?,
            warehouse: data.string("finalWarehouseName")?,
            role: data.string("finalRoleName")?,
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(rows: &str) -> Option<Settings> {
        let body = format!(
            r#"{{"data":{{"rowtype":[{{"name":"key"}},{{"name":"value"}}],"rowset":{rows},
                "finalDatabaseName":"D","finalSchemaName":"S"}},
                "code":null,"message":null,"success":true}}"#
        );
        read(body.as_bytes())
    }

    #[test]
    fn only_an_answer_that_says_everything_counts() {
        let whole = answer(
            r#"[["SEARCH_PATH","$current"],["TIMEZONE",null],["QUOTED_IDENTIFIERS_IGNORE_CASE","false"]]"#,
        )
        .unwrap();
        assert_eq!(
            (&*whole.search_path, &*whole.ignore_case),
            ("$current", "false")
        );
        assert_eq!(whole.place.database.as_deref(), Some("D"));
        for rows in [
            "[]",
            r#"[["SEARCH_PATH","$current"]]"#,
            r#"[["SEARCH_PATH",null],["QUOTED_IDENTIFIERS_IGNORE_CASE","false"]]"#,
            r#"[["SEARCH_PATH","a"],["SEARCH_PATH","b"],["QUOTED_IDENTIFIERS_IGNORE_CASE","false"]]"#,
        ] {
            assert_eq!(answer(rows), None, "{rows}");
        }
        assert_eq!(read(br#"{"data":null,"success":false}"#), None);
    }
}
