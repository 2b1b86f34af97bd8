//! Belgium: national register number (rijksregisternummer, numéro national).
//!
//! Koninklijk besluit of 3 April 1984, article 2: date of birth, serial number, and 97 less the
//! remainder by 97, with a 2 before the number for births from 2000 on. One in some hundreds of random
//! numbers passes.

use super::super::checksum::{digits, number};
use super::super::date::{is_short_date, pair};

use super::super::{Candidate, Confidence, Detector};
use super::confidence;

pub(super) static DETECTOR: Detector = Detector {
    name: "be-national-number",
    title: "Belgian national register number",
    category: "NATIONAL_IDENTIFIER",
    pattern: r"[0-9]{2}[. -]?[0-9]{2}[. -]?[0-9]{2}[. -]?[0-9]{3}[. -]?[0-9]{2}",
    check,
    context: &[
        "rijksregister",
        "rijksregisternummer",
        "registre national",
        "numero national",
        "numéro national",
        "nationaal nummer",
        "national number",
        "national register",
        "insz",
        "niss",
    ],
    numeric: true,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let all: [u8; 11] = digits(candidate.text)?;
    let [y1, y2, m1, m2, d1, d2, .., c1, c2] = all;
    let body = number(all.get(..9)?)?;
    let check = u64::from(pair(c1, c2));
    let passes = [body, 2_000_000_000 + body]
        .iter()
        .any(|it| 97 - it % 97 == check);
    // The same number with 20 or 40 added to the month is of someone who is not registered.
    let is_date = is_short_date(pair(y1, y2), pair(m1, m2) % 20, pair(d1, d2));
    let has_month = pair(m1, m2) < 60;
    (passes && is_date && has_month)
        .then(|| confidence(candidate, 65, 90))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found};
    use super::DETECTOR;

    #[test]
    fn be_national_number() {
        assert_found(&DETECTOR, "85.07.30-033 28");
        assert_found(&DETECTOR, "85.07.30-033.28");
        assert_found(&DETECTOR, "85073003328");
        assert_absent(&DETECTOR, "85073003329");
        assert_absent(&DETECTOR, "85.17.30-033.28");
    }
}
