//! Finland: henkilötunnus (HETU).
//!
//! Digital and Population Data Services Agency, "The personal identity code": date of birth, a sign of
//! the century (from 2023 on more than one for each), three digits, a check character of the remainder
//! by 31. The shape and the check leave hardly anything to chance.

use super::super::checksum::{digits, number};
use super::super::date::{is_short_date, pair};

use super::super::{Candidate, Confidence, Detector};
use super::confidence;

pub(super) static DETECTOR: Detector = Detector {
    name: "fi-hetu",
    title: "Finnish personal identity code",
    category: "NATIONAL_IDENTIFIER",
    pattern: r"(?i)[0-3][0-9][01][0-9]{3}[-+A-FU-Y][0-9]{3}[0-9A-FHJ-NPR-Y]",
    check,
    context: &[
        "hetu",
        "henkilotunnus",
        "henkilötunnus",
        "personbeteckning",
        "personal identity code",
    ],
    numeric: false,
};

/// By the remainder by 31: letters that look like digits or like each other are left out.
const CHECKS: &str = "0123456789ABCDEFHJKLMNPRSTUVWXY";

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let text = candidate.text.to_ascii_uppercase();
    let (body, check) = text.split_at_checked(10)?;
    let all: [u8; 9] = digits(body)?;
    let [d1, d2, m1, m2, y1, y2, ..] = all;
    let rest = usize::try_from(number(&all)? % 31).ok()?;
    let passes = is_short_date(pair(y1, y2), pair(m1, m2), pair(d1, d2))
        && CHECKS.get(rest..=rest) == Some(check);
    passes.then(|| confidence(candidate, 95, 95)).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found};
    use super::DETECTOR;

    #[test]
    fn fi_hetu() {
        assert_found(&DETECTOR, "131052-308T");
        assert_found(&DETECTOR, "131052-308t");
        assert_absent(&DETECTOR, "131052-308U");
        assert_absent(&DETECTOR, "131352-308T");
    }
}
