//! Cells that are no text: read as their type says, masked, and written the same way.
//!
//! A cell is a string whatever the type: a number's digits, days since 1970-01-01, seconds since then
//! with a fraction, of a zone its minutes east of UTC-24:00 behind a space. What cannot be read as
//! its type becomes null, never itself.

use crate::mask::column::Cell;
use crate::mask::method::Masking;
use crate::mask::shown;
use crate::snowflake::rowtype::{Field, Type};

/// Masks a cell of a type that is no text, nor JSON text.
pub(super) fn mask(masking: &Masking, field: &Field, value: &str, output: &mut String) -> Cell {
    let masked = match field.kind {
        Type::Fixed => fixed(masking, field.scale, value, output),
        Type::Real => real(masking, value, output),
        Type::Date => date(masking, value, output),
        Type::TimestampNtz | Type::TimestampLtz => timestamp(masking, value, output),
        Type::TimestampTz => zoned(masking, value, output),
        // Methods fit no value of these, and values of a type that is not known cannot be read.
        Type::Decfloat
        | Type::Text
        | Type::Binary
        | Type::Boolean
        | Type::Time
        | Type::Variant
        | Type::Object
        | Type::Array
        | Type::Map
        | Type::Vector
        | Type::IntervalYearMonth
        | Type::IntervalDayTime
        | Type::Other => None,
    };
    match masked {
        Some(()) => Cell::Text,
        None => Cell::Null,
    }
}

/// Writes a cell as people read its value; one that cannot be read, as it came.
pub(super) fn show(field: &Field, value: &str, output: &mut String) {
    let before = output.len();
    if try_show(field, value, output).is_none() {
        output.truncate(before);
        output.push_str(value);
    }
}

fn try_show(field: &Field, value: &str, output: &mut String) -> Option<()> {
    match field.kind {
        Type::Fixed => shown::number(decimal(value, field.scale)?, field.scale, output),
        Type::Real => shown::real(value.parse().ok()?, output),
        Type::Decfloat => {
            let (significand, exponent) = scientific(value)?;
            shown::decfloat(significand, exponent, output);
        }
        Type::Boolean => shown::boolean(boolean(value)?, output),
        Type::Date => shown::date(value.parse().ok()?, output),
        Type::Time => {
            let (seconds, nanoseconds) = seconds(value)?;
            let of_day = u32::try_from(seconds).ok()?;
            shown::time(of_day, nanoseconds, field.scale, output);
        }
        Type::TimestampNtz | Type::TimestampLtz => {
            let (seconds, nanoseconds) = seconds(value)?;
            shown::timestamp(seconds, nanoseconds, field.scale, None, output);
        }
        Type::TimestampTz => {
            let (seconds, nanoseconds, zone) = in_zone(value)?;
            let offset = Some(zone);
            shown::timestamp(seconds, nanoseconds, field.scale, offset, output);
        }
        Type::Binary => output.push_str(&value.to_ascii_uppercase()),
        Type::Text
        | Type::Variant
        | Type::Object
        | Type::Array
        | Type::Map
        | Type::Vector
        | Type::IntervalYearMonth
        | Type::IntervalDayTime
        | Type::Other => return None,
    }
    Some(())
}

fn fixed(masking: &Masking, scale: u8, value: &str, output: &mut String) -> Option<()> {
    let number = masking.number(decimal(value, scale)?, scale)?;
    shown::number(number, scale, output);
    Some(())
}

fn real(masking: &Masking, value: &str, output: &mut String) -> Option<()> {
    shown::real(masking.real(value.parse().ok()?)?, output);
    Some(())
}

fn date(masking: &Masking, value: &str, output: &mut String) -> Option<()> {
    let days = masking.date(value.parse().ok()?)?;
    output.push_str(&days.to_string());
    Some(())
}

fn timestamp(masking: &Masking, value: &str, output: &mut String) -> Option<()> {
    let (seconds, nanoseconds) = seconds(value)?;
    let (seconds, nanoseconds) = masking.timestamp(seconds, nanoseconds)?;
    write_seconds(seconds, nanoseconds, fraction_digits(value), output)
}

/// The method sees the value's own clock, so that the year to which it is truncated is the one that
/// the client shows.
fn zoned(masking: &Masking, value: &str, output: &mut String) -> Option<()> {
    let (seconds, nanoseconds, zone) = in_zone(value)?;
    let (epoch, minutes) = value.split_once(' ')?;
    let (seconds, nanoseconds) = masking.timestamp(seconds, nanoseconds)?;
    let seconds = seconds.checked_sub(i64::from(zone) * 60)?;
    write_seconds(seconds, nanoseconds, fraction_digits(epoch), output)?;
    output.push(' ');
    output.push_str(minutes);
    Some(())
}

/// Digits with a sign and a point, as a number of `unscaled / 10^scale`.
fn decimal(text: &str, scale: u8) -> Option<i128> {
    let (is_negative, digits) = signed(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let missing = usize::from(scale).checked_sub(fraction.len())?;
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let zeros = std::iter::repeat_n(b'0', missing);
    let digits = whole.bytes().chain(fraction.bytes()).chain(zeros);
    let mut unscaled: i128 = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        // Downwards: the least number has no positive twin.
        let ten = unscaled.checked_mul(10)?;
        unscaled = ten.checked_sub(i128::from(digit - b'0'))?;
    }
    if is_negative {
        Some(unscaled)
    } else {
        unscaled.checked_neg()
    }
}

fn signed(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    }
}

/// Digits with a point and an exponent, as a number of `significand * 10^exponent`.
fn scientific(text: &str) -> Option<(i128, i16)> {
    let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let scale = u8::try_from(fraction_digits(digits)).ok()?;
    let exponent = exponent.parse::<i16>().ok()?.checked_sub(scale.into())?;
    Some((decimal(digits, scale)?, exponent))
}

fn boolean(value: &str) -> Option<bool> {
    match value {
        "1" | "true" | "TRUE" => Some(true),
        "0" | "false" | "FALSE" => Some(false),
        _ => None,
    }
}

/// Seconds with a fraction; of a time before 1970 the nanoseconds count upwards, too.
fn seconds(value: &str) -> Option<(i64, u32)> {
    let nanoseconds = decimal(value, 9)?;
    let seconds = nanoseconds.div_euclid(SECOND);
    let nanoseconds = nanoseconds.rem_euclid(SECOND);
    Some((
        i64::try_from(seconds).ok()?,
        u32::try_from(nanoseconds).ok()?,
    ))
}

/// A time in its zone's own clock, and the zone in minutes east of UTC.
fn in_zone(value: &str) -> Option<(i64, u32, i32)> {
    let (epoch, minutes) = value.split_once(' ')?;
    let zone = minutes.parse::<i32>().ok()?.checked_sub(1440)?;
    if zone.abs() > 1440 {
        return None;
    }
    let (seconds, nanoseconds) = seconds(epoch)?;
    let seconds = seconds.checked_add(i64::from(zone) * 60)?;
    Some((seconds, nanoseconds, zone))
}

/// How many digits a number has behind its point: a masked one is written with as many.
fn fraction_digits(value: &str) -> usize {
    let fraction = value.split_once('.').map_or("", |(_, fraction)| fraction);
    fraction.len()
}

fn write_seconds(seconds: i64, nanoseconds: u32, digits: usize, output: &mut String) -> Option<()> {
    let total = i128::from(seconds) * SECOND + i128::from(nanoseconds);
    let digits = u8::try_from(digits).ok()?;
    let unit = 10_i128.pow(u32::from(9_u8.checked_sub(digits)?));
    shown::number(total.div_euclid(unit), digits, output);
    Some(())
}

const SECOND: i128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_in_the_scale_of_their_column() {
        assert_eq!(decimal("-12.34", 2), Some(-1234));
        assert_eq!(decimal("12", 2), Some(1200));
        assert_eq!(decimal("12.3", 2), Some(1230));
        assert_eq!(decimal(".5", 1), Some(5));
        assert_eq!(decimal("-0.00", 2), Some(0));
        let least = i128::MIN.to_string();
        assert_eq!(decimal(&least, 0), Some(i128::MIN));
        for bad in [
            "", "-", ".", "+1", "1.234", "1e2", "--1", "1.-2", "0x1", "\u{661}", " 1",
        ] {
            assert_eq!(decimal(bad, 2), None, "{bad}");
        }
        assert_eq!(decimal(&least, 1), None);
        assert_eq!(decimal(least.trim_start_matches('-'), 0), None);
    }

    #[test]
    fn seconds_before_the_epoch_count_their_fraction_upwards() {
        assert_eq!(seconds("1.5"), Some((1, 500_000_000)));
        assert_eq!(seconds("-1.5"), Some((-2, 500_000_000)));
        assert_eq!(seconds("-0.000000001"), Some((-1, 999_999_999)));
        assert_eq!(seconds("1.0000000001"), None);
        assert_eq!(seconds("9223372036854775808"), None);
        for text in [
            "-1.500",
            "-0.000000001",
            "1709251199.120000000",
            "0",
            "-3",
            "0.0",
        ] {
            let (seconds, nanoseconds) = seconds(text).unwrap();
            let mut output = String::new();
            write_seconds(seconds, nanoseconds, fraction_digits(text), &mut output).unwrap();
            assert_eq!(output, text);
        }
    }

    #[test]
    fn a_zone_is_minutes_from_the_far_west() {
        assert_eq!(in_zone("0 1440"), Some((0, 0, 0)));
        assert_eq!(in_zone("100.5 1770"), Some((19_900, 500_000_000, 330)));
        assert_eq!(in_zone("0 960"), Some((-28_800, 0, -480)));
        for bad in [
            "0",
            "0 ",
            "0 2881",
            "0 -1",
            "x 1440",
            "0 1440 1",
            "9223372036854775807 1500",
        ] {
            assert_eq!(in_zone(bad), None, "{bad}");
        }
    }

    #[test]
    fn values_are_shown_as_people_read_them() {
        #[track_caller]
        fn check(kind: Type, scale: u8, value: &str, expected: &str) {
            let field = Field {
                name: String::new(),
                kind,
                scale,
                precision: 38,
                nullable: true,
                fields: Vec::new(),
            };
            let mut output = String::from(">");
            show(&field, value, &mut output);
            assert_eq!(output, format!(">{expected}"));
        }
        check(Type::Fixed, 2, "12.3", "12.30");
        check(Type::Fixed, 0, "1e2", "1e2");
        check(Type::Real, 0, "1.50", "1.5");
        check(Type::Real, 0, "-inf", "-inf");
        check(Type::Decfloat, 0, "1.250E+3", "1250");
        check(Type::Decfloat, 0, "-7e-40", "-7e-40");
        check(Type::Boolean, 0, "1", "true");
        check(Type::Boolean, 0, "false", "false");
        check(Type::Boolean, 0, "2", "2");
        check(Type::Date, 0, "19782", "2024-02-29");
        check(Type::Time, 3, "3723.500000000", "01:02:03.500");
        check(Type::Time, 3, "-1", "-1");
        let ntz = Type::TimestampNtz;
        check(ntz, 0, "1709251199.120000000", "2024-02-29 23:59:59");
        let tz = Type::TimestampTz;
        check(
            tz,
            3,
            "1709251199.120 1770",
            "2024-03-01 05:29:59.120 +05:30",
        );
        check(Type::Binary, 0, "00ab", "00AB");
        check(Type::IntervalYearMonth, 0, "1-06", "1-06");
    }
}
