//! The time in Cedar's terms.

use std::sync::{Mutex, PoisonError};

use cedar_policy::RestrictedExpression as Value;

/// The second that was asked for last. Cedar parses the name of its function anew for each time
/// that it is given, which takes longer than the judgement.
static LAST: Mutex<Option<(i64, Value)>> = Mutex::new(None);

/// This time as a `datetime`, in whole seconds.
pub(super) fn datetime(now: jiff::Timestamp) -> Value {
    let second = now.as_second();
    let lock = || LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let last = lock().as_ref().filter(|(at, _)| *at == second).cloned();
    if let Some((_, known)) = last {
        return known;
    }
    let made = Value::new_datetime(now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    *lock() = Some((second, made.clone()));
    made
}
