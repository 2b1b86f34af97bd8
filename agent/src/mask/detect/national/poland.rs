//! Poland: PESEL.
//!
//! Ministerstwo Cyfryzacji, "Co to jest numer PESEL": date of birth with the century in the month, serial
//! number, a check digit of the weights 1, 3, 7, 9. Two in a hundred random numbers pass.

use super::super::checksum::{digits, weighted};
use super::super::date::{is_date, pair};

use super::super::{Candidate, Confidence, Detector};
use super::confidence;

pub(super) static DETECTOR: Detector = Detector {
    name: "pl-pesel",
    title: "Polish PESEL",
    category: "NATIONAL_IDENTIFIER",
    pattern: r"[0-9]{11}",
    check,
    context: &["pesel", "ewidencyjny", "numer ewidencyjny"],
    numeric: true,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let all: [u8; 11] = digits(candidate.text)?;
    let [y1, y2, m1, m2, d1, d2, ..] = all;
    let month = pair(m1, m2);
    let century = match month / 20 {
        0 => 1900,
        1 => 2000,
        2 => 2100,
        3 => 2200,
        _ => 1800,
    };
    let is_date = is_date(century + u16::from(pair(y1, y2)), month % 20, pair(d1, d2));
    let sum = weighted(&all, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    let passes = is_date && sum.is_multiple_of(10);
    // From 2100 on nobody is born.
    let bare = if century > 2000 { 30 } else { 50 };
    passes.then(|| confidence(candidate, bare, bare)).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_needs_context};
    use super::DETECTOR;

    #[test]
    fn pl_pesel() {
        assert_needs_context(&DETECTOR, "44051401359");
        assert_needs_context(&DETECTOR, "02270803624");
        assert_absent(&DETECTOR, "pesel 44051401358");
        assert_absent(&DETECTOR, "pesel 44133401357");
    }
}
