//! Canada: Social Insurance Number.
//!
//! Employment and Social Development Canada: nine digits with Luhn; the first is not 0 or 8. One in ten
//! random numbers passes, and with spaces it looks like a number in thousands: only hyphens or a word
//! near it make it one.

use super::super::checksum::{digits, luhn};

use super::super::{Candidate, Confidence, Detector};
use super::confidence;

pub(super) static DETECTOR: Detector = Detector {
    name: "ca-sin",
    title: "Canadian Social Insurance Number",
    category: "NATIONAL_IDENTIFIER",
    pattern: r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{3}",
    check,
    context: &["sin", "social insurance", "assurance sociale", "nas"],
    numeric: true,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let all: [u8; 9] = digits(candidate.text)?;
    let [first, ..] = all;
    if matches!(first, 0 | 8) || !luhn(&all) {
        return None;
    }
    confidence(
        candidate,
        35,
        if candidate.text.contains('-') { 65 } else { 50 },
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found, assert_needs_context};
    use super::DETECTOR;

    #[test]
    fn ca_sin() {
        assert_found(&DETECTOR, "130-692-544");
        assert_needs_context(&DETECTOR, "130692544");
        assert_needs_context(&DETECTOR, "130 692 544");
        assert_absent(&DETECTOR, "sin 130-692-545");
        assert_absent(&DETECTOR, "sin 046-454-286");
    }
}
