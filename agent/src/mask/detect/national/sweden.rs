//! Sweden: personnummer and samordningsnummer.
//!
//! Skatteverket, SKV 704: date of birth (60 added to the day of a samordningsnummer), a serial number,
//! Luhn over the ten digits without the century; `+` stands in place of the hyphen from the year of the
//! hundredth birthday on. Ten bare digits need a word near them, one in a hundred random ones passes.

use super::super::checksum::luhn;
use super::super::date::{is_short_date, pair};

use super::super::{Candidate, Confidence, Detector};
use super::confidence;

pub(super) static DETECTOR: Detector = Detector {
    name: "se-personnummer",
    title: "Swedish personal identity number",
    category: "NATIONAL_IDENTIFIER",
    pattern: r"(?:1[89]|20)?[0-9]{6}[+-]?[0-9]{4}",
    check,
    context: &[
        "personnummer",
        "personnr",
        "person nr",
        "samordningsnummer",
        "pnr",
    ],
    numeric: true,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let plain = candidate.text.bytes().filter(u8::is_ascii_digit);
    let plain: Vec<u8> = plain.map(|digit| digit - b'0').collect();
    let has_century = plain.len() == 12;
    let all = plain.get(plain.len().checked_sub(10)?..)?;
    let [y1, y2, m1, m2, d1, d2, ..] = *all else {
        return None;
    };
    let day = pair(d1, d2);
    let day = if day > 60 { day - 60 } else { day };
    let passes = is_short_date(pair(y1, y2), pair(m1, m2), day) && luhn(all);
    let (bare, formed) = if has_century { (80, 90) } else { (45, 75) };
    passes
        .then(|| confidence(candidate, bare, formed))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found, assert_needs_context};
    use super::DETECTOR;

    #[test]
    fn se_personnummer() {
        assert_found(&DETECTOR, "880320-0016");
        assert_found(&DETECTOR, "19880320-0016");
        assert_found(&DETECTOR, "198803200016");
        assert_needs_context(&DETECTOR, "8803200016");
        assert_absent(&DETECTOR, "880320-0018");
        assert_absent(&DETECTOR, "881320-0014");
    }
}
