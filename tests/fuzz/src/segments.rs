//! The check of a recording.

use agent::record::chain::{Digest, link};
use agent::record::checkpoint::HostId;
use agent::record::format::{DIGEST_BYTES, FRAME_FIXED_BYTES, Kind, MAGIC, v1};
use agent::record::verify::{Count, segment};

/// A key whose private half nobody has: it is the hash of a sentence.
fn nobody() -> HostId {
    HostId(link(Digest::ZERO, b"nobody has this key").0)
}

/// Reads any bytes as a segment, and as the frames of one whose chain is right.
pub fn segments(data: &[u8]) {
    check(data);
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&v1::VERSION.to_le_bytes());
    bytes.extend_from_slice(&0_u16.to_le_bytes());
    bytes.extend_from_slice(&1_u64.to_le_bytes());
    bytes.extend_from_slice(&1_u64.to_le_bytes());
    bytes.extend_from_slice(&Digest::ZERO.0);
    let mut digest = link(Digest::ZERO, &bytes);
    bytes.extend_from_slice(&digest.0);
    // The first byte of each piece says its kind, its number, and how it goes on.
    for piece in data.split(|byte| *byte == b'\n').take(64) {
        let Some((first, payload)) = piece.split_first() else {
            continue;
        };
        let length = FRAME_FIXED_BYTES - 4 + payload.len() + DIGEST_BYTES;
        let length = u32::try_from(length).expect("an input is small");
        let mut frame = length.to_le_bytes().to_vec();
        frame.push(first % (Kind::Pruned.to_byte() + 2));
        frame.extend_from_slice(&u64::from(first % 7).to_le_bytes());
        frame.extend_from_slice(&i64::from(*first).to_le_bytes());
        frame.extend_from_slice(payload);
        if first & 0x80 == 0 {
            digest = link(digest, &frame);
        }
        bytes.extend_from_slice(&frame);
        bytes.extend_from_slice(&digest.0);
    }
    check(&bytes);
}

fn check(data: &[u8]) {
    let report = segment(data, 1, nobody());
    assert!(!report.is_proven(), "nobody signed this");
    assert_eq!(report.proven, Count::default(), "nobody signed this");
    assert!(report.head.is_none(), "nothing is proven");
    let length = u64::try_from(data.len()).expect("an input is small");
    assert_eq!(report.bytes, length, "every byte was read");
    assert!(report.broken.bytes <= length, "no byte is broken twice");
}
