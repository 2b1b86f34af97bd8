//! The grants that count, in memory: every statement asks for them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;

use super::grant::{Grant, GrantId, GrantState};
use crate::identity::PrincipalKey;

impl Grant {
    /// True when it gives its role now.
    pub(super) fn gives(&self, now: Timestamp) -> bool {
        self.state == GrantState::Active && self.ends.is_some_and(|ends| now < ends)
    }

    /// True when it is only waiting to be swept away.
    pub(super) fn is_overdue(&self, now: Timestamp) -> bool {
        match self.state {
            GrantState::Waiting => now >= self.use_by,
            GrantState::Active => self.ends.is_none_or(|ends| now >= ends),
            GrantState::Ended | GrantState::Revoked => false,
        }
    }

    /// True when it is this principal's on this account. What a grant does not name is free.
    fn covers(&self, key: &PrincipalKey, account: &str) -> bool {
        let fits = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|it| found == Some(it))
        };
        self.workload == key.workload
            && fits(&self.anchor, Some(&key.anchor))
            && fits(&self.user, key.user.as_deref())
            && fits(&self.account, Some(account))
    }
}

/// A copy of what the store says; the store is the truth.
#[derive(Clone, Debug, Default)]
pub(super) struct Live(Arc<RwLock<Copy>>);

#[derive(Debug, Default)]
struct Copy {
    by_workload: HashMap<String, Vec<Arc<Grant>>>,
    /// The ends that were warned of; the store knows them too.
    warned: HashMap<GrantId, Timestamp>,
    /// A transaction ended in an unknown way: until the store was read again nobody has a role.
    doubted: bool,
}

/// What memory knows of a principal's roles.
#[derive(Debug, Default)]
pub(super) struct Roles {
    pub(super) active: Vec<String>,
    /// Grants that a use begins.
    pub(super) waiting: Vec<Arc<Grant>>,
}

impl Live {
    /// The roles of a principal; `None` when memory is not to be believed.
    pub(super) fn roles(&self, key: &PrincipalKey, account: &str, now: Timestamp) -> Option<Roles> {
        let copy = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if copy.doubted {
            return None;
        }
        let mut roles = Roles::default();
        for grant in copy.by_workload.get(&key.workload).into_iter().flatten() {
            if !grant.covers(key, account) {
                continue;
            }
            if grant.gives(now) {
                roles.active.push(grant.role.clone());
            } else if grant.state == GrantState::Waiting && !grant.is_overdue(now) {
                roles.waiting.push(Arc::clone(grant));
            }
        }
        Some(roles)
    }

    /// Takes over what a committed transaction changed.
    pub(super) fn apply(&self, grants: &[Grant]) {
        if grants.is_empty() {
            return;
        }
        let mut copy = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for grant in grants {
            copy.put(grant);
        }
    }

    /// Takes over everything, and believes it.
    pub(super) fn replace(&self, grants: &[Grant]) {
        let mut copy = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *copy = Copy::default();
        for grant in grants {
            copy.put(grant);
        }
    }

    pub(super) fn doubt(&self) {
        let mut copy = self.0.write().unwrap_or_else(PoisonError::into_inner);
        copy.doubted = true;
    }

    pub(super) fn is_doubted(&self) -> bool {
        let copy = self.0.read().unwrap_or_else(PoisonError::into_inner);
        copy.doubted
    }

    /// Grants whose time is over, or that are to be warned of.
    pub(super) fn due(&self, now: Timestamp) -> Vec<Arc<Grant>> {
        let copy = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let to_warn = |grant: &Grant| {
            grant.warn_from().is_some_and(|from| now >= from)
                && copy.warned.get(&grant.id).copied() != grant.ends
        };
        let all = copy.by_workload.values().flatten();
        all.filter(|grant| grant.is_overdue(now) || to_warn(grant))
            .cloned()
            .collect()
    }

    /// Remembers that the sweep has been here, so that it does not warn of the same end again.
    pub(super) fn swept(&self, grants: &[Arc<Grant>]) {
        let mut copy = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for grant in grants {
            if let Some(ends) = grant.ends {
                copy.warned.insert(grant.id.clone(), ends);
            }
        }
        let Copy {
            by_workload,
            warned,
            doubted: _,
        } = &mut *copy;
        let live: HashSet<&GrantId> = by_workload.values().flatten().map(|it| &it.id).collect();
        warned.retain(|id, _| live.contains(id));
    }
}

impl Copy {
    fn put(&mut self, grant: &Grant) {
        let grants = self.by_workload.entry(grant.workload.clone()).or_default();
        grants.retain(|earlier| earlier.id != grant.id);
        if grant.state.is_live() {
            grants.push(Arc::new(grant.clone()));
        }
        if grants.is_empty() {
            self.by_workload.remove(&grant.workload);
        }
    }
}
