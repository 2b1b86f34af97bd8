//! The one place that reads the wall clock.
#![forbid(unsafe_code)]

use jiff::Timestamp;

/// The time for records and messages; durations and deadlines use `tokio::time::Instant`.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::now()
}
