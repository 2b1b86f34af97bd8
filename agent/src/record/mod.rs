//! The record: a decision is durable before it has an effect, and every operation ends exactly once.
//!
//! ```text
//! Recorder::entry ──► Entry ──decided(permit)──► Recorded     one frame, on disk when it returns
//!                       │ ──denied(denial)                    kept for the ended frame
//!                       └─── close | close_detached | drop    one frame, exactly once
//! ```
//!
//! One thread owns the file (`thread`); the chain is pure ([`chain`]); the bytes are specified in
//! [`mod@format`]; [`read`] verifies and shares nothing with the writer but the format.
#![forbid(unsafe_code)]

pub mod about;
pub mod chain;
pub mod checkpoint;
pub mod entry;
mod error;
pub mod event;
pub mod export;
mod facts;
pub mod format;
pub mod key;
pub mod metrics;
mod proof;
pub mod read;
pub mod replay;
mod segment;
mod thread;
pub mod told;
pub mod walk;
mod writer;

pub use about::{Caller, Decided};
pub use entry::{Ending, Entry, Masked, Opening, Outcome};
pub use error::RecordError;
pub use event::{Event, What};
pub use metrics::Metrics;
pub use proof::{Key, Recorded};
pub use writer::{Recorder, Status};

#[cfg(test)]
mod tests;
