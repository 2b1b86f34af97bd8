//! Hardware addresses: EUI-48 of IEEE 802, in hexadecimal with hyphens, colons, or dots in threes.
//!
//! Longer rows of the same pairs are fingerprints of keys and hashes.

use super::super::{Candidate, Confidence, Detector};

pub(super) static DETECTOR: Detector = Detector {
    name: "mac",
    title: "MAC address",
    category: "MAC_ADDRESS",
    pattern: "[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{4}[.][0-9A-Fa-f]{4}[.][0-9A-Fa-f]{4}",
    check,
    context: &[
        "mac",
        "ethernet",
        "ether",
        "hwaddr",
        "hardware",
        "bssid",
        "wifi",
        "bluetooth",
        "lladdr",
        "eui",
    ],
    numeric: false,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let text = candidate.text;
    let separator = text.chars().find(|c| !c.is_ascii_hexdigit())?;
    let is_even = text
        .chars()
        .all(|c| c.is_ascii_hexdigit() || c == separator);
    let goes_on = candidate.before.ends_with(separator)
        || candidate.after.starts_with(separator) && {
            let rest = candidate.after.trim_start_matches(separator);
            rest.starts_with(|c: char| c.is_ascii_hexdigit())
        };
    if !is_even || goes_on {
        return None;
    }
    let hex: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    if hex.windows(2).all(|pair| pair.first() == pair.last()) {
        return Some(30);
    }
    let is_decimal = hex.iter().all(u8::is_ascii_digit);
    match (candidate.in_context, separator, is_decimal) {
        (true, _, _) => Some(95),
        (false, ':', _) | (false, '-', false) => Some(90),
        // Dates and serial numbers come in pairs with hyphens, amounts in fours with dots.
        (false, '-', true) => Some(65),
        (false, _, false) => Some(75),
        (false, _, true) => Some(40),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found, assert_needs_context};
    use super::*;

    #[test]
    fn the_three_forms_are_found() {
        assert_found(&DETECTOR, "00:1B:44:11:3a:b7");
        assert_found(&DETECTOR, "00-1B-44-11-3A-B7");
        assert_found(&DETECTOR, "001b.4411.3ab7");
        assert_needs_context(&DETECTOR, "0012.4411.3007");
    }

    #[test]
    fn mixed_long_and_empty_ones_are_not() {
        for text in [
            "00:1B:44-11:3A:B7",
            "00:1B:44:11:3A",
            "00:1B:44:11:3A:B7:C8",
            "ff:ff:ff:ff:ff:ff",
            "16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48",
        ] {
            assert_absent(&DETECTOR, text);
        }
    }
}
