//! US Medicare beneficiary identifiers.
//!
//! Eleven characters, each place of its own kind (CMS, "Understanding the Medicare Beneficiary
//! Identifier Format"): 1-9, letter, either, digit, letter, either, digit, letter, letter, digit, digit,
//! where letters are all but S, L, O, I, B and Z. Cards print hyphens behind the fourth and seventh. No
//! check digit, but hardly anything else looks like it: of random upper-case ids of that length about
//! one in 200,000.

use crate::mask::detect::{Candidate, Confidence, Detector};

pub(super) static DETECTOR: Detector = Detector {
    name: "mbi",
    title: "US Medicare beneficiary identifier (MBI)",
    category: "MEDICARE_NUMBER",
    pattern: "(?i)[1-9][AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y][0-9][ -]?[AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y][0-9][ -]?[AC-HJKMNP-RT-Y]{2}[0-9]{2}",
    check,
    context: &[
        "mbi",
        "medicare",
        "beneficiary",
        "hicn",
        "subscriber",
        "cms",
    ],
    numeric: false,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let parts = candidate
        .text
        .bytes()
        .filter(|it| !it.is_ascii_alphanumeric())
        .count();
    let has_upper = candidate.text.bytes().any(|it| it.is_ascii_uppercase());
    let has_lower = candidate.text.bytes().any(|it| it.is_ascii_lowercase());
    match (parts, candidate.in_context) {
        (0 | 2, true) => Some(95),
        // Pieces of hashes are in lower case or in both.
        (0 | 2, false) if has_upper && !has_lower => Some(80),
        (2, false) => Some(65),
        (_, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::detect::testing::{assert_absent, assert_found, believed, finds};

    #[test]
    fn the_example_of_cms_is_found() {
        for number in [
            "1EG4-TE5-MK73",
            "1EG4TE5MK73",
            "1eg4-te5-mk73",
            "9AA0AA0AA00",
        ] {
            assert_found(&DETECTOR, number);
            assert_eq!(believed(&DETECTOR, &format!("(member {number})")), [number]);
        }
        assert_eq!(believed(&DETECTOR, "Medicare 1eg4te5mk73"), ["1eg4te5mk73"]);
        assert_eq!(finds(&DETECTOR, "1EG4TE5MK73", Some("MBI"))[0].1, 95);
    }

    #[test]
    fn letters_that_look_like_digits_are_none() {
        for text in [
            "0EG4TE5MK73",
            "1SG4TE5MK73",
            "1EL4TE5MK73",
            "1EG4OE5MK73",
            "1EG4TE5BK73",
            "1EG4TE5MK7",
            "1EG4TE5MK733",
            "1eg4te5mk73",
            "1EG4-TE5MK73",
        ] {
            assert_absent(&DETECTOR, text);
        }
    }
}
