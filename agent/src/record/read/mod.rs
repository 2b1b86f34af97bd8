//! Reads segments, after [`super::format`] and nothing else of the writer. What it reads fits the
//! chain; who wrote it, and whether all of it is there, is for [`super::verify`].

mod source;

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::record::chain::{Digest, link};
use crate::record::checkpoint::{HostId, Signature, header_message};
use crate::record::format::{
    DIGEST_BYTES, FRAME_FIXED_BYTES, FRAME_LENGTH_MAX, HEADER_FIXED_BYTES, HOST_BYTES_MAX, Kind,
    LENGTH_BYTES, MAGIC, Packing, SIGNATURE_BYTES, VERSION, parse_file_name, v1,
};

pub(super) use source::open_file;
pub use source::{Identities, SegmentFile, SourceError, list, open};

/// Why a segment cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("cannot read the segment")]
    Io { source: io::Error },
    #[error("the header is not that of a segment")]
    Header,
    #[error("the segment is of version {found}; this program reads up to {VERSION}")]
    Version { found: u16 },
    #[error("the segment ends within the frame at byte {offset}")]
    Torn { offset: u64 },
    #[error("the frame at byte {offset} does not fit the chain")]
    Broken { offset: u64 },
}

/// The header of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub number: u64,
    pub next_entry: u64,
    pub previous: Digest,
    pub host: String,
    /// `None` in version 1.
    pub signed: Option<Signed>,
}

/// What headers say since version 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    pub host: HostId,
    pub boot: [u8; 16],
    pub time_microseconds: i64,
    pub uptime_microseconds: u64,
    /// By the key of the header itself: whose key that is, a [`Reader`] does not know.
    pub signature: Signature,
}

/// One frame, its place in the chain checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: Kind,
    pub entry: u64,
    pub time_microseconds: i64,
    /// One JSON object, but for checkpoints.
    pub payload: Vec<u8>,
}

/// Reads one segment frame by frame; every frame it returns fits the chain.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    header: Header,
    digest: Digest,
    offset: u64,
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// When it is not one, or cut short ([`ReadError::Torn`]).
    pub fn open(mut input: R) -> Result<Self, ReadError> {
        let mut bytes = take(&mut input, v1::HEADER_FIXED_BYTES, 0)?;
        if array(&bytes, 0) != Some(MAGIC) {
            return Err(ReadError::Header);
        }
        let version = u16::from_le_bytes(array(&bytes, 8).ok_or(ReadError::Header)?);
        let is_signed = match version {
            v1::VERSION => false,
            VERSION => true,
            found => return Err(ReadError::Version { found }),
        };
        let host_bytes = usize::from(u16::from_le_bytes(
            array(&bytes, 10).ok_or(ReadError::Header)?,
        ));
        if host_bytes > HOST_BYTES_MAX {
            return Err(ReadError::Header);
        }
        if is_signed {
            let more = HEADER_FIXED_BYTES - v1::HEADER_FIXED_BYTES;
            bytes.extend(take(&mut input, more, 0)?);
        }
        let host = take(&mut input, host_bytes, 0)?;
        bytes.extend_from_slice(&host);
        let stored = take(&mut input, DIGEST_BYTES, 0)?;
        let signature = take(&mut input, if is_signed { SIGNATURE_BYTES } else { 0 }, 0)?;
        let header = Header {
            number: u64::from_le_bytes(array(&bytes, 12).ok_or(ReadError::Header)?),
            next_entry: u64::from_le_bytes(array(&bytes, 20).ok_or(ReadError::Header)?),
            previous: Digest(array(&bytes, 28).ok_or(ReadError::Header)?),
            host: String::from_utf8(host).or(Err(ReadError::Header))?,
            signed: match is_signed {
                true => Some(signed(&bytes, &signature).ok_or(ReadError::Header)?),
                false => None,
            },
        };
        let digest = link(header.previous, &bytes);
        let is_signed = header.signed.as_ref().is_none_or(|it| {
            let message = header_message(digest);
            it.host.has_signed(&message, &it.signature)
        });
        if array(&stored, 0) != Some(digest.0) || !is_signed {
            return Err(ReadError::Header);
        }
        let offset = (bytes.len() + DIGEST_BYTES + signature.len()) as u64;
        Ok(Self {
            input,
            header,
            digest,
            offset,
        })
    }

    /// Reads on where another reader of the same segment stopped: `input` stands at `offset`, and
    /// `digest` is that of the frame, or the header, before it.
    pub const fn resume(input: R, header: Header, digest: Digest, offset: u64) -> Self {
        Self {
            input,
            header,
            digest,
            offset,
        }
    }

    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The digest of the last frame read, or of the header.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Where the last good frame ends.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads and checks one frame; `None` at the end of the segment.
    ///
    /// # Errors
    /// At the first frame that is cut short or does not fit; reading on makes no sense then.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, ReadError> {
        let offset = self.offset;
        let broken = ReadError::Broken { offset };
        let Some(mut bytes) = take_or_end(&mut self.input, LENGTH_BYTES, offset)? else {
            return Ok(None);
        };
        let length = array(&bytes, 0).map(u32::from_le_bytes).unwrap_or_default() as usize;
        let shortest = FRAME_FIXED_BYTES - LENGTH_BYTES + DIGEST_BYTES;
        if !(shortest..=FRAME_LENGTH_MAX).contains(&length) {
            return Err(broken);
        }
        bytes.extend(take(&mut self.input, length, offset)?);
        let Some((linked, stored)) = bytes.split_last_chunk::<DIGEST_BYTES>() else {
            return Err(broken);
        };
        let digest = link(self.digest, linked);
        let kind = linked.get(4).copied().and_then(Kind::from_byte);
        let (Some(kind), Some(entry), Some(time), Some(payload)) = (
            kind,
            array(linked, 5),
            array(linked, 13),
            linked.get(FRAME_FIXED_BYTES..),
        ) else {
            return Err(broken);
        };
        if *stored != digest.0 {
            return Err(broken);
        }
        self.digest = digest;
        self.offset += bytes.len() as u64;
        Ok(Some(Frame {
            kind,
            entry: u64::from_le_bytes(entry),
            time_microseconds: i64::from_le_bytes(time),
            payload: payload.to_vec(),
        }))
    }
}

/// Every frame of a recording but those that the writer makes by itself: kind and payload.
#[cfg(test)]
pub(crate) fn said(dir: &Path) -> Vec<(Kind, serde_json::Value)> {
    let mut frames = Vec::new();
    for (_number, path) in segments(dir).unwrap() {
        let mut reader = Reader::open(fs::File::open(path).unwrap()).unwrap();
        while let Some(frame) = reader.next_frame().unwrap() {
            if !matches!(frame.kind, Kind::Checkpoint | Kind::Carried) {
                let payload = serde_json::from_slice(&frame.payload).unwrap();
                frames.push((frame.kind, payload));
            }
        }
    }
    frames
}

fn signed(bytes: &[u8], signature: &[u8]) -> Option<Signed> {
    Some(Signed {
        host: HostId(array(bytes, 60)?),
        boot: array(bytes, 92)?,
        time_microseconds: i64::from_le_bytes(array(bytes, 108)?),
        uptime_microseconds: u64::from_le_bytes(array(bytes, 116)?),
        signature: array(signature, 0)?,
    })
}

/// Lists the segments of a recording in order, those that are neither compressed nor encrypted.
///
/// # Errors
/// When the directory cannot be read.
pub fn segments(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for file in fs::read_dir(dir)? {
        let file = file?;
        let name = file.file_name();
        if let Some((number, Packing::Plain)) = name.to_str().and_then(parse_file_name) {
            found.push((number, file.path()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

fn take(input: &mut impl Read, length: usize, offset: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = vec![0; length];
    match input.read_exact(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(ReadError::Torn { offset }),
        Err(source) => Err(ReadError::Io { source }),
    }
}

/// Like [`take`], but an end before the first byte is a clean end.
fn take_or_end(
    input: &mut impl Read,
    length: usize,
    offset: u64,
) -> Result<Option<Vec<u8>>, ReadError> {
    let mut bytes = Vec::with_capacity(length);
    let read = input.take(length as u64).read_to_end(&mut bytes);
    match read.map_err(|source| ReadError::Io { source })? {
        0 => Ok(None),
        read if read < length => Err(ReadError::Torn { offset }),
        _ => Ok(Some(bytes)),
    }
}
