//! Values that are no text, written as people read them.
//!
//! A column that is retyped (`Rule::retype`) is masked as text, and this is the text. Rows in JSON and
//! in Arrow come here with the same values, so that a keyed hash of one is that of the other.
//!
//! | type | text |
//! |---|---|
//! | number | decimal digits, as many after the point as its scale says: `-12.50` |
//! | floating point | the shortest digits that read back as the same: `1.5`, `1e300`, `NaN`, `inf` |
//! | decimal floating point | the same, of all its digits: `1.25`, `-7e-40` |
//! | boolean | `true`, `false` |
//! | date | `2024-02-29` |
//! | time | `23:59:59.120`, as many digits as its scale says |
//! | timestamp | `2024-02-29 23:59:59.120`, with a zone `+05:30` after a space |
//! | binary | hex in capitals |
//! | interval | `-1-06` (years and months), `1 02:03:04.500000000` (days and time) |
//!
//! What is outside years -9999 to 9999 is no date: it is written as its number of days.

use jiff::Span;
use jiff::civil::Date;

use crate::snowflake::rowtype::Type;

/// True if a column of this type can become text at all. What is text already, JSON text of any kind
/// and structured values stay what they are: text methods fit their leaves. What is not known is not
/// written as anything.
#[must_use]
pub const fn can_be_text(kind: Type) -> bool {
    match kind {
        Type::Fixed
        | Type::Real
        | Type::Decfloat
        | Type::Binary
        | Type::Boolean
        | Type::Date
        | Type::Time
        | Type::TimestampNtz
        | Type::TimestampLtz
        | Type::TimestampTz
        | Type::IntervalYearMonth
        | Type::IntervalDayTime => true,
        Type::Text
        | Type::Variant
        | Type::Object
        | Type::Array
        | Type::Map
        | Type::Vector
        | Type::Other => false,
    }
}

/// A number of `unscaled / 10^scale`.
pub fn number(unscaled: i128, scale: u8, output: &mut String) {
    if unscaled < 0 {
        output.push('-');
    }
    let digits = unscaled.unsigned_abs().to_string();
    let scale = usize::from(scale);
    if scale == 0 {
        output.push_str(&digits);
        return;
    }
    // At least one digit stands before the point.
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    output.push_str(whole);
    output.push('.');
    output.push_str(fraction);
}

pub fn real(value: f64, output: &mut String) {
    if value.is_nan() {
        output.push_str("NaN");
    } else if value == 0.0 || (1e-6..1e15).contains(&value.abs()) || value.is_infinite() {
        output.push_str(&value.to_string());
    } else {
        output.push_str(&format!("{value:e}"));
    }
}

/// A number of `significand * 10^exponent`.
pub fn decfloat(significand: i128, exponent: i16, output: &mut String) {
    /// More zeros than this are not written.
    const ZEROS_MAX: u16 = 38;
    let mut significand = significand;
    let mut exponent = i32::from(exponent);
    if significand == 0 {
        output.push('0');
        return;
    }
    while significand % 10 == 0 {
        significand /= 10;
        exponent += 1;
    }
    match u8::try_from(-exponent) {
        Ok(scale) if u16::from(scale) <= ZEROS_MAX => number(significand, scale, output),
        Ok(_) | Err(_) if (1..=i32::from(ZEROS_MAX)).contains(&exponent) => {
            number(significand, 0, output);
            output.extend(std::iter::repeat_n(
                '0',
                usize::try_from(exponent).unwrap_or(0),
            ));
        }
        Ok(_) | Err(_) => {
            number(significand, 0, output);
            output.push_str(&format!("e{exponent}"));
        }
    }
}

pub fn boolean(value: bool, output: &mut String) {
    output.push_str(if value { "true" } else { "false" });
}

/// Days since 1970-01-01.
pub fn date(days: i64, output: &mut String) {
    match civil(days) {
        Some(date) => output.push_str(&date.to_string()),
        None => output.push_str(&days.to_string()),
    }
}

/// A time of day: seconds since midnight, with nanoseconds of which `scale` digits are written.
pub fn time(seconds: u32, nanoseconds: u32, scale: u8, output: &mut String) {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    output.push_str(&format!("{hours:02}:{minutes:02}:{seconds:02}"));
    let digits = format!("{nanoseconds:09}");
    if let Some(digits) = digits
        .get(..usize::from(scale.min(9)))
        .filter(|it| !it.is_empty())
    {
        output.push('.');
        output.push_str(digits);
    }
}

/// Seconds since 1970-01-01 in the value's own zone, with nanoseconds of which `scale` digits are
/// written; `offset` is the zone in minutes, if the type has one.
pub fn timestamp(
    seconds: i64,
    nanoseconds: u32,
    scale: u8,
    offset: Option<i32>,
    output: &mut String,
) {
    date(seconds.div_euclid(DAY), output);
    output.push(' ');
    let of_day = u32::try_from(seconds.rem_euclid(DAY)).unwrap_or(0);
    time(of_day, nanoseconds, scale, output);
    if let Some(offset) = offset {
        let sign = if offset < 0 { '-' } else { '+' };
        let offset = offset.unsigned_abs();
        output.push_str(&format!(" {sign}{:02}:{:02}", offset / 60, offset % 60));
    }
}

pub fn binary(value: &[u8], output: &mut String) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    let digits = |byte: &u8| [byte >> 4, byte & 15];
    let digits = value.iter().flat_map(digits);
    output.extend(digits.filter_map(|digit| DIGITS.get(usize::from(digit))));
}

/// An interval of years and months.
pub fn year_month(months: i128, output: &mut String) {
    if months < 0 {
        output.push('-');
    }
    let months = months.unsigned_abs();
    output.push_str(&format!("{}-{:02}", months / 12, months % 12));
}

/// An interval of days and time, in nanoseconds.
pub fn day_time(nanoseconds: i128, output: &mut String) {
    const SECOND: u128 = 1_000_000_000;
    const DAY: u128 = 86_400;
    if nanoseconds < 0 {
        output.push('-');
    }
    let nanoseconds = nanoseconds.unsigned_abs();
    let seconds = nanoseconds / SECOND;
    output.push_str(&format!("{} ", seconds / DAY));
    // Both are below what they are taken modulo.
    let of_day = u32::try_from(seconds % DAY).unwrap_or(0);
    time(
        of_day,
        u32::try_from(nanoseconds % SECOND).unwrap_or(0),
        9,
        output,
    );
}

const DAY: i64 = 86_400;

fn civil(days: i64) -> Option<Date> {
    let days = Span::new().try_days(days).ok()?;
    let epoch = Date::constant(1970, 1, 1);
    epoch.checked_add(days).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(write: impl FnOnce(&mut String), expected: &str) {
        let mut output = String::new();
        write(&mut output);
        assert_eq!(output, expected);
    }

    #[test]
    fn numbers_have_as_many_digits_as_their_scale() {
        check(|to| number(-1250, 2, to), "-12.50");
        check(|to| number(5, 3, to), "0.005");
        check(|to| number(0, 2, to), "0.00");
        check(|to| number(-7, 0, to), "-7");
        check(
            |to| number(i128::MIN, 38, to),
            "-1.70141183460469231731687303715884105728",
        );
    }

    #[test]
    fn reals_are_short() {
        check(|to| real(1.5, to), "1.5");
        check(|to| real(100.0, to), "100");
        check(|to| real(1e300, to), "1e300");
        check(|to| real(-2.5e-9, to), "-2.5e-9");
        check(|to| real(f64::NAN, to), "NaN");
        check(|to| real(f64::NEG_INFINITY, to), "-inf");
        check(|to| decfloat(1250, -3, to), "1.25");
        check(|to| decfloat(12, 2, to), "1200");
        check(|to| decfloat(-7, -40, to), "-7e-40");
        check(|to| decfloat(5, i16::MAX, to), "5e32767");
        check(|to| decfloat(0, -300, to), "0");
    }

    #[test]
    fn days_are_dates() {
        check(|to| date(0, to), "1970-01-01");
        check(|to| date(19_782, to), "2024-02-29");
        check(|to| date(-1, to), "1969-12-31");
        check(|to| date(-719_529, to), "-000001-12-31");
        check(|to| date(i64::MAX, to), "9223372036854775807");
    }

    #[test]
    fn timestamps_have_their_zone() {
        check(
            |to| timestamp(1_709_251_199, 120_000_000, 3, None, to),
            "2024-02-29 23:59:59.120",
        );
        check(
            |to| timestamp(-1, 0, 0, Some(330), to),
            "1969-12-31 23:59:59 +05:30",
        );
        check(
            |to| timestamp(0, 5, 9, Some(-480), to),
            "1970-01-01 00:00:00.000000005 -08:00",
        );
    }

    #[test]
    fn the_rest() {
        check(|to| boolean(true, to), "true");
        check(|to| time(3_723, 500_000_000, 1, to), "01:02:03.5");
        check(|to| binary(&[0, 0xAB, 0xFF], to), "00ABFF");
        check(|to| year_month(-18, to), "-1-06");
        check(
            |to| day_time(93_784_500_000_000, to),
            "1 02:03:04.500000000",
        );
    }
}
