//! Mexico: clave única de registro de población (CURP).
//!
//! Secretaría de Gobernación, "Instructivo normativo para la asignación de la CURP": letters of the names,
//! date of birth, sex, state, consonants, a character against namesakes, a check digit MOD 10.

use super::super::date::is_short_date;

use super::super::{Candidate, Confidence, Detector};
use super::confidence;

pub(super) static DETECTOR: Detector = Detector {
    name: "mx-curp",
    title: "Mexican CURP",
    category: "NATIONAL_IDENTIFIER",
    pattern: r"(?i)[A-Z][AEIOUX][A-Z]{2}[0-9]{6}[HMX][A-Z]{2}[B-DF-HJ-NP-TV-Z]{3}[0-9A-Z][0-9]",
    check,
    context: &["curp", "clave unica", "clave única"],
    numeric: false,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let text = candidate.text.to_ascii_uppercase();
    let (body, check) = text.split_at_checked(17)?;
    let two = |at: usize| text.get(at..at + 2)?.parse().ok();
    if !is_short_date(two(4)?, two(6)?, two(8)?) {
        return None;
    }
    // The alphabet of the authority has an Ñ between N and O, which no CURP contains.
    let values = body.chars().map(|c| {
        let value = c.to_digit(36)?;
        Some(if c > 'N' { value + 1 } else { value })
    });
    let weights = (2..=18).rev();
    let sum: u32 = values
        .zip(weights)
        .map(|(value, weight)| Some(value? * weight))
        .sum::<Option<_>>()?;
    let passes = check.parse() == Ok((10 - sum % 10) % 10);
    passes.then(|| confidence(candidate, 95, 95)).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found};
    use super::DETECTOR;

    #[test]
    fn mx_curp() {
        assert_found(&DETECTOR, "BOXW310820HNERXN09");
        assert_absent(&DETECTOR, "BOXW310820HNERXN08");
        assert_absent(&DETECTOR, "BOXW311320HNERXN09");
    }
}
