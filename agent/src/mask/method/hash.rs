//! `hash`: the first 128 bits of an HMAC-SHA256 (RFC 2104, FIPS 180-4) in hexadecimal, after a
//! prefix by which it is known.
//!
//! Equal values have equal hashes under one label, on every host with the key: joins, counts and
//! groups hold. Without the key no value can be tried. 128 bits: two of 2^48 values are mistaken for
//! one with a chance of 2^-33.

use ring::hmac;

use crate::mask::marker::HASH_PREFIX;

/// Computes with one key.
#[derive(Clone, Debug)]
pub(super) struct Hasher(hmac::Key);

impl Hasher {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    pub(super) fn write(&self, value: &str, output: &mut String) {
        output.push_str(HASH_PREFIX);
        let tag = hmac::sign(&self.0, value.as_bytes());
        for byte in tag.as_ref().iter().take(BYTES) {
            output.extend([byte >> 4, byte & 15].map(digit));
        }
    }

    /// A number that is as good as random, the same for the same value.
    pub(super) fn number(&self, value: i64) -> u64 {
        let tag = hmac::sign(&self.0, &value.to_be_bytes());
        let bytes = tag.as_ref().iter().take(8);
        bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

const fn digit(nibble: u8) -> char {
    match nibble {
        0..=9 => (b'0' + nibble) as char,
        _ => (b'a' + (nibble & 15) - 10) as char,
    }
}

const BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2, with its key filled up with zeros, which is the same HMAC.
    #[test]
    fn it_is_the_hmac_of_the_rfc() {
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let mut output = "x".to_owned();
        Hasher::new(&key).write("what do ya want for nothing?", &mut output);
        assert_eq!(output, "xmasked_5bdcc146bf60754e6a042426089575c7");
    }
}
