//! The only way from the upstream to the client.
//!
//! An answer is opened here and nowhere else. Its envelope is checked, what could carry rows past
//! us is refused, and its chunk links are taken out; only then can it be released.
#![forbid(unsafe_code)]

pub mod arrow;
pub mod column;
pub mod content;
pub mod detect;
pub mod json;
pub mod key;
pub mod labels;
pub mod leaves;
pub mod masks;
pub mod method;
pub mod plan;
mod proof;
pub mod rows;

pub use proof::{Key, Masked, MaskedBody};

use crate::snowflake::QueryId;
use crate::snowflake::catalog::{self, Ask, Told};
use crate::snowflake::chunk::{Capability, ChunkSet};
use crate::snowflake::result::{self, Asked, ResultError, api};
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
}

/// An answer that was checked and is waiting for its chunk capability.
#[derive(Debug)]
#[must_use]
pub struct Admitted(result::Admitted);

impl Admitted {
    /// What the answer says of itself: ids, rows, state. No cell of it.
    #[must_use]
    pub const fn summary(&self) -> &result::Admitted {
        &self.0
    }

    /// Takes the links to the chunks; only a capability can stand for them in the answer.
    #[must_use]
    pub fn take_chunks(&mut self) -> Option<ChunkSet> {
        self.0.take_chunks()
    }

    /// Calls the answered query by the id that its client knows it by.
    ///
    /// # Errors
    /// The answer about a query is not one that can be read.
    pub fn call(&mut self, id: &QueryId) -> Result<(), MaskError> {
        self.0.call(id).map_err(MaskError::Answer)
    }

    /// Writes the answer for the client.
    ///
    /// # Errors
    /// The answer has chunks, and there is no capability for them.
    pub fn release(self, capability: Option<&Capability<'_>>) -> Result<Masked, MaskError> {
        let head = self.0.head();
        let body = self.0.render(capability).map_err(MaskError::Answer)?;
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
        (_status, UnmaskedBody::Json(body)) => result::admit(&body, asked)
            .map(Admitted)
            .map_err(MaskError::Answer),
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
        (status, UnmaskedBody::Json(body)) => api::admit(status, &body, asked)
            .map(Admitted)
            .map_err(MaskError::Answer),
        (_status, UnmaskedBody::Chunk { .. }) => Err(MaskError::Kind),
    }
}

/// Passes a chunk on.
///
/// # Errors
/// The answer is no chunk.
pub fn chunk(unmasked: Unmasked) -> Result<Masked, MaskError> {
    match unmasked.open(&Key::new()) {
        (
            _status,
            UnmaskedBody::Chunk {
                stream,
                content_length,
            },
        ) => {
            // Snowflake compresses every chunk.
            Ok(Masked::new(MaskedBody::Chunk {
                stream,
                content_length,
                gzip: true,
            }))
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
