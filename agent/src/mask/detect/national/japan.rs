//! Japan: individual number ("My Number").
//!
//! Ministry of Internal Affairs and Communications, ordinance 85 of 2014, article 5: eleven digits and
//! a check digit MOD 11. Two of eleven remainders give the same check digit: about one in ten random
//! numbers passes, so it needs a word near it also in groups of four.

use super::super::checksum::{digits, is_repeated, weighted};

use super::super::{Candidate, Confidence, Detector};
use super::confidence;

pub(super) static DETECTOR: Detector = Detector {
    name: "jp-my-number",
    title: "Japanese individual number",
    category: "NATIONAL_IDENTIFIER",
    pattern: r"[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}",
    check,
    context: &[
        "my number",
        "mynumber",
        "individual number",
        "kojin bango",
        "マイナンバー",
        "個人番号",
    ],
    numeric: true,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let all: [u8; 12] = digits(candidate.text)?;
    let [.., last] = all;
    let rest = weighted(&all, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    let check = if rest <= 1 { 0 } else { 11 - rest };
    let passes = check == u32::from(last) && !is_repeated(&all);
    passes.then(|| confidence(candidate, 45, 50)).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_needs_context};
    use super::DETECTOR;

    #[test]
    fn jp_my_number() {
        assert_needs_context(&DETECTOR, "6214 9832 0257");
        assert_needs_context(&DETECTOR, "621498320257");
        assert_absent(&DETECTOR, "my number 6214 9832 0258");
        assert_absent(&DETECTOR, "my number 0000 0000 0000");
    }
}
