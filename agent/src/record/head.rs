//! How far the recording is durable, noted in the file `head` beside the segments.
//!
//! ```json
//! {"host":"<hex>","segment":3,"next_entry":812,"digest":"<hex>","offset":40960,"sealed":false,"sessions":2}
//! ```
//!
//! Written after each durable checkpoint, by renaming and without a sync: it may be older than the
//! segments, never ahead of them. A recording that ends before its head has therefore lost what was
//! durable. The file is not signed: it finds losses, not forgers. Against those an operator keeps the
//! head of `snowfence status` elsewhere.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::chain::Digest;
use super::checkpoint::HostId;
use super::files::options;

const FILE: &str = "head";
const TEMPORARY: &str = "head.tmp";
/// A head has some 300 bytes.
const BYTES_MAX: u64 = 4096;

/// A durable checkpoint: the recording goes at least this far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Whose recording it is: the host's public key in hexadecimal.
    pub host: String,
    /// The number of the segment.
    pub segment: u64,
    /// The number that the next entry had.
    pub next_entry: u64,
    /// The checkpoint's digest in hexadecimal.
    pub digest: String,
    /// Where the checkpoint ends, in bytes from the beginning of its segment.
    pub offset: u64,
    /// The checkpoint is the segment's last frame.
    pub sealed: bool,
    /// How many sessions were open.
    pub sessions: usize,
}

impl Head {
    /// The digest, where it is one.
    pub(super) fn digest(&self) -> Option<Digest> {
        let hash = blake3::Hash::from_hex(&self.digest).ok()?;
        Some(Digest(*hash.as_bytes()))
    }
}

/// Why what is in `head` is not believed.
#[derive(Debug, thiserror::Error)]
pub(super) enum HeadError {
    #[error("the file cannot be read")]
    Read { source: io::Error },
    #[error("the file is not a head")]
    Malformed,
    #[error("the file is of another host")]
    OtherHost,
    #[error("the recording has another digest where the file says")]
    OtherDigest,
}

/// A host's public key as people read it.
pub(super) fn host_text(host: HostId) -> String {
    blake3::Hash::from_bytes(host.0).to_hex().to_string()
}

/// Reads the head of `host`; `None` when there is none.
pub(super) fn read(dir: &Path, host: HostId) -> Result<Option<Head>, HeadError> {
    let mut text = String::new();
    let read = options()
        .write(false)
        .open(dir.join(FILE))
        .and_then(|file| file.take(BYTES_MAX).read_to_string(&mut text));
    match read {
        Ok(_bytes) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(HeadError::Malformed);
        }
        Err(source) => return Err(HeadError::Read { source }),
    }
    let head: Head = serde_json::from_str(&text).or(Err(HeadError::Malformed))?;
    if head.host != host_text(host) {
        return Err(HeadError::OtherHost);
    }
    if head.digest().is_none() {
        return Err(HeadError::Malformed);
    }
    Ok(Some(head))
}

/// Replaces the head in one step: a reader finds the old one or the new one.
pub(super) fn write(dir: &Path, head: &Head) -> io::Result<()> {
    let temporary = dir.join(TEMPORARY);
    let mut file = options().create(true).truncate(true).open(&temporary)?;
    file.write_all(&serde_json::to_vec(head)?)?;
    fs::rename(temporary, dir.join(FILE))
}
