//! Finds where a session begins.

use std::collections::BTreeMap;

use super::asked_in;
use crate::record::chain::Digest;
use crate::record::format::Kind;
use crate::record::told::{Caller, Told};
use crate::record::walk::{Placed, Step};

/// Which session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// By its id: the last one of that id.
    Session(String),
    /// The one that an entry belongs to.
    Entry(u64),
    /// The one that began last.
    Last,
}

/// A session's first frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    pub segment: u64,
    pub entry: u64,
    /// Of the chain up to the frame, which no other frame has.
    pub digest: Digest,
}

/// A session, or an entry without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub session: Option<String>,
    pub start: Start,
    /// The first entries of other sessions of the same id.
    pub others: Vec<u64>,
}

/// Who used an id, as far as every version of the format tells.
pub(super) type User = (String, String, u32);

pub(super) fn user(caller: &Caller) -> User {
    (caller.workload.clone(), caller.cgroup.clone(), caller.uid)
}

#[derive(Debug)]
struct Seen {
    start: Start,
    /// `None` once it is opened by a frame of its own: then only another such frame begins anew.
    user: Option<User>,
    is_closed: bool,
    others: Vec<u64>,
}

#[derive(Debug, Default)]
struct Sessions {
    seen: BTreeMap<String, Seen>,
    last: Option<String>,
}

impl Sessions {
    /// Notes a frame of a session.
    fn note(&mut self, session: &str, placed: &Placed, told: &Told) {
        let start = Start {
            segment: placed.segment,
            entry: placed.frame.entry,
            digest: placed.digest,
        };
        let is_opening = placed.frame.kind == Kind::Opened;
        let by = told.caller.as_ref().map(user);
        let seen = self.seen.get_mut(session);
        let begins = match &seen {
            None => true,
            // The login itself can be under the session already.
            Some(seen) if is_opening => seen.user.is_none() || told.login != Some(seen.start.entry),
            Some(seen) if seen.is_closed => placed.frame.kind == Kind::Decided,
            Some(seen) => seen.user.is_some() && by.is_some() && seen.user != by,
        };
        match seen {
            Some(seen) if !begins => {
                seen.is_closed |= placed.frame.kind == Kind::Closed;
                if is_opening {
                    seen.user = None;
                }
            }
            seen => {
                let others = seen.map(|seen| {
                    let mut others = std::mem::take(&mut seen.others);
                    others.push(seen.start.entry);
                    others
                });
                let seen = Seen {
                    start,
                    user: by.filter(|_| !is_opening),
                    is_closed: placed.frame.kind == Kind::Closed,
                    others: others.unwrap_or_default(),
                };
                self.seen.insert(session.to_owned(), seen);
                self.last = Some(session.to_owned());
            }
        }
    }

    fn found(&self, session: &str) -> Option<Found> {
        let seen = self.seen.get(session)?;
        Some(Found {
            session: Some(session.to_owned()),
            start: seen.start,
            others: seen.others.clone(),
        })
    }
}

/// Reads the recording until the session is known; damage is passed over.
pub fn find(steps: impl Iterator<Item = Step>, wanted: &Wanted) -> Option<Found> {
    let mut sessions = Sessions::default();
    let mut lonely = None;
    for step in steps {
        let Step::Frame(placed) = step else { continue };
        // What cannot be read belongs to no session.
        let Ok(told) = Told::read(placed.frame.kind, &placed.frame.payload) else {
            continue;
        };
        let session = told.session.as_deref().or_else(|| asked_in(&told));
        let is_note = told.session.is_some();
        match wanted {
            Wanted::Session(wanted) if session == Some(wanted) && is_note => {
                sessions.note(wanted, &placed, &told);
            }
            Wanted::Session(_) => {}
            Wanted::Last | Wanted::Entry(_) => {
                if let Some(session) = session.filter(|_| is_note) {
                    sessions.note(session, &placed, &told);
                }
            }
        }
        if *wanted == Wanted::Entry(placed.frame.entry) && lonely.is_none() {
            if let Some(found) = session.and_then(|it| sessions.found(it)) {
                return Some(found);
            }
            lonely = Some(Found {
                session: None,
                start: Start {
                    segment: placed.segment,
                    entry: placed.frame.entry,
                    digest: placed.digest,
                },
                others: Vec::new(),
            });
        }
    }
    match wanted {
        Wanted::Session(session) => sessions.found(session),
        Wanted::Last => sessions.found(sessions.last.as_deref()?),
        Wanted::Entry(_) => lonely,
    }
}
