//! What a session's names mean at this moment, and who may look while it changes.
//!
//! A statement is judged with the state of its decision, and Snowflake runs it with the state of
//! its arrival. Between the two nothing may change the state, or a name that was judged as one
//! object is another's when it runs. So statements take turns:
//!
//! - One that changes the session, or asks for its last result, goes alone: it waits for the answers
//!   of those before it, and those after it wait for its answer.
//! - All others go together.
//!
//! A turn ends with the first answer, an in-progress one too: by then Snowflake has taken the
//! statement in. What a changing statement does that is still in progress, or whose answer never
//! came, is not known: until its end is seen, nothing that it may have changed is believed, and
//! names that depend on it stay unresolved. Judging by an old state would be faster, and wrong for
//! as long as a `USE` takes.
//!
//! An answer is believed once. A client can send an old request id again, and Snowflake then repeats
//! the old answer with the state of that time; taken for news, it would let a client choose the
//! state by which it is judged.

mod course;

pub use course::Course;

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};
use tokio::time::Instant;

use super::names::Names;
use crate::snowflake::result::SessionChanges;
use crate::snowflake::settings::Settings;
use crate::snowflake::{QueryId, RequestId};
use crate::sql::facts::{Facts, SessionChange};
use crate::sql::{ObjectName, SessionState};

/// Snowflake answers after 45 s at the latest, be it that a statement is in progress; a client waits
/// 60 s and then sends again.
const TURN_TIMEOUT: Duration = Duration::from_secs(50);
/// A request whose answer was lost was received by then, or never will be.
const SETTLE: Duration = Duration::from_secs(60);
/// Changing statements in progress; beyond it nothing of the session is believed any more.
const OPEN_MAX: usize = 64;
/// `LAST_QUERY_ID` with an offset looks back a few statements.
const LAST_MAX: usize = 64;
/// Tables that a session made itself; beyond it every name may be one.
const CREATED_MAX: usize = 1024;

/// One session's state.
#[derive(Debug)]
pub struct State {
    turns: Arc<RwLock<()>>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    names: Names,
    /// Counts the statements that change the session.
    changes: u64,
    open: Vec<Open>,
    /// There was no room in `open`.
    lost: bool,
    last: Last,
    created: BTreeSet<ObjectName>,
    created_all: bool,
}

/// A changing statement that was sent and whose end was not seen.
#[derive(Debug)]
struct Open {
    number: u64,
    request: RequestId,
    query: Option<QueryId>,
    changes: Vec<SessionChange>,
    /// More than one statement: a failure may leave the first of them done.
    compound: bool,
    /// Only described: it changes nothing, or we do not know what.
    described: bool,
    /// For one whose answer never came: when it has arrived or never will.
    until: Option<Instant>,
}

/// The results of the last statements, as far as their order is certain.
#[derive(Debug, Default)]
struct Last {
    ids: VecDeque<QueryId>,
    running: usize,
    overlapped: bool,
}

/// The state of one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub session: Arc<SessionState>,
    /// Changes with every statement that changes the session.
    pub changes: u64,
    /// What names mean may be other than what is known, and Snowflake can be asked.
    pub astray: bool,
}

/// The right to judge by a state and to send.
#[derive(Debug)]
pub enum Turn {
    Shared(OwnedRwLockReadGuard<()>),
    Alone(OwnedRwLockWriteGuard<()>),
}

/// What an answer says of its statement.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    pub query: Option<&'a QueryId>,
    /// Its query id came in an earlier answer: it may be an old answer, repeated.
    pub seen: bool,
    pub success: bool,
    pub in_progress: bool,
    pub said: &'a SessionChanges,
}

/// True when a statement must go alone.
#[must_use]
pub fn goes_alone(facts: &Facts) -> bool {
    !facts.session_changes.is_empty() || facts.uses_last_query_id
}

impl State {
    #[must_use]
    pub fn new(session: SessionState) -> Arc<Self> {
        Arc::new(Self {
            turns: Arc::default(),
            inner: Mutex::new(Inner {
                names: Names::new(session),
                changes: 0,
                open: Vec::new(),
                lost: false,
                last: Last::default(),
                created: BTreeSet::new(),
                created_all: false,
            }),
        })
    }

    /// Waits for a turn; `None` when another statement keeps it for too long.
    pub async fn turn(&self, alone: bool) -> Option<Turn> {
        let turns = Arc::clone(&self.turns);
        let turn = async {
            if alone {
                Turn::Alone(turns.write_owned().await)
            } else {
                Turn::Shared(turns.read_owned().await)
            }
        };
        tokio::time::timeout(TURN_TIMEOUT, turn).await.ok()
    }

    /// The state as far as it is known.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        let mut inner = self.lock();
        inner.settle_lost(now);
        let mut names = inner.names.clone();
        for change in inner.open.iter().flat_map(|open| &open.changes) {
            names.forget(change);
        }
        if inner.lost {
            names.forget(&SessionChange::Unknown);
        }
        Snapshot {
            session: Arc::new(names.session),
            changes: inner.changes,
            // While a change is under way, an answer would be one from before or after it.
            astray: inner.names.astray && inner.open.is_empty() && !inner.lost,
        }
    }

    /// The results of the last statements, newest last, as far as their order is certain.
    #[must_use]
    pub fn last(&self) -> Vec<QueryId> {
        self.lock().last.ids.iter().cloned().collect()
    }

    /// Snowflake said what names mean, asked after so many changes.
    pub fn told(&self, settings: &Settings, changes: u64) {
        let mut inner = self.lock();
        if inner.changes == changes && inner.open.is_empty() {
            inner.names.settle(settings);
        }
    }

    /// A statement of ours ran in between: `LAST_QUERY_ID` counts it too.
    pub fn interrupted(&self) {
        self.lock().last.ids.clear();
    }

    /// Notes a table that the session made: it may be a temporary one, which only it sees.
    ///
    /// `None`: any name.
    pub fn created(&self, name: Option<&ObjectName>) {
        let mut inner = self.lock();
        match name {
            Some(name) if inner.created.len() < CREATED_MAX => {
                inner.created.insert(name.clone());
            }
            Some(_) | None => inner.created_all = true,
        }
    }

    /// Whether the session may see another table under this name than other sessions do.
    #[must_use]
    pub fn may_see_its_own(&self, name: &ObjectName) -> bool {
        let inner = self.lock();
        inner.created_all || inner.created.contains(name)
    }

    /// The answer to a poll for an earlier statement.
    pub fn polled(&self, query: &QueryId, answer: &Answer<'_>) {
        if answer.in_progress {
            return;
        }
        let mut inner = self.lock();
        let is_it = |open: &Open| open.query.as_ref() == Some(query);
        if let Some(at) = inner.open.iter().position(is_it) {
            let open = inner.open.remove(at);
            let is_latest = open.number == inner.changes;
            inner.end(&open, answer, is_latest);
        }
    }

    /// A statement that reads the result of an earlier one has succeeded: the earlier one has ended.
    pub fn read_result_of(&self, query: &QueryId) {
        let mut inner = self.lock();
        let is_it = |open: &Open| open.query.as_ref() == Some(query);
        if let Some(at) = inner.open.iter().position(is_it) {
            let open = inner.open.remove(at);
            inner.forget(&open);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No panic leaves it half changed: every step between is infallible.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn end(&mut self, open: &Open, answer: &Answer<'_>, is_latest: bool) {
        let half_done = open.compound || open.changes.contains(&SessionChange::Unknown);
        if answer.success && is_latest && open.described {
            self.forget(open);
            self.names.believe(answer.said);
        } else if answer.success && is_latest {
            for change in &open.changes {
                self.names.apply(change);
            }
            self.names.believe(answer.said);
        } else if answer.success || half_done {
            // Another changing statement was sent meanwhile: who won is not known.
            self.forget(open);
        }
    }

    fn forget(&mut self, open: &Open) {
        for change in &open.changes {
            self.names.forget(change);
        }
    }

    /// Gives up waiting for the end of statements whose answer never came.
    fn settle_lost(&mut self, now: Instant) {
        let (over, open) = std::mem::take(&mut self.open)
            .into_iter()
            .partition(|open| open.until.is_some_and(|until| until <= now));
        self.open = open;
        let over: Vec<Open> = over;
        for open in &over {
            self.forget(open);
        }
    }
}

impl Last {
    fn end(&mut self, id: Option<&QueryId>) {
        self.running = self.running.saturating_sub(1);
        match id {
            Some(id) if !self.overlapped => {
                if self.ids.len() >= LAST_MAX {
                    self.ids.pop_front();
                }
                self.ids.push_back(id.clone());
            }
            Some(_) | None => self.ids.clear(),
        }
        if self.running == 0 {
            self.overlapped = false;
        }
    }
}

#[cfg(test)]
mod tests;
