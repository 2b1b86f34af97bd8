//! Denmark: CPR number.
//!
//! CPR-kontoret, "Personnummeret i CPR": date of birth and four digits. Numbers without the old MOD 11
//! check have been given since 2007, so it is a hint and no proof: without it a number needs a word.

use super::super::checksum::{digits, weighted};
use super::super::date::{is_short_date, pair};

use super::super::{Candidate, Confidence, Detector};
use super::confidence;

pub(super) static DETECTOR: Detector = Detector {
    name: "dk-cpr",
    title: "Danish CPR number",
    category: "NATIONAL_IDENTIFIER",
    pattern: r"[0-3][0-9][01][0-9]{3}[ -]?[0-9]{4}",
    check,
    context: &[
        "cpr",
        "cpr nr",
        "cpr nummer",
        "cprnr",
        "personnummer",
        "cpr number",
    ],
    numeric: true,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let all: [u8; 10] = digits(candidate.text)?;
    let [d1, d2, m1, m2, y1, y2, ..] = all;
    if !is_short_date(pair(y1, y2), pair(m1, m2), pair(d1, d2)) {
        return None;
    }
    let sum = weighted(&all, &[4, 3, 2, 7, 6, 5, 4, 3, 2, 1]);
    if sum.is_multiple_of(11) {
        confidence(
            candidate,
            40,
            if candidate.text.contains('-') { 70 } else { 55 },
        )
    } else {
        confidence(candidate, 20, 45)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found, assert_needs_context};
    use super::DETECTOR;

    #[test]
    fn dk_cpr() {
        assert_found(&DETECTOR, "211062-5629");
        assert_needs_context(&DETECTOR, "2110625629");
        assert_needs_context(&DETECTOR, "211062-5630");
        assert_absent(&DETECTOR, "cpr 311162-5629");
    }
}
