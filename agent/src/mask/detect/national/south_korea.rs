//! South Korea: resident registration number (RRN).
//!
//! Ministry of the Interior and Safety, Resident Registration Act enforcement rule, article 2: date of
//! birth, a digit of sex and century, six digits. Since October 2020 the last six are random, without the
//! MOD 11 check digit of before: such a number needs a word near it.

use super::super::checksum::{digits, weighted};
use super::super::date::{is_date, pair};

use super::super::{Candidate, Confidence, Detector};
use super::confidence;

pub(super) static DETECTOR: Detector = Detector {
    name: "kr-rrn",
    title: "Korean resident registration number",
    category: "NATIONAL_IDENTIFIER",
    pattern: r"[0-9]{2}[01][0-9][0-3][0-9]-?[0-9]{7}",
    check,
    context: &[
        "rrn",
        "주민등록번호",
        "주민번호",
        "resident registration",
        "jumin",
    ],
    numeric: true,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let all: [u8; 13] = digits(candidate.text)?;
    let [y1, y2, m1, m2, d1, d2, sex, .., last] = all;
    let century = match sex {
        1 | 2 | 5 | 6 => 1900,
        3 | 4 | 7 | 8 => 2000,
        _ => 1800,
    };
    if !is_date(
        century + u16::from(pair(y1, y2)),
        pair(m1, m2),
        pair(d1, d2),
    ) {
        return None;
    }
    let sum = weighted(&all, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
    if (11 - sum % 11) % 10 == u32::from(last) {
        // Milliseconds since 1970 are thirteen digits too.
        confidence(candidate, 50, 85)
    } else {
        confidence(candidate, 20, 55)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found, assert_needs_context};
    use super::DETECTOR;

    #[test]
    fn kr_rrn() {
        assert_found(&DETECTOR, "971013-9019902");
        assert_needs_context(&DETECTOR, "9710139019902");
        assert_needs_context(&DETECTOR, "971013-9019903");
        assert_absent(&DETECTOR, "rrn 971313-9019902");
    }
}
