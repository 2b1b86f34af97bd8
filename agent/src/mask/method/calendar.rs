//! Days since 1970-01-01 ↔ the proleptic Gregorian calendar, which is Snowflake's.
//!
//! In whole 400-year cycles of 146,097 days, with years that begin in March: the leap day is then
//! the last of its year. Exact over every day that fits into a column; a date library is not.

/// Days of 400 years.
const CYCLE: i64 = 146_097;
/// From 0000-03-01 to 1970-01-01.
const EPOCH: i64 = 719_468;

/// Year, month and day of the month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Civil {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
}

impl Civil {
    pub(super) fn from_days(days: i64) -> Option<Self> {
        let days = days.checked_add(EPOCH)?;
        let (cycle, day) = (days.div_euclid(CYCLE), days.rem_euclid(CYCLE));
        // Every fourth year is longer, but for those of three centuries in four.
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        // From March on, months of 31 and 30 days alternate so that five have 153.
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (month, carry) = if month < 10 {
            (month + 3, 0)
        } else {
            (month - 9, 1)
        };
        let year = cycle.checked_mul(400)?.checked_add(year + carry)?;
        Some(Self { year, month, day })
    }

    pub(super) fn to_days(self) -> Option<i64> {
        let before_march = self.month < 3;
        let year = self.year.checked_sub(i64::from(before_march))?;
        let (cycle, year) = (year.div_euclid(400), year.rem_euclid(400));
        let month = if before_march {
            self.month + 9
        } else {
            self.month - 3
        };
        let day = 365 * year + year / 4 - year / 100 + (153 * month + 2) / 5 + self.day - 1;
        cycle
            .checked_mul(CYCLE)?
            .checked_add(day)?
            .checked_sub(EPOCH)
    }

    /// The date, if the calendar has it.
    pub(super) fn checked(self) -> Option<Self> {
        let in_range = (1..=12).contains(&self.month) && (1..=31).contains(&self.day);
        let is_there = in_range && Self::from_days(self.to_days()?)? == self;
        is_there.then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_calendar_of_the_library(days in -4_371_222_i64..=2_932_896) {
            let civil = Civil::from_days(days).unwrap();
            let span = jiff::Span::new().days(days);
            let expected = jiff::civil::date(1970, 1, 1).checked_add(span).unwrap();
            prop_assert_eq!(civil.year, i64::from(expected.year()));
            prop_assert_eq!(civil.month, i64::from(expected.month()));
            prop_assert_eq!(civil.day, i64::from(expected.day()));
            prop_assert_eq!(civil.to_days(), Some(days));
        }

        #[test]
        fn it_goes_both_ways_or_says_no(days in any::<i64>()) {
            if let Some(civil) = Civil::from_days(days) {
                prop_assert_eq!(civil.to_days(), Some(days));
            }
        }
    }

    #[test]
    fn days_that_are_not_there_are_not_made_up() {
        let checked = |year, month, day| Civil { year, month, day }.checked().is_some();
        assert!(checked(2024, 2, 29) && checked(2000, 2, 29) && checked(0, 1, 1));
        for (year, month, day) in [
            (2023, 2, 29),
            (1900, 2, 29),
            (2024, 4, 31),
            (2024, 13, 1),
            (2024, 0, 1),
            (2024, 1, 0),
            (2024, 1, 32),
        ] {
            assert!(!checked(year, month, day), "{year}-{month}-{day}");
        }
    }
}
