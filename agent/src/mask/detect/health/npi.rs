//! US national provider identifiers.
//!
//! Ten digits that begin with 1 or 2 (45 CFR 162.406; CMS, "NPI check digit"): the last one makes Luhn
//! come out right with 80840, the prefix of US health cards, before them. Of random ten-digit numbers
//! 2 % fit, and of timestamps in seconds 10 %: one alone is not believed.

use crate::mask::detect::checksum::{digits, luhn};
use crate::mask::detect::{Candidate, Confidence, Detector};

pub(super) static DETECTOR: Detector = Detector {
    name: "npi",
    title: "US national provider identifier (NPI)",
    category: "NATIONAL_IDENTIFIER",
    pattern: "[12][0-9]{9}|80840[ -]?[12][0-9]{9}",
    check,
    context: &[
        "npi",
        "npis",
        "national provider",
        "provider",
        "prescriber",
        "physician",
        "taxonomy",
        "nppes",
    ],
    numeric: true,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let long = digits::<15>(candidate.text);
    let short = || digits::<10>(candidate.text);
    let whole = match long {
        Some(whole) => whole,
        None => {
            let mut whole = [8, 0, 8, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            for (to, from) in whole.iter_mut().skip(5).zip(short()?) {
                *to = from;
            }
            whole
        }
    };
    if !luhn(&whole) {
        return None;
    }
    Some(match (candidate.in_context, long.is_some()) {
        (true, _) => 90,
        (false, true) => 75,
        (false, false) => 45,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::detect::testing::{
        assert_absent, assert_found, assert_needs_context, believed, finds,
    };

    #[test]
    fn the_example_of_cms_is_found_in_context() {
        for number in ["1234567893", "1245319599"] {
            assert_needs_context(&DETECTOR, number);
        }
        assert_found(&DETECTOR, "808401234567893");
        assert_eq!(
            believed(&DETECTOR, "Dr. Lee (NPI 1234567893)"),
            ["1234567893"]
        );
        assert_eq!(
            finds(&DETECTOR, "1234567893", Some("PROVIDER_NPI"))[0].1,
            90
        );
    }

    #[test]
    fn wrong_digits_are_none() {
        for text in [
            "npi 1234567890",
            "npi 3234567893",
            "npi 12345678931",
            "npi 123456789",
            "808401234567890",
        ] {
            assert_absent(&DETECTOR, text);
        }
    }
}
