//! Takes headers and frames apart, and tells whether they fit the chain.

use std::io::Read;

use super::window::Window;
use crate::record::chain::{Digest, link};
use crate::record::checkpoint::{HostId, header_message};
use crate::record::format::{
    CHECKPOINT_FIXED_BYTES, DIGEST_BYTES, FRAME_FIXED_BYTES, FRAME_LENGTH_MAX, HEADER_FIXED_BYTES,
    HOST_BYTES_MAX, Kind, LENGTH_BYTES, MAGIC, SIGNATURE_BYTES, VERSION, v1,
};

/// Everything before the length of the host name and the field itself.
const PRELUDE_BYTES: usize = 12;
const CHECKPOINT_BYTES: usize = CHECKPOINT_FIXED_BYTES + SIGNATURE_BYTES;

/// A header that fits its digest.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) version: u16,
    pub(super) number: u64,
    pub(super) next_entry: u64,
    pub(super) previous: Digest,
    pub(super) host: String,
    /// `None` in version 1; else whose key it names, and whether that key signed it.
    pub(super) signed: Option<(HostId, bool)>,
    pub(super) digest: Digest,
    pub(super) bytes: usize,
}

/// Why there is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderFlaw {
    Cut,
    Foreign,
    Version(u16),
    Changed,
}

/// Reads the header without moving on.
pub(super) fn header<R: Read>(window: &mut Window<R>) -> Result<Header, HeaderFlaw> {
    let prelude = window.ahead(PRELUDE_BYTES);
    let magic = MAGIC.get(..prelude.len().min(MAGIC.len()));
    if prelude.get(..prelude.len().min(MAGIC.len())) != magic {
        return Err(HeaderFlaw::Foreign);
    }
    let version = array(prelude, 8).map(u16::from_le_bytes);
    let host = array(prelude, 10).map(u16::from_le_bytes);
    let (Some(version), Some(host)) = (version, host) else {
        return Err(HeaderFlaw::Cut);
    };
    let (fixed, signature) = match version {
        v1::VERSION => (v1::HEADER_FIXED_BYTES, 0),
        VERSION => (HEADER_FIXED_BYTES, SIGNATURE_BYTES),
        found => return Err(HeaderFlaw::Version(found)),
    };
    let host = usize::from(host);
    if host > HOST_BYTES_MAX {
        return Err(HeaderFlaw::Changed);
    }
    let total = fixed + host + DIGEST_BYTES + signature;
    let bytes = window.ahead(total);
    if bytes.len() < total {
        return Err(HeaderFlaw::Cut);
    }
    take_apart(bytes, version, fixed, host).ok_or(HeaderFlaw::Changed)
}

/// `None` if the bytes do not fit their digest.
fn take_apart(bytes: &[u8], version: u16, fixed: usize, host: usize) -> Option<Header> {
    let linked = bytes.get(..fixed + host)?;
    let stored = Digest(array(bytes, fixed + host)?);
    let previous = Digest(array(linked, 28)?);
    if link(previous, linked) != stored {
        return None;
    }
    let signed = match version {
        v1::VERSION => None,
        _two => {
            let id = HostId(array(linked, 60)?);
            let signature = bytes.get(fixed + host + DIGEST_BYTES..)?;
            Some((id, id.has_signed(&header_message(stored), signature)))
        }
    };
    Some(Header {
        version,
        number: array(linked, 12).map(u64::from_le_bytes)?,
        next_entry: array(linked, 20).map(u64::from_le_bytes)?,
        previous,
        host: String::from_utf8_lossy(linked.get(fixed..)?).into_owned(),
        signed,
        digest: stored,
        bytes: bytes.len(),
    })
}

/// The fields of a frame, but for its payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) entry: u64,
    pub(super) time: i64,
    /// Of the whole frame.
    pub(super) bytes: usize,
    pub(super) digest: Digest,
}

/// What stands at the window, if its length can be one, whether it fits or not.
pub(super) fn look<R: Read>(window: &mut Window<R>) -> Option<Frame> {
    let length = array(window.ahead(LENGTH_BYTES), 0).map(u32::from_le_bytes)?;
    let length = usize::try_from(length).ok()?;
    let shortest = FRAME_FIXED_BYTES - LENGTH_BYTES + DIGEST_BYTES;
    if !(shortest..=FRAME_LENGTH_MAX).contains(&length) {
        return None;
    }
    let total = LENGTH_BYTES + length;
    let bytes = window.ahead(total);
    Some(Frame {
        kind: bytes.get(4).copied()?,
        entry: array(bytes, 5).map(u64::from_le_bytes)?,
        time: array(bytes, 13).map(i64::from_le_bytes)?,
        bytes: total,
        // Of a frame that is cut short there is none; zeros fit nothing.
        digest: Digest(array(bytes, total - DIGEST_BYTES).unwrap_or_default()),
    })
}

/// True if the segment ends before the frame at the window does.
pub(super) fn is_cut<R: Read>(window: &mut Window<R>) -> bool {
    let Some(length) = array(window.ahead(LENGTH_BYTES), 0).map(u32::from_le_bytes) else {
        return true;
    };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    length <= FRAME_LENGTH_MAX && window.ahead(LENGTH_BYTES + length).len() < LENGTH_BYTES + length
}

/// The frame at the window, if it fits what stands before it.
pub(super) fn frame<R: Read>(window: &mut Window<R>, before: Digest) -> Option<Frame> {
    let frame = look(window)?;
    let bytes = window.ahead(frame.bytes);
    let linked = bytes.get(..frame.bytes - DIGEST_BYTES)?;
    let is_whole = bytes.len() == frame.bytes;
    (is_whole && link(before, linked) == frame.digest).then_some(frame)
}

/// Tells cheaply what cannot be a frame: text of JSON has no zero byte, which every length has, so
/// that next to nothing inside of a frame passes for the beginning of another.
pub(super) fn is_plausible<R: Read>(window: &mut Window<R>) -> bool {
    let bytes = window.ahead(FRAME_FIXED_BYTES + 1);
    let Some(kind) = bytes.get(4).copied().and_then(Kind::from_byte) else {
        return false;
    };
    let Some(length) = array(bytes, 0).map(u32::from_le_bytes) else {
        return false;
    };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let fixed = FRAME_FIXED_BYTES - LENGTH_BYTES + DIGEST_BYTES;
    match kind {
        Kind::Checkpoint => length == fixed + CHECKPOINT_BYTES,
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
        | Kind::Gap
        | Kind::Carried
        | Kind::Archived
        | Kind::Pruned => {
            (fixed + 2..=FRAME_LENGTH_MAX).contains(&length) && bytes.last() == Some(&b'{')
        }
    }
}

/// The payload of a frame that [`frame`] found.
pub(super) fn payload<'w, R: Read>(window: &'w mut Window<R>, frame: &Frame) -> &'w [u8] {
    let bytes = window.ahead(frame.bytes - DIGEST_BYTES);
    bytes.get(FRAME_FIXED_BYTES..).unwrap_or_default()
}

/// A checkpoint taken apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checkpoint {
    pub(super) sealed: u8,
    pub(super) unsigned: [u8; FRAME_FIXED_BYTES + CHECKPOINT_FIXED_BYTES],
    pub(super) signature: [u8; SIGNATURE_BYTES],
}

/// `None` if the payload has another length.
pub(super) fn checkpoint<R: Read>(window: &mut Window<R>, frame: &Frame) -> Option<Checkpoint> {
    let bytes = window.ahead(frame.bytes);
    if frame.bytes != FRAME_FIXED_BYTES + CHECKPOINT_BYTES + DIGEST_BYTES {
        return None;
    }
    Some(Checkpoint {
        sealed: bytes.get(FRAME_FIXED_BYTES + 8).copied()?,
        unsigned: array(bytes, 0)?,
        signature: array(bytes, FRAME_FIXED_BYTES + CHECKPOINT_FIXED_BYTES)?,
    })
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}
