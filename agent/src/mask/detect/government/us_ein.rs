//! US employer identification numbers.
//!
//! Two digits that name the campus that gave it, seven more (IRS, "How EINs are assigned and valid EIN
//! prefixes"). There is no check digit, and it names a company: only where a word says so.

use super::is_piece;
use crate::mask::detect::checksum::digits;
use crate::mask::detect::{Candidate, Confidence, Detector};

pub(super) static DETECTOR: Detector = Detector {
    name: "us-ein",
    title: "US employer identification number",
    category: "TAX_IDENTIFIER",
    pattern: "[0-9]{2}-?[0-9]{7}",
    check,
    context: &[
        "ein",
        "eins",
        "fein",
        "employer identification",
        "employer id",
        "tax id",
        "federal tax",
        "taxpayer",
        "tin",
    ],
    numeric: true,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let [tens, ones, ..] = digits::<9>(candidate.text)?;
    if NEVER_GIVEN.contains(&(tens * 10 + ones)) || is_piece(candidate) {
        return None;
    }
    Some(match (candidate.text.contains('-'), candidate.in_context) {
        (true, true) => 85,
        (false, true) => 65,
        (true, false) => 30,
        (false, false) => 10,
    })
}

/// The prefixes that no campus has.
const NEVER_GIVEN: [u8; 17] = [
    0, 7, 8, 9, 17, 18, 19, 28, 29, 49, 69, 70, 78, 79, 89, 96, 97,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::detect::testing::{assert_absent, assert_needs_context, believed, finds};

    #[test]
    fn numbers_are_found_in_context() {
        for number in ["91-1144442", "04-2103594", "12-3456789", "042103594"] {
            assert_needs_context(&DETECTOR, number);
        }
        assert_eq!(believed(&DETECTOR, "Acme (EIN 04-2103594)"), ["04-2103594"]);
        assert_eq!(finds(&DETECTOR, "042103594", Some("employer_ein"))[0].1, 65);
    }

    #[test]
    fn prefixes_of_no_campus_are_none() {
        for number in [
            "ein 07-1144442",
            "ein 00-1234567",
            "ein 97-1234567",
            "ein 91-114444",
            "ein 91-11444420",
            "ein 1-91-1144442",
        ] {
            assert_absent(&DETECTOR, number);
        }
    }
}
