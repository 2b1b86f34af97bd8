//! Numbers of the US Drug Enforcement Administration for those who may prescribe.
//!
//! A letter for the kind of registrant, the first letter of the name (or 9), seven digits (21 CFR
//! 1301; DEA Diversion Control Division): the first, third and fifth digit, and twice the second,
//! fourth and sixth, add up to a number whose last digit is the seventh.

use crate::mask::detect::checksum::{digits, weighted};
use crate::mask::detect::{Candidate, Confidence, Detector};

pub(super) static DETECTOR: Detector = Detector {
    name: "dea",
    title: "US DEA registration number",
    category: "NATIONAL_IDENTIFIER",
    pattern: "(?i)[ABCDEFGHJKLMPRSTUX][A-Z9][ -]?[0-9]{7}",
    check,
    context: &[
        "dea",
        "prescriber",
        "prescription",
        "controlled substance",
        "registrant",
        "rx",
        "physician",
    ],
    numeric: false,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    // Behind the second character, which may be a 9.
    let digits = digits::<7>(candidate.text.get(2..)?)?;
    let sum = weighted(&digits, &[1, 2, 1, 2, 1, 2]);
    if digits
        .last()
        .is_none_or(|last| sum % 10 != u32::from(*last))
        || sum == 0
    {
        return None;
    }
    Some(if candidate.in_context { 92 } else { 50 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::detect::testing::{assert_absent, assert_needs_context, believed, finds};

    #[test]
    fn numbers_are_found_in_context() {
        for number in [
            "AB1234563",
            "F91234563",
            "BJ6125341",
            "ab1234563",
            "AB 1234563",
        ] {
            assert_needs_context(&DETECTOR, number);
        }
        assert_eq!(
            believed(&DETECTOR, "Rx by Dr. Blake, DEA# AB1234563"),
            ["AB1234563"]
        );
        assert_eq!(finds(&DETECTOR, "AB1234563", Some("dea_no"))[0].1, 92);
    }

    #[test]
    fn wrong_sums_and_kinds_are_none() {
        for text in [
            "dea AB1234567",
            "dea ZB1234563",
            "dea A1234563",
            "dea AB12345630",
            "dea AB0000000",
        ] {
            assert_absent(&DETECTOR, text);
        }
    }
}
