//! A chunk that is masked as it comes: who fetches its bytes cannot read them.
//!
//! ```text
//! Source ── Raw ──► Sieve ──► masked bytes
//!  waits            computes
//! ```
//!
//! The two halves are apart so that the one can wait on the network and the other compute on a thread
//! that may block. Between them a piece is a [`Raw`], which only the sieve can open.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::ChunkShape;
use super::column::Tally;
use super::plan::Plan;
use super::rows::{Chunk, RowsError};

/// What is masked in one go. Packed rows grow some tenfold, a thousandfold at the worst.
const PIECE_BYTES: usize = 16 << 10;

/// Why a chunk ends early.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    #[error("a result chunk cannot be read")]
    Rows(#[source] RowsError),
    #[error("a result chunk has {found} rows where {said} were announced")]
    RowCount { found: u64, said: u64 },
}

/// Where the bytes of a chunk come from.
#[derive(Debug)]
pub struct Source {
    stream: Incoming,
    rest: Bytes,
}

/// A piece of a chunk as it came.
#[derive(Debug)]
pub struct Raw(Bytes);

/// What masks the pieces of a chunk, in their order.
#[derive(Debug)]
pub struct Sieve {
    chunk: Chunk,
    rows: u64,
}

pub(super) fn open(stream: Incoming, plan: &Arc<Plan>, shape: ChunkShape) -> (Source, Sieve) {
    let ChunkShape {
        format,
        rows,
        bytes_max,
    } = shape;
    let source = Source {
        stream,
        rest: Bytes::new(),
    };
    let chunk = Chunk::new(Arc::clone(plan), format, bytes_max);
    (source, Sieve { chunk, rows })
}

/// The halves of a chunk that no upstream answered with.
#[cfg(test)]
pub(crate) fn for_test(stream: Incoming, plan: &Arc<Plan>, shape: ChunkShape) -> (Source, Sieve) {
    open(stream, plan, shape)
}

impl Source {
    /// The next piece; `None` at the end. Cancel-safe.
    ///
    /// # Errors
    /// Storage ends the chunk early.
    pub async fn next(&mut self) -> Result<Option<Raw>, hyper::Error> {
        while self.rest.is_empty() {
            let Some(frame) = self.stream.frame().await else {
                return Ok(None);
            };
            // Trailers say nothing that we use.
            if let Ok(data) = frame?.into_data() {
                self.rest = data;
            }
        }
        let length = self.rest.len().min(PIECE_BYTES);
        Ok(Some(Raw(self.rest.split_to(length))))
    }
}

impl Sieve {
    /// Masks the next piece; what can go out is appended to `output`.
    ///
    /// # Errors
    /// The chunk is not what it should be: nothing more of it may be given out.
    pub fn push(&mut self, raw: &Raw, output: &mut Vec<u8>) -> Result<(), StreamError> {
        let Raw(bytes) = raw;
        self.chunk.push(bytes, output).map_err(StreamError::Rows)
    }

    /// Ends the chunk.
    ///
    /// # Errors
    /// It was cut, or has other rows than the answer announced.
    pub fn finish(self, output: &mut Vec<u8>) -> Result<Tally, StreamError> {
        let tally = self.chunk.finish(output).map_err(StreamError::Rows)?;
        let (found, said) = (tally.rows, self.rows);
        if found == said {
            Ok(tally)
        } else {
            Err(StreamError::RowCount { found, said })
        }
    }
}
