//! A recorded session as a film: frames become scenes.
//!
//! Pure: [`find()`] and [`Film`] take steps of a [`super::walk::Walk`] from wherever they come. A session
//! is known by its id, which daemons before version 2 of the format gave again after a restart: each
//! use of an id is a session of its own here, told apart by its opening, or by who used it.

mod film;
mod find;

use serde::Serialize;
use serde_json::Value;

use super::told::Told;

pub use film::Film;
pub use find::{Found, Start, Wanted, find};

/// What a scene shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shows {
    /// The session begins.
    Opened,
    /// It began before the recording tells of it, or in a version that did not tell.
    Joined,
    /// Something is asked, with the verdict on it.
    Asked,
    /// How that ended.
    Ended,
    /// It did not: the daemon ended before.
    Unended,
    Ask,
    Vote,
    Grant,
    Policy,
    Operator,
    Canary,
    /// The record itself has a gap.
    Gap,
    /// The record is damaged; `message` says how.
    Damage,
    Closed,
    /// The recording ends, or the id is used again, and the session's end is not in it.
    Endless,
}

/// One scene.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    pub shows: Shows,
    pub segment: u64,
    pub entry: u64,
    /// Microseconds since 1970. Of something that was refused at once, when it was asked is reckoned
    /// back from how long it took.
    pub time: i64,
    pub told: Box<Told>,
}

impl Scene {
    /// The scene for programs: what is not known is not there.
    ///
    /// # Errors
    /// Never on what was read.
    pub fn to_json(&self) -> Result<Value, serde_json::Error> {
        let mut value = serde_json::to_value(&*self.told)?;
        if let Value::Object(fields) = &mut value {
            let says = |value: &Value| match value {
                Value::Null => false,
                Value::Array(items) => !items.is_empty(),
                Value::Object(fields) => !fields.is_empty(),
                Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
            };
            fields.retain(|_name, value| says(value));
            // An archived frame has a segment of its own; scenes are never of that kind.
            fields.insert("segment".to_owned(), self.segment.into());
            fields.insert("entry".to_owned(), self.entry.into());
            fields.insert("scene".to_owned(), serde_json::to_value(self.shows)?);
            let time = jiff::Timestamp::from_microsecond(self.time).ok();
            fields.insert("time".to_owned(), serde_json::to_value(time)?);
        }
        Ok(value)
    }
}

/// The session of the statement that an ask is about.
fn asked_in(told: &Told) -> Option<&str> {
    told.ask.as_ref()?.pointer("/subject/session")?.as_str()
}

#[cfg(test)]
mod tests;
