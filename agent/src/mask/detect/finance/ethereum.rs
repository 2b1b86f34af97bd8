//! Ethereum addresses.
//!
//! 20 bytes in hexadecimal behind `0x` (EIP-55). The case of the letters may carry a checksum that
//! needs Keccak-256, which is not at hand here: the shape decides. SHA-1 hashes have as many digits,
//! but nobody writes `0x` before them.

use crate::mask::detect::{Candidate, Confidence, Detector};

pub(super) static DETECTOR: Detector = Detector {
    name: "ethereum",
    title: "Ethereum address",
    category: "CRYPTO_ADDRESS",
    pattern: "0x[0-9A-Fa-f]{40}",
    check,
    context: &["ethereum", "eth", "wallet", "crypto", "address", "erc"],
    numeric: false,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let hex = candidate.text.get(2..)?;
    // Contracts of the protocol, and placeholders: 0x000…01 is nobody's.
    let zeros = hex.bytes().filter(|byte| *byte == b'0').count();
    if zeros > 30 {
        return None;
    }
    Some(if candidate.in_context { 90 } else { 70 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::detect::testing::{assert_absent, assert_found, believed, finds};

    #[test]
    fn examples_of_eip_55_are_found() {
        for address in [
            "0x52908400098527886E0F7030069857D2E4169EE7",
            "0xde709f2102306220921060314715629080e2fb77",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        ] {
            assert_found(&DETECTOR, address);
            assert_eq!(believed(&DETECTOR, &format!("eth:{address}!")), [address]);
            assert_eq!(finds(&DETECTOR, address, Some("eth_wallet"))[0].1, 90);
        }
    }

    #[test]
    fn other_lengths_and_hashes_are_none() {
        for text in [
            "52908400098527886E0F7030069857D2E4169EE7",
            "0x52908400098527886E0F7030069857D2E4169EE",
            "0x52908400098527886E0F7030069857D2E4169EE70",
            "0x0000000000000000000000000000000000000001",
            "0x52908400098527886G0F7030069857D2E4169EE7",
        ] {
            assert_absent(&DETECTOR, text);
        }
    }
}
