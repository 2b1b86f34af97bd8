//! The bytes of a segment, version 1. All integers are little-endian.
//!
//! A recording is a directory of segments named `<number, 16 digits>.sfr`, numbered from 1 without
//! gaps. A segment is one header and any number of frames.
//!
//! ```text
//! header
//!   0        8   magic "SNOWFREC"
//!   8        2   version, 1
//!  10        2   H, length of the host name, at most 255
//!  12        8   segment number
//!  20        8   next entry number: every entry opened later has this number or a higher one
//!  28       32   digest of the previous segment's last frame (of its header when it has no frame);
//!                zero in segment 1
//!  60        H   host name, UTF-8
//!  60+H     32   link(previous segment's digest, bytes 0 .. 60+H)
//!
//! frame
//!   0        4   L, length of what follows this field: 17 + N + 32
//!   4        1   kind: 1 decided, 2 ended
//!   5        8   entry number
//!  13        8   time, signed, microseconds since 1970-01-01T00:00:00Z
//!  21        N   payload, one JSON object
//!  21+N     32   link(digest before it, bytes 0 .. 21+N)
//! ```
//!
//! `link` is [`super::chain::link`]: BLAKE3 in key-derivation mode over the digest before and the
//! bytes. "The digest before" is the one stored last in the same segment.
//!
//! An entry has at most one decided frame, before its one ended frame; both have its number. An
//! entry that was decided but never ended was cut short by a crash. An entry that was refused before
//! or by policy has an ended frame only, which then also carries its opening and decision.
//!
//! What the chain cannot show: that frames are missing from the end of the *last* segment. The
//! header of the next segment shows it for every other one.

/// The first eight bytes of every segment.
pub const MAGIC: [u8; 8] = *b"SNOWFREC";
/// The version this module specifies.
pub const VERSION: u16 = 1;
/// Header bytes before the host name.
pub const HEADER_FIXED_BYTES: usize = 60;
/// Linux itself allows 64; DNS 255.
pub const HOST_BYTES_MAX: usize = 255;
/// Bytes of a digest.
pub const DIGEST_BYTES: usize = 32;
/// Frame bytes before the payload, with the length field.
pub const FRAME_FIXED_BYTES: usize = 21;
/// The length field counts what comes after itself.
pub const LENGTH_BYTES: usize = 4;
/// Largest value of L: a statement of [`super::about::STATEMENT_BYTES_MAX`], every byte escaped as
/// six, and the other fields. A reader refuses more before it allocates.
pub const FRAME_LENGTH_MAX: usize = 8 << 20;
/// The end of a segment's file name.
pub const EXTENSION: &str = "sfr";

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Decided,
    Ended,
}

impl Kind {
    /// The byte in the frame.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Decided => 1,
            Self::Ended => 2,
        }
    }

    /// Reads the byte in the frame.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Decided),
            2 => Some(Self::Ended),
            _ => None,
        }
    }
}

/// The file name of a segment.
#[must_use]
pub fn file_name(number: u64) -> String {
    format!("{number:016}.{EXTENSION}")
}

/// Reads the number out of a segment's file name.
#[must_use]
pub fn segment_number(file_name: &str) -> Option<u64> {
    let digits = file_name.strip_suffix(EXTENSION)?.strip_suffix('.')?;
    let canonical = digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_digit());
    canonical.then(|| digits.parse().ok())?
}
