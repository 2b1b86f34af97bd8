//! The one place that reads the clocks of the machine.
#![forbid(unsafe_code)]

use jiff::Timestamp;
use nix::time::{ClockId, clock_gettime};

/// The time for records and messages; durations and deadlines use `tokio::time::Instant`.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Microseconds since the boot, sleep included (`CLOCK_BOOTTIME`): nobody can set it.
#[must_use]
pub fn uptime() -> u64 {
    // The call fails for clocks that the kernel has not, and it has had this one since 2.6.39.
    let Ok(time) = clock_gettime(ClockId::CLOCK_BOOTTIME) else {
        return 0;
    };
    let seconds = u64::try_from(time.tv_sec()).unwrap_or_default();
    let microseconds = u64::try_from(time.tv_nsec() / 1000).unwrap_or_default();
    seconds * 1_000_000 + microseconds
}
