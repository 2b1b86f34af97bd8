//! How an operation ended.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::record::about::Failure;
use crate::record::stages::Stages;
use crate::record::told::Table;

/// How an operation ended.
#[derive(Clone, Debug, Serialize)]
pub struct Ending {
    #[serde(skip)]
    pub time: jiff::Timestamp,
    #[serde(flatten)]
    pub outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    #[serde(flatten)]
    pub masked: Masked,
    /// The first rows of the answer, as masked for the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<Table>,
    #[serde(serialize_with = "microseconds", rename = "duration_us")]
    pub duration: Duration,
    #[serde(skip_serializing_if = "Stages::is_empty")]
    pub stages: Stages,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

/// What masking did to an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Masked {
    /// The answer has a result, however many rows.
    #[serde(skip)]
    pub is_result: bool,
    /// Nothing of it had to be looked at.
    #[serde(skip)]
    pub is_clear: bool,
    /// Cells that were masked, by label.
    #[serde(rename = "masked", skip_serializing_if = "BTreeMap::is_empty")]
    pub cells: BTreeMap<String, u64>,
    /// Labels that this principal sees where others would not.
    #[serde(rename = "unmasked", skip_serializing_if = "Vec::is_empty")]
    pub shown: Vec<String>,
    /// The policies that say so.
    #[serde(rename = "unmasked_by", skip_serializing_if = "Vec::is_empty")]
    pub shown_by: Vec<String>,
}

/// What the client got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome", content = "reason")]
pub enum Outcome {
    /// The upstream's answer, whatever it said.
    Answer,
    /// Ours instead, for this reason of `proxy::Refusal`'s closed set.
    Refusal(&'static str),
    /// Nothing that we know of: the connection, or we, went away.
    Abandoned,
}

impl Ending {
    /// An ending that is all outcome.
    #[must_use]
    pub fn new(outcome: Outcome, time: jiff::Timestamp, duration: Duration) -> Self {
        Self {
            time,
            outcome,
            query_id: None,
            rows: None,
            bytes: None,
            masked: Masked::default(),
            table: None,
            duration,
            stages: Stages::default(),
            error: None,
        }
    }

    /// The same, but that columns and rows are left out, and why.
    pub(super) fn without_rows(&self, cut: &str) -> Self {
        let table = self.table.as_ref().map(|table| Table {
            of: table.of,
            cut: Some(cut.to_owned()),
            ..Table::default()
        });
        Self {
            table,
            ..self.clone()
        }
    }
}

fn microseconds<S: serde::Serializer>(value: &Duration, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_u64(u64::try_from(value.as_micros()).unwrap_or(u64::MAX))
}
