//! The chain finds any change, and the reader bears any bytes.

use proptest::prelude::{any, prop, prop_assert, proptest};

use super::*;
use crate::record::chain::Digest;
use crate::record::format::{Packing, file_name};
use crate::record::read::{Summary, VerifyError, verify};
use crate::record::segment::{Beginning, Clocks, Draft, encode_header};

fn beginning(number: u64, previous: Digest) -> Beginning<'static> {
    Beginning {
        number,
        next_entry: 1,
        previous,
        host: "host",
        boot: [0; 16],
        clocks: Clocks { time: 0, uptime: 0 },
    }
}

/// A segment with these payloads, and the digest that the next one would carry.
fn segment(payloads: &[Vec<u8>]) -> (Vec<u8>, Vec<usize>, Digest) {
    let key = HostKey::generate().unwrap();
    let (mut bytes, mut digest) = encode_header(&beginning(1, Digest::ZERO), &key);
    let mut starts = Vec::new();
    for (entry, payload) in (1..).zip(payloads) {
        starts.push(bytes.len());
        let draft = Draft::new(Kind::Decided, entry, jiff::Timestamp::UNIX_EPOCH, payload).unwrap();
        digest = draft.write(digest, &mut bytes);
    }
    starts.push(bytes.len());
    (bytes, starts, digest)
}

/// Writes `bytes` as segment 1 before a good segment 2 and verifies both.
fn verdict(bytes: &[u8], digest: Digest) -> Result<Summary, VerifyError> {
    let dir = tempfile::tempdir().unwrap();
    let path = |number| dir.path().join(file_name(number, Packing::Plain));
    fs::write(path(1), bytes).unwrap();
    let key = HostKey::generate().unwrap();
    fs::write(path(2), encode_header(&beginning(2, digest), &key).0).unwrap();
    verify(dir.path())
}

proptest! {
    #[test]
    fn any_change_is_found(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 2..6),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
        change in 0..4,
    ) {
        let (good, starts, digest) = segment(&payloads);
        assert_eq!(verdict(&good, digest).unwrap().frames, payloads.len() as u64);
        let frame = at.index(payloads.len() - 1);
        let (first, second, third) = (starts[frame], starts[frame + 1], starts[frame + 2]);
        let mut bad = good.clone();
        match change {
            0 => bad[at.index(good.len())] ^= 1 << bit,
            1 => bad.truncate(at.index(good.len())),
            2 => drop(bad.drain(first..second)),
            _ => {
                let swapped = [&good[second..third], &good[first..second]].concat();
                bad[first..third].copy_from_slice(&swapped);
            }
        }
        prop_assert!(verdict(&bad, digest).is_err(), "change {change} went unseen");
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (good, ..) = segment(&[]);
        for input in [bytes.clone(), [good, bytes].concat()] {
            if let Ok(mut reader) = Reader::open(input.as_slice()) {
                while let Ok(Some(_)) = reader.next_frame() {}
            }
        }
    }
}
