//! What can be wrong with a recording, in one sentence each, and where.

use std::fmt;

use serde::Serialize;

use crate::record::format::{CHECKPOINT_FRAMES_MAX, Kind, VERSION};

/// Kept of one segment; the others are counted.
pub(super) const PER_SEGMENT_MAX: usize = 100;
/// Kept of a recording; the others are counted.
pub(super) const PROBLEMS_MAX: usize = 1_000;

/// One thing that is not as it was written, or breaks a rule of the format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// 0 for what concerns the recording as a whole.
    pub segment: u64,
    /// The name of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Bytes from the beginning of the segment, unpacked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Counted from 1; after damage, frames that fit the chain are counted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
    /// The last frame before that fits the chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Near>,
    /// The first frame behind that fits the chain again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Near>,
    #[serde(flatten)]
    pub finding: Finding,
}

/// A frame nearby.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Near {
    /// The last entry up to here, or another frame's own number.
    pub entry: u64,
    #[serde(serialize_with = "as_time")]
    pub time: i64,
}

impl fmt::Display for Near {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "entry {}, {}", self.entry, time(self.time))
    }
}

/// The sentence, without the place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum Finding {
    #[error("there are no segments")]
    Nothing,
    #[error("the file cannot be read on: {message}")]
    Unreadable { message: String },
    #[error("this is not a segment")]
    Foreign,
    #[error("the segment is of version {found}; this program reads up to {VERSION}")]
    Version { found: u16 },
    #[error("the segment ends within its header")]
    HeaderCut,
    #[error("the header was changed")]
    HeaderChanged,
    #[error("the signature of the header is not the host's")]
    HeaderSignature,
    #[error("the segment names another host key, {key}")]
    OtherKey { key: String },
    #[error("the header says that this is segment {says}")]
    Number { says: u64 },
    #[error(
        "the segment does not continue segment {before}: one of them was changed, cut or put here"
    )]
    Link { before: u64 },
    #[error("the first segment says that there was one before it")]
    NotFirst,
    #[error(
        "segments {first} to {last} are missing, and no proven frame says that retention deleted them"
    )]
    Missing { first: u64, last: u64 },
    #[error("the segment ends within a frame, of which {bytes} bytes are left")]
    Torn { bytes: u64 },
    #[error("{bytes} bytes{} do not follow what stands before them: they were changed or inserted, or frames before them were removed or moved", told(.says.as_ref()))]
    Broken {
        bytes: u64,
        /// What the frame there says it is, if it looks like one.
        #[serde(skip_serializing_if = "Option::is_none")]
        says: Option<Says>,
    },
    #[error("there is so much damage that the rest, {bytes} bytes, was not searched for frames")]
    Unsearched { bytes: u64 },
    #[error("{says} is no kind of frame")]
    Kind { says: u8 },
    #[error("version 1 has no frames of kind {kind}")]
    KindOfVersion { kind: &'static str },
    #[error("the payload is not an object")]
    Payload,
    #[error("the checkpoint is malformed")]
    Checkpoint,
    #[error("the signature of the checkpoint is not the host's")]
    Signature,
    #[error("the checkpoint says that entry {says} comes next, but {least} was reached before it")]
    CheckpointNumber { says: u64, least: u64 },
    #[error(
        "the same checkpoint stands in segment {segment} at byte {byte}: what is here was copied"
    )]
    Copied { segment: u64, byte: u64 },
    #[error("no checkpoint follows within {CHECKPOINT_FRAMES_MAX} frames")]
    Far,
    #[error("a frame follows the seal")]
    AfterSeal,
    #[error(
        "the segment is not sealed, and the next one does not begin with a gap that explains it"
    )]
    NoSeal,
    #[error("entry {entry} is decided for a second time")]
    DecidedTwice { entry: u64 },
    #[error("entry {entry} is decided after it ended")]
    DecidedAfterEnd { entry: u64 },
    #[error("entry {entry} ends for a second time")]
    EndedTwice { entry: u64 },
    #[error("number {entry} is used for two things")]
    Shared { entry: u64 },
    #[error("the header says that entry {says} comes next, but {reached} was reached before it")]
    NextEntry { says: u64, reached: u64 },
    #[error(
        "the segment is encrypted: no identity opens it, and no proven frame tells the digest of the file"
    )]
    Encrypted,
    #[error("the file is not the one that was archived: its size or SHA-256 differs")]
    Archived,
    #[error("the file differs from `{other}`, which holds the same segment")]
    Differs { other: String },
    #[error(
        "the head that was kept elsewhere is not in the segment: what followed was cut off or replaced"
    )]
    Head,
    #[error("no signature of the host covers frames of this segment")]
    Unsigned,
}

/// What a damaged frame says that it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Says {
    pub kind: &'static str,
    pub entry: u64,
    #[serde(serialize_with = "as_time")]
    pub time: i64,
}

impl Says {
    pub(super) fn new(kind: u8, entry: u64, time: i64) -> Option<Self> {
        let kind = Kind::from_byte(kind)?.name();
        Some(Self { kind, entry, time })
    }
}

fn told(says: Option<&Says>) -> String {
    says.map_or_else(String::new, |it| {
        let (kind, entry) = (it.kind, it.entry);
        format!(
            ", which say that they are {kind}, entry {entry}, {},",
            time(it.time)
        )
    })
}

/// Problems of one segment or of a recording, not more than a limit of them.
#[derive(Debug, Default)]
pub(super) struct Problems {
    pub(super) kept: Vec<Problem>,
    pub(super) more: u64,
}

impl Problems {
    pub(super) fn push(&mut self, problem: Problem, most: usize) {
        if self.kept.len() < most {
            self.kept.push(problem);
        } else {
            self.more += 1;
        }
    }
}

/// The time of a frame as people read it.
#[must_use]
pub fn time(microseconds: i64) -> String {
    jiff::Timestamp::from_microsecond(microseconds).map_or_else(
        |_out_of_range| format!("{microseconds} µs"),
        |time| format!("{time:.6}"),
    )
}

fn as_time<S: serde::Serializer>(microseconds: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&time(*microseconds))
}
