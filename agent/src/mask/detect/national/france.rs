//! France: numéro d'inscription au répertoire (NIR), the social security number.
//!
//! INSEE, "Numéro de sécurité sociale": sex, year, month, department (2A and 2B in Corsica), commune,
//! order, and a key that is 97 less the remainder by 97. Sex, month and key together let one in some
//! thousands of random numbers pass.

use super::super::{Candidate, Confidence, Detector};
use super::confidence;

pub(super) static DETECTOR: Detector = Detector {
    name: "fr-nir",
    title: "French social security number",
    category: "NATIONAL_IDENTIFIER",
    pattern: r"(?i)[1-478][ .]?[0-9]{2}[ .]?[0-9]{2}[ .]?(?:[0-9]{2}|2[AB])[ .]?[0-9]{3}[ .]?[0-9]{3}[ .]?[0-9]{2}",
    check,
    context: &[
        "nir",
        "insee",
        "secu",
        "securite sociale",
        "sécurité sociale",
        "numero de securite",
        "social security",
        "assure",
        "assuré",
    ],
    numeric: true,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let plain = candidate.text.chars().filter(char::is_ascii_alphanumeric);
    let mut plain: String = plain.collect::<String>().to_ascii_uppercase();
    if let Some(island @ ("2A" | "2B")) = plain.get(5..7) {
        plain.replace_range(5..7, if island == "2A" { "19" } else { "18" });
    }
    let month: u32 = plain.get(3..5)?.parse().ok()?;
    let number: u64 = plain.get(..13)?.parse().ok()?;
    let key: u64 = plain.get(13..)?.parse().ok()?;
    // From 20 on stand months that nobody knows or that a foreign register left out.
    let passes = matches!(month, 1..=12 | 20..=42 | 50..=99) && key == 97 - number % 97;
    passes.then(|| confidence(candidate, 75, 90)).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found};
    use super::DETECTOR;

    #[test]
    fn fr_nir() {
        assert_found(&DETECTOR, "295109912611193");
        assert_found(&DETECTOR, "2 95 10 99 126 111 93");
        assert_found(&DETECTOR, "1 84 12 2A 451 089 33");
        assert_absent(&DETECTOR, "295109912611199");
        assert_absent(&DETECTOR, "nir 1 84 12 76 451 089 47");
    }
}
