//! Passports: machine readable lines, and numbers by context.
//!
//! ICAO Doc 9303 part 4: two lines of 44 characters; the second has check digits with the weights 7, 3, 1
//! over number, birth, expiry, and over all of them, which together leave nothing to chance. The first
//! line carries the name and no check digit.
//! A bare number is eight or nine letters and digits in one of the shapes that states print: it is
//! believed only where a word or the column's name says what it is.

use super::super::date::is_short_date;
use super::super::{Candidate, Confidence, Detector};

pub(super) static DETECTOR: Detector = Detector {
    name: "passport",
    title: "Passport",
    category: "PASSPORT",
    pattern: concat!(
        "P[A-Z<][A-Z<]{3}[A-Z<]{39}",
        r"(?:(?:\r?\n|\\n| )[A-Z0-9<]{9}[0-9][A-Z<]{3}[0-9]{7}[MFX<][0-9]{7}[A-Z0-9<]{14}[0-9<][0-9])?",
        "|[A-Z0-9<]{9}[0-9][A-Z<]{3}[0-9]{7}[MFX<][0-9]{7}[A-Z0-9<]{14}[0-9<][0-9]",
        "|[A-Z0-9]{8,9}",
    ),
    check,
    context: &[
        "passport",
        "passports",
        "passport number",
        "passport no",
        "passeport",
        "reisepass",
        "passnummer",
        "pasaporte",
        "passaporto",
        "paspoort",
        "paszport",
        "passaporte",
        "travel document",
    ],
    numeric: true,
};

/// Shapes of numbers: `A` is a letter, `0` a digit, `X` either.
const SHAPES: [&str; 11] = [
    // United States, United Kingdom, Israel.
    "000000000",
    // United States since 2021, Mexico, Korea, South Africa.
    "A00000000",
    // Germany.
    "AXXXXXXX0",
    // France.
    "00AA00000",
    // Italy, Japan, Poland, Ireland, Finland, China since 2017.
    "AA0000000",
    // Spain.
    "AAA000000",
    // Netherlands.
    "AAXXXXXX0",
    // Canada, Belgium, Brazil.
    "AA000000",
    // Canada since 2023.
    "A000000AA",
    // Australia, India, Switzerland, Austria.
    "A0000000",
    // Sweden and Norway of before.
    "00000000",
];

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let text = candidate.text;
    if text.len() < 44 {
        return (candidate.in_context && SHAPES.iter().any(|shape| fits(text, shape)))
            .then_some(75);
    }
    let Some(second) = text.get(text.len() - 44..).filter(|it| !is_first_line(it)) else {
        // Names fill the line up with `<`.
        return (text.starts_with('P') && text.contains("<<") && text.ends_with('<')).then_some(85);
    };
    has_check_digits(second)?.then_some(98)
}

fn fits(text: &str, shape: &str) -> bool {
    let fits = |(c, shape): (u8, u8)| match shape {
        b'A' => c.is_ascii_uppercase(),
        b'0' => c.is_ascii_digit(),
        _ => c.is_ascii_digit() || c.is_ascii_uppercase(),
    };
    let has_digits = text.bytes().filter(u8::is_ascii_digit).count() >= 4;
    has_digits && text.len() == shape.len() && text.bytes().zip(shape.bytes()).all(fits)
}

fn is_first_line(line: &str) -> bool {
    line.starts_with('P') && !line.contains(|c: char| c.is_ascii_digit())
}

fn has_check_digits(line: &str) -> Option<bool> {
    let field = |from: usize, to: usize| {
        let check = line.get(to..=to)?;
        // An optional field that is empty may have no check digit.
        let check = if check == "<" { 0 } else { check.parse().ok()? };
        Some(remainder(line.get(from..to)?)? == check)
    };
    let whole = [line.get(..10)?, line.get(13..20)?, line.get(21..43)?].concat();
    let birth: u32 = line.get(13..19)?.parse().ok()?;
    let [year, month, day] = [birth / 10_000, birth / 100 % 100, birth % 100].map(u8::try_from);
    Some(
        is_short_date(year.ok()?, month.ok()?, day.ok()?)
            && field(0, 9)?
            && field(13, 19)?
            && field(21, 27)?
            && field(28, 42)?
            && remainder(&whole)? == line.get(43..)?.parse::<u32>().ok()?,
    )
}

/// The sum by 10 with the weights 7, 3, 1; A is 10, Z is 35 and `<` is 0.
fn remainder(text: &str) -> Option<u32> {
    let values = text
        .chars()
        .map(|c| if c == '<' { Some(0) } else { c.to_digit(36) });
    let products = values.zip([7, 3, 1].into_iter().cycle());
    let sum: u32 = products
        .map(|(value, weight)| Some(value? * weight))
        .sum::<Option<_>>()?;
    Some(sum % 10)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found, assert_needs_context};
    use super::*;

    const FIRST: &str = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<";
    const SECOND: &str = "L898902C36UTO7408122F1204159ZE184226B<<<<<10";

    #[test]
    fn lines_of_the_standard_are_found() {
        assert_found(&DETECTOR, SECOND);
        assert_found(&DETECTOR, FIRST);
        assert_found(&DETECTOR, &format!("{FIRST}\n{SECOND}"));
    }

    #[test]
    fn a_wrong_check_digit_is_noticed() {
        assert_absent(&DETECTOR, &SECOND.replace("C36", "C37"));
        assert_absent(&DETECTOR, &SECOND.replace("<10", "<11"));
        assert_absent(&DETECTOR, &SECOND.replace("F1204159", "F1204158"));
    }

    #[test]
    fn bare_numbers_need_a_word() {
        for number in [
            "123456789",
            "C01X00T47",
            "12AB34567",
            "AA1234567",
            "AAA123456",
            "A1234567",
        ] {
            assert_needs_context(&DETECTOR, number);
        }
        assert_absent(&DETECTOR, "passport: REQUIRED");
        assert_absent(&DETECTOR, "passport: 1234567890");
    }
}
