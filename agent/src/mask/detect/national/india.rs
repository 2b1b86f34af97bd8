//! India: Aadhaar number and permanent account number (PAN).
//!
//! Aadhaar: UIDAI, twelve digits, the first not 0 or 1, Verhoeff. One in ten random numbers passes, so
//! twelve bare digits need a word near them; in groups of four they are just believed.
//! PAN: Income Tax Department, rule 114: five letters of which the fourth is the kind of holder, four
//! digits, a letter. The check letter's rule is not public: it is a shape, and needs a word.

use super::super::checksum::{digits, verhoeff};
use super::super::{Candidate, Confidence, Detector};
use super::confidence;

pub(super) static AADHAAR: Detector = Detector {
    name: "in-aadhaar",
    title: "Indian Aadhaar number",
    category: "NATIONAL_IDENTIFIER",
    pattern: "[2-9][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}",
    check: check_aadhaar,
    context: &["aadhaar", "aadhar", "adhaar", "uidai"],
    numeric: true,
};

pub(super) static PAN: Detector = Detector {
    name: "in-pan",
    title: "Indian permanent account number",
    category: "TAX_IDENTIFIER",
    pattern: "[A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z]",
    check: check_pan,
    context: &["pan", "permanent account", "income tax", "pan card"],
    numeric: false,
};

fn check_aadhaar(candidate: &Candidate<'_>) -> Option<Confidence> {
    let all: [u8; 12] = digits(candidate.text)?;
    let is_palindrome = all.iter().eq(all.iter().rev());
    let passes = verhoeff(&all) && !is_palindrome;
    passes.then(|| confidence(candidate, 45, 65)).flatten()
}

fn check_pan(candidate: &Candidate<'_>) -> Option<Confidence> {
    if candidate.text.contains("0000") {
        return None;
    }
    confidence(candidate, 50, 50)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found, assert_needs_context};
    use super::{AADHAAR, PAN};

    #[test]
    fn aadhaar() {
        assert_found(&AADHAAR, "2341 2341 2346");
        assert_needs_context(&AADHAAR, "234123412346");
        assert_absent(&AADHAAR, "aadhaar 2341 2341 2347");
        assert_absent(&AADHAAR, "aadhaar 1341 2341 2346");
        assert_absent(&AADHAAR, "aadhaar 2222 2222 2222");
    }

    #[test]
    fn pan() {
        assert_needs_context(&PAN, "ACUPA7085R");
        assert_absent(&PAN, "pan ACUDA7085R");
        assert_absent(&PAN, "pan ACUPA0000R");
        assert_absent(&PAN, "pan ACUPA7085RR");
    }
}
