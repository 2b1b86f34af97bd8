//! What a check of a recording found.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::problem::{Near, Problem};
use crate::record::chain::Digest;
use crate::record::format::DIGEST_BYTES;

/// Everything there is to say about a recording.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Segments that are there.
    pub segments: u64,
    /// Their bytes, unpacked.
    pub bytes: u64,
    /// What a signature of the host covers.
    pub proven: Count,
    /// What fits the chain but is under no signature.
    pub unproven: Count,
    pub broken: Broken,
    /// Encrypted segments that were not read: the files are those that the host archived.
    pub proven_as_files: u64,
    /// The last entry that is proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up_to: Option<Near>,
    /// The end of what is proven; kept elsewhere, it shows later that nothing was cut off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<Head>,
    pub problems: Vec<Problem>,
    /// Problems that are not listed.
    pub problems_more: u64,
    /// Where frames are that are not proven.
    pub unproven_places: Vec<Stretch>,
    pub notes: Vec<Note>,
    /// Notes that are not listed.
    pub notes_more: u64,
}

impl Report {
    /// True if everything is as it was written, or at least nothing says otherwise: what the last
    /// signature does not cover yet of a segment that is being written is no problem.
    #[must_use]
    pub const fn is_proven(&self) -> bool {
        self.problems.is_empty()
    }
}

/// How much of a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    pub frames: u64,
    /// Operations, by their first frame.
    pub entries: u64,
}

/// What fits nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Broken {
    pub places: u64,
    pub bytes: u64,
}

/// Frames next to each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stretch {
    pub segment: u64,
    pub from: u64,
    pub to: u64,
    #[serde(flatten)]
    pub count: Count,
    /// It is the end of a segment that may be being written: the next signature will cover it.
    pub is_end: bool,
}

/// What is no problem, and should be known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum Note {
    #[error("segment {segment} ends without a seal: it is being written, or its end was cut{}", up_to.as_ref().map_or_else(String::new, |near| format!("; proven up to {near}")))]
    Open { segment: u64, up_to: Option<Near> },
    #[error("segment {segment} ends within a frame that is being written")]
    Growing { segment: u64 },
    #[error("segment {segment} is not sealed; the next one begins with a gap that says why")]
    Unsealed { segment: u64 },
    #[error("segment {segment}, byte {offset}: the host says that something is missing: {reason}")]
    Gap {
        segment: u64,
        offset: u64,
        reason: String,
    },
    #[error("segments {first} to {last} are gone: the host says that retention deleted them")]
    Pruned { first: u64, last: u64 },
    #[error("segment {segment} is encrypted: proven as a file, not read")]
    AsFile { segment: u64 },
    #[error(
        "segment {segment} was written by a host named `{host}`; the one before it by `{before}`"
    )]
    Renamed {
        segment: u64,
        host: String,
        before: String,
    },
    #[error("only this segment was read: what stands before and after it was not compared")]
    Alone,
    #[error("the head that was kept elsewhere is in the recording: up to it, nothing is missing")]
    Head,
}

/// A place in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub segment: u64,
    pub digest: Digest,
}

impl fmt::Display for Head {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.segment, self.digest)
    }
}

impl Serialize for Head {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The text is no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a head is the number of a segment, a colon, and 64 hexadecimal digits")]
pub struct NoHead;

impl FromStr for Head {
    type Err = NoHead;

    fn from_str(text: &str) -> Result<Self, NoHead> {
        let (segment, digits) = text.trim().split_once(':').ok_or(NoHead)?;
        let is_hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if digits.len() != 2 * DIGEST_BYTES || !is_hexadecimal {
            return Err(NoHead);
        }
        let mut digest = Digest::ZERO;
        for (at, byte) in digest.0.iter_mut().enumerate() {
            let pair = digits.get(2 * at..2 * at + 2).ok_or(NoHead)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_no_digits| NoHead)?;
        }
        let segment = segment.parse().map_err(|_no_number| NoHead)?;
        Ok(Self { segment, digest })
    }
}
