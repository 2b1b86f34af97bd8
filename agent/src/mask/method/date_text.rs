//! `date` on text: dates in the writings that Snowflake reads and some that people use.
//!
//! `2024-03-05`, `2024/3/5`, `20240305`, `05.03.2024`, `03/05/2024`, each but the compact one with a
//! time of day and an offset after it. Everything else is no date. The writing stays.

use super::DateRule;
use super::calendar::Civil;
use super::date;
use super::hash::Hasher;

/// Returns whether the value is a date; nothing is written if not.
pub(super) fn write(rule: DateRule, shifter: &Hasher, value: &str, output: &mut String) -> bool {
    let Some(masked) = masked(rule, shifter, value) else {
        return false;
    };
    output.push_str(&masked);
    true
}

fn masked(rule: DateRule, shifter: &Hasher, value: &str) -> Option<String> {
    if value.len() > TEXT_BYTES_MAX || !value.is_ascii() {
        return None;
    }
    let end = value.find([' ', 'T', 't']).unwrap_or(value.len());
    let (written, time) = value.split_at_checked(end)?;
    if !time.is_empty() && !is_time(time.get(1..)?) {
        return None;
    }
    let written = Written::parse(written, time.is_empty())?;
    let rule = match rule {
        // Whichever of the two numbers is the month, what is kept of the date must not be the day.
        DateRule::Month if written.is_ambiguous => DateRule::Year,
        DateRule::Year | DateRule::Month | DateRule::Shift { .. } => rule,
    };
    let days = date::day(rule, shifter, written.date.to_days()?)?;
    let date = Civil::from_days(days)?;
    if !(0..=9999).contains(&date.year) {
        return None;
    }
    let mut masked = written.with(date);
    match rule {
        DateRule::Shift { .. } => masked.push_str(time),
        DateRule::Year | DateRule::Month => {
            masked.extend(
                time.chars()
                    .map(|c| if c.is_ascii_digit() { '0' } else { c }),
            );
        }
    }
    Some(masked)
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Year,
    Month,
    Day,
}

#[derive(Debug)]
struct Written<'a> {
    /// The parts in their order, each with the number of digits it is written with.
    parts: [(Part, usize); 3],
    separator: &'a str,
    date: Civil,
    /// Month and day could be the other way round.
    is_ambiguous: bool,
}

impl<'a> Written<'a> {
    fn parse(text: &'a str, is_compact: bool) -> Option<Self> {
        if is_compact && text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let (year, rest) = text.split_at_checked(4)?;
            let (month, day) = rest.split_at_checked(2)?;
            return Self::ordered(
                &[Part::Year, Part::Month, Part::Day],
                [year, month, day],
                "",
            );
        }
        let at = text.find(['-', '/', '.'])?;
        let separator = text.get(at..=at)?;
        let mut fields = text.split(separator);
        let fields = [fields.next()?, fields.next()?, fields.next()?];
        let length = fields.iter().map(|field| field.len()).sum::<usize>() + 2;
        if length != text.len() {
            return None;
        }
        let [first, second, third] = fields;
        if first.len() == 4 {
            return Self::ordered(&[Part::Year, Part::Month, Part::Day], fields, separator);
        }
        if third.len() != 4 {
            return None;
        }
        // Dots are European, the day comes first; elsewhere the month does, unless it is none.
        let day_first = separator == "." || number(first)? > 12;
        let order = match day_first {
            true => [Part::Day, Part::Month, Part::Year],
            false => [Part::Month, Part::Day, Part::Year],
        };
        let mut written = Self::ordered(&order, fields, separator)?;
        written.is_ambiguous = !day_first && number(second)? <= 12;
        Some(written)
    }

    fn ordered(order: &[Part; 3], fields: [&str; 3], separator: &'a str) -> Option<Self> {
        let mut date = Civil {
            year: 0,
            month: 0,
            day: 0,
        };
        for (part, field) in order.iter().zip(fields) {
            let number = number(field)?;
            let fits = match part {
                Part::Year => field.len() == 4,
                Part::Month | Part::Day => field.len() <= 2,
            };
            match part {
                Part::Year => date.year = number,
                Part::Month => date.month = number,
                Part::Day => date.day = number,
            }
            if !fits {
                return None;
            }
        }
        let [first, second, third] = *order;
        let [one, two, three] = fields.map(str::len);
        Some(Self {
            parts: [(first, one), (second, two), (third, three)],
            separator,
            date: date.checked()?,
            is_ambiguous: false,
        })
    }

    /// Another date in the same writing.
    fn with(&self, date: Civil) -> String {
        let parts = self.parts.map(|(part, width)| {
            let number = match part {
                Part::Year => date.year,
                Part::Month => date.month,
                Part::Day => date.day,
            };
            format!("{number:0width$}")
        });
        parts.join(self.separator)
    }
}

fn number(digits: &str) -> Option<i64> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok())?
}

/// `14:33`, `14:33:21.5`, then ` +0200`, `+02:00` or `Z`.
fn is_time(text: &str) -> bool {
    let end = text.find(['+', '-', 'Z', 'z', ' ']).unwrap_or(text.len());
    let Some((clock, zone)) = text.split_at_checked(end) else {
        return false;
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let two = |field: &str| field.len() == 2 && number(field).is_some();
    let fields = clock.split(':').count();
    let is_clock = (2..=3).contains(&fields) && clock.split(':').all(two);
    let has_fraction = fraction != "0";
    let is_fraction = (1..=9).contains(&fraction.len()) && number(fraction).is_some();
    is_clock && is_fraction && (fields == 3 || !has_fraction) && is_zone(zone)
}

fn is_zone(text: &str) -> bool {
    let text = text.strip_prefix(' ').unwrap_or(text);
    let Some(offset) = text.strip_prefix(['+', '-']) else {
        return matches!(text, "" | "Z" | "z");
    };
    let digits = offset.replacen(':', "", 1);
    matches!(offset.len(), 2 | 4 | 5)
        && matches!(digits.len(), 2 | 4)
        && offset.find(':').is_none_or(|at| at == 2)
        && number(&digits).is_some()
}

/// A date, a time to the nanosecond and an offset, with room.
const TEXT_BYTES_MAX: usize = 48;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masked_by(rule: DateRule, value: &str) -> Option<String> {
        let mut output = String::new();
        write(rule, &Hasher::new(&[1; 32]), value, &mut output).then_some(output)
    }

    #[test]
    fn dates_keep_their_writing() {
        let cases = [
            ("2024-03-05", "2024-01-01", "2024-03-01"),
            ("2024/3/5", "2024/1/1", "2024/3/1"),
            ("2024.12.31", "2024.01.01", "2024.12.01"),
            ("20241231", "20240101", "20241201"),
            ("31.12.2024", "01.01.2024", "01.12.2024"),
            ("5.3.2024", "1.1.2024", "1.3.2024"),
            ("12/31/2024", "01/01/2024", "12/01/2024"),
            ("31/12/2024", "01/01/2024", "01/12/2024"),
            // Either may be the month.
            ("03/05/2024", "01/01/2024", "01/01/2024"),
            ("03-05-2024", "01-01-2024", "01-01-2024"),
            (
                "2024-03-05 14:33:21.123 +0200",
                "2024-01-01 00:00:00.000 +0000",
                "2024-03-01 00:00:00.000 +0000",
            ),
            (
                "2024-03-05T14:33:21-08:00",
                "2024-01-01T00:00:00-00:00",
                "2024-03-01T00:00:00-00:00",
            ),
            (
                "2024-03-05t14:33z",
                "2024-01-01t00:00z",
                "2024-03-01t00:00z",
            ),
        ];
        for (value, year, month) in cases {
            assert_eq!(masked_by(DateRule::Year, value).as_deref(), Some(year));
            assert_eq!(masked_by(DateRule::Month, value).as_deref(), Some(month));
        }
    }

    #[test]
    fn what_is_no_date_is_not_written() {
        for value in [
            "",
            "2024",
            "2024-03",
            "2024-13-01",
            "2023-02-29",
            "32.01.2024",
            "13/13/2024",
            "2024-3-5-1",
            "2024-03/05",
            "24-03-05",
            "2024-003-05",
            "２０２４-03-05",
            "2024-03-05 ",
            "2024-03-05 secret",
            "2024-03-05 14:33:21 by Jane",
            "2024-03-05 14:33.5",
            "2024-03-05 14",
            "2024-03-05 14:33:21.1234567890",
            "2024-03-05 14:33:21 +02:0",
            "2024-03-05 14:33:21 +020",
            "2024-03-05 14:33:21+0:200",
            "20240305 14:33",
            "+2024-03-05",
            "2024-03-05T14:33:21.123456789+02:00T14:33:21.123456789",
        ] {
            assert_eq!(masked_by(DateRule::Year, value), None, "{value}");
        }
        assert_eq!(masked_by(DateRule::Shift { days: 0 }, "2024-03-05"), None);
    }

    proptest! {
        #[test]
        fn a_shifted_text_is_the_shifted_day(days in -700_000_i64..2_900_000) {
            let rule = DateRule::Shift { days: 30 };
            let written = |days| {
                let Civil { year, month, day } = Civil::from_days(days).unwrap();
                format!("{year:04}-{month:02}-{day:02} 14:33")
            };
            let moved = date::day(rule, &Hasher::new(&[1; 32]), days).unwrap();
            prop_assert_eq!(masked_by(rule, &written(days)), Some(written(moved)));
        }

        #[test]
        fn the_day_does_not_show(days in -700_000_i64..2_900_000, shape in 0..3) {
            let written = |Civil { year, month, day }: Civil| match shape {
                0 => format!("{year:04}-{month:02}-{day:02}"),
                1 => format!("{day:02}.{month:02}.{year:04}"),
                _ => format!("{month:02}/{day:02}/{year:04}"),
            };
            let date = Civil::from_days(days).unwrap();
            let masked = masked_by(DateRule::Month, &written(date));
            let month = Civil { day: 1, ..date };
            let year = Civil { month: 1, ..month };
            let is_ambiguous = shape == 2 && date.day <= 12;
            prop_assert_eq!(masked, Some(written(if is_ambiguous { year } else { month })));
        }
    }
}
