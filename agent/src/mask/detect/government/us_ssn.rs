//! US social security numbers.
//!
//! Area, group and serial (Social Security Administration, "Social Security Number Randomization",
//! since 2011): areas 000, 666 and 900-999, group 00 and serial 0000 are never given. There is no check
//! digit, so nine digits without hyphens are one only where a word says so. Numbers that were printed
//! in advertisements (078-05-1120) are no one's, but masking them does no harm.

use super::is_piece;
use crate::mask::detect::checksum::{digits, number};
use crate::mask::detect::{Candidate, Confidence, Detector};

pub(super) static DETECTOR: Detector = Detector {
    name: "us-ssn",
    title: "US social security number",
    category: "NATIONAL_IDENTIFIER",
    pattern: "[0-8][0-9]{2}(?:-[0-9]{2}-|[ ][0-9]{2}[ ]|[.][0-9]{2}[.]|[0-9]{2})[0-9]{4}",
    check,
    context: &[
        "ssn",
        "ssns",
        "ss",
        "social security",
        "social sec",
        "soc sec",
        "social",
        "ss number",
        "ssa",
        "sin",
        "tin",
        "taxpayer",
        "tax id",
        "itin",
    ],
    numeric: true,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let digits = digits::<9>(candidate.text)?;
    if !is_given(&digits) || is_piece(candidate) {
        return None;
    }
    let separator = candidate.text.as_bytes().get(3)?;
    Some(match (separator, candidate.in_context) {
        (b'-', true) => 95,
        (b'-', false) => 80,
        (b' ' | b'.', true) => 85,
        (b' ', false) => 50,
        (b'.', false) => 30,
        (_, true) => 75,
        (_, false) => 20,
    })
}

fn is_given(digits: &[u8; 9]) -> bool {
    let [a, b, c, d, e, serial @ ..] = digits;
    let area = number(&[*a, *b, *c]);
    !matches!(area, Some(0 | 666 | 900..) | None) && [*d, *e] != [0, 0] && *serial != [0; 4]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::detect::testing::{
        assert_absent, assert_found, assert_needs_context, believed, finds,
    };

    #[test]
    fn numbers_with_hyphens_are_found() {
        for number in ["536-90-4399", "001-01-0001", "899-99-9999", "078-05-1120"] {
            assert_found(&DETECTOR, number);
            assert_eq!(believed(&DETECTOR, &format!("for {number}.")), [number]);
        }
        assert_eq!(believed(&DETECTOR, "536\u{2011}90\u{2010}4399").len(), 1);
    }

    #[test]
    fn others_need_a_word() {
        for number in ["536904399", "536 90 4399", "536.90.4399"] {
            assert_needs_context(&DETECTOR, number);
        }
        assert_eq!(finds(&DETECTOR, "536904399", Some("CUST_SSN"))[0].1, 75);
        assert_eq!(
            believed(&DETECTOR, "his Social Security number is 536 90 4399"),
            ["536 90 4399"]
        );
    }

    #[test]
    fn what_is_never_given_is_none() {
        for number in [
            "ssn 000-12-3456",
            "ssn 666-12-3456",
            "ssn 900-12-3456",
            "ssn 536-00-4399",
            "ssn 536-90-0000",
            "ssn 536-904399",
            "ssn 1536-90-4399",
            "ssn 536-90-43990",
            "ssn 12-536-90-4399",
            "ssn 536-90-4399-1",
        ] {
            assert_absent(&DETECTOR, number);
        }
    }
}
