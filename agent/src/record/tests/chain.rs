//! The reader bears any bytes.

use proptest::prelude::{any, prop, proptest};

use super::*;
use crate::record::chain::Digest;
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

proptest! {
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
