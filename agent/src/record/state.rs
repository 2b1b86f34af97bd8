//! What the thread tells those who hold the recorder.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::error::RecordError;
use super::head::Head;

/// Why the writer stopped writing.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) operation: &'static str,
    pub(super) source: Arc<io::Error>,
}

impl Failure {
    pub(super) fn to_error(&self) -> RecordError {
        RecordError::Failed {
            operation: self.operation,
            source: Arc::clone(&self.source),
        }
    }
}

/// Names the step that failed.
pub(super) fn failure(operation: &'static str) -> impl FnOnce(io::Error) -> Failure {
    move |source| Failure {
        operation,
        source: Arc::new(source),
    }
}

/// Shared by the thread and the handles.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The number of the segment that is written to.
    pub(super) segment: AtomicU64,
    pub(super) next_entry: AtomicU64,
    /// Frames that wait for the thread.
    pub(super) queued: AtomicUsize,
    pub(super) free_bytes: AtomicU64,
    /// The file system has less than its reserve.
    pub(super) is_low: AtomicBool,
    pub(super) failure: OnceLock<Failure>,
    head: Mutex<Option<Head>>,
}

impl State {
    /// The last durable checkpoint.
    pub(super) fn head(&self) -> Option<Head> {
        let head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        head.clone()
    }

    pub(super) fn set_head(&self, head: Head) {
        *self.head.lock().unwrap_or_else(PoisonError::into_inner) = Some(head);
    }
}
