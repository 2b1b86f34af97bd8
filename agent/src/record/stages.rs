//! How long an operation was in each stage.

use std::time::Duration;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// A part of the way of an operation, in the order of the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Until the request is read and understood.
    Read,
    /// Until its session is found or its credential chosen.
    Authenticate,
    /// Until the facts are known: turns of the session and questions to Snowflake included.
    Analyse,
    Decide,
    /// A request waits for people, not the statement: that is as long as all its polls.
    Hold,
    /// Until the decision is on disk.
    Record,
    /// Until Snowflake's answer is there.
    Upstream,
    /// Until the answer is ready for the client; of a chunk that is masked, until the client has it.
    Mask,
}

impl Stage {
    const ALL: [Self; 8] = [
        Self::Read,
        Self::Authenticate,
        Self::Analyse,
        Self::Decide,
        Self::Hold,
        Self::Record,
        Self::Upstream,
        Self::Mask,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Authenticate => "authenticate",
            Self::Analyse => "analyse",
            Self::Decide => "decide",
            Self::Hold => "hold",
            Self::Record => "record",
            Self::Upstream => "upstream",
            Self::Mask => "mask",
        }
    }
}

/// The time in each stage; nothing for one that the operation was not in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stages([Option<Duration>; Stage::ALL.len()]);

impl Stages {
    /// Adds time to a stage: one that is come to again is the same.
    pub fn add(&mut self, stage: Stage, time: Duration) {
        if let Some(spent) = self.0.get_mut(stage as usize) {
            *spent = Some(spent.unwrap_or_default().saturating_add(time));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}

/// Microseconds by stage.
impl Serialize for Stages {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (stage, spent) in Stage::ALL.into_iter().zip(self.0) {
            if let Some(spent) = spent {
                let micros = u64::try_from(spent.as_micros()).unwrap_or(u64::MAX);
                map.serialize_entry(stage.name(), &micros)?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_told_in_their_order_and_only_those_that_were() {
        let mut stages = Stages::default();
        assert!(stages.is_empty());
        stages.add(Stage::Mask, Duration::from_micros(3));
        stages.add(Stage::Read, Duration::from_millis(1));
        stages.add(Stage::Mask, Duration::from_micros(4));
        let written = serde_json::to_string(&stages).unwrap();
        assert_eq!(written, r#"{"read":1000,"mask":7}"#);
        for (at, stage) in Stage::ALL.into_iter().enumerate() {
            assert_eq!(stage as usize, at);
        }
    }
}
