//! `number`: rounded, or to the lower end of its bucket.
//!
//! Says how large a value is and no more. What is left of a value that few share is still theirs:
//! the one salary above a million is the chief's. Rules are exact in decimal; what does not fit into
//! 38 digits, the most that Snowflake has, is NULL.

use super::NumberRule;

/// Masks `unscaled / 10^scale` in the same scale.
pub(super) fn unscaled(rule: NumberRule, unscaled: i128, scale: u8) -> Option<i128> {
    let masked = match rule {
        NumberRule::Round { digits } => {
            let unit = power(u32::from(digits) + u32::from(scale))?;
            let rest = unscaled.checked_rem(unit)?;
            let down = unscaled.checked_sub(rest)?;
            // Half goes away from zero, as Snowflake's ROUND does.
            let is_half = rest.unsigned_abs() >= unit.unsigned_abs() - rest.unsigned_abs();
            match is_half {
                true => down.checked_add(unit.checked_mul(rest.signum())?)?,
                false => down,
            }
        }
        NumberRule::Bucket { size } => {
            let unit = i128::from(size).checked_mul(power(u32::from(scale))?)?;
            // Of negative numbers too the lower end is the one further down.
            unscaled.checked_sub(unscaled.checked_rem_euclid(unit)?)?
        }
    };
    (masked.unsigned_abs() < LIMIT).then_some(masked)
}

pub(super) fn real(rule: NumberRule, value: f64) -> Option<f64> {
    let masked = match rule {
        NumberRule::Round { digits } => {
            let unit = 10_f64.powi(i32::from(digits));
            (value / unit).round() * unit
        }
        NumberRule::Bucket { size: 0 } => return None,
        NumberRule::Bucket { size } => (value / f64::from(size)).floor() * f64::from(size),
    };
    // Minus zero would tell the sign.
    masked.is_finite().then_some(masked + 0.0)
}

/// Masks a number that is written in decimal, without an exponent. Returns whether it is one;
/// nothing is written if not.
pub(super) fn write(rule: NumberRule, value: &str, output: &mut String) -> bool {
    let masked = parse(value).and_then(|(number, scale)| {
        let masked = unscaled(rule, number, scale)?;
        Some((masked, usize::from(scale)))
    });
    let Some((masked, scale)) = masked else {
        return false;
    };
    let digits = format!("{:0width$}", masked.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits
        .split_at_checked(digits.len() - scale)
        .unwrap_or((&digits, ""));
    if masked < 0 {
        output.push('-');
    }
    output.push_str(whole);
    if scale > 0 {
        output.push('.');
        output.push_str(fraction);
    }
    true
}

/// A sign, digits and a fraction: the number without its point, and the digits after it.
fn parse(value: &str) -> Option<(i128, u8)> {
    if value.len() > TEXT_BYTES_MAX {
        return None;
    }
    let unsigned = value.strip_prefix(['+', '-']).unwrap_or(value);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (unsigned, ""),
    };
    let digits = [whole, fraction].concat();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i128 = digits.parse().ok()?;
    let number = if value.starts_with('-') {
        -number
    } else {
        number
    };
    Some((number, u8::try_from(fraction.len()).ok()?))
}

const fn power(digits: u32) -> Option<i128> {
    10_i128.checked_pow(digits)
}

/// Snowflake's numbers have at most 38 digits.
const LIMIT: u128 = 10_u128.pow(38);

/// A sign, a point and 38 digits on each side of it.
const TEXT_BYTES_MAX: usize = 78;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const THOUSANDS: NumberRule = NumberRule::Round { digits: 3 };
    const DECADES: NumberRule = NumberRule::Bucket { size: 10 };

    #[test]
    fn numbers_are_rounded_or_go_to_the_lower_end() {
        let cases = [
            (THOUSANDS, "0", Some("0")),
            (THOUSANDS, "499", Some("0")),
            (THOUSANDS, "500", Some("1000")),
            (THOUSANDS, "-499.99", Some("0.00")),
            (THOUSANDS, "-500", Some("-1000")),
            (THOUSANDS, "+1234567.891", Some("1235000.000")),
            (DECADES, "39", Some("30")),
            (DECADES, "30", Some("30")),
            (DECADES, "-1", Some("-10")),
            (DECADES, "-10", Some("-10")),
            (DECADES, ".5", Some("0.0")),
            (DECADES, "007", Some("0")),
            (NumberRule::Bucket { size: 0 }, "5", None),
            (NumberRule::Round { digits: 255 }, "5", None),
            // Up to 39 digits.
            (THOUSANDS, "99999999999999999999999999999999999999", None),
            (DECADES, "-99999999999999999999999999999999999999", None),
            (THOUSANDS, "1234.", None),
            (THOUSANDS, "1,234", None),
            (THOUSANDS, "1e3", None),
            (THOUSANDS, "--1", None),
            (THOUSANDS, "1.-5", None),
            (THOUSANDS, "٣", None),
            (THOUSANDS, " 1", None),
            (THOUSANDS, "-", None),
            (THOUSANDS, "", None),
        ];
        for (rule, value, expected) in cases {
            let mut output = String::new();
            let written = write(rule, value, &mut output);
            assert_eq!(written.then_some(output.as_str()), expected, "{value}");
        }
    }

    #[test]
    fn reals_that_are_no_numbers_are_null() {
        assert_eq!(real(THOUSANDS, 1_499.9), Some(1_000.0));
        assert_eq!(real(DECADES, -0.1), Some(-10.0));
        let zero = real(THOUSANDS, -1.0).unwrap();
        assert!(zero == 0.0 && zero.is_sign_positive());
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(real(THOUSANDS, value), None);
        }
        assert_eq!(real(NumberRule::Round { digits: 255 }, 1.0), Some(0.0));
        assert_eq!(real(NumberRule::Bucket { size: 0 }, 1.0), None);
    }

    proptest! {
        #[test]
        fn a_rounded_number_is_the_nearest_multiple(
            number in any::<i128>(), scale in 0_u8..38, digits in 0_u8..10,
        ) {
            if let Some(masked) = unscaled(NumberRule::Round { digits }, number, scale) {
                let unit = 10_i128.pow(u32::from(scale) + u32::from(digits));
                prop_assert_eq!(masked % unit, 0);
                prop_assert!(masked.abs_diff(number) <= unit.unsigned_abs() / 2);
            }
        }

        #[test]
        fn a_bucket_holds_its_number(
            number in any::<i128>(), scale in 0_u8..38, size in any::<u32>(),
        ) {
            if let Some(masked) = unscaled(NumberRule::Bucket { size }, number, scale) {
                let unit = i128::from(size) * 10_i128.pow(u32::from(scale));
                prop_assert_eq!(masked % unit, 0);
                prop_assert!(masked <= number && number.abs_diff(masked) < unit.unsigned_abs());
            }
        }
    }
}
