//! The proof that an answer may leave.

use bytes::Bytes;
use hyper::body::Incoming;

use super::stream::{Sieve, Source};

/// The right to open an [`crate::upstream::Unmasked`]; only this module's parent can make one.
#[derive(Debug)]
pub struct Key(());

impl Key {
    pub(super) const fn new() -> Self {
        Self(())
    }
}

/// An answer that may reach the client.
#[derive(Debug)]
#[must_use]
pub struct Masked {
    body: MaskedBody,
}

/// The body of an answer that may leave.
#[derive(Debug)]
pub enum MaskedBody {
    Json(Bytes),
    /// An answer of the SQL API, which says what it is by its status.
    Api {
        status: u16,
        link: Option<String>,
        body: Bytes,
    },
    Chunk {
        stream: Incoming,
        content_length: Option<u64>,
        gzip: bool,
    },
    /// A chunk that is masked as it comes.
    Rows(Box<(Source, Sieve)>),
}

impl Masked {
    pub(super) const fn new(body: MaskedBody) -> Self {
        Self { body }
    }

    #[must_use]
    pub fn into_body(self) -> MaskedBody {
        self.body
    }
}
