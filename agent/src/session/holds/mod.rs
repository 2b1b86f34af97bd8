//! The statements that wait for people: whose they are, how far they are, who asks for them.
//!
//! ```text
//! Waiting ──► Sending ──► Answered ──► Elsewhere     (its client has had the first answer)
//!    │  ▲        │           │
//!    │  └────────┤ the approval was used by someone else
//!    └──► Ended ◄┴───────────┘ denied, expired, cancelled, failed
//! ```
//!
//! Exactly one of those who end or send a statement that waits gets to do it: every step is taken
//! under the statement's lock, from the one phase that it is possible in.

mod held;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

pub use held::{Cancelled, Held, Told};

use super::registry::SessionId;
use crate::snowflake::{QueryId, RequestId};

/// One driver's pool of threads has this many waiting; a loop in an agent must not flood people.
const SESSION_MAX: usize = 16;
/// Each is a task, a row in the store and, once released, a whole answer in memory.
const HOLDS_MAX: usize = 256;
/// Ended and released ones are remembered, the oldest forgotten first: their ids are still named.
const KEPT_MAX: usize = 10_000;

/// What a statement is registered with.
#[derive(Clone, Debug)]
pub struct NewHold {
    pub id: QueryId,
    pub session: SessionId,
    pub request: RequestId,
    pub asynchronous: bool,
    /// It came through the SQL API, and is asked for there.
    pub api: bool,
    pub workload: String,
}

/// No other statement may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HoldsFull {
    #[error("{SESSION_MAX} statements of this session wait for approval already")]
    Session,
    #[error("{HOLDS_MAX} statements wait for approval on this host already")]
    Host,
}

struct Inner<A, E> {
    by_id: HashMap<QueryId, Arc<Held<A, E>>>,
    by_request: HashMap<(SessionId, RequestId), QueryId>,
    order: VecDeque<QueryId>,
}

/// Every statement that waits, and those that did, for as long as they may be named.
pub struct Holds<A, E>(Mutex<Inner<A, E>>);

impl<A, E> fmt::Debug for Holds<A, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Holds").finish_non_exhaustive()
    }
}

impl<A, E> Default for Holds<A, E> {
    fn default() -> Self {
        Self(Mutex::new(Inner {
            by_id: HashMap::new(),
            by_request: HashMap::new(),
            order: VecDeque::new(),
        }))
    }
}

impl<A, E: Clone> Holds<A, E> {
    /// Registers a statement; a request id that has one already gets that one, and `false`.
    ///
    /// # Errors
    /// There is no room.
    pub fn open(&self, new: NewHold, now: Instant) -> Result<(Arc<Held<A, E>>, bool), HoldsFull> {
        let mut inner = self.lock();
        let key = (new.session, new.request.clone());
        if let Some(held) = inner
            .by_request
            .get(&key)
            .and_then(|id| inner.by_id.get(id))
        {
            return Ok((Arc::clone(held), false));
        }
        let open = inner.by_id.values().filter(|held| held.is_open());
        let (mut all, mut own) = (0, 0);
        for held in open {
            all += 1;
            own += usize::from(held.session == new.session);
        }
        if own >= SESSION_MAX {
            return Err(HoldsFull::Session);
        }
        if all >= HOLDS_MAX {
            return Err(HoldsFull::Host);
        }
        inner.make_room();
        let held = Arc::new(Held::new(new, now));
        inner.order.push_back(held.id.clone());
        inner.by_request.insert(key, held.id.clone());
        inner.by_id.insert(held.id.clone(), Arc::clone(&held));
        Ok((held, true))
    }

    #[must_use]
    pub fn by_id(&self, id: &QueryId) -> Option<Arc<Held<A, E>>> {
        self.lock().by_id.get(id).map(Arc::clone)
    }

    #[must_use]
    pub fn by_request(&self, session: SessionId, request: &RequestId) -> Option<Arc<Held<A, E>>> {
        let inner = self.lock();
        let id = inner.by_request.get(&(session, request.clone()))?;
        inner.by_id.get(id).map(Arc::clone)
    }

    /// Those that wait or are being sent, oldest first.
    #[must_use]
    pub fn open_ones(&self) -> Vec<Arc<Held<A, E>>> {
        let inner = self.lock();
        let all = inner.order.iter().filter_map(|id| inner.by_id.get(id));
        all.filter(|held| held.is_open()).map(Arc::clone).collect()
    }

    /// Lets go of what nobody came for.
    pub fn sweep(&self, now: Instant) {
        for held in self.lock().by_id.values() {
            held.forget_answer(now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<A, E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A, E: Clone> Inner<A, E> {
    /// Forgets the oldest that is over. There are always some: few can be open.
    fn make_room(&mut self) {
        if self.order.len() < KEPT_MAX {
            return;
        }
        let by_id = &self.by_id;
        let over = |id: &QueryId| by_id.get(id).is_none_or(|held| !held.is_open());
        let Some(at) = self.order.iter().position(over) else {
            return;
        };
        if let Some(held) = self.order.remove(at).and_then(|id| self.by_id.remove(&id)) {
            self.by_request
                .remove(&(held.session, held.request.clone()));
        }
    }
}

#[cfg(test)]
mod tests;
