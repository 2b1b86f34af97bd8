//! The index of a recording: one SQLite file, by which it is listed and searched without a scan.
//!
//! ```text
//! segments ──Follower──► Batch ──Index::write──► one transaction: rows and position together
//!                                                 └── sessions, search, statistics
//! ```
//!
//! It is a copy and never the record: it may be lost or damaged at any time and is then made again
//! from the oldest segment. So it needs no sync for each commit, and nothing waits for it: the daemon
//! reads the segments behind its own writer, as any other reader would.
//!
//! What is read of a segment is kept as offset and digest of its last frame. A file in which that
//! digest is not where it should be belongs to another recording, and the index is made again. A
//! statement whose segment was deleted is deleted here, too.
#![forbid(unsafe_code)]

mod error;
mod file;
mod follow;
mod indexer;
mod intern;
mod position;
mod prune;
pub mod query;
mod sums;
mod take;
mod write;

pub use error::IndexError;
pub use file::Index;
pub use follow::{Follower, Progress};
pub use indexer::Indexer;
pub use take::{Batch, Verdict};

#[cfg(test)]
pub(crate) mod tests;

/// Numbers of entries, bytes and rows as SQLite has them; none of them comes near the limit.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
