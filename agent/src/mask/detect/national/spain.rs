//! Spain: DNI, and NIE of foreigners.
//!
//! Ministerio del Interior, "Cálculo del dígito de control del NIF-NIE": eight digits and the letter that
//! their remainder by 23 picks; of a NIE X, Y, Z stand for 0, 1, 2. One in 23 random pairs passes, so
//! the shape with its capital letter is just believed.

use super::super::{Candidate, Confidence, Detector};
use super::confidence;

pub(super) static DETECTOR: Detector = Detector {
    name: "es-dni",
    title: "Spanish DNI or NIE",
    category: "NATIONAL_IDENTIFIER",
    pattern: r"(?:[XYZxyz][ -]?[0-9]{7}|[0-9]{8})[ -]?[A-HJ-NP-TV-Za-hj-np-tv-z]",
    check,
    context: &[
        "dni",
        "nie",
        "nif",
        "documento nacional",
        "identidad",
        "extranjero",
    ],
    numeric: false,
};

/// By the remainder by 23.
const LETTERS: &str = "TRWAGMYFPDXBNJZSQVHLCKE";

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let plain = candidate.text.chars().filter(char::is_ascii_alphanumeric);
    let plain = plain.collect::<String>().to_ascii_uppercase();
    let (body, letter) = plain.split_at_checked(8)?;
    let is_foreign = body.starts_with(['X', 'Y', 'Z']);
    let body = body
        .replacen('X', "0", 1)
        .replacen('Y', "1", 1)
        .replacen('Z', "2", 1);
    let rest: usize = body.parse::<usize>().ok()? % 23;
    if LETTERS.get(rest..=rest)? != letter {
        return None;
    }
    // Small letters stand behind numbers in hashes and in codes of other kinds.
    let is_capital = candidate.text.ends_with(|c: char| c.is_ascii_uppercase());
    match (is_foreign, is_capital) {
        (true, _) => confidence(candidate, 70, 85),
        (false, true) => confidence(candidate, 60, 75),
        (false, false) => confidence(candidate, 40, 60),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found, assert_needs_context};
    use super::DETECTOR;

    #[test]
    fn es_dni() {
        assert_found(&DETECTOR, "54362315K");
        assert_found(&DETECTOR, "54362315-K");
        assert_found(&DETECTOR, "X2482300W");
        assert_found(&DETECTOR, "x-2482300w");
        assert_needs_context(&DETECTOR, "54362315k");
        assert_absent(&DETECTOR, "54362315Z");
        assert_absent(&DETECTOR, "X2482300A");
    }
}
