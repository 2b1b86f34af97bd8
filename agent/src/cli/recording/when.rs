//! Times on the command line.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, SpanRelativeTo, Timestamp};

/// From when to when.
#[derive(Debug, clap::Args)]
pub(super) struct Times {
    /// Not before this time: `2026-11-22T10:00:00Z`, `2026-11-22`, or so long ago: `2h`, `3d`
    #[arg(long, value_name = "TIME", value_parser = when)]
    pub(super) since: Option<Timestamp>,
    /// Before this time
    #[arg(long, value_name = "TIME", value_parser = when)]
    pub(super) until: Option<Timestamp>,
}

impl Times {
    /// The first and the last millisecond, as the index has them.
    pub(super) fn milliseconds(&self) -> (Option<i64>, Option<i64>) {
        let until = self.until.map(|it| it.as_millisecond().saturating_sub(1));
        (self.since.map(Timestamp::as_millisecond), until)
    }

    /// Whether a time, in microseconds, is one of these.
    pub(super) fn has(&self, time: i64) -> bool {
        self.since.is_none_or(|it| time >= it.as_microsecond())
            && self.until.is_none_or(|it| time < it.as_microsecond())
    }
}

/// Reads `2026-11-22T10:00:00Z`, `2026-11-22` (midnight, UTC), or `2h 30m` or `3d` (before now).
fn when(text: &str) -> Result<Timestamp, String> {
    let exact = text.parse::<Timestamp>().ok();
    let day = || {
        let date = text.parse::<Date>().ok()?;
        Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
    };
    let ago = || {
        let span = text.parse::<Span>().ok()?;
        let ago = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
        let ago = (!ago.is_negative()).then_some(ago)?;
        crate::clock::now().checked_sub(ago).ok()
    };
    exact.or_else(day).or_else(ago).ok_or_else(|| {
        "a time is written `2026-11-22T10:00:00Z`, `2026-11-22`, or as how long ago: `2h 30m`, `3d`"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_exact_or_a_day_or_ago() {
        let day = when("2026-11-22").unwrap();
        assert_eq!(day, when("2026-11-22T00:00:00Z").unwrap());
        assert_eq!(day, when("2026-11-22T01:00:00+01:00").unwrap());
        let ago = when("2h 30m").unwrap();
        assert!(ago < when("2h").unwrap() && ago > when("3h").unwrap());
        let (day, hours) = (when("1d").unwrap(), when("24h").unwrap());
        assert!(day.duration_since(hours).as_secs().abs() < 60);
        for wrong in ["", "yesterday", "-2h", "1mo", "2026-13-01"] {
            when(wrong).unwrap_err();
        }
    }

    #[test]
    fn the_end_is_not_included() {
        let at = |text| Some(when(text).unwrap());
        let times = Times {
            since: at("2026-11-22T10:00:00Z"),
            until: at("2026-11-22T11:00:00Z"),
        };
        let (first, last) = times.milliseconds();
        assert_eq!(last.unwrap() - first.unwrap(), 3_600_000 - 1);
        let first = times.since.unwrap().as_microsecond();
        assert!(times.has(first) && !times.has(first - 1));
        assert!(times.has(first + 3_599_999_999) && !times.has(first + 3_600_000_000));
    }
}
