//! United Kingdom: National Insurance number and NHS number.
//!
//! NINO: HMRC, National Insurance Manual NIM39110: two letters of those allowed, six digits, a suffix
//! A-D. It has no check digit, so it is a distinctive shape and no more.
//! NHS number: NHS Data Dictionary, ten digits, MOD 11 with weights 10 to 2. One in eleven random
//! numbers passes, and its form 3-3-4 is that of telephone numbers: it needs a word near it.

use super::super::checksum::{digits, is_repeated, weighted};
use super::super::{Candidate, Confidence, Detector};
use super::confidence;

pub(super) static NINO: Detector = Detector {
    name: "uk-nino",
    title: "UK National Insurance number",
    category: "NATIONAL_IDENTIFIER",
    pattern: r"(?i)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ -]?[0-9]{2}[ -]?[0-9]{2}[ -]?[0-9]{2}[ -]?[A-D]",
    check: check_nino,
    context: &[
        "nino",
        "national insurance",
        "ni number",
        "ni no",
        "insurance number",
        "insurance no",
    ],
    numeric: false,
};

pub(super) static NHS: Detector = Detector {
    name: "uk-nhs",
    title: "UK NHS number",
    category: "NATIONAL_IDENTIFIER",
    pattern: "[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}",
    check: check_nhs,
    context: &["nhs", "national health", "health service"],
    numeric: true,
};

/// Prefixes that are never given out, NIM39110.
const UNUSED: [&str; 7] = ["BG", "GB", "KN", "NK", "NT", "TN", "ZZ"];

fn check_nino(candidate: &Candidate<'_>) -> Option<Confidence> {
    let prefix = candidate.text.get(..2)?.to_ascii_uppercase();
    if UNUSED.contains(&prefix.as_str()) {
        return None;
    }
    confidence(candidate, 65, 85)
}

fn check_nhs(candidate: &Candidate<'_>) -> Option<Confidence> {
    let all: [u8; 10] = digits(candidate.text)?;
    let sum = weighted(&all, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    let passes = sum.is_multiple_of(11) && !is_repeated(&all);
    passes.then(|| confidence(candidate, 45, 50)).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found, assert_needs_context};
    use super::{NHS, NINO};

    #[test]
    fn nino() {
        assert_found(&NINO, "AB123456C");
        assert_found(&NINO, "JG 10 37 59 A");
        assert_absent(&NINO, "GB123456A");
        assert_absent(&NINO, "DA123456A");
        assert_absent(&NINO, "AB123456E");
        assert_absent(&NINO, "XAB123456C");
    }

    #[test]
    fn nhs() {
        assert_needs_context(&NHS, "943 476 5870");
        assert_needs_context(&NHS, "9434765870");
        assert_absent(&NHS, "nhs 943 476 5871");
        assert_absent(&NHS, "nhs 0000000000");
    }
}
