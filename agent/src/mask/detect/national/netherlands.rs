//! Netherlands: burgerservicenummer (BSN).
//!
//! Rijksdienst voor Identiteitsgegevens, "Logisch ontwerp BSN": nine digits, weights 9 to 2 and -1, a
//! multiple of 11. One in eleven random numbers passes: bare ones need a word near them.

use super::super::checksum::{digits, is_repeated, weighted};

use super::super::{Candidate, Confidence, Detector};
use super::confidence;

pub(super) static DETECTOR: Detector = Detector {
    name: "nl-bsn",
    title: "Dutch citizen service number",
    category: "NATIONAL_IDENTIFIER",
    pattern: r"[0-9]{4}[.][0-9]{2}[.][0-9]{3}|[0-9]{3}[ .-]?[0-9]{3}[ .-]?[0-9]{3}",
    check,
    context: &[
        "bsn",
        "burgerservicenummer",
        "burger service",
        "sofi",
        "sofinummer",
        "persoonsnummer",
    ],
    numeric: true,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let all: [u8; 9] = digits(candidate.text)?;
    let [.., last] = all;
    let sum = weighted(&all, &[9, 8, 7, 6, 5, 4, 3, 2]);
    if is_repeated(&all) || sum % 11 != u32::from(last) {
        return None;
    }
    // Other groups than 4.2.3 are those of any number.
    let is_own_form = candidate.text.find('.') == Some(4);
    confidence(candidate, 45, if is_own_form { 70 } else { 45 })
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found, assert_needs_context};
    use super::DETECTOR;

    #[test]
    fn nl_bsn() {
        assert_found(&DETECTOR, "1112.22.333");
        assert_needs_context(&DETECTOR, "111222333");
        assert_absent(&DETECTOR, "bsn 1112.52.333");
        assert_absent(&DETECTOR, "bsn 000000000");
    }
}
