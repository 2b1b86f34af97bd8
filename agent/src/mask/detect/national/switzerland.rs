//! Switzerland: AHV number (numéro AVS).
//!
//! Zentrale Ausgleichsstelle, "Die AHV-Nummer": the country's 756, nine random digits, the check digit
//! of EAN-13.

use super::super::checksum::{digits, weighted};

use super::super::{Candidate, Confidence, Detector};
use super::confidence;

pub(super) static DETECTOR: Detector = Detector {
    name: "ch-ahv",
    title: "Swiss AHV number",
    category: "NATIONAL_IDENTIFIER",
    pattern: r"756[. ]?[0-9]{4}[. ]?[0-9]{4}[. ]?[0-9]{2}",
    check,
    context: &[
        "ahv",
        "avs",
        "ahv nummer",
        "sozialversicherungsnummer",
        "ahvn13",
        "navs",
    ],
    numeric: true,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let all: [u8; 13] = digits(candidate.text)?;
    let sum = weighted(&all, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]);
    let passes = sum.is_multiple_of(10);
    passes.then(|| confidence(candidate, 85, 95)).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found};
    use super::DETECTOR;

    #[test]
    fn ch_ahv() {
        assert_found(&DETECTOR, "756.9217.0769.85");
        assert_found(&DETECTOR, "7569217076985");
        assert_absent(&DETECTOR, "756.9217.0769.84");
        assert_absent(&DETECTOR, "755.9217.0769.85");
    }
}
