//! The proof types around the upstream: what opens a `Recorded`, and what only `mask` can open.

use bytes::Bytes;
use hyper::body::Incoming;

/// The right to open a [`crate::record::Recorded`]; only this module's parent can make one.
#[derive(Debug)]
pub struct Key(());

impl Key {
    pub(super) const fn new() -> Self {
        Self(())
    }
}

/// An upstream answer that no one but [`crate::mask`] can read.
#[derive(Debug)]
#[must_use]
pub struct Unmasked {
    status: u16,
    body: UnmaskedBody,
}

/// The body of an upstream answer.
#[derive(Debug)]
pub enum UnmaskedBody {
    /// Whole, decompressed, within the limit.
    Json(Bytes),
    /// A result chunk as storage sends it.
    Chunk { stream: Incoming, content_length: Option<u64> },
}

impl Unmasked {
    pub(super) const fn new(status: u16, body: UnmaskedBody) -> Self {
        Self { status, body }
    }

    /// The body, for this module's own tests.
    #[cfg(test)]
    pub(super) fn into_body(self) -> UnmaskedBody {
        self.body
    }

    /// Status and body, for the masking stage only.
    #[must_use]
    pub fn open(self, _key: &crate::mask::Key) -> (u16, UnmaskedBody) {
        (self.status, self.body)
    }
}
