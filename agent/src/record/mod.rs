//! The record: a decision is durable before it has an effect, and every operation ends exactly once.
//!
//! ```text
//! Recorder::entry ──► Entry ──decided(permit)──► Recorded     one frame, on disk when it returns
//!                       │ ──denied(denial)                    kept for the ended frame
//!                       └─── close | close_detached | drop    one frame, exactly once
//! ```
//!
//! One thread owns the files: it takes what waits, writes it in one go, syncs once and acknowledges
//! all of it. What it signs, and what it looks after besides:
//!
//! ```text
//! <number>.sfr   header · carried · gap* · closed* · frames … checkpoint … frames … seal
//!                         │         └─────┴─ at a start: what the end before it left behind
//!                         └─ the sessions open here, so that their end is known after any crash
//! head           how far the recording is durable, for the next start
//! lock           held as long as somebody writes
//! <number>.torn  what a crash tore off the end of that segment
//! ```
//!
//! | a promise | where |
//! |---|---|
//! | a checkpoint within 4096 frames, and within about a second | `commit` |
//! | segments end by size and by age | `commit` |
//! | after the first failure nothing is acknowledged any more | `thread` |
//! | below its reserve of disk space, decisions are refused, and ends are written | `thread` |
//! | a clock that was set is told in a gap | `commit` |
//! | a session's end is recorded, after `kill -9` at the next start | `recover` |
//! | what was durable and is gone is told in a gap | `recover`, `head` |
//!
//! The chain is pure ([`chain`]); the bytes are specified in [`mod@format`]; [`read`] and [`verify`]
//! share nothing with the writer but the format.
//!
//! Everything else goes by what [`read`] and [`told`] make of the files, in this process or another:
//!
//! | for | is |
//! |---|---|
//! | every frame of a recording in order, and every place of damage | [`walk`] |
//! | the same from where an index stopped, as the recording grows; sessions, search, statistics | [`index`] |
//! | one session as a film, the recording for other programs | [`replay`], [`export`] |
//! | packing, shipping and deleting closed segments | [`keep`] |
//! | proving | [`verify`], with a parser of its own |
#![forbid(unsafe_code)]

pub mod about;
pub mod chain;
pub mod checkpoint;
mod commit;
pub mod entry;
mod error;
pub mod event;
pub mod export;
mod files;
pub mod format;
mod head;
pub mod index;
pub mod keep;
pub mod key;
pub mod metrics;
mod proof;
pub mod read;
mod recover;
pub mod replay;
mod segment;
mod stages;
mod state;
mod thread;
pub mod told;
pub mod verify;
pub mod walk;
mod writer;

pub use about::{Caller, Decided, Failure, Redaction};
pub use entry::{Ending, Entry, Masked, Opening, Outcome};
pub use error::{RecordError, Unrecorded};
pub use event::{Event, What};
pub use head::Head;
pub use metrics::Metrics;
pub use proof::{Key, Recorded};
pub use stages::{Stage, Stages};
pub use writer::{Recorder, Status};

#[cfg(test)]
mod tests;
