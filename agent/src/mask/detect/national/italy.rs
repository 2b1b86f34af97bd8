//! Italy: codice fiscale.
//!
//! Decreto ministeriale 23 December 1976, by the Agenzia delle Entrate: six letters of the names, year,
//! letter of the month, day (plus 40 for women), four characters of the place, a check letter from the
//! values of the odd and even places. Digits may be replaced by letters where two people would share
//! a code ("omocodia").

use super::super::{Candidate, Confidence, Detector};
use super::confidence;

pub(super) static DETECTOR: Detector = Detector {
    name: "it-codice-fiscale",
    title: "Italian fiscal code",
    category: "TAX_IDENTIFIER",
    pattern: r"(?i)[A-Z]{6}[0-9LMNP-V]{2}[ABCDEHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]",
    check,
    context: &["codice fiscale", "fiscale", "cod fisc", "codice"],
    numeric: false,
};

/// What a character of an odd place counts: 0 and A, 1 and B, and so on.
const ODD: [u32; 26] = [
    1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
];

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let text = candidate.text.to_ascii_uppercase();
    let (body, letter) = text.split_at_checked(15)?;
    let values = body.chars().enumerate().map(|(at, c)| {
        let value = c.to_digit(36)?;
        let place = if value < 10 { value } else { value - 10 };
        if at % 2 == 0 {
            ODD.get(usize::try_from(place).ok()?).copied()
        } else {
            Some(place)
        }
    });
    let sum = values.sum::<Option<u32>>()?;
    let day = text
        .get(9..11)?
        .chars()
        .map(|c| match "LMNPQRSTUV".find(c) {
            Some(at) => char::from_digit(u32::try_from(at).unwrap_or_default(), 10).unwrap_or(c),
            None => c,
        });
    let day: u32 = day.collect::<String>().parse().ok()?;
    let check = char::from_digit(sum % 26 + 10, 36)?.to_ascii_uppercase();
    let passes = matches!(day, 1..=31 | 41..=71) && letter.starts_with(check);
    passes.then(|| confidence(candidate, 95, 95)).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found};
    use super::DETECTOR;

    #[test]
    fn it_codice_fiscale() {
        assert_found(&DETECTOR, "RCCMNL83S18D969H");
        assert_found(&DETECTOR, "rccmnl83s18d969h");
        assert_found(&DETECTOR, "RCCMNL83S18D96VW");
        assert_absent(&DETECTOR, "RCCMNL83S18D969A");
        assert_absent(&DETECTOR, "RCCMNL83S38D969J");
    }
}
