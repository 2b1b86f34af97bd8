//! Bitcoin addresses.
//!
//! Base58Check (versions 0 and 5 of the main network; four bytes of SHA-256 applied twice), Bech32
//! (BIP 173, witness version 0) and Bech32m (BIP 350, later versions). Either checksum is wrong by
//! chance less than once in a billion times, so it is proof.

use ring::digest::{SHA256, digest};

use crate::mask::detect::{Candidate, Confidence, Detector};

pub(super) static DETECTOR: Detector = Detector {
    name: "bitcoin",
    title: "Bitcoin address",
    category: "CRYPTO_ADDRESS",
    pattern: "[13][1-9A-HJ-NP-Za-km-z]{25,34}|bc1[02-9ac-hj-np-z]{11,71}|BC1[02-9AC-HJ-NP-Z]{11,71}",
    check,
    context: &["bitcoin", "btc", "wallet", "crypto", "address"],
    numeric: false,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let text = candidate.text;
    let is_right = if text.get(..2)?.eq_ignore_ascii_case("bc") {
        bech32(text.get(3..)?)
    } else {
        base58(text).is_some_and(|bytes| is_address(&bytes))
    };
    is_right.then_some(if candidate.in_context { 99 } else { 95 })
}

/// A version, 20 bytes of hash, and four of checksum.
const ADDRESS_BYTES: usize = 25;

fn is_address(bytes: &[u8; ADDRESS_BYTES]) -> bool {
    let Some((body, sum)) = bytes.split_last_chunk::<4>() else {
        return false;
    };
    let twice = digest(&SHA256, digest(&SHA256, body).as_ref());
    matches!(body.first(), Some(0 | 5)) && twice.as_ref().starts_with(sum)
}

/// Reads a number of base 58 into bytes, the most significant first.
fn base58(text: &str) -> Option<[u8; ADDRESS_BYTES]> {
    let mut bytes = [0_u8; ADDRESS_BYTES];
    for character in text.bytes() {
        let digit = BASE58.iter().position(|it| *it == character)?;
        let mut carry = u32::try_from(digit).ok()?;
        for byte in bytes.iter_mut().rev() {
            carry += u32::from(*byte) * 58;
            *byte = u8::try_from(carry & 0xff).ok()?;
            carry >>= 8;
        }
        if carry != 0 {
            return None;
        }
    }
    Some(bytes)
}

/// Checks what stands behind `bc1`: a witness version, a program, six characters of checksum.
fn bech32(text: &str) -> bool {
    let mut values = text.bytes().map(|byte| {
        let byte = byte.to_ascii_lowercase();
        BECH32
            .iter()
            .position(|it| *it == byte)
            .and_then(|it| u32::try_from(it).ok())
    });
    let Some(Some(version)) = values.next() else {
        return false;
    };
    // The human-readable part `bc` is spread over five values: high bits, 0, low bits.
    let prefix = [3, 3, 0, 2, 3].into_iter().map(Some);
    let all = prefix.chain([Some(version)]).chain(values);
    let sum = all
        .into_iter()
        .try_fold(1, |sum, value| Some(step(sum, value?)));
    let expected = if version == 0 { 1 } else { 0x2bc8_30a3 };
    version <= 16 && sum == Some(expected)
}

/// One step of the BCH code of BIP 173.
fn step(sum: u32, value: u32) -> u32 {
    let top = sum >> 25;
    let next = ((sum & 0x01ff_ffff) << 5) ^ value;
    let generators = (0..5).zip(GENERATORS);
    generators.fold(next, |next, (at, generator)| {
        if top >> at & 1 == 1 {
            next ^ generator
        } else {
            next
        }
    })
}

const GENERATORS: [u32; 5] = [
    0x3b6a_57b2,
    0x2650_8e6d,
    0x1ea1_19fa,
    0x3d42_33dd,
    0x2a14_62b3,
];

const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::detect::testing::{assert_absent, assert_found, believed, finds};

    /// The first block's, one of BIP 13's form, and examples of BIP 173 and 350.
    const ADDRESSES: [&str; 6] = [
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
    ];

    #[test]
    fn addresses_are_found() {
        for address in ADDRESSES {
            assert_found(&DETECTOR, address);
            assert_eq!(
                believed(&DETECTOR, &format!("Send it to {address}.")),
                [address]
            );
        }
        assert_eq!(finds(&DETECTOR, ADDRESSES[0], Some("BTC_WALLET"))[0].1, 99);
    }

    #[test]
    fn one_changed_character_is_noticed() {
        for address in ADDRESSES {
            let middle = address.len() / 2;
            let old = address.as_bytes()[middle];
            let new = if old.eq_ignore_ascii_case(&b'q') {
                "p"
            } else {
                "q"
            };
            let new = if address.starts_with("BC") {
                new.to_uppercase()
            } else {
                new.to_owned()
            };
            let changed = format!(
                "{}{new}{}",
                address.get(..middle).unwrap(),
                address.get(middle + 1..).unwrap()
            );
            assert_absent(&DETECTOR, &changed);
        }
        assert_absent(&DETECTOR, "bc1QW508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4");
    }
}
