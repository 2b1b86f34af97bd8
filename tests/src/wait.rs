//! Waiting for another process: the only place in the tests that lets time pass.

use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};

use crate::interrupt;

/// Short enough not to be felt, long enough not to compete with what is waited for.
const PAUSE: Duration = Duration::from_millis(20);

/// Asks `done` again and again until it gives a value.
///
/// # Errors
/// When `limit` passes first, when `done` fails, or when the user interrupts.
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut done: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    regardless(what, limit, || {
        interrupt::check()?;
        done()
    })
}

/// Does the same for clean-up, which an interrupt must not cut short.
///
/// # Errors
/// When `limit` passes first, or when `done` fails.
pub fn regardless<T>(
    what: &str,
    limit: Duration,
    mut done: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let start = SystemTime::now();
    loop {
        if let Some(value) = done()? {
            return Ok(value);
        }
        // A clock that is set back makes the wait longer by that much and no worse.
        if start.elapsed().is_ok_and(|elapsed| elapsed > limit) {
            bail!("waited {limit:?} in vain for {what}");
        }
        thread::sleep(PAUSE);
    }
}

/// Lets a time pass in which a test wants whatever happens to happen.
pub fn pass(time: Duration) {
    thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_with_the_first_value() {
        let mut calls = 0;
        let value = until("three calls", Duration::from_secs(10), || {
            calls += 1;
            Ok((calls == 3).then_some(calls))
        });
        assert_eq!(value.unwrap(), 3);
    }

    #[test]
    fn a_wait_ends_at_its_limit() {
        let error = until::<()>("nothing", Duration::from_millis(1), || Ok(None)).unwrap_err();
        assert_eq!(error.to_string(), "waited 1ms in vain for nothing");
    }

    #[test]
    fn a_failure_ends_a_wait_at_once() {
        let error = until::<()>("nothing", Duration::MAX, || bail!("broken")).unwrap_err();
        assert_eq!(error.to_string(), "broken");
    }
}
