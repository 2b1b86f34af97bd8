//! Answers of the SQL API, read into the same parts as a driver's and written in their own form.
//!
//! The rows of a result and their types come out under the names that a driver's answer has for
//! them, `rowset` and `rowtype`: whatever is done to rows is done to both alike.

mod frame;
#[cfg(test)]
mod tests;

use std::fmt;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde::{Deserialize as Derive, Serialize};
use serde_json::value::RawValue;

pub(super) use self::frame::Frame;
use self::frame::{Kind, Partition};
use super::keys::{harmless, shown};
use super::{Admitted, InProgress, ResultError, UpstreamFailure};
use crate::snowflake::json::{self, JsonError, Object};

/// What an answer of the SQL API is an answer to.
#[derive(Clone, Copy, Debug)]
pub enum Asked<'a> {
    /// A statement, or its result from the beginning.
    Result,
    /// A later partition of a result whose shape is known.
    Partition(&'a Shape, u32),
    Cancel,
}

/// What the beginning of a result says of the partitions after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// `rowType`, as it came.
    pub row_type: Bytes,
    /// The rows of each partition.
    pub rows: Vec<u64>,
}

/// Status and headers of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub status: u16,
    pub link: Option<String>,
}

/// Reads an answer and refuses what must not reach the client.
///
/// # Errors
/// It is not one that the reference describes.
pub fn admit(status: u16, body: &Bytes, asked: Asked<'_>) -> Result<Admitted, ResultError> {
    let object = Object::from_slice(body)?;
    match (status, asked) {
        (200, Asked::Result) => result(&object, body),
        (200, Asked::Partition(shape, number)) => partition(&object, body, shape, number),
        (200, Asked::Cancel) => plain(status, &object, body),
        (202, Asked::Result | Asked::Partition(..)) => in_progress(&object, body),
        (202, Asked::Cancel) => Err(ResultError::InProgress),
        (200..=299, _) => Err(ResultError::RowForm),
        _ => failure(status, &object, body),
    }
}

impl Admitted {
    /// The parts of an answer without rows.
    fn framed(object: &Object<'_>, body: &Bytes, frame: Frame) -> Result<Self, ResultError> {
        Ok(Self {
            query_id: frame.handle.clone(),
            child_ids: frame.children.clone(),
            api: Some(frame),
            ..Self::bare(true, envelope(object, body)?, body)
        })
    }

    /// Status and headers, when it is an answer of the SQL API.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        self.api.as_ref().map(Frame::head)
    }

    /// What later partitions are read by, when there are any.
    #[must_use]
    pub fn shape(&self) -> Option<Shape> {
        let Kind::Result { partitions, .. } = &self.api.as_ref()?.kind else {
            return None;
        };
        let (_, row_type) = self
            .data
            .iter()
            .flatten()
            .find(|(key, _)| key == ROW_TYPE)?;
        (partitions.len() > 1).then(|| Shape {
            // A copy: a slice would keep the whole answer.
            row_type: Bytes::copy_from_slice(row_type),
            rows: partitions.iter().map(|it| it.row_count).collect(),
        })
    }
}

fn result(object: &Object<'_>, body: &Bytes) -> Result<Admitted, ResultError> {
    check_keys(object, &["resultSetMetaData", "data", "stats"])?;
    let meta = object
        .object("resultSetMetaData")?
        .ok_or(JsonError::Field("resultSetMetaData"))?;
    for (key, value) in meta.entries() {
        if !META.contains(&key.as_str()) && !harmless(key, value.get()) {
            return Err(ResultError::UnknownKey(shown(key)));
        }
    }
    if meta.string("format")?.as_deref() != Some("jsonv2") {
        return Err(ResultError::RowForm);
    }
    let row_type = meta.get("rowType").ok_or(JsonError::Field("rowType"))?;
    let columns = columns(row_type)?;
    let rows = meta.u64("numRows")?.ok_or(JsonError::Field("numRows"))?;
    let partitions: Option<Vec<Partition>> = meta.typed("partitionInfo")?;
    let partitions = partitions.unwrap_or_default();
    if partitions.len() > PARTITIONS_MAX {
        return Err(JsonError::Field("partitionInfo").into());
    }
    let data = object.get("data").ok_or(JsonError::Field("data"))?;
    let inline = count(data, columns)?;
    let sum = partitions
        .iter()
        .try_fold(0_u64, |sum, it| sum.checked_add(it.row_count));
    let counts_fit = match partitions.first() {
        None => inline == rows,
        Some(first) => first.row_count == inline && sum == Some(rows),
    };
    if !counts_fit {
        return Err(ResultError::RowCount);
    }
    let kind = Kind::Result { rows, partitions };
    let mut frame = Frame::of(200, object, kind)?;
    frame.inline_rows = inline;
    if frame.handle.is_none() {
        return Err(JsonError::Field("statementHandle").into());
    }
    let mut admitted = Admitted::framed(object, body, frame)?;
    admitted.rows = Some(rows);
    admitted.has_rows = rows > 0;
    admitted.data = Some(vec![
        entry(ROW_TYPE, row_type, body),
        entry(ROWSET, data, body),
    ]);
    Ok(admitted)
}

/// A partition after the first has nothing but its rows: what they are, the first has said.
fn partition(
    object: &Object<'_>,
    body: &Bytes,
    shape: &Shape,
    number: u32,
) -> Result<Admitted, ResultError> {
    if let Some((key, _)) = object
        .entries()
        .iter()
        .find(|(key, value)| key != "data" && !harmless(key, value.get()))
    {
        return Err(ResultError::UnknownKey(shown(key)));
    }
    let data = object.get("data").ok_or(JsonError::Field("data"))?;
    let Ok(row_type) = serde_json::from_slice::<&RawValue>(&shape.row_type) else {
        return Err(JsonError::Field("rowType").into());
    };
    let rows = count(data, columns(row_type)?)?;
    let at = usize::try_from(number).unwrap_or(usize::MAX);
    if shape.rows.get(at) != Some(&rows) {
        return Err(ResultError::RowCount);
    }
    let of = u32::try_from(shape.rows.len()).unwrap_or(u32::MAX);
    let frame = Frame {
        status: 200,
        handle: None,
        children: Vec::new(),
        kind: Kind::Partition(number, of),
        inline_rows: rows,
    };
    let mut admitted = Admitted::framed(&Object::default(), body, frame)?;
    admitted.rows = Some(rows);
    admitted.has_rows = rows > 0;
    admitted.data = Some(vec![
        (ROW_TYPE.to_owned(), shape.row_type.clone()),
        entry(ROWSET, data, body),
    ]);
    Ok(admitted)
}

fn in_progress(object: &Object<'_>, body: &Bytes) -> Result<Admitted, ResultError> {
    let progress = match object.string("code")?.as_deref() {
        Some("333333") => InProgress::Attached,
        Some("333334") => InProgress::Detached,
        _ => return Err(ResultError::InProgress),
    };
    let mut admitted = plain(202, object, body)?;
    if admitted.query_id.is_none() {
        return Err(ResultError::InProgress);
    }
    admitted.in_progress = Some(progress);
    Ok(admitted)
}

fn failure(status: u16, object: &Object<'_>, body: &Bytes) -> Result<Admitted, ResultError> {
    let mut admitted = plain(status, object, body)?;
    admitted.success = false;
    admitted.error = Some(UpstreamFailure {
        code: object.string("code")?.unwrap_or_default(),
        sql_state: object.string("sqlState")?,
    });
    Ok(admitted)
}

fn plain(status: u16, object: &Object<'_>, body: &Bytes) -> Result<Admitted, ResultError> {
    check_keys(object, &[])?;
    Admitted::framed(object, body, Frame::of(status, object, Kind::Status)?)
}

/// Refuses a key that is not known and could carry rows.
fn check_keys(object: &Object<'_>, with: &[&str]) -> Result<(), ResultError> {
    for (key, value) in object.entries() {
        let name = key.as_str();
        let is_known = ENVELOPE.contains(&name) || REWRITTEN.contains(&name);
        if !is_known && !with.contains(&name) && !harmless(key, value.get()) {
            return Err(ResultError::UnknownKey(shown(key)));
        }
    }
    Ok(())
}

/// The keys that are passed on as they came; those that are not known are not.
fn envelope(object: &Object<'_>, body: &Bytes) -> Result<Vec<(String, Bytes)>, ResultError> {
    let mut kept = Vec::new();
    for (key, value) in object.entries() {
        let text = value.get();
        if key == "stats" {
            let Ok(stats) = serde_json::from_str::<Stats>(text) else {
                return Err(JsonError::Field("stats").into());
            };
            kept.push((key.clone(), json::write(&stats).into()));
        } else if ENVELOPE.contains(&key.as_str()) {
            if text.starts_with(['{', '[']) {
                return Err(ResultError::UnknownKey(shown(key)));
            }
            kept.push((key.clone(), body.slice_ref(text.as_bytes())));
        }
    }
    Ok(kept)
}

/// Rows that a statement changed.
#[derive(Default, Derive, Serialize)]
#[serde(rename_all = "camelCase", default)]
struct Stats {
    num_rows_inserted: u64,
    num_rows_updated: u64,
    num_rows_deleted: u64,
    num_duplicate_rows_updated: u64,
}

fn entry(key: &str, value: &RawValue, body: &Bytes) -> (String, Bytes) {
    (key.to_owned(), body.slice_ref(value.get().as_bytes()))
}

fn columns(row_type: &RawValue) -> Result<usize, ResultError> {
    let columns: Result<Vec<Object<'_>>, _> = serde_json::from_str(row_type.get());
    let Ok(columns) = columns else {
        return Err(JsonError::Field("rowType").into());
    };
    Ok(columns.len())
}

/// Counts rows; each has one cell per column, and each cell is a string or null.
fn count(data: &RawValue, columns: usize) -> Result<u64, ResultError> {
    let rows: Result<Vec<Vec<Cell>>, _> = serde_json::from_str(data.get());
    let Ok(rows) = rows else {
        return Err(JsonError::Field("data").into());
    };
    if rows.iter().any(|row| row.len() != columns) {
        return Err(ResultError::RowForm);
    }
    Ok(rows.len() as u64)
}

/// A string or null; of no size, so that counting keeps nothing.
struct Cell;

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StringOrNull;

        impl Visitor<'_> for StringOrNull {
            type Value = Cell;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string or null")
            }

            fn visit_str<E: serde::de::Error>(self, _text: &str) -> Result<Cell, E> {
                Ok(Cell)
            }

            fn visit_unit<E: serde::de::Error>(self) -> Result<Cell, E> {
                Ok(Cell)
            }
        }

        deserializer
            .deserialize_any(StringOrNull)
            .map_err(D::Error::custom)
    }
}

const ROW_TYPE: &str = "rowtype";
const ROWSET: &str = "rowset";
/// Scalars that every answer may have.
const ENVELOPE: [&str; 5] = ["code", "createdOn", "message", "requestId", "sqlState"];
/// What is written anew, by ids that the client may use.
const REWRITTEN: [&str; 3] = ["statementHandle", "statementHandles", "statementStatusUrl"];
const META: [&str; 4] = ["format", "numRows", "partitionInfo", "rowType"];
/// At some hundred bytes of JSON each they fill an answer at its limit long before.
const PARTITIONS_MAX: usize = 100_000;
