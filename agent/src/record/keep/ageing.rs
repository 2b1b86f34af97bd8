//! How old segments are, by a clock that nobody sets ahead. Pure but for [`Clock::begin`] and
//! [`Clock::now`].
//!
//! Age is the only thing that deletes without need, and it is read off the wall clock. A wall clock
//! that is set years ahead while the daemon runs must not delete all that there is, so time goes on
//! here no faster than the time since the boot does. One that is set back makes segments young, and
//! they stay.

use std::time::{Duration, SystemTime};

use crate::clock;

/// The clocks as they were when keeping began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    wall: SystemTime,
    /// Microseconds since the boot.
    uptime: u64,
}

impl Clock {
    pub(super) fn begin() -> Self {
        Self {
            wall: SystemTime::now(),
            uptime: clock::uptime(),
        }
    }

    pub(super) fn now(self) -> SystemTime {
        self.at(SystemTime::now(), clock::uptime())
    }

    fn at(self, wall: SystemTime, uptime: u64) -> SystemTime {
        let passed = Duration::from_micros(uptime.saturating_sub(self.uptime));
        self.wall
            .checked_add(passed)
            .map_or(wall, |it| it.min(wall))
    }
}

/// The time since `closed`; zero if that is in the future.
pub(super) fn age(closed: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(closed).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_ahead_makes_nothing_older() {
        const DAY: Duration = Duration::from_secs(86_400);
        const HOUR_US: u64 = 3_600_000_000;
        let wall = SystemTime::UNIX_EPOCH + DAY * 20_000;
        let clock = Clock { wall, uptime: 7 };
        let hour = Duration::from_micros(HOUR_US);
        let at = |now| clock.at(now, 7 + HOUR_US);
        assert_eq!(at(wall + hour), wall + hour);
        assert_eq!(at(wall + DAY * 3_650), wall + hour);
        assert_eq!(at(wall - DAY), wall - DAY);
        assert_eq!(age(wall, at(wall + DAY * 3_650)), hour);
        assert_eq!(age(wall, at(wall - DAY)), Duration::ZERO);
    }
}
