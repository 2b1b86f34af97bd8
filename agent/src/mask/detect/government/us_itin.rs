//! US individual taxpayer identification numbers.
//!
//! Written like social security numbers, with 9 in front (IRS, Publication 4520 and the page "Taxpayer
//! identification numbers"): the fourth and fifth digit are 50-65, 70-88, 90-92 or 94-99. There is no
//! check digit, so nine digits without hyphens are one only where a word says so.

use super::is_piece;
use crate::mask::detect::checksum::digits;
use crate::mask::detect::{Candidate, Confidence, Detector};

pub(super) static DETECTOR: Detector = Detector {
    name: "us-itin",
    title: "US individual taxpayer identification number",
    category: "TAX_IDENTIFIER",
    pattern: "9[0-9]{2}(?:-[0-9]{2}-|[ ][0-9]{2}[ ]|[0-9]{2})[0-9]{4}",
    check,
    context: &[
        "itin",
        "itins",
        "taxpayer",
        "tax id",
        "tin",
        "tax identification",
        "irs",
    ],
    numeric: true,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let [_, _, _, tens, ones, ..] = digits::<9>(candidate.text)?;
    if !matches!(tens * 10 + ones, 50..=65 | 70..=88 | 90..=92 | 94..=99) || is_piece(candidate) {
        return None;
    }
    let separator = candidate.text.as_bytes().get(3)?;
    Some(match (separator, candidate.in_context) {
        (b'-', true) => 95,
        (b'-', false) => 75,
        (b' ', false) => 45,
        (_, true) => 80,
        (_, false) => 20,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::detect::testing::{
        assert_absent, assert_found, assert_needs_context, believed, finds,
    };

    #[test]
    fn numbers_with_hyphens_are_found() {
        for number in [
            "912-90-3456",
            "900-50-0001",
            "999-99-9999",
            "955-65-1234",
            "988-88-0000",
        ] {
            assert_found(&DETECTOR, number);
            assert_eq!(believed(&DETECTOR, &format!("for {number}.")), [number]);
        }
    }

    #[test]
    fn others_need_a_word() {
        for number in ["912903456", "912 90 3456"] {
            assert_needs_context(&DETECTOR, number);
        }
        assert_eq!(finds(&DETECTOR, "912903456", Some("ITIN"))[0].1, 80);
    }

    #[test]
    fn groups_that_are_never_given_are_none() {
        for number in [
            "itin 912-93-3456",
            "itin 912-89-3456",
            "itin 912-66-3456",
            "itin 912-49-3456",
            "itin 812-90-3456",
            "itin 912-90-34567",
            "itin 912-90-3456-7",
        ] {
            assert_absent(&DETECTOR, number);
        }
    }
}
