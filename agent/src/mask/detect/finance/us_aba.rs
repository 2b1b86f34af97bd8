//! US bank routing numbers.
//!
//! Nine digits (ABA Routing Number Policy; ANSI X9.100-160): a prefix of the Federal Reserve (00 the
//! government, 01-12 the districts, 21-32 thrifts, 61-72 electronic, 80 traveller's cheques) and a
//! checksum with the weights 3, 7, 1. Of random nine-digit numbers 2.7 % fit: one alone is not
//! believed, a column of them or a word beside it is.

use crate::mask::detect::checksum::{digits, is_repeated, weighted};
use crate::mask::detect::{Candidate, Confidence, Detector};

pub(super) static DETECTOR: Detector = Detector {
    name: "us-aba",
    title: "US bank routing number (ABA)",
    category: "BANK_ACCOUNT",
    pattern: "(?:0[0-9]|1[0-2]|2[1-9]|3[0-2]|6[1-9]|7[0-2]|80)[0-9]{2}-?[0-9]{4}-?[0-9]",
    check,
    context: &[
        "aba",
        "routing",
        "rtn",
        "transit",
        "ach",
        "wire",
        "fedwire",
        "bank number",
        "bank code",
    ],
    numeric: true,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let digits = digits::<9>(candidate.text)?;
    let sum = weighted(&digits, &[3, 7, 1, 3, 7, 1, 3, 7, 1]);
    if !sum.is_multiple_of(10) || is_repeated(&digits) {
        return None;
    }
    Some(if candidate.in_context { 90 } else { 45 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::detect::testing::{assert_absent, assert_needs_context, believed, finds};

    #[test]
    fn numbers_of_banks_are_found_in_context() {
        // Federal Reserve Bank of Boston, Bank of America, Wells Fargo, JPMorgan Chase.
        for number in [
            "011000015",
            "026009593",
            "121000248",
            "021000021",
            "1210-0024-8",
        ] {
            assert_needs_context(&DETECTOR, number);
        }
        assert_eq!(
            believed(&DETECTOR, "Wire to 021000021, please"),
            ["021000021"]
        );
        assert_eq!(finds(&DETECTOR, "021000021", Some("ROUTING_NO"))[0].1, 90);
    }

    #[test]
    fn wrong_sums_and_prefixes_are_none() {
        for number in [
            "routing 021000022",
            "routing 130000000",
            "routing 421000025",
            "aba 000000000",
            "aba 0210000210",
        ] {
            assert_absent(&DETECTOR, number);
        }
    }
}
