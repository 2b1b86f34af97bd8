//! Statements that change objects, from before they are sent until they have ended.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::Catalog;
use crate::snowflake::QueryId;
use crate::sql::ObjectName;
use crate::sql::facts::{Effect, Facts, ObjectKind};

/// Changes that have ended are remembered for questions that were asked before and are answered
/// after them; a question takes five seconds at most.
const ENDED_MAX: usize = 4096;
/// Statements in progress at Snowflake whose end was not seen yet.
const DETACHED_MAX: usize = 1024;
/// No client fetches the end of a statement of which it has not heard for so long.
const DETACHED_FOR: Duration = Duration::from_secs(24 * 3600);

/// Which objects a statement can change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Everything in the account.
    All,
    /// An object and all that is in it.
    Below(ObjectName),
}

#[derive(Debug)]
struct Running {
    number: u64,
    account: String,
    extents: Vec<Extent>,
    /// Once its own request was answered: its id, and until when its end is waited for.
    detached: Option<(QueryId, Instant)>,
}

#[derive(Debug)]
struct Ended {
    seen: u64,
    account: String,
    extents: Vec<Extent>,
}

#[derive(Debug, Default)]
pub(super) struct Changes {
    next: u64,
    running: Vec<Running>,
    ended: VecDeque<Ended>,
    /// Counts begins and ends.
    seen: u64,
}

/// A statement that changes objects, until its answer. Dropped without one it counts as ended: it
/// was not sent, or what became of it is not known, and what is fetched from here on is younger.
#[derive(Debug)]
pub struct Change {
    catalog: Catalog,
    number: u64,
    detached: bool,
}

impl Change {
    pub(super) const fn new(catalog: Catalog, number: u64) -> Self {
        Self {
            catalog,
            number,
            detached: false,
        }
    }

    /// The statement goes on at Snowflake: its end is in the answer to a later poll.
    pub fn goes_on_as(mut self, query: &QueryId, now: Instant) {
        self.detached = true;
        self.catalog.detach(self.number, query, now);
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        if !self.detached {
            self.catalog.end(self.number);
        }
    }
}

impl Extent {
    /// What a statement can change, by its facts. Code that nobody here can read may change
    /// anything.
    #[must_use]
    pub fn of(facts: &Facts) -> Vec<Self> {
        let mut extents = Vec::new();
        for access in &facts.accesses {
            let depth = match access.object.kind {
                ObjectKind::Table => 3,
                ObjectKind::Schema => 2,
                ObjectKind::Database => 1,
                ObjectKind::Account
                | ObjectKind::Function
                | ObjectKind::Integration
                | ObjectKind::Object
                | ObjectKind::Procedure
                | ObjectKind::Role
                | ObjectKind::Stage
                | ObjectKind::User
                | ObjectKind::Warehouse => 0,
            };
            let name = access.object.name.as_ref();
            match access.effect {
                Effect::Alter | Effect::Create | Effect::Drop => match name {
                    Some(name) if depth > 0 && name.parts().len() == depth => {
                        extents.push(Self::Below(name.clone()));
                    }
                    // Not resolved: it may be any.
                    Some(_) if depth > 0 => return vec![Self::All],
                    None if access.object.kind == ObjectKind::Account => return vec![Self::All],
                    Some(_) | None => {}
                },
                Effect::Execute | Effect::Opaque => return vec![Self::All],
                Effect::Admin
                | Effect::Ai
                | Effect::Delete
                | Effect::Describe
                | Effect::Export
                | Effect::Grant
                | Effect::Import
                | Effect::Insert
                | Effect::Merge
                | Effect::Read
                | Effect::Session
                | Effect::Transaction
                | Effect::Truncate
                | Effect::Update => {}
            }
        }
        extents
    }

    pub(super) fn covers(&self, name: &ObjectName) -> bool {
        match self {
            Self::All => true,
            Self::Below(above) => name.parts().starts_with(above.parts()),
        }
    }
}

impl Changes {
    pub(super) fn begin(&mut self, account: &str, extents: Vec<Extent>) -> u64 {
        self.next += 1;
        self.seen += 1;
        self.running.push(Running {
            number: self.next,
            account: account.to_owned(),
            extents,
            detached: None,
        });
        self.next
    }

    pub(super) fn end(&mut self, number: u64) -> Option<(String, Vec<Extent>)> {
        let at = self.running.iter().position(|it| it.number == number)?;
        Some(self.finish(at))
    }

    pub(super) fn ended(&mut self, query: &QueryId) -> Option<(String, Vec<Extent>)> {
        let is_it = |running: &Running| {
            let id = running.detached.as_ref().map(|(id, _)| id);
            id == Some(query)
        };
        let at = self.running.iter().position(is_it)?;
        Some(self.finish(at))
    }

    fn finish(&mut self, at: usize) -> (String, Vec<Extent>) {
        let running = self.running.swap_remove(at);
        self.seen += 1;
        if self.ended.len() >= ENDED_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back(Ended {
            seen: self.seen,
            account: running.account.clone(),
            extents: running.extents.clone(),
        });
        (running.account, running.extents)
    }

    pub(super) fn detach(&mut self, number: u64, query: &QueryId, now: Instant) {
        let is_detached = |it: &Running| it.detached.is_some();
        let full = self.running.iter().filter(|it| is_detached(it)).count() >= DETACHED_MAX;
        if let Some(running) = self.running.iter_mut().find(|it| it.number == number) {
            running.detached = Some((query.clone(), now + DETACHED_FOR));
        }
        if full && let Some(at) = self.running.iter().position(is_detached) {
            // The one that is given up for it widens the latest one: nothing is believed of either.
            let (account, _) = self.finish(at);
            let latest = self.running.iter_mut().find(|it| it.number == number);
            if let Some(latest) = latest.filter(|latest| latest.account == account) {
                latest.extents = vec![Extent::All];
            }
        }
    }

    /// Whether a statement is under way that can change the object.
    pub(super) fn is_changing(&self, account: &str, name: &ObjectName, now: Instant) -> bool {
        self.running.iter().any(|running| {
            let is_over = running
                .detached
                .as_ref()
                .is_some_and(|(_, until)| *until <= now);
            running.account == account
                && !is_over
                && running.extents.iter().any(|extent| extent.covers(name))
        })
    }

    pub(super) const fn seen(&self) -> u64 {
        self.seen
    }

    /// Whether the object may have been changed since, or is being changed.
    pub(super) fn changed_since(&self, since: u64, account: &str, name: &ObjectName) -> bool {
        let is_it = |of: &str, extents: &[Extent]| {
            of == account && extents.iter().any(|extent| extent.covers(name))
        };
        let forgotten = self.ended.len() >= ENDED_MAX
            && self.ended.front().is_some_and(|oldest| oldest.seen > since);
        forgotten
            || self
                .running
                .iter()
                .any(|running| is_it(&running.account, &running.extents))
            || self
                .ended
                .iter()
                .any(|ended| ended.seen > since && is_it(&ended.account, &ended.extents))
    }
}
