//! What a request may say.

use std::time::Duration;

use super::refused::Refused;

/// What fits on an approver's screen.
const TEXT_BYTES_MAX: usize = 1000;
/// Names of roles are identifiers of a policy file.
const NAME_BYTES_MAX: usize = 128;
/// Shorter, and it is over before the agent has read that it has it.
const DURATION_MIN: Duration = Duration::from_secs(60);

/// What people are to read: some words, without anything that steers a terminal.
pub(super) fn text(field: &str, value: &str) -> Result<(), Refused> {
    if value.trim().is_empty() {
        return Err(Refused::bad_request(format!("`{field}` must not be empty")));
    }
    if value.len() > TEXT_BYTES_MAX {
        let message = format!("`{field}` must not be longer than {TEXT_BYTES_MAX} bytes");
        return Err(Refused::bad_request(message));
    }
    if value.chars().any(|it| it.is_control() && it != '\n') {
        let message = format!("`{field}` must not have control characters");
        return Err(Refused::bad_request(message));
    }
    Ok(())
}

pub(super) fn name(field: &str, value: &str) -> Result<(), Refused> {
    if value.is_empty() || value.len() > NAME_BYTES_MAX || value.chars().any(char::is_control) {
        return Err(Refused::bad_request(format!("`{field}` is not a name")));
    }
    Ok(())
}

/// A time for which a role is wanted.
pub(super) fn duration(seconds: u64, longest: Duration) -> Result<Duration, Refused> {
    let duration = Duration::from_secs(seconds);
    if (DURATION_MIN..=longest).contains(&duration) {
        return Ok(duration);
    }
    let longest = jiff::SignedDuration::try_from(longest).unwrap_or(jiff::SignedDuration::MAX);
    Err(Refused::bad_request(format!(
        "the time must be from 1m to {longest:#}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_do_not_steer_a_terminal() {
        for good in ["fix the report", "two\nlines", "ä 漢 🙂"] {
            assert_eq!(text("reason", good), Ok(()), "{good}");
        }
        let long = "x".repeat(TEXT_BYTES_MAX + 1);
        for wrong in ["", " \n", "a\u{1b}[2J", "a\u{9b}2J", "a\rb", &long] {
            assert!(text("reason", wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_time_is_neither_too_short_nor_too_long() {
        let day = Duration::from_hours(24);
        assert_eq!(duration(60, day), Ok(DURATION_MIN));
        assert_eq!(duration(86_400, day), Ok(day));
        for wrong in [0, 59, 86_401, u64::MAX] {
            assert!(duration(wrong, day).is_err(), "{wrong}");
        }
    }
}
