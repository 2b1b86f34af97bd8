//! Australia: tax file number (TFN) and Medicare card number.
//!
//! TFN: Australian Taxation Office, nine digits, weights 1 4 3 7 5 8 6 9 10, a multiple of 11. One in
//! eleven random numbers passes and its groups are those of any number: it needs a word near it.
//! Medicare: Services Australia, eight digits of which the first is 2-6, a check digit of the weights 1,
//! 3, 7, 9, the number of the card, and the person on it. In groups of 4, 5 and 1 it is believed.

use super::super::checksum::{digits, is_repeated, weighted};
use super::super::{Candidate, Confidence, Detector};
use super::confidence;

pub(super) static TFN: Detector = Detector {
    name: "au-tfn",
    title: "Australian tax file number",
    category: "TAX_IDENTIFIER",
    pattern: "[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{3}",
    check: check_tfn,
    context: &["tfn", "tax file"],
    numeric: true,
};

pub(super) static MEDICARE: Detector = Detector {
    name: "au-medicare",
    title: "Australian Medicare card number",
    category: "MEDICARE_NUMBER",
    pattern: "[2-6][0-9]{3}[ -]?[0-9]{5}[ -]?[1-9](?:[ -/]?[1-9])?",
    check: check_medicare,
    context: &["medicare"],
    numeric: true,
};

fn check_tfn(candidate: &Candidate<'_>) -> Option<Confidence> {
    let all: [u8; 9] = digits(candidate.text)?;
    let sum = weighted(&all, &[1, 4, 3, 7, 5, 8, 6, 9, 10]);
    let passes = sum.is_multiple_of(11) && !is_repeated(&all);
    passes.then(|| confidence(candidate, 45, 50)).flatten()
}

fn check_medicare(candidate: &Candidate<'_>) -> Option<Confidence> {
    let first = candidate.text.bytes().filter(u8::is_ascii_digit).take(9);
    let all: Vec<u8> = first.map(|digit| digit - b'0').collect();
    let check = weighted(&all, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10;
    let passes = all.last().map(|it| u32::from(*it)) == Some(check);
    let is_grouped = candidate.text.find([' ', '-']) == Some(4);
    passes
        .then(|| confidence(candidate, 45, if is_grouped { 70 } else { 40 }))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found, assert_needs_context};
    use super::{MEDICARE, TFN};

    #[test]
    fn tfn() {
        assert_needs_context(&TFN, "123 456 782");
        assert_needs_context(&TFN, "123456782");
        assert_absent(&TFN, "tfn 123 456 789");
        assert_absent(&TFN, "tfn 000 000 000");
    }

    #[test]
    fn medicare() {
        assert_found(&MEDICARE, "2123 45670 1");
        assert_found(&MEDICARE, "2123 45670 1/2");
        assert_needs_context(&MEDICARE, "2123456701");
        assert_absent(&MEDICARE, "medicare 2123 45671 1");
        assert_absent(&MEDICARE, "medicare 7123 45670 1");
    }
}
