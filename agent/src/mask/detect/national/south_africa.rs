//! South Africa: identity number.
//!
//! Identification Act 68 of 1997, Department of Home Affairs: date of birth, four digits of sex and order,
//! citizenship (0, 1, or 2 for refugees), a digit that once was race (8 or 9 on newer cards), Luhn. One
//! in some hundreds of random numbers passes.

use super::super::checksum::{digits, luhn};
use super::super::date::{is_short_date, pair};

use super::super::{Candidate, Confidence, Detector};
use super::confidence;

pub(super) static DETECTOR: Detector = Detector {
    name: "za-id",
    title: "South African identity number",
    category: "NATIONAL_IDENTIFIER",
    pattern: r"[0-9]{2}[01][0-9][0-3][0-9][ ]?[0-9]{4}[ ]?[0-2][0-9]{2}",
    check,
    context: &[
        "identity number",
        "id number",
        "id no",
        "south african id",
        "sa id",
        "rsa id",
        "identiteitsnommer",
    ],
    numeric: true,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let all: [u8; 13] = digits(candidate.text)?;
    let [y1, y2, m1, m2, d1, d2, ..] = all;
    let passes = is_short_date(pair(y1, y2), pair(m1, m2), pair(d1, d2)) && luhn(&all);
    passes.then(|| confidence(candidate, 65, 80)).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found};
    use super::DETECTOR;

    #[test]
    fn za_id() {
        assert_found(&DETECTOR, "7503305044089");
        assert_found(&DETECTOR, "750330 5044 089");
        assert_absent(&DETECTOR, "8503305044089");
        assert_absent(&DETECTOR, "7513305044087");
    }
}
