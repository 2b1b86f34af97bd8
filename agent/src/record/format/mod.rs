//! The bytes of a segment, version 2. All integers are little-endian.
//!
//! A recording is a directory of segments, numbered from 1 without gaps, except that the oldest may
//! have been deleted by the rules of retention. The segment that is written is `<number, 16
//! digits>.sfr`. One that is closed becomes `.sfr.zst` (zstd, one or more frames of zstd) and, where
//! there are recipients, `.sfr.zst.age` (age, version 1, binary): the same bytes, packed.
//!
//! ```text
//! header
//!   0        8   magic "SNOWFREC"
//!   8        2   version, 2
//!  10        2   H, length of the host name, at most 255
//!  12        8   segment number
//!  20        8   next entry number: every entry opened later has this number or a higher one
//!  28       32   digest of the previous segment's last frame (of its header when it has no frame);
//!                zero in segment 1
//!  60       32   the host's Ed25519 public key (RFC 8032)
//!  92       16   boot id, the bytes of the UUID in /proc/sys/kernel/random/boot_id
//! 108        8   time, signed, microseconds since 1970-01-01T00:00:00Z
//! 116        8   uptime, microseconds (CLOCK_BOOTTIME)
//! 124        H   host name, UTF-8
//! 124+H     32   digest: link(previous segment's digest, bytes 0 .. 124+H)
//! 156+H     64   Ed25519 signature over HEADER_CONTEXT and that digest
//!
//! frame
//!   0        4   L, length of what follows this field: 17 + N + 32
//!   4        1   kind, see below
//!   5        8   entry number
//!  13        8   time, signed, microseconds since 1970-01-01T00:00:00Z
//!  21        N   payload: one JSON object, but for checkpoints
//!  21+N     32   digest: link(digest before it, bytes 0 .. 21+N)
//!
//! payload of a checkpoint, N = 73
//!   0        8   uptime, microseconds (CLOCK_BOOTTIME)
//!   8        1   1 if this is the segment's last frame (it is sealed), else 0
//!   9       64   Ed25519 signature over CHECKPOINT_CONTEXT, the digest before the frame, and the
//!                frame's bytes 0 .. 30
//! ```
//!
//! `link` is [`super::chain::link`]: BLAKE3 in key-derivation mode over the digest before and the
//! bytes. "The digest before" is the one stored last in the same segment. Because each digest depends
//! on all bytes before it, the signature of a header or a checkpoint covers everything up to it, the
//! segments before included.
//!
//! | kind | | number | says |
//! |---|---|---|---|
//! | 1 | decided | its entry's | who, what and why, on disk before the upstream sees a byte |
//! | 2 | ended | its entry's | how it ended; of an entry that was never decided also the rest |
//! | 3 | opened | its own | a session begins |
//! | 4 | closed | its own | a session ends, and why |
//! | 5 | ask | its own | something that people must decide, and what became of it |
//! | 6 | vote | its own | one person's decision |
//! | 7 | grant | its own | a grant was given, extended, used first, revoked, or ended |
//! | 8 | policy | its own | policies were loaded, or rejected |
//! | 9 | operator | its own | what an operator had the daemon do, its start and its stop included |
//! | 10 | canary | its own | what a probe of the daemon's own found |
//! | 11 | gap | next | something is missing or not as it should be, and what is known of it |
//! | 12 | checkpoint | next | the signature |
//! | 13 | carried | next | the sessions that are open where a segment begins |
//! | 14 | archived | its own | the digest of the file that a closed segment became |
//! | 15 | pruned | its own | segments that retention deletes |
//!
//! The fields of payloads are those of [`super::told::Told`].
//!
//! An entry has at most one decided frame, before its one ended frame; both have its number. An
//! entry that was decided but never ended was cut short by a crash. An entry that was refused before
//! or by policy has an ended frame only, which then also carries its opening and decision. "Its own"
//! is a number that no other frame has; "next" is the number that the next entry will have.
//!
//! A writer adds a checkpoint within [`CHECKPOINT_FRAMES_MAX`] frames and about a second, and seals a
//! segment before it begins the next one. A crash leaves a segment without a seal: the next one then
//! begins with a gap that says what was cut off behind the last whole frame.
//!
//! What the files alone cannot show: that frames or segments are missing from the very *end*. For that
//! a reader compares with a head (entry number and digest) that was kept elsewhere: `snowfence status`
//! shows the present one, and every shipped segment is one.

pub mod v1;

/// The first eight bytes of every segment.
pub const MAGIC: [u8; 8] = *b"SNOWFREC";
/// The version this module specifies.
pub const VERSION: u16 = 2;
/// Header bytes before the host name.
pub const HEADER_FIXED_BYTES: usize = 124;
/// Linux itself allows 64; DNS 255.
pub const HOST_BYTES_MAX: usize = 255;
/// Bytes of a digest.
pub const DIGEST_BYTES: usize = 32;
/// Bytes of an Ed25519 public key.
pub const KEY_BYTES: usize = 32;
/// Bytes of an Ed25519 signature.
pub const SIGNATURE_BYTES: usize = 64;
/// Frame bytes before the payload, with the length field.
pub const FRAME_FIXED_BYTES: usize = 21;
/// The length field counts what comes after itself.
pub const LENGTH_BYTES: usize = 4;
/// Largest value of L: a statement of [`super::about::STATEMENT_BYTES_MAX`], every byte escaped as
/// six, and the other fields. A reader refuses more before it allocates.
pub const FRAME_LENGTH_MAX: usize = 8 << 20;
/// Payload of a checkpoint before its signature.
pub const CHECKPOINT_FIXED_BYTES: usize = 9;
/// What one damaged frame leaves without a signature is never more than this many frames before it.
pub const CHECKPOINT_FRAMES_MAX: u64 = 4096;
/// Keeps a signature of one thing from being shown as that of another.
pub const HEADER_CONTEXT: &[u8] = b"snowfence 2026-11 record header v2\0";
/// See [`HEADER_CONTEXT`].
pub const CHECKPOINT_CONTEXT: &[u8] = b"snowfence 2026-11 record checkpoint v2\0";
/// The end of the file name of the segment that is written.
pub const EXTENSION: &str = "sfr";

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Decided,
    Ended,
    Opened,
    Closed,
    Ask,
    Vote,
    Grant,
    Policy,
    Operator,
    Canary,
    Gap,
    Checkpoint,
    Carried,
    Archived,
    Pruned,
}

impl Kind {
    pub const ALL: [Self; 15] = [
        Self::Decided,
        Self::Ended,
        Self::Opened,
        Self::Closed,
        Self::Ask,
        Self::Vote,
        Self::Grant,
        Self::Policy,
        Self::Operator,
        Self::Canary,
        Self::Gap,
        Self::Checkpoint,
        Self::Carried,
        Self::Archived,
        Self::Pruned,
    ];

    /// The byte in the frame.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Decided => 1,
            Self::Ended => 2,
            Self::Opened => 3,
            Self::Closed => 4,
            Self::Ask => 5,
            Self::Vote => 6,
            Self::Grant => 7,
            Self::Policy => 8,
            Self::Operator => 9,
            Self::Canary => 10,
            Self::Gap => 11,
            Self::Checkpoint => 12,
            Self::Carried => 13,
            Self::Archived => 14,
            Self::Pruned => 15,
        }
    }

    /// Reads the byte in the frame.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.to_byte() == byte)
    }

    /// True if the frame's number is its entry's or its own; false if it is the one that the next
    /// entry will have.
    #[must_use]
    pub const fn uses_number(self) -> bool {
        match self {
            Self::Gap | Self::Checkpoint | Self::Carried => false,
            Self::Decided
            | Self::Ended
            | Self::Opened
            | Self::Closed
            | Self::Ask
            | Self::Vote
            | Self::Grant
            | Self::Policy
            | Self::Operator
            | Self::Canary
            | Self::Archived
            | Self::Pruned => true,
        }
    }

    /// The word in listings and exports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decided => "decided",
            Self::Ended => "ended",
            Self::Opened => "opened",
            Self::Closed => "closed",
            Self::Ask => "ask",
            Self::Vote => "vote",
            Self::Grant => "grant",
            Self::Policy => "policy",
            Self::Operator => "operator",
            Self::Canary => "canary",
            Self::Gap => "gap",
            Self::Checkpoint => "checkpoint",
            Self::Carried => "carried",
            Self::Archived => "archived",
            Self::Pruned => "pruned",
        }
    }
}

/// How the bytes of a segment are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Packing {
    Plain,
    Zstd,
    /// Compressed, then encrypted.
    Age,
}

impl Packing {
    /// What follows the number in the file's name.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Plain => ".sfr",
            Self::Zstd => ".sfr.zst",
            Self::Age => ".sfr.zst.age",
        }
    }
}

/// The file name of a segment.
#[must_use]
pub fn file_name(number: u64, packing: Packing) -> String {
    format!("{number:016}{}", packing.suffix())
}

/// Reads number and packing out of a segment's file name.
#[must_use]
pub fn parse_file_name(file_name: &str) -> Option<(u64, Packing)> {
    let (digits, suffix) = file_name.split_at_checked(16)?;
    let packing = [Packing::Plain, Packing::Zstd, Packing::Age]
        .into_iter()
        .find(|packing| packing.suffix() == suffix)?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Some((digits.parse().ok()?, packing)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_kinds_are_read_back() {
        for packing in [Packing::Plain, Packing::Zstd, Packing::Age] {
            let name = file_name(7, packing);
            assert_eq!(parse_file_name(&name), Some((7, packing)), "{name}");
        }
        for other in [
            "1.sfr",
            "000000000000000x.sfr",
            "0000000000000001.torn",
            "é",
        ] {
            assert_eq!(parse_file_name(other), None, "{other}");
        }
        for (at, kind) in (1..).zip(Kind::ALL) {
            assert_eq!(kind.to_byte(), at);
            assert_eq!(Kind::from_byte(at), Some(kind));
        }
        assert_eq!(Kind::from_byte(0), None);
        assert_eq!(Kind::from_byte(16), None);
    }
}
