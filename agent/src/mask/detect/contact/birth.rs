//! Dates of birth: any date, where a word or the column's name says that someone was born.
//!
//! Forms: ISO 8601, day or month first with the usual separators, month names in English, German, French
//! and Spanish. A time of day other than midnight is that of an event. The years are those in which living
//! people can be born; no clock is read, so the last of them is a constant.

use std::ops::RangeInclusive;

use super::super::date::is_date;
use super::super::{Candidate, Confidence, Detector};

pub(super) static DETECTOR: Detector = Detector {
    name: "date-of-birth",
    title: "Date of birth",
    category: "DATE_OF_BIRTH",
    pattern: concat!(
        r"(?i)[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?",
        r"|[0-9]{1,2}[-/. ][0-9]{1,2}[-/. ](?:[0-9]{4}|[0-9]{2})",
        r"|(?:19|20)[0-9]{2}[01][0-9][0-3][0-9]",
        r"|[0-9]{1,2}(?:st|nd|rd|th)?[. -]+(?:of |de )?[a-z\x80-\xff]{3,12}[., -]+(?:de )?[0-9]{4}",
        r"|[a-z]{3,9}[. ]+[0-9]{1,2}(?:st|nd|rd|th)?,? +[0-9]{4}",
    ),
    check,
    context: &[
        "dob",
        "d o b",
        "birth",
        "births",
        "birthdate",
        "birth date",
        "birthday",
        "born",
        "bday",
        "geburtsdatum",
        "geburtstag",
        "geboren",
        "geb",
        "naissance",
        "né",
        "née",
        "nacimiento",
        "nacido",
        "nacida",
        "nascita",
        "nato",
        "nata",
        "nascimento",
        "nascido",
        "geboortedatum",
        "fodselsdato",
        "fødselsdato",
        "fodelsedatum",
        "födelsedatum",
        "urodzenia",
        "urodzony",
        "syntymaaika",
        "syntymäaika",
        "生年月日",
        "出生日期",
    ],
    numeric: true,
};

const YEARS: RangeInclusive<u16> = 1900..=2035;

/// Words that give the nearest date to something else.
const OTHER_WORDS: [&str; 20] = [
    "hired",
    "hire",
    "joined",
    "created",
    "updated",
    "died",
    "death",
    "expires",
    "expiry",
    "expiration",
    "issued",
    "visit",
    "visited",
    "admitted",
    "discharged",
    "since",
    "signed",
    "started",
    "registered",
    "ordered",
];

/// The beginnings of the names of months.
const MONTHS: [(&str, u8); 31] = [
    ("jan", 1),
    ("ene", 1),
    ("jän", 1),
    ("feb", 2),
    ("fév", 2),
    ("fev", 2),
    ("mar", 3),
    ("mär", 3),
    ("maer", 3),
    ("apr", 4),
    ("avr", 4),
    ("abr", 4),
    ("may", 5),
    ("mai", 5),
    ("jun", 6),
    ("juin", 6),
    ("jul", 7),
    ("juil", 7),
    ("aug", 8),
    ("aoû", 8),
    ("aou", 8),
    ("ago", 8),
    ("sep", 9),
    ("set", 9),
    ("oct", 10),
    ("okt", 10),
    ("out", 10),
    ("nov", 11),
    ("dec", 12),
    ("dez", 12),
    ("dic", 12),
];

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    if !candidate.in_context || is_of_something_else(candidate.before) {
        return None;
    }
    let (date, time) = match candidate.text.split_once(['T', 't']) {
        Some((date, time)) if date.len() >= 8 && time.contains(':') => (date, time),
        _ => match candidate.text.split_once(' ') {
            Some((date, time)) if time.contains(':') => (date, time),
            _ => (candidate.text, ""),
        },
    };
    let clock = time.split(['+', '-', 'Z', 'z']).next().unwrap_or_default();
    if clock.contains(|c: char| matches!(c, '1'..='9')) {
        return None;
    }
    let numbers: Vec<&str> = date
        .split(|c: char| !c.is_ascii_digit())
        .filter(|it| !it.is_empty())
        .collect();
    match *numbers.as_slice() {
        [year, month, day] if year.len() == 4 => is_birth(year, month, day).then_some(85),
        [one, other, year] if year.len() == 4 => {
            (is_birth(year, one, other) || is_birth(year, other, one)).then_some(85)
        }
        [one, other, year] => {
            // Which century does not matter to the calendar, but for one day.
            let year = year.parse::<u16>().ok()? + 2000;
            (is_day(year, one, other) || is_day(year, other, one)).then_some(70)
        }
        [day, year] => {
            let year = year.parse().ok().filter(|year| YEARS.contains(year))?;
            is_date(year, month(date)?, day.parse().ok()?).then_some(85)
        }
        [whole] => {
            let (year, rest) = whole.split_at_checked(4)?;
            let (month, day) = rest.split_at_checked(2)?;
            is_birth(year, month, day).then_some(70)
        }
        _ => None,
    }
}

/// Whether a word about another date stands between the word of birth and this one.
fn is_of_something_else(before: &str) -> bool {
    let words = before
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    let is_other = |word: &str| OTHER_WORDS.iter().any(|it| it.eq_ignore_ascii_case(word));
    let mut nearest = words.rev().take(3).take_while(|word| {
        !DETECTOR
            .context
            .iter()
            .any(|it| it.eq_ignore_ascii_case(word))
    });
    nearest.any(is_other)
}

fn month(date: &str) -> Option<u8> {
    let date = date.to_lowercase();
    let mut words = date
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| word.len() >= 3);
    words.find_map(|word| {
        let mut months = MONTHS.iter().filter(|(name, _)| word.starts_with(name));
        months.next().map(|(_, month)| *month)
    })
}

fn is_birth(year: &str, month: &str, day: &str) -> bool {
    year.parse()
        .is_ok_and(|year| YEARS.contains(&year) && is_day(year, month, day))
}

fn is_day(year: u16, month: &str, day: &str) -> bool {
    match (month.parse(), day.parse()) {
        (Ok(month), Ok(day)) => is_date(year, month, day),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_needs_context, believed};
    use super::*;

    #[test]
    fn dates_need_a_word() {
        for date in [
            "1984-02-29",
            "29.02.1984",
            "02/29/1984",
            "29/2/84",
            "19840229",
            "29 February 1984",
            "Feb 29, 1984",
            "February 29th, 1984",
            "29. Februar 1984",
            "29 de febrero de 1984",
            "29-Feb-1984",
            "1984-02-29T00:00:00Z",
            "1984-02-29 00:00:00.000",
            "29 août 1984",
        ] {
            assert_needs_context(&DETECTOR, date);
        }
    }

    #[test]
    fn other_dates_are_not() {
        for text in [
            "dob 1985-02-29",
            "dob 1850-01-01",
            "dob 2090-01-01",
            "born 31/13/1984",
            "dob 29 Fooruary 1984",
            "birth 1984-02-28T13:37:00Z",
        ] {
            assert_absent(&DETECTOR, text);
        }
        let text = "born 1984-02-28, hired 2010-05-01";
        assert_eq!(believed(&DETECTOR, text), ["1984-02-28"]);
    }
}
