//! The bytes of a segment as a window that moves on, with what stands just before it.

use std::io::{self, Read};

use crate::record::chain::Digest;
use crate::record::format::{DIGEST_BYTES, SIGNATURE_BYTES};

/// Read at once: more makes nothing faster.
const CHUNK_BYTES: usize = 256 << 10;
/// What stands between two frames, or between a header's digest and the first frame.
const LOOK_BACK_BYTES: usize = DIGEST_BYTES + SIGNATURE_BYTES;

/// Never holds more than one frame and a chunk.
#[derive(Debug)]
pub(super) struct Window<R> {
    input: R,
    buffer: Vec<u8>,
    /// The offset of the buffer's first byte.
    base: u64,
    at: usize,
    ended: bool,
    error: Option<io::Error>,
}

impl<R: Read> Window<R> {
    pub(super) const fn new(input: R) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            base: 0,
            at: 0,
            ended: false,
            error: None,
        }
    }

    /// Where the window begins.
    pub(super) const fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    /// The next `want` bytes; fewer only at the end.
    pub(super) fn ahead(&mut self, want: usize) -> &[u8] {
        if self.buffer.len().saturating_sub(self.at) < want && !self.ended {
            self.fill(want);
        }
        let have = self.buffer.get(self.at..).unwrap_or_default();
        have.get(..want).unwrap_or(have)
    }

    /// The digest that ends `gap` bytes before the window.
    pub(super) fn behind(&self, gap: usize) -> Option<Digest> {
        let from = self.at.checked_sub(gap + DIGEST_BYTES)?;
        let bytes = self.buffer.get(from..)?.first_chunk()?;
        Some(Digest(*bytes))
    }

    /// Moves on over bytes that [`Self::ahead`] returned.
    pub(super) fn advance(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes).min(self.buffer.len());
    }

    /// What kept the input from being read to its end.
    pub(super) const fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    fn fill(&mut self, want: usize) {
        let done = self.at.saturating_sub(LOOK_BACK_BYTES);
        self.buffer.drain(..done);
        self.base += done as u64;
        self.at -= done;
        let target = self.at + want.max(CHUNK_BYTES);
        let missing = target.saturating_sub(self.buffer.len());
        let read = (&mut self.input)
            .take(missing as u64)
            .read_to_end(&mut self.buffer);
        match read {
            Ok(read) => self.ended = read < missing,
            Err(error) => {
                self.ended = true;
                self.error = Some(error);
            }
        }
    }
}
