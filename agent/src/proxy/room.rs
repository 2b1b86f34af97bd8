//! How many connections there may be, of all and of one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::identity::PrincipalKey;

/// One principal cannot take every connection: a quarter of them, as of the sessions.
const PRINCIPAL_SHARE: usize = 4;

/// The places of all connections.
#[derive(Debug)]
pub(super) struct Room(Arc<Semaphore>);

impl Room {
    pub(super) fn new(connections_max: usize) -> Self {
        Self(Arc::new(Semaphore::new(connections_max)))
    }

    /// A place for one connection, until it is dropped.
    pub(super) fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).try_acquire_owned().ok()
    }
}

/// The connections of each principal that has one.
#[derive(Debug)]
pub(super) struct Shares {
    share_max: usize,
    taken: Arc<Mutex<HashMap<PrincipalKey, usize>>>,
}

/// One connection of a principal's, until it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    key: PrincipalKey,
    taken: Arc<Mutex<HashMap<PrincipalKey, usize>>>,
}

impl Shares {
    pub(super) fn new(connections_max: usize) -> Self {
        Self {
            share_max: connections_max.div_ceil(PRINCIPAL_SHARE),
            taken: Arc::default(),
        }
    }

    /// A share for one connection; `None` when the principal has as many as it may.
    pub(super) fn take(&self, key: PrincipalKey) -> Option<Share> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(key.clone()).or_insert(0);
        if *count >= self.share_max {
            return None;
        }
        *count += 1;
        let taken = Arc::clone(&self.taken);
        Some(Share { key, taken })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(workload: &str) -> PrincipalKey {
        PrincipalKey::for_test(workload)
    }

    #[test]
    fn one_principal_cannot_take_every_connection() {
        let shares = Shares::new(8);
        let held: Vec<Share> = (0..2).filter_map(|_| shares.take(key("a"))).collect();
        assert_eq!(held.len(), 2);
        assert!(shares.take(key("a")).is_none());
        assert!(shares.take(key("b")).is_some());
        drop(held);
        assert!(shares.take(key("a")).is_some());
        assert!(shares.taken.lock().unwrap().is_empty());
    }
}
