//! Rows of `TAG_REFERENCES` as they were exported: JSON lines, or CSV with a header (RFC 4180).

use std::collections::HashMap;

use super::{Place, Reference};

/// An account with more tags on columns than this has none that mean something.
const ROWS_MAX: usize = 1_000_000;

/// A row of the view has some fifteen.
const CELLS_MAX: usize = 256;

/// Why the rows cannot be used. No value of a row is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowsError {
    #[error("there is no column `{0}`; export those that `snowfence labels import --query` names")]
    Missing(&'static str),
    #[error("row {0} is no JSON object of texts")]
    Json(usize),
    #[error("row {0} has another number of cells than the header")]
    Shape(usize),
    #[error("row {0} does not say what the tag is set on")]
    Place(usize),
    #[error("a quote is not closed")]
    Quote,
    #[error("there are more than {ROWS_MAX} rows")]
    TooMany,
}

/// The columns that are read.
const NAMES: [&str; 9] = [
    "TAG_DATABASE",
    "TAG_SCHEMA",
    "TAG_NAME",
    "TAG_VALUE",
    "DOMAIN",
    "OBJECT_DATABASE",
    "OBJECT_SCHEMA",
    "OBJECT_NAME",
    "COLUMN_NAME",
];

/// Those that can be null.
const NULLABLE: [&str; 4] = [
    "TAG_VALUE",
    "OBJECT_DATABASE",
    "OBJECT_SCHEMA",
    "COLUMN_NAME",
];

/// Read where it is there.
const DELETED: &str = "OBJECT_DELETED";

/// Where the columns of the view are in a row.
#[derive(Clone, Debug)]
pub struct Header {
    at: [usize; 9],
    deleted: Option<usize>,
    cells: usize,
}

impl Header {
    /// Finds the columns by their names.
    ///
    /// # Errors
    /// One of them is not there.
    pub fn of(names: &[&str]) -> Result<Self, RowsError> {
        let names: Vec<String> = names.iter().map(|it| it.to_ascii_uppercase()).collect();
        let find = |name: &str| names.iter().position(|it| it == name);
        let mut at = [0; 9];
        for (at, name) in at.iter_mut().zip(NAMES) {
            *at = find(name).ok_or(RowsError::Missing(name))?;
        }
        Ok(Self {
            at,
            deleted: find(DELETED),
            cells: names.len(),
        })
    }

    /// Reads a row; `None` for a tag on something that has no columns, or that is gone.
    ///
    /// # Errors
    /// The row has another shape, or does not say what the tag is set on.
    pub fn row(
        &self,
        number: usize,
        cells: &[Option<&str>],
    ) -> Result<Option<Reference>, RowsError> {
        if cells.len() != self.cells {
            return Err(RowsError::Shape(number));
        }
        let cell = |at: usize| cells.get(at).copied().flatten();
        let [tag_database, tag_schema, tag_name, value, rest @ ..] = self.at.map(cell);
        if self.deleted.and_then(cell).is_some() {
            return Ok(None);
        }
        let text = |cell: Option<&str>| cell.map(str::to_owned).ok_or(RowsError::Place(number));
        let [domain, database, schema, object, column] = rest;
        let place = match domain.unwrap_or_default().to_ascii_uppercase().as_str() {
            "COLUMN" => {
                Place::Column([text(database)?, text(schema)?, text(object)?, text(column)?])
            }
            "TABLE" | "VIEW" | "MATERIALIZED VIEW" | "EXTERNAL TABLE" | "DYNAMIC TABLE"
            | "ICEBERG TABLE" | "EVENT TABLE" => {
                Place::Table([text(database)?, text(schema)?, text(object)?])
            }
            "SCHEMA" => Place::Schema([text(database)?, text(object)?]),
            "DATABASE" => Place::Database(text(object)?),
            _ => return Ok(None),
        };
        Ok(Some(Reference {
            tag: [text(tag_database)?, text(tag_schema)?, text(tag_name)?],
            value: value.unwrap_or_default().to_owned(),
            place,
        }))
    }
}

/// What rows say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    pub references: Vec<Reference>,
    /// All that were read.
    pub rows: usize,
    /// Those on something that has no columns, or that is gone.
    pub skipped: usize,
}

impl Tags {
    /// Takes what [`Header::row`] made of a row.
    pub fn push(&mut self, row: Option<Reference>) {
        self.rows += 1;
        match row {
            Some(reference) => self.references.push(reference),
            None => self.skipped += 1,
        }
    }
}

/// Reads a file of rows.
///
/// # Errors
/// It is not what it should be.
pub fn read(text: &str) -> Result<Tags, RowsError> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('{') {
        json_lines(text)
    } else {
        csv(text)
    }
}

fn json_lines(text: &str) -> Result<Tags, RowsError> {
    let mut found = Tags::default();
    let lines = text.lines().enumerate();
    for (at, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let number = at + 1;
        if number > ROWS_MAX {
            return Err(RowsError::TooMany);
        }
        let row: HashMap<String, serde_json::Value> =
            serde_json::from_str(line).map_err(|_quotes| RowsError::Json(number))?;
        let names = row.keys().map(String::as_str);
        // Some exports leave out what is null.
        let absent = NULLABLE.iter().filter(|name| {
            let mut names = row.keys();
            !names.any(|key| key.eq_ignore_ascii_case(name))
        });
        let absent: Vec<&str> = absent.copied().collect();
        let names: Vec<&str> = names.chain(absent.iter().copied()).collect();
        let header = Header::of(&names)?;
        let cells = row.values().map(serde_json::Value::as_str);
        let cells = cells.chain(absent.iter().map(|_| None));
        found.push(header.row(number, &cells.collect::<Vec<_>>())?);
    }
    Ok(found)
}

fn csv(text: &str) -> Result<Tags, RowsError> {
    let mut records = Records { rest: text };
    let Some(names) = records.next().transpose()? else {
        return Header::of(&[]).map(|_| Tags::default());
    };
    let names = names.iter().map(|it| it.as_deref().unwrap_or_default());
    let header = Header::of(&names.collect::<Vec<_>>())?;
    let mut found = Tags::default();
    for (at, record) in records.enumerate() {
        let number = at + 2;
        if number > ROWS_MAX {
            return Err(RowsError::TooMany);
        }
        let record = record?;
        let cells: Vec<Option<&str>> = record.iter().map(Option::as_deref).collect();
        found.push(header.row(number, &cells)?);
    }
    Ok(found)
}

/// The records of a CSV text. A cell that is empty and not quoted, or `\N`, is null.
struct Records<'t> {
    rest: &'t str,
}

impl Iterator for Records<'_> {
    type Item = Result<Vec<Option<String>>, RowsError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rest = self.rest.trim_start_matches(['\r', '\n']);
        if self.rest.is_empty() {
            return None;
        }
        let mut cells = Vec::new();
        loop {
            let (cell, rest) = match cell(self.rest) {
                Ok(cell) => cell,
                Err(error) => {
                    self.rest = "";
                    return Some(Err(error));
                }
            };
            cells.push(cell);
            match rest.strip_prefix(',') {
                Some(next) if cells.len() < CELLS_MAX => self.rest = next,
                Some(_) | None => {
                    self.rest = rest;
                    return Some(Ok(cells));
                }
            }
        }
    }
}

/// Reads one cell; what follows begins with a comma, the end of a line, or is empty.
fn cell(text: &str) -> Result<(Option<String>, &str), RowsError> {
    let Some(mut body) = text.strip_prefix('"') else {
        let end = text.find([',', '\r', '\n']).unwrap_or(text.len());
        let (cell, rest) = text.split_at(end);
        let is_null = cell.is_empty() || cell == "\\N";
        return Ok(((!is_null).then(|| cell.to_owned()), rest));
    };
    let mut cell = String::new();
    loop {
        let (part, rest) = body.split_once('"').ok_or(RowsError::Quote)?;
        cell.push_str(part);
        match rest.strip_prefix('"') {
            Some(after) => {
                cell.push('"');
                body = after;
            }
            None if rest.is_empty() || rest.starts_with([',', '\r', '\n']) => {
                return Ok((Some(cell), rest));
            }
            None => return Err(RowsError::Quote),
        }
    }
}
