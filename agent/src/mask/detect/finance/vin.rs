//! Vehicle identification numbers.
//!
//! ISO 3779 and, for North America, 49 CFR 565.15: 17 letters and digits without I, O and Q; the ninth
//! is a check digit (0-9, X), the tenth a model year that is never U, Z or 0, and the last four are
//! digits. Europe has no check digit, so there only a word beside it makes one.

use crate::mask::detect::{Candidate, Confidence, Detector};

pub(super) static DETECTOR: Detector = Detector {
    name: "vin",
    title: "Vehicle identification number (VIN)",
    category: "VIN",
    pattern: "(?i)[A-HJ-NPR-Z0-9]{17}",
    check,
    context: &[
        "vin",
        "vehicle",
        "chassis",
        "car",
        "truck",
        "fahrgestellnummer",
        "fin",
        "motor",
    ],
    numeric: false,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let characters: &[u8; 17] = candidate.text.as_bytes().try_into().ok()?;
    let letters = characters
        .iter()
        .filter(|it| it.is_ascii_alphabetic())
        .count();
    let hex = characters.iter().all(u8::is_ascii_hexdigit);
    let [_, _, _, _, _, _, _, _, check_digit, year, .., a, b, c, d] = characters;
    let usual = [a, b, c, d].iter().all(|it| it.is_ascii_digit())
        && !matches!(year.to_ascii_uppercase(), b'U' | b'Z' | b'0');
    let sum: u32 = characters
        .iter()
        .zip(WEIGHTS)
        .map(|(it, weight)| value(*it) * weight)
        .sum();
    let expected = match sum % 11 {
        10 => b'X',
        // At most 9.
        digit => b'0' + u8::try_from(digit).unwrap_or_default(),
    };
    let is_checked = expected == check_digit.to_ascii_uppercase();
    match (is_checked, usual, candidate.in_context) {
        // Digits only, or what could be a piece of a hash: no maker has such a code by itself.
        _ if letters == 0 => None,
        (true, _, true) => Some(95),
        (true, true, false) if !hex => Some(75),
        (true, _, false) => Some(50),
        (false, _, true) if letters >= 3 && !hex => Some(65),
        (false, _, _) => None,
    }
}

/// What a character counts: letters as in EBCDIC's rows, S from 2 on.
fn value(byte: u8) -> u32 {
    match byte.to_ascii_uppercase() {
        digit @ b'0'..=b'9' => u32::from(digit - b'0'),
        letter @ b'A'..=b'H' => u32::from(letter - b'A') + 1,
        letter @ b'J'..=b'R' => u32::from(letter - b'J') + 1,
        letter @ b'S'..=b'Z' => u32::from(letter - b'S') + 2,
        _ => 0,
    }
}

/// By position; the check digit itself does not count.
const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::detect::testing::{assert_absent, assert_found, believed, finds};

    #[test]
    fn numbers_with_check_digits_are_found() {
        // The example of 49 CFR 565 and others that makers print.
        for vin in [
            "1M8GDM9AXKP042788",
            "1HGCM82633A004352",
            "5GZCZ43D13S812715",
            "1m8gdm9axkp042788",
        ] {
            assert_found(&DETECTOR, vin);
            assert_eq!(believed(&DETECTOR, &format!("towed {vin}, red")), [vin]);
        }
    }

    #[test]
    fn without_one_a_word_must_say_so() {
        let european = "WVWZZZ1JZXW000001";
        assert_absent(&DETECTOR, european);
        assert_eq!(believed(&DETECTOR, &format!("VIN: {european}")), [european]);
        assert_eq!(finds(&DETECTOR, european, Some("vehicle_id"))[0].1, 65);
    }

    #[test]
    fn near_misses_are_none() {
        for text in [
            "1M8GDM9A1KP042788",
            "1M8GDM9AXKP04278",
            "1M8GDM9AXKP0427880",
            "IM8GDM9AXKP042788",
            "11111111111111111",
        ] {
            assert_absent(&DETECTOR, text);
        }
    }
}
