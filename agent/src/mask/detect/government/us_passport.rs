//! US passport numbers.
//!
//! Nine digits, or since 2021 a letter and eight digits (Department of State, "Next Generation US
//! Passport"). There is no check digit outside the machine-readable zone: only where a word says so.

use super::is_piece;
use crate::mask::detect::{Candidate, Confidence, Detector};

pub(super) static DETECTOR: Detector = Detector {
    name: "us-passport",
    title: "US passport number",
    category: "PASSPORT",
    pattern: "[A-Za-z][0-9]{8}|[0-9]{9}",
    check,
    context: &[
        "passport",
        "passports",
        "passport number",
        "travel document",
        "pasaporte",
        "passeport",
    ],
    numeric: true,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    if is_piece(candidate) {
        return None;
    }
    let has_letter = candidate
        .text
        .starts_with(|c: char| c.is_ascii_alphabetic());
    // Surer than `passport` is of the same shapes: of two labels for one find this one counts.
    match (candidate.in_context, has_letter) {
        (true, true) => Some(82),
        (true, false) => Some(78),
        (false, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::detect::testing::{assert_absent, assert_needs_context, believed, finds};

    #[test]
    fn numbers_are_found_in_context() {
        for number in ["340020013", "C03005988", "a12345678"] {
            assert_needs_context(&DETECTOR, number);
        }
        assert_eq!(
            believed(&DETECTOR, "travels on passport C03005988"),
            ["C03005988"]
        );
        assert_eq!(finds(&DETECTOR, "340020013", Some("PASSPORTNO"))[0].1, 78);
    }

    #[test]
    fn other_lengths_are_none() {
        for text in [
            "passport 34002001",
            "passport 3400200130",
            "passport C0300598",
            "passport CC0300598",
            "passport 340020013-22",
        ] {
            assert_absent(&DETECTOR, text);
        }
    }
}
