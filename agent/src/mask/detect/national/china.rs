//! China: resident identity card number.
//!
//! GB 11643-1999: six digits of the place, date of birth, three digits, ISO 7064 MOD 11-2 with X for 10.
//! Date and check leave one in thousands of random numbers.

use super::super::checksum::{digits, iso7064_mod_11_2};
use super::super::date::{is_date, pair};

use super::super::{Candidate, Confidence, Detector};
use super::confidence;

pub(super) static DETECTOR: Detector = Detector {
    name: "cn-resident-id",
    title: "Chinese resident identity number",
    category: "NATIONAL_IDENTIFIER",
    pattern: r"[1-9][0-9]{5}(?:1[89]|20)[0-9]{2}[01][0-9][0-3][0-9]{4}[0-9Xx]",
    check,
    context: &[
        "身份证",
        "身份證",
        "身份证号",
        "shenfenzheng",
        "resident id",
        "identity card",
        "id card",
        "resident identity",
    ],
    numeric: true,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let (body, check) = candidate.text.split_at_checked(17)?;
    let all: [u8; 17] = digits(body)?;
    let [_, _, _, _, _, _, c1, c2, y1, y2, m1, m2, d1, d2, ..] = all;
    let year = u16::from(pair(c1, c2)) * 100 + u16::from(pair(y1, y2));
    let check = match check {
        "x" | "X" => 10,
        digit => digit.parse().ok()?,
    };
    let passes = is_date(year, pair(m1, m2), pair(d1, d2)) && iso7064_mod_11_2(&all, check);
    passes.then(|| confidence(candidate, 90, 90)).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found};
    use super::DETECTOR;

    #[test]
    fn cn_resident_id() {
        assert_found(&DETECTOR, "360426199101010071");
        assert_found(&DETECTOR, "11010519491231002X");
        assert_absent(&DETECTOR, "360426199101010072");
        assert_absent(&DETECTOR, "360426199113010071");
    }
}
