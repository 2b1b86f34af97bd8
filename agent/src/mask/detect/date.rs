//! Days of the calendar inside identifiers.

use jiff::civil::Date;

/// Whether there is such a day.
pub(super) fn is_date(year: u16, month: u8, day: u8) -> bool {
    let (Ok(year), Ok(month), Ok(day)) =
        (i16::try_from(year), i8::try_from(month), i8::try_from(day))
    else {
        return false;
    };
    Date::new(year, month, day).is_ok()
}

/// Whether there is such a day in a century that is not known; 29 February 1900 passes.
pub(super) fn is_short_date(year: u8, month: u8, day: u8) -> bool {
    is_date(2000 + u16::from(year), month, day)
}

/// The number that two digits write.
pub(super) const fn pair(tens: u8, ones: u8) -> u8 {
    tens * 10 + ones
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leap_days_are_known() {
        assert!(is_date(2000, 2, 29) && !is_date(1900, 2, 29) && !is_date(2000, 13, 1));
        assert!(is_short_date(pair(0, 4), 2, 29) && !is_short_date(99, 2, 29));
    }
}
