//! What can go wrong with the record. Every variant means: do not forward.

use std::path::PathBuf;
use std::sync::Arc;

use super::key::KeyError;
use super::read::ReadError;

/// Why an entry could not be recorded, or the recording not be opened.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("cannot open the recording at `{}`", path.display())]
    Open {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the recording cannot be signed")]
    Key(#[from] KeyError),
    #[error("the recording directory `{}` is open to group or others (mode {mode:o})", path.display())]
    Exposed { path: PathBuf, mode: u32 },
    #[error("the recording directory `{}` belongs to uid {uid}", path.display())]
    Foreign { path: PathBuf, uid: u32 },
    #[error("another process writes the recording at `{}`", path.display())]
    Busy { path: PathBuf },
    #[error("the last segment `{}` is damaged; move it away to start a new recording", path.display())]
    Damaged { path: PathBuf, source: ReadError },
    #[error(
        "the last segment `{}` is signed by the host key {found}, and this host's key is {expected}; \
         restore the key of the recording, or move the recording away to start a new one",
        path.display()
    )]
    OtherHost {
        path: PathBuf,
        found: String,
        expected: String,
    },
    #[error(
        "the last segment `{}` is encrypted and the file `head` does not tell how it ends; \
         restore what follows it, or move the recording away to start a new one",
        path.display()
    )]
    Encrypted { path: PathBuf },
    #[error(
        "cannot begin a segment of the recording at `{}`: {operation} failed; see that its file \
         system is writable and has free space",
        path.display()
    )]
    Begin {
        path: PathBuf,
        operation: &'static str,
        source: Arc<std::io::Error>,
    },
    /// Passes by itself once there is space again.
    #[error(
        "the file system of the recording has {free} bytes free, less than its reserve of \
         {reserve}; free space there, or lower `reserve_bytes`"
    )]
    Reserve { free: u64, reserve: u64 },
    /// The writer failed once, so nothing can be recorded until the daemon is started again.
    #[error("the recorder cannot write since {operation} failed")]
    Failed {
        operation: &'static str,
        source: Arc<std::io::Error>,
    },
    #[error("too many operations are open to record another one")]
    Full,
    #[error("the entry has been decided already")]
    Decided,
    #[error("cannot encode the entry")]
    Encode { source: serde_json::Error },
    #[error("the entry is too large to record")]
    Large,
    #[error("the recorder has stopped")]
    Stopped,
}

/// Why events may not be durable.
#[derive(Debug, thiserror::Error)]
#[error("the events cannot be recorded")]
pub struct Unrecorded {
    pub source: RecordError,
    /// The numbers of those that may be on disk all the same.
    pub frames: Vec<u64>,
}
