//! Columns of tables and definitions of views, as Snowflake told them to a credential in a role.
//!
//! A cache: filled by the proxy's own questions, asked through the session that wants to know. It
//! never guesses. What it does not have, what is older than its time, and what a statement that is
//! under way may be changing is unknown, and analysis takes unknown for the worst.
#![forbid(unsafe_code)]

mod changes;
pub mod definition;
pub mod file;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

pub use changes::{Change, Extent};

use crate::session::{SessionId, State};
use crate::snowflake::QueryId;
use crate::sql::ObjectName;
use crate::sql::context::{self, Lookup, Relation};

/// Columns and definitions that change past us are noticed after this time at the latest.
const KNOWN_FOR: Duration = Duration::from_secs(600);
/// What is missing may be about to be made, by someone whom we do not see.
const ABSENT_FOR: Duration = Duration::from_secs(60);
/// With a typical relation of 1 KiB this is 20 MB.
const ENTRIES_MAX: usize = 20_000;
const BYTES_MAX: usize = 32 << 20;
/// A view's text has at most some hundred KiB; what is larger is not kept and stays unknown.
const RELATION_BYTES_MAX: usize = 1 << 20;

/// Whose eyes: what can be seen depends on the role.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub account: String,
    pub credential: String,
    /// The session's role inside Snowflake.
    pub role: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    place: Arc<Place>,
    /// For names under which a session may see a table of its own.
    session: Option<SessionId>,
    name: ObjectName,
}

#[derive(Debug)]
struct Entry {
    lookup: Lookup,
    until: Instant,
    bytes: usize,
    /// Absence holds for one session in one state: with other secondary roles there is more to see.
    absent_in: Option<(SessionId, u64)>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<Key, Entry>,
    order: VecDeque<Key>,
    bytes: usize,
    changes: changes::Changes,
    /// Questions that are being asked.
    flights: HashMap<Key, Weak<tokio::sync::Mutex<()>>>,
}

/// The cache; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Catalog(Arc<Mutex<Inner>>);

/// The catalog as one session sees it at one moment.
#[derive(Clone, Debug)]
pub struct View {
    catalog: Catalog,
    /// `None` when the role is not known: then nothing is.
    place: Option<Arc<Place>>,
    session: SessionId,
    state: Arc<State>,
    /// The session's state when it looks.
    changes: u64,
    now: Instant,
}

/// The turn to ask about a name.
#[derive(Debug)]
pub struct Flight {
    key: Key,
    /// The changes that were seen before it was asked.
    since: u64,
    _turn: tokio::sync::OwnedMutexGuard<()>,
}

impl Catalog {
    /// The view of a session.
    #[must_use]
    pub fn view(
        &self,
        place: Option<Place>,
        session: SessionId,
        state: &Arc<State>,
        changes: u64,
        now: Instant,
    ) -> View {
        View {
            catalog: self.clone(),
            place: place.map(Arc::new),
            session,
            state: Arc::clone(state),
            changes,
            now,
        }
    }

    /// A statement that changes these objects is about to be sent: until it has ended nobody judges
    /// by what was known of them.
    #[must_use]
    pub fn change(&self, account: &str, extents: Vec<Extent>) -> Change {
        let number = {
            let mut inner = self.lock();
            inner.forget(account, &extents);
            inner.changes.begin(account, extents)
        };
        Change::new(self.clone(), number)
    }

    /// The answer to a poll: the statement has ended.
    pub fn ended(&self, query: &QueryId) {
        let mut inner = self.lock();
        if let Some((account, extents)) = inner.changes.ended(query) {
            inner.forget(&account, &extents);
        }
    }

    fn end(&self, number: u64) {
        let mut inner = self.lock();
        if let Some((account, extents)) = inner.changes.end(number) {
            inner.forget(&account, &extents);
        }
    }

    fn detach(&self, number: u64, query: &QueryId, now: Instant) {
        self.lock().changes.detach(number, query, now);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No panic leaves it half changed: every step between is infallible.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl View {
    /// Waits for the turn to ask about a name; `None` when it became known meanwhile, or cannot.
    pub async fn flight(&self, name: &ObjectName) -> Option<Flight> {
        let key = self.key(name)?;
        let turn = {
            let mut inner = self.catalog.lock();
            inner.flights.retain(|_, turn| turn.strong_count() > 0);
            let known = inner.flights.get(&key).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let turn = Arc::default();
                inner.flights.insert(key.clone(), Arc::downgrade(&turn));
                turn
            })
        };
        let turn = turn.lock_owned().await;
        let inner = self.catalog.lock();
        let is_open = inner.get(&key, self, Instant::now()).is_none()
            && !inner
                .changes
                .is_changing(&key.place.account, name, self.now);
        let since = inner.changes.seen();
        drop(inner);
        is_open.then_some(Flight {
            key,
            since,
            _turn: turn,
        })
    }

    /// Keeps what was told, unless the object was changed while it was asked about.
    pub fn land(&self, flight: &Flight, lookup: Lookup, now: Instant) {
        let mut inner = self.catalog.lock();
        let key = &flight.key;
        let account = &key.place.account;
        if inner
            .changes
            .changed_since(flight.since, account, &key.name)
        {
            return;
        }
        let (bytes, kept, absent_in) = match &lookup {
            // Kept so that it is not asked with every statement again.
            Lookup::Unknown => (0, ABSENT_FOR, None),
            Lookup::Absent => (0, ABSENT_FOR, Some((self.session, self.changes))),
            Lookup::Known(relation) => (weight(relation), KNOWN_FOR, None),
        };
        if bytes > RELATION_BYTES_MAX {
            return;
        }
        let entry = Entry {
            lookup,
            until: now + kept,
            bytes: bytes + KEY_BYTES,
            absent_in,
        };
        inner.insert(key.clone(), entry);
    }

    fn key(&self, name: &ObjectName) -> Option<Key> {
        let own = self.state.may_see_its_own(name);
        Some(Key {
            place: self.place.clone()?,
            session: own.then_some(self.session),
            name: name.clone(),
        })
    }
}

impl context::Catalog for View {
    fn relation(&self, name: &ObjectName) -> Lookup {
        let Some(key) = self.key(name) else {
            return Lookup::Unknown;
        };
        let inner = self.catalog.lock();
        if inner
            .changes
            .is_changing(&key.place.account, name, self.now)
        {
            return Lookup::Unknown;
        }
        inner.get(&key, self, self.now).unwrap_or(Lookup::Unknown)
    }
}

impl Inner {
    /// What was told, if that still holds; unknown, too, can be what was told.
    fn get(&self, key: &Key, view: &View, now: Instant) -> Option<Lookup> {
        let entry = self.entries.get(key).filter(|entry| now < entry.until)?;
        match entry.absent_in {
            Some(place) if place != (view.session, view.changes) => None,
            Some(_) | None => Some(entry.lookup.clone()),
        }
    }

    fn insert(&mut self, key: Key, entry: Entry) {
        self.bytes += entry.bytes;
        if let Some(old) = self.entries.insert(key.clone(), entry) {
            self.bytes = self.bytes.saturating_sub(old.bytes);
        } else {
            self.order.push_back(key);
        }
        while self.entries.len() > ENTRIES_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            if let Some(old) = self.entries.remove(&oldest) {
                self.bytes = self.bytes.saturating_sub(old.bytes);
            }
        }
    }

    fn forget(&mut self, account: &str, extents: &[Extent]) {
        let bytes = &mut self.bytes;
        self.entries.retain(|key, entry| {
            let goes = key.place.account == account
                && extents.iter().any(|extent| extent.covers(&key.name));
            if goes {
                *bytes = bytes.saturating_sub(entry.bytes);
            }
            !goes
        });
        let entries = &self.entries;
        self.order.retain(|key| entries.contains_key(key));
    }
}

/// The names of an entry, twice.
const KEY_BYTES: usize = 400;

fn weight(relation: &Relation) -> usize {
    let columns: usize = relation.columns.iter().map(|name| name.len() + 24).sum();
    columns + relation.definition.as_ref().map_or(0, String::len)
}

#[cfg(test)]
mod tests;
