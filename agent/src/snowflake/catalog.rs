//! What we ask Snowflake ourselves: the columns of a table or view, its kind, a view's definition.
//!
//! None of these statements needs a warehouse or reads a row of a table. The first is only
//! described: Snowflake compiles it and tells the columns, or that nothing of the name can be read,
//! whatever kind of thing a `FROM` finds.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::envelope::Envelope;
use super::json::{JsonError, Object};
use super::operation::{Query, RequestId};
use crate::sql::ObjectName;

/// One question about an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    Columns,
    Kind,
    Definition,
}

/// What the answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Names as Snowflake has them, in order.
    Columns(Vec<String>),
    /// `TABLE`, `VIEW` or another word.
    Kind(String),
    /// The text of `CREATE VIEW`.
    Definition(String),
    /// Nothing of this name can be read with the session's role.
    Absent,
    /// The answer does not say; the reason is not for us to guess.
    Unclear,
}

/// A table has at most some thousand columns (docs: the limit is 2,000 for most kinds).
const COLUMNS_MAX: usize = 10_000;
/// Objects whose names differ in what `LIKE` does not tell apart.
const ROWS_MAX: usize = 1_000;

/// Writes the statement that asks; `None` unless the name has three parts.
#[must_use]
pub fn query(ask: Ask, name: &ObjectName, request_id: RequestId) -> Option<Query> {
    let [database, schema, object] = name.parts() else {
        return None;
    };
    let (database, schema) = (quoted(database), quoted(schema));
    let text = match ask {
        Ask::Columns => format!("SELECT * FROM {database}.{schema}.{}", quoted(object)),
        Ask::Kind => format!(
            "SHOW OBJECTS LIKE {} IN SCHEMA {database}.{schema}",
            literal(object)
        ),
        Ask::Definition => format!(
            "SHOW VIEWS LIKE {} IN SCHEMA {database}.{schema}",
            literal(object)
        ),
    };
    Some(Query {
        text,
        describe_only: ask == Ask::Columns,
        ..Query::restated(request_id)
    })
}

/// Reads the answer.
#[must_use]
pub fn read(body: &[u8], ask: Ask, name: &ObjectName) -> Told {
    told(body, ask, name).unwrap_or(Told::Unclear)
}

fn told(body: &[u8], ask: Ask, name: &ObjectName) -> Result<Told, JsonError> {
    let envelope = Envelope::parse(body)?;
    if !envelope.success {
        // "Object does not exist or not authorized", in the two forms that the service has.
        let missing = matches!(envelope.code.as_deref(), Some("002003" | "002043"));
        return Ok(match (ask, missing) {
            (Ask::Columns, true) => Told::Absent,
            (Ask::Columns | Ask::Kind | Ask::Definition, _) => Told::Unclear,
        });
    }
    let malformed = JsonError::Field("data");
    let data = envelope.object.object("data")?.ok_or(malformed)?;
    let columns = columns(&data)?;
    if data.get("getResultUrl").is_some() || data.get("chunks").is_some_and(|it| it.get() != "[]") {
        return Ok(Told::Unclear);
    }
    let wanted = match ask {
        Ask::Columns => return Ok(Told::Columns(columns)),
        Ask::Kind => "kind",
        Ask::Definition => "text",
    };
    let found = cell(&data, &columns, wanted, name)?.filter(|text| !text.is_empty());
    Ok(match (ask, found) {
        (_, None) => Told::Unclear,
        (Ask::Definition, Some(text)) => Told::Definition(text),
        (Ask::Kind | Ask::Columns, Some(kind)) => Told::Kind(kind),
    })
}

fn columns(data: &Object<'_>) -> Result<Vec<String>, JsonError> {
    #[derive(Deserialize)]
    struct Column {
        name: String,
    }

    let field = JsonError::Field("rowtype");
    let rowtype = data.get("rowtype").ok_or_else(|| field.clone())?;
    let Ok(columns) = serde_json::from_str::<Vec<Column>>(rowtype.get()) else {
        return Err(field);
    };
    if columns.len() > COLUMNS_MAX {
        return Err(field);
    }
    Ok(columns.into_iter().map(|column| column.name).collect())
}

/// The cell of the one row that is about this object and no other.
fn cell(
    data: &Object<'_>,
    columns: &[String],
    wanted: &str,
    name: &ObjectName,
) -> Result<Option<String>, JsonError> {
    let field = JsonError::Field("rowset");
    let [database, schema, object] = name.parts() else {
        return Ok(None);
    };
    let rowset = data.get("rowset").map_or("[]", RawValue::get);
    let Ok(rows) = serde_json::from_str::<Vec<Vec<Option<String>>>>(rowset) else {
        return Err(field);
    };
    if rows.len() > ROWS_MAX {
        return Err(field);
    }
    let at = |wanted: &str| columns.iter().position(|column| column == wanted);
    let conditions = [
        (at("name"), object),
        (at("schema_name"), schema),
        (at("database_name"), database),
    ];
    let is_it = |row: &&Vec<Option<String>>| {
        conditions.iter().all(|(at, expected)| {
            let cell = at.and_then(|at| row.get(at)?.as_deref());
            cell == Some(expected.as_str())
        })
    };
    let mut found = rows.iter().filter(is_it);
    let (Some(row), None) = (found.next(), found.next()) else {
        return Ok(None);
    };
    Ok(at(wanted).and_then(|at| row.get(at)?.clone()))
}

fn quoted(part: &str) -> String {
    format!("\"{}\"", part.replace('"', "\"\""))
}

/// A string literal. `LIKE` reads `_` and `%` as wildcards and ignores case: what it finds too much
/// is left out by [`cell`].
fn literal(part: &str) -> String {
    format!("'{}'", part.replace('\\', "\\\\\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ObjectName {
        ObjectName::parse(text).unwrap()
    }

    #[track_caller]
    fn asked(ask: Ask, object: &str, expected: &str) {
        let query = query(ask, &name(object), RequestId("r".to_owned())).unwrap();
        assert_eq!(query.text, expected);
        assert_eq!(query.describe_only, ask == Ask::Columns);
    }

    #[test]
    fn names_cannot_leave_their_quotes() {
        asked(
            Ask::Columns,
            r#"a.b."x"" y""#,
            r#"SELECT * FROM "A"."B"."x"" y""#,
        );
        asked(
            Ask::Kind,
            r#"a."b""; drop"."it's\""#,
            r#"SHOW OBJECTS LIKE 'it''s\\\\' IN SCHEMA "A"."b""; drop""#,
        );
        asked(
            Ask::Definition,
            "a.b.c",
            r#"SHOW VIEWS LIKE 'C' IN SCHEMA "A"."B""#,
        );
        assert!(query(Ask::Kind, &name("b.c"), RequestId("r".to_owned())).is_none());
    }

    #[track_caller]
    fn check(ask: Ask, body: &str, expected: &Told) {
        assert_eq!(
            read(body.as_bytes(), ask, &name("D.S.V")),
            *expected,
            "{body}"
        );
    }

    #[test]
    fn only_the_row_of_the_object_counts() {
        let answer = |rows: &str| {
            format!(
                r#"{{"data":{{"rowtype":[{{"name":"name"}},{{"name":"database_name"}},
                {{"name":"schema_name"}},{{"name":"kind"}},{{"name":"text"}}],
                "rowset":{rows}}},"code":null,"message":null,"success":true}}"#
            )
        };
        let view = Told::Kind("VIEW".to_owned());
        check(Ask::Kind, &answer(r#"[["V","D","S","VIEW",null]]"#), &view);
        check(
            Ask::Kind,
            &answer(r#"[["v","D","S","TABLE",null],["V","D","S","VIEW",null]]"#),
            &view,
        );
        for rows in [
            "[]",
            r#"[["v","D","S","TABLE",null]]"#,
            r#"[["V","D","S","TABLE",null],["V","D","S","VIEW",null]]"#,
            r#"[["V","D","S",null,null]]"#,
            r#"[["V","D","S","",null]]"#,
            r#"[["V"]]"#,
        ] {
            check(Ask::Kind, &answer(rows), &Told::Unclear);
        }
        check(
            Ask::Definition,
            &answer(r#"[["V","D","S","VIEW","create view v as select 1"]]"#),
            &Told::Definition("create view v as select 1".to_owned()),
        );
        check(
            Ask::Definition,
            &answer(r#"[["V","D","S","VIEW",""]]"#),
            &Told::Unclear,
        );
    }

    #[test]
    fn absence_is_what_the_service_says_of_a_from() {
        let failure = |code: &str| {
            format!(r#"{{"data":{{}},"code":"{code}","message":"x","success":false}}"#)
        };
        check(Ask::Columns, &failure("002003"), &Told::Absent);
        check(Ask::Columns, &failure("002043"), &Told::Absent);
        check(Ask::Columns, &failure("000606"), &Told::Unclear);
        check(Ask::Kind, &failure("002003"), &Told::Unclear);
        check(Ask::Columns, "{}", &Told::Unclear);
    }
}
