//! Who owns which query id.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::identity::PrincipalKey;
use crate::snowflake::QueryId;

/// Snowflake keeps a result for 24 hours.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// At about 200 bytes each this is 20 MB; the oldest go first, and what is forgotten is refused.
const RESULTS_MAX: usize = 100_000;

#[derive(Debug)]
struct Owner {
    key: PrincipalKey,
    account: String,
    until: Instant,
}

#[derive(Debug, Default)]
struct Inner {
    owners: HashMap<QueryId, Owner>,
    order: VecDeque<QueryId>,
}

impl Owner {
    fn is(&self, key: &PrincipalKey, account: &str) -> bool {
        self.key == *key && self.account == account
    }
}

/// The owners of results.
#[derive(Debug, Default)]
pub struct Results(Mutex<Inner>);

impl Results {
    /// Notes whose statement made a result; false when it is another principal's. An id that is owned
    /// already keeps its owner.
    #[must_use]
    pub fn own(&self, id: &QueryId, key: &PrincipalKey, account: &str, now: Instant) -> bool {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(oldest) = inner.order.front() {
            let expired = inner
                .owners
                .get(oldest)
                .is_none_or(|owner| owner.until <= now);
            if !expired && inner.order.len() < RESULTS_MAX {
                break;
            }
            if let Some(oldest) = inner.order.pop_front() {
                inner.owners.remove(&oldest);
            }
        }
        if let Some(owner) = inner.owners.get(id) {
            return owner.is(key, account);
        }
        inner.order.push_back(id.clone());
        let owner = Owner {
            key: key.clone(),
            account: account.to_owned(),
            until: now + KEPT,
        };
        inner.owners.insert(id.clone(), owner);
        true
    }

    /// Whether a principal may name this result. An id that is not known may not be named.
    #[must_use]
    pub fn may_use(&self, id: &QueryId, key: &PrincipalKey, account: &str) -> bool {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner
            .owners
            .get(id)
            .is_some_and(|owner| owner.is(key, account))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(workload: &str) -> PrincipalKey {
        PrincipalKey::for_test(workload)
    }

    #[tokio::test(start_paused = true)]
    async fn a_result_is_its_makers_alone() {
        let results = Results::default();
        let id = QueryId::parse("01b00000-0000-0000-0000-000000000001").unwrap();
        let now = Instant::now();
        assert!(!results.may_use(&id, &key("a"), "acct"));
        assert!(results.own(&id, &key("a"), "acct", now));
        assert!(results.own(&id, &key("a"), "acct", now));
        assert!(!results.own(&id, &key("b"), "acct", now));
        assert!(results.may_use(&id, &key("a"), "acct"));
        assert!(!results.may_use(&id, &key("b"), "acct"));
        assert!(!results.may_use(&id, &key("a"), "other"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_result_is_forgotten_after_a_day() {
        let results = Results::default();
        let first = QueryId::parse("01b00000-0000-0000-0000-000000000001").unwrap();
        let second = QueryId::parse("01b00000-0000-0000-0000-000000000002").unwrap();
        let now = Instant::now();
        assert!(results.own(&first, &key("a"), "acct", now));
        assert!(results.own(&second, &key("a"), "acct", now + KEPT));
        assert!(!results.may_use(&first, &key("a"), "acct"));
        assert!(results.may_use(&second, &key("a"), "acct"));
    }
}
