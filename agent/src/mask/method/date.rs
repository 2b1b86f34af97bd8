//! `date`: to the first day of the year or the month, or moved by a number of days that depends on
//! the day.
//!
//! A year is what the safe harbour of HIPAA (45 CFR 164.514(b)(2)(i)(C)) lets stand of a date, except
//! for ages above 89, which the method does not know. A shift keeps joins by day, and that a date is
//! near; it hides neither how often a day comes nor, from someone who knows one row, that day in all
//! other rows. Times of day move with their day and stay as they are.

use super::DateRule;
use super::calendar::Civil;
use super::hash::Hasher;

const DAY_SECONDS: i64 = 86_400;

/// Masks days since 1970-01-01.
pub(super) fn day(rule: DateRule, shifter: &Hasher, days: i64) -> Option<i64> {
    match rule {
        DateRule::Year => {
            let date = Civil::from_days(days)?;
            let first = Civil {
                month: 1,
                day: 1,
                ..date
            };
            first.to_days()
        }
        DateRule::Month => {
            let date = Civil::from_days(days)?;
            Civil { day: 1, ..date }.to_days()
        }
        DateRule::Shift { days: most } => days.checked_add(shift(shifter, days, most)?),
    }
}

pub(super) fn timestamp(
    rule: DateRule,
    shifter: &Hasher,
    seconds: i64,
    nanoseconds: u32,
) -> Option<(i64, u32)> {
    let (days, of_day) = (
        seconds.div_euclid(DAY_SECONDS),
        seconds.rem_euclid(DAY_SECONDS),
    );
    let masked = day(rule, shifter, days)?.checked_mul(DAY_SECONDS)?;
    match rule {
        DateRule::Year | DateRule::Month => Some((masked, 0)),
        DateRule::Shift { .. } => Some((masked.checked_add(of_day)?, nanoseconds)),
    }
}

/// Keyed by the day and not by the whole value: dates and timestamps of one day move together.
fn shift(shifter: &Hasher, days: i64, most: u16) -> Option<i64> {
    let most = i64::from(most);
    // The remainder of 64 bits by less than 2^17 is uneven by less than 2^-46.
    let places = u64::try_from(2 * most).ok()?;
    let place = i64::try_from(shifter.number(days).checked_rem(places)?).ok()?;
    // -most..=-1, 1..=most.
    let shift = place - most;
    Some(if shift < 0 { shift } else { shift + 1 })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn of(year: i64, month: i64, day: i64) -> i64 {
        Civil { year, month, day }.to_days().unwrap()
    }

    #[test]
    fn dates_go_to_the_first_of_year_or_month() {
        let hasher = Hasher::new(&[1; 32]);
        let masked = |rule, days| day(rule, &hasher, days).unwrap();
        for (year, month, day) in [(2024, 2, 29), (1969, 12, 31), (-1, 3, 1), (2024, 1, 1)] {
            let days = of(year, month, day);
            assert_eq!(masked(DateRule::Year, days), of(year, 1, 1));
            assert_eq!(masked(DateRule::Month, days), of(year, month, 1));
        }
        // A second before 1970, in December 1969.
        let masked = timestamp(DateRule::Month, &hasher, -1, 5);
        assert_eq!(masked, Some((of(1969, 12, 1) * DAY_SECONDS, 0)));
        assert_eq!(timestamp(DateRule::Year, &hasher, i64::MIN, 0), None);
        assert_eq!(day(DateRule::Year, &hasher, i64::MAX), None);
    }

    #[test]
    fn shifts_use_every_day_of_both_sides_but_none() {
        let hasher = Hasher::new(&[1; 32]);
        let shifts: BTreeSet<i64> = (0..1000)
            .map(|days| shift(&hasher, days, 3).unwrap())
            .collect();
        assert_eq!(shifts, BTreeSet::from([-3, -2, -1, 1, 2, 3]));
        assert_eq!(shift(&hasher, 0, 0), None);
        let other = Hasher::new(&[2; 32]);
        let differs = (0..1000).any(|days| shift(&hasher, days, 365) != shift(&other, days, 365));
        assert!(differs);
    }

    proptest! {
        #[test]
        fn a_shift_is_small_and_never_nothing(
            days in any::<i32>(), most in 1_u16.., of_day in 0..DAY_SECONDS, nanoseconds in 0_u32..,
        ) {
            let (hasher, rule) = (Hasher::new(&[1; 32]), DateRule::Shift { days: most });
            let days = i64::from(days);
            let masked = day(rule, &hasher, days).unwrap();
            prop_assert!((1..=u64::from(most)).contains(&masked.abs_diff(days)));
            let seconds = days * DAY_SECONDS + of_day;
            let moved = (masked * DAY_SECONDS + of_day, nanoseconds);
            prop_assert_eq!(timestamp(rule, &hasher, seconds, nanoseconds), Some(moved));
        }
    }
}
