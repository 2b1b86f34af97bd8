//! Singapore: NRIC and FIN.
//!
//! Immigration and Checkpoints Authority: a letter of kind and century, seven digits with the weights 2 7
//! 6 5 4 3 2, a letter of the remainder by 11. The algorithm is not published officially; it is the one in
//! common use, with the series M of 2022. One in eleven random ones passes, with letters at both ends.

use super::super::checksum::{digits, weighted};

use super::super::{Candidate, Confidence, Detector};
use super::confidence;

pub(super) static DETECTOR: Detector = Detector {
    name: "sg-nric",
    title: "Singaporean NRIC or FIN",
    category: "NATIONAL_IDENTIFIER",
    pattern: r"(?i)[STFGM][0-9]{7}[A-Z]",
    check,
    context: &["nric", "fin", "fin number", "identity card", "uin"],
    numeric: false,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let text = candidate.text.to_ascii_uppercase();
    let all: [u8; 7] = digits(&text)?;
    let (letters, offset) = match text.get(..1)? {
        "S" => ("JZIHGFEDCBA", 0),
        "T" => ("JZIHGFEDCBA", 4),
        "F" => ("XWUTRQPNMLK", 0),
        "G" => ("XWUTRQPNMLK", 4),
        _ => ("XWUTRQPNJLK", 3),
    };
    let rest = (weighted(&all, &[2, 7, 6, 5, 4, 3, 2]) + offset) % 11;
    let rest = usize::try_from(rest).ok()?;
    let passes = letters.get(rest..=rest) == text.get(8..);
    let is_capital = candidate.text == text;
    let bare = if is_capital { 75 } else { 50 };
    passes.then(|| confidence(candidate, bare, bare)).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found, assert_needs_context};
    use super::DETECTOR;

    #[test]
    fn sg_nric() {
        assert_found(&DETECTOR, "S1234567D");
        assert_found(&DETECTOR, "T1234567J");
        assert_found(&DETECTOR, "F1234567N");
        assert_found(&DETECTOR, "G1234567X");
        assert_needs_context(&DETECTOR, "s1234567d");
        assert_absent(&DETECTOR, "S1234567E");
    }
}
