//! Times on the command line.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Reads `2026-11-22T10:00:00Z`, `2026-11-22` (midnight, UTC), or `2h 30m` (before now).
pub(super) fn when(text: &str) -> Result<Timestamp, String> {
    let exact = text.parse::<Timestamp>().ok();
    let day = || {
        let date = text.parse::<Date>().ok()?;
        Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
    };
    let ago = || {
        let ago = text.parse::<SignedDuration>().ok()?;
        crate::clock::now().checked_sub(ago).ok()
    };
    exact.or_else(day).or_else(ago).ok_or_else(|| {
        "a time is written `2026-11-22T10:00:00Z`, `2026-11-22`, or as how long ago: `2h 30m`"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::when;

    #[test]
    fn a_time_is_exact_or_a_day_or_ago() {
        let day = when("2026-11-22").unwrap();
        assert_eq!(day, when("2026-11-22T00:00:00Z").unwrap());
        assert_eq!(day, when("2026-11-22T01:00:00+01:00").unwrap());
        let ago = when("2h").unwrap();
        assert!(ago < crate::clock::now() && ago > when("3h").unwrap());
        when("yesterday").unwrap_err();
    }
}
