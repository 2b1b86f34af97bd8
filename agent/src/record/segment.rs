//! Encodes headers and frames.

use super::chain::{Digest, link};
use super::checkpoint::{checkpoint_message, header_message};
use super::error::RecordError;
use super::format::{
    CHECKPOINT_FIXED_BYTES, DIGEST_BYTES, FRAME_FIXED_BYTES, FRAME_LENGTH_MAX, HOST_BYTES_MAX,
    Kind, LENGTH_BYTES, MAGIC, SIGNATURE_BYTES, VERSION,
};
use super::key::HostKey;

/// When and on which boot something is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clocks {
    /// Microseconds since 1970 (UTC).
    pub(super) time: i64,
    /// Microseconds since the boot, sleep included.
    pub(super) uptime: u64,
}

impl Clocks {
    pub(super) fn read() -> Self {
        Self {
            time: crate::clock::now().as_microsecond(),
            uptime: crate::clock::uptime(),
        }
    }
}

/// What a segment holds so far, the least first.
///
/// The end of a segment makes the keeper write frames into the next one. If these alone let a segment
/// end by age, an idle host would write segments for ever.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holds {
    /// What every segment begins with.
    Beginning,
    /// What became of older segments.
    Upkeep,
    Events,
}

impl Holds {
    pub(super) const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Archived | Kind::Pruned => Self::Upkeep,
            Kind::Carried | Kind::Checkpoint => Self::Beginning,
            Kind::Decided
            | Kind::Ended
            | Kind::Opened
            | Kind::Closed
            | Kind::Ask
            | Kind::Vote
            | Kind::Grant
            | Kind::Policy
            | Kind::Operator
            | Kind::Canary
            | Kind::Gap => Self::Events,
        }
    }
}

/// What a segment begins with.
#[derive(Clone, Debug)]
pub(super) struct Beginning<'a> {
    pub(super) number: u64,
    pub(super) next_entry: u64,
    pub(super) previous: Digest,
    pub(super) host: &'a str,
    pub(super) boot: [u8; 16],
    pub(super) clocks: Clocks,
}

/// Writes the header of a segment; returns its bytes and the digest that its frames continue.
pub(super) fn encode_header(beginning: &Beginning<'_>, key: &HostKey) -> (Vec<u8>, Digest) {
    let host = beginning.host;
    let host = host
        .get(..host.floor_char_boundary(HOST_BYTES_MAX))
        .unwrap_or_default();
    let host_bytes = u16::try_from(host.len()).unwrap_or_default();
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&host_bytes.to_le_bytes());
    bytes.extend_from_slice(&beginning.number.to_le_bytes());
    bytes.extend_from_slice(&beginning.next_entry.to_le_bytes());
    bytes.extend_from_slice(&beginning.previous.0);
    bytes.extend_from_slice(&key.id().0);
    bytes.extend_from_slice(&beginning.boot);
    bytes.extend_from_slice(&beginning.clocks.time.to_le_bytes());
    bytes.extend_from_slice(&beginning.clocks.uptime.to_le_bytes());
    bytes.extend_from_slice(host.as_bytes());
    let digest = link(beginning.previous, &bytes);
    bytes.extend_from_slice(&digest.0);
    bytes.extend_from_slice(&key.sign(&header_message(digest)));
    (bytes, digest)
}

/// Appends a checkpoint; returns the new end of the chain.
pub(super) fn write_checkpoint(
    next_entry: u64,
    clocks: Clocks,
    sealed: bool,
    (previous, key): (Digest, &HostKey),
    batch: &mut Vec<u8>,
) -> Digest {
    const PAYLOAD: usize = CHECKPOINT_FIXED_BYTES + SIGNATURE_BYTES;
    const LENGTH: usize = FRAME_FIXED_BYTES - LENGTH_BYTES + PAYLOAD + DIGEST_BYTES;
    let mut bytes = Vec::with_capacity(FRAME_FIXED_BYTES + PAYLOAD);
    let length = u32::try_from(LENGTH).unwrap_or_default();
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.push(Kind::Checkpoint.to_byte());
    bytes.extend_from_slice(&next_entry.to_le_bytes());
    bytes.extend_from_slice(&clocks.time.to_le_bytes());
    bytes.extend_from_slice(&clocks.uptime.to_le_bytes());
    bytes.push(u8::from(sealed));
    if let Some(unsigned) = bytes.first_chunk() {
        let signature = key.sign(&checkpoint_message(previous, unsigned));
        bytes.extend_from_slice(&signature);
    }
    let digest = link(previous, &bytes);
    batch.extend_from_slice(&bytes);
    batch.extend_from_slice(&digest.0);
    digest
}

/// A frame that has no place in the chain yet.
#[derive(Debug)]
pub(super) struct Draft {
    kind: Kind,
    /// The session that it opens or closes.
    session: Option<String>,
    bytes: Vec<u8>,
}

impl Draft {
    /// Lays out a frame up to its digest.
    pub(super) fn new(
        kind: Kind,
        entry: u64,
        time: jiff::Timestamp,
        payload: &[u8],
    ) -> Result<Self, RecordError> {
        let length = FRAME_FIXED_BYTES - LENGTH_BYTES + payload.len() + DIGEST_BYTES;
        if length > FRAME_LENGTH_MAX {
            return Err(RecordError::Large);
        }
        let mut bytes = Vec::with_capacity(LENGTH_BYTES + length);
        bytes.extend_from_slice(
            &u32::try_from(length)
                .or(Err(RecordError::Large))?
                .to_le_bytes(),
        );
        bytes.push(kind.to_byte());
        bytes.extend_from_slice(&entry.to_le_bytes());
        bytes.extend_from_slice(&time.as_microsecond().to_le_bytes());
        bytes.extend_from_slice(payload);
        Ok(Self {
            kind,
            session: None,
            bytes,
        })
    }

    /// Says which session the frame opens or closes.
    pub(super) fn with_session(self, session: Option<String>) -> Self {
        Self { session, ..self }
    }

    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// Bytes of the whole frame.
    pub(super) const fn len(&self) -> usize {
        self.bytes.len() + DIGEST_BYTES
    }

    /// Appends the frame to a batch; returns the new end of the chain.
    pub(super) fn write(&self, previous: Digest, batch: &mut Vec<u8>) -> Digest {
        let digest = link(previous, &self.bytes);
        batch.extend_from_slice(&self.bytes);
        batch.extend_from_slice(&digest.0);
        digest
    }
}
