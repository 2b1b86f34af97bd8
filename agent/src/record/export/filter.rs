//! Which frames are wanted.

use std::collections::BTreeSet;

use crate::record::format::Kind;
use crate::record::told::Told;
use crate::record::walk::Placed;

/// Every condition that is given must hold.
///
/// By who: an ending belongs to its decision and a session's end to its beginning, though they do
/// not repeat who it was. What concerns no workload at all (policies, gaps) is left out then.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Not before.
    pub since: Option<jiff::Timestamp>,
    /// Before.
    pub until: Option<jiff::Timestamp>,
    pub workload: Option<String>,
    /// Decided and wanted, and not ended.
    entries: BTreeSet<u64>,
    /// Of the workload, opened and not closed.
    sessions: BTreeSet<String>,
}

impl Filter {
    #[must_use]
    pub fn new(
        since: Option<jiff::Timestamp>,
        until: Option<jiff::Timestamp>,
        workload: Option<String>,
    ) -> Self {
        Self {
            since,
            until,
            workload,
            ..Self::default()
        }
    }

    /// True if a frame must be read to know.
    #[must_use]
    pub const fn is_by_who(&self) -> bool {
        self.workload.is_some()
    }

    /// True if the frame's time is wanted.
    #[must_use]
    pub fn is_in_time(&self, placed: &Placed) -> bool {
        let time = placed.frame.time_microseconds;
        self.since.is_none_or(|it| time >= it.as_microsecond())
            && self.until.is_none_or(|it| time < it.as_microsecond())
    }

    /// True if the frame is wanted; to be asked of every frame, in order.
    pub fn keeps(&mut self, placed: &Placed, told: &Told) -> bool {
        let wanted = match &self.workload {
            None => true,
            Some(workload) => {
                let workload = workload.clone();
                self.is_of(&workload, placed, told)
            }
        };
        wanted && self.is_in_time(placed)
    }

    fn is_of(&mut self, workload: &str, placed: &Placed, told: &Told) -> bool {
        let entry = placed.frame.entry;
        let caller = told.caller.as_ref().map(|it| it.workload.as_str());
        let named = [
            ("ask", &told.ask, "/asker/workload"),
            ("grant", &told.grant, "/workload"),
        ]
        .iter()
        .any(|(_what, value, path)| {
            let found = value.as_ref().and_then(|it| it.pointer(path));
            found.and_then(|it| it.as_str()) == Some(workload)
        });
        let is = caller == Some(workload) || named;
        match placed.frame.kind {
            Kind::Decided if is => {
                self.entries.insert(entry);
                true
            }
            Kind::Ended => self.entries.remove(&entry) || is,
            Kind::Opened if is => {
                self.sessions.extend(told.session.clone());
                true
            }
            Kind::Closed => {
                let session = told.session.as_deref().unwrap_or_default();
                self.sessions.remove(session) || is
            }
            Kind::Decided
            | Kind::Opened
            | Kind::Ask
            | Kind::Vote
            | Kind::Grant
            | Kind::Policy
            | Kind::Operator
            | Kind::Canary
            | Kind::Gap
            | Kind::Checkpoint
            | Kind::Carried
            | Kind::Archived
            | Kind::Pruned => is,
        }
    }
}
