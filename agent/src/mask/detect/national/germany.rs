//! Germany: Steuerliche Identifikationsnummer.
//!
//! Bundeszentralamt für Steuern, "Informationen zur steuerlichen Identifikationsnummer": eleven digits,
//! the first not 0; of the first ten exactly one digit stands twice or three times; the last is ISO 7064
//! MOD 11,10. Of random numbers about four in a thousand pass.

use super::super::checksum::{digits, iso7064_mod_11_10};

use super::super::{Candidate, Confidence, Detector};
use super::confidence;

pub(super) static DETECTOR: Detector = Detector {
    name: "de-steuer-id",
    title: "German tax identification number",
    category: "TAX_IDENTIFIER",
    pattern: r"[1-9][0-9][ ]?[0-9]{3}[ ]?[0-9]{3}[ ]?[0-9]{3}",
    check,
    context: &[
        "steuer",
        "steuer id",
        "steuerid",
        "steueridentifikationsnummer",
        "steuer identifikationsnummer",
        "identifikationsnummer",
        "idnr",
        "steuerliche",
        "tax id",
    ],
    numeric: true,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let all: [u8; 11] = digits(candidate.text)?;
    let (_, body) = all.split_last()?;
    let counts = (0..10).map(|digit| body.iter().filter(|it| **it == digit).count());
    let mut repeated = counts.filter(|count| *count > 1);
    let one_repeats = matches!(repeated.next(), Some(2 | 3)) && repeated.next().is_none();
    let passes = one_repeats && iso7064_mod_11_10(&all);
    passes.then(|| confidence(candidate, 60, 80)).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found};
    use super::DETECTOR;

    #[test]
    fn de_steuer_id() {
        assert_found(&DETECTOR, "36574261809");
        assert_found(&DETECTOR, "36 574 261 809");
        assert_absent(&DETECTOR, "36574261890");
        assert_absent(&DETECTOR, "steuer-id 12345678903");
    }
}
