//! Norway: fødselsnummer and D-nummer.
//!
//! Skatteetaten, "Fødselsnummer": date of birth (40 added to the day of a D-nummer), three digits, two
//! check digits MOD 11. One in about a thousand random numbers passes. Numbers from 2032 on relax the
//! first check digit; they are not known here.

use super::super::checksum::{digits, weighted};
use super::super::date::{is_short_date, pair};

use super::super::{Candidate, Confidence, Detector};
use super::confidence;

pub(super) static DETECTOR: Detector = Detector {
    name: "no-fodselsnummer",
    title: "Norwegian national identity number",
    category: "NATIONAL_IDENTIFIER",
    pattern: r"[0-9]{6}[ -]?[0-9]{5}",
    check,
    context: &[
        "fodselsnummer",
        "fødselsnummer",
        "fnr",
        "personnummer",
        "d nummer",
        "dnummer",
        "fodselsnr",
        "fødselsnr",
    ],
    numeric: true,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let all: [u8; 11] = digits(candidate.text)?;
    let [d1, d2, m1, m2, y1, y2, ..] = all;
    let (day, month) = (pair(d1, d2), pair(m1, m2));
    let day = if day > 40 { day - 40 } else { day };
    // 40 is added to the month in the test data of the authority.
    let month = if month > 40 { month - 40 } else { month };
    let sums = [
        weighted(&all, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]),
        weighted(&all, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]),
    ];
    let passes =
        is_short_date(pair(y1, y2), month, day) && sums.iter().all(|it| it.is_multiple_of(11));
    passes.then(|| confidence(candidate, 70, 80)).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found};
    use super::DETECTOR;

    #[test]
    fn no_fodselsnummer() {
        assert_found(&DETECTOR, "15108695088");
        assert_found(&DETECTOR, "151086 95088");
        assert_absent(&DETECTOR, "15108695077");
        assert_absent(&DETECTOR, "15138695088");
    }
}
