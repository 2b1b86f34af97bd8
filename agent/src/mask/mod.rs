//! The only way from the upstream to the client.
//!
//! An answer is opened here and nowhere else, and each step is a type:
//!
//! ```text
//! Unmasked ─ admit ─► Admitted ─ mask, by the plan of its columns ─► Ready ─ release ─► Masked
//!     └────── chunk, by the same plan ────────────────────────────────────────────────────▲
//! ```
//!
//! Its envelope is checked, what could carry rows past us is refused, and its chunk links are taken
//! out. There is no way to a [`Masked`] with rows but through a [`plan::Plan`] of exactly its columns.
#![forbid(unsafe_code)]

pub mod arrow;
pub mod column;
pub mod content;
pub mod detect;
mod gzip;
pub mod json;
pub mod key;
pub mod labels;
pub mod leaves;
pub mod literal;
pub mod marker;
pub mod masks;
pub mod method;
pub mod outputs;
pub mod plan;
mod proof;
pub mod rows;
pub mod sample;
pub mod shown;
mod stream;
pub mod tags;
pub mod text;

pub use proof::{Key, Masked, MaskedBody};
#[cfg(test)]
pub(crate) use stream::for_test as chunk_for_test;
pub use stream::{Raw, Sieve, Source, StreamError};

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use self::column::Tally;
use self::masks::Masks;
use self::plan::Plan;
use self::rows::{Format, RowsError};
use self::sample::Returned;
use self::text::Wording;
use crate::record::told::Table;
use crate::snowflake::QueryId;
use crate::snowflake::catalog::{self, Ask, Told};
use crate::snowflake::chunk::{Capability, ChunkSet};
use crate::snowflake::result::{self, Asked, ResultError, Rows, api};
use crate::snowflake::rowtype::{self, Field};
use crate::snowflake::settings::{self, Settings};
use crate::sql::ObjectName;
use crate::upstream::{Unmasked, UnmaskedBody};

/// Why an answer may not leave.
#[derive(Debug, thiserror::Error)]
pub enum MaskError {
    #[error("the upstream's answer is not one that may be passed on")]
    Answer(#[source] ResultError),
    #[error("the upstream's answer is about a result that is not the caller's")]
    Foreign,
    #[error("the upstream sent a chunk where an answer belongs, or the other way round")]
    Kind,
    #[error("the columns of the upstream's answer are not those that it was planned by")]
    Columns,
    #[error("the rows of the upstream's answer are not what it says")]
    Rows(#[source] RowsError),
    #[error("the upstream's answer has {found} rows where it says {said}")]
    RowCount { found: u64, said: u64 },
}

/// An answer that was checked and is waiting for the plan of its columns.
#[derive(Debug)]
#[must_use]
pub struct Admitted {
    answer: result::Admitted,
    fields: Vec<Field>,
}

impl Admitted {
    fn of(answer: result::Admitted) -> Result<Self, MaskError> {
        let fields = match answer.row_type() {
            Some(row_type) => rowtype::parse(row_type).ok_or(MaskError::Columns)?,
            None => Vec::new(),
        };
        Ok(Self { answer, fields })
    }

    /// What the answer says of itself: ids, rows, state. No cell of it.
    #[must_use]
    pub const fn summary(&self) -> &result::Admitted {
        &self.answer
    }

    /// The columns of the result; none for an answer without a result.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Takes the links to the chunks; only a capability can stand for them in the answer.
    #[must_use]
    pub fn take_chunks(&mut self) -> Option<ChunkSet> {
        self.answer.take_chunks()
    }

    /// Does what a plan says with everything of the answer that can hold a value: rows, names of
    /// columns, messages.
    ///
    /// # Errors
    /// The plan is that of other columns, or the rows cannot be read.
    pub fn mask(mut self, plan: &Plan, wording: &Wording) -> Result<Ready, MaskError> {
        let answer = &mut self.answer;
        let reword = &mut |text: &str| match wording.reword(text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(text) => Some(text),
        };
        answer.reword(reword).map_err(MaskError::Answer)?;
        let fits = plan.columns.iter().map(|column| &column.field);
        if !fits.eq(&self.fields) || (self.fields.is_empty() && answer.has_rows()) {
            return Err(MaskError::Columns);
        }
        let (mut tally, mut original) = (Tally::default(), None);
        if !plan.is_clear() {
            let rows = match answer.rows() {
                Some(Rows::Json(json)) => Some(rows::rowset(plan, json, &mut tally)),
                Some(Rows::Base64(json)) => Some(rows::rowset_base64(plan, json, &mut tally)),
                None => None,
            };
            if let Some(rows) = rows.transpose().map_err(MaskError::Rows)? {
                original = answer.replace_rows(rows);
            }
            let (found, said) = (tally.rows, answer.inline_rows());
            if found != said {
                return Err(MaskError::RowCount { found, said });
            }
        }
        if let Some(row_type) = answer.row_type() {
            let masked = rowtype::masked(row_type, plan).ok_or(MaskError::Columns)?;
            answer.replace_row_type(masked);
        }
        Ok(Ready {
            answer: self.answer,
            tally,
            original,
        })
    }
}

/// An answer whose rows are masked, before it is written.
#[derive(Debug)]
#[must_use]
pub struct Ready {
    answer: result::Admitted,
    tally: Tally,
    /// The rows as they came, if they go out otherwise.
    original: Option<Bytes>,
}

impl Ready {
    /// What was masked.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The first rows for the record, by the plan that they were masked by; `None` where there is no
    /// result, or none is wanted.
    #[must_use]
    pub fn sample(&self, plan: &Plan, masks: &Masks, limits: sample::Limits) -> Option<Table> {
        let answer = &self.answer;
        if plan.columns.is_empty() || answer.in_progress.is_some() {
            return None;
        }
        let fields = answer.row_type().and_then(rowtype::parse);
        let rows = Returned {
            fields: &fields.unwrap_or_default(),
            shown: answer.rows(),
            original: self.original.as_deref(),
            inline: answer.inline_rows(),
            of: answer.rows.unwrap_or_default(),
        };
        sample::table(plan, masks, &rows, limits)
    }

    /// Code and message of a statement that failed, as the client is told.
    #[must_use]
    pub fn failure(&self) -> Option<(&str, String)> {
        self.answer.failure()
    }

    /// Calls the answered query by the id that its client knows it by.
    ///
    /// # Errors
    /// The answer about a query is not one that can be read.
    pub fn call(&mut self, id: &QueryId) -> Result<(), MaskError> {
        self.answer.call(id).map_err(MaskError::Answer)
    }

    /// Writes the answer for the client.
    ///
    /// # Errors
    /// The answer has chunks, and there is no capability for them.
    pub fn release(self, capability: Option<&Capability<'_>>) -> Result<Masked, MaskError> {
        let head = self.answer.head();
        let body = self.answer.render(capability).map_err(MaskError::Answer)?;
        Ok(Masked::new(match head {
            None => MaskedBody::Json(body),
            Some(head) => MaskedBody::Api {
                status: head.status,
                link: head.link,
                body,
            },
        }))
    }
}

/// Checks an upstream answer.
///
/// # Errors
/// The answer is malformed or carries something that may not leave.
pub fn admit(unmasked: Unmasked, asked: Asked<'_>) -> Result<Admitted, MaskError> {
    match unmasked.open(&Key::new()) {
        (_status, UnmaskedBody::Json(body)) => {
            Admitted::of(result::admit(&body, asked).map_err(MaskError::Answer)?)
        }
        (_status, UnmaskedBody::Chunk { .. }) => Err(MaskError::Kind),
    }
}

/// Checks an upstream answer of the SQL API. What comes out is the same, so that rows are treated
/// alike whichever way they came.
///
/// # Errors
/// The answer is malformed or carries something that may not leave.
pub fn admit_api(unmasked: Unmasked, asked: api::Asked<'_>) -> Result<Admitted, MaskError> {
    match unmasked.open(&Key::new()) {
        (status, UnmaskedBody::Json(body)) => {
            Admitted::of(api::admit(status, &body, asked).map_err(MaskError::Answer)?)
        }
        (_status, UnmaskedBody::Chunk { .. }) => Err(MaskError::Kind),
    }
}

/// What a chunk should be.
#[derive(Clone, Copy, Debug)]
pub struct ChunkShape {
    pub format: Format,
    /// As the answer announced them.
    pub rows: u64,
    /// The largest row or record batch.
    pub bytes_max: usize,
}

/// Lets a chunk through a plan.
///
/// # Errors
/// The answer is no chunk.
pub fn chunk(unmasked: Unmasked, plan: &Arc<Plan>, shape: ChunkShape) -> Result<Masked, MaskError> {
    match unmasked.open(&Key::new()) {
        (
            _status,
            UnmaskedBody::Chunk {
                stream,
                content_length,
            },
        ) if plan.is_clear() => {
            // Snowflake compresses every chunk.
            Ok(Masked::new(MaskedBody::Chunk {
                stream,
                content_length,
                gzip: true,
            }))
        }
        (_status, UnmaskedBody::Chunk { stream, .. }) => {
            let opened = stream::open(stream, plan, shape);
            Ok(Masked::new(MaskedBody::Rows(Box::new(opened))))
        }
        (_status, UnmaskedBody::Json(_)) => Err(MaskError::Kind),
    }
}

/// Reads the answer to a question of our own about an object: names, a kind, a view's text. No row
/// of a table comes out of it, and nothing of it goes to a client.
#[must_use]
pub fn catalog(unmasked: Unmasked, ask: Ask, name: &ObjectName) -> Told {
    match unmasked.open(&Key::new()) {
        (_status, UnmaskedBody::Json(body)) => catalog::read(&body, ask, name),
        (_status, UnmaskedBody::Chunk { .. }) => Told::Unclear,
    }
}

/// Reads the answer to a question of our own about a session; nothing of it goes to a client.
#[must_use]
pub fn settings(unmasked: Unmasked) -> Option<Settings> {
    match unmasked.open(&Key::new()) {
        (_status, UnmaskedBody::Json(body)) => settings::read(&body),
        (_status, UnmaskedBody::Chunk { .. }) => None,
    }
}

/// An answer of the SQL API that we made ourselves.
pub fn ours_api(status: u16, body: Vec<u8>) -> Masked {
    Masked::new(MaskedBody::Api {
        status,
        link: None,
        body: body.into(),
    })
}

/// An answer that we made ourselves: it holds nothing of the upstream's.
pub fn ours(body: Vec<u8>) -> Masked {
    Masked::new(MaskedBody::Json(body.into()))
}
