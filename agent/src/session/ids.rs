//! Who owns which query id.
//!
//! The service answers any session of a user with any of that user's results. Behind us several
//! principals may share one user, so an id that is not known here to be the caller's is refused.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::registry::SessionId;
use crate::identity::PrincipalKey;
use crate::snowflake::{QueryId, RequestId};

/// Whose a query is, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    pub principal: PrincipalKey,
    pub account: String,
    pub session: SessionId,
    /// `None` for the children of a multi-statement request.
    pub request_id: Option<RequestId>,
}

/// The query ids that are known, each with its owner.
#[derive(Debug, Default)]
pub struct QueryIds {
    owners: HashMap<QueryId, Owner>,
    /// Per principal, oldest first.
    order: HashMap<PrincipalKey, VecDeque<(Instant, QueryId)>>,
}

impl QueryIds {
    /// Makes a principal the owner of a query; false if it is another's.
    ///
    /// The first owner stays: an upstream that gives an id twice must not hand one principal's rows
    /// to another.
    pub fn own(&mut self, query_id: QueryId, owner: Owner, now: Instant) -> bool {
        if let Some(known) = self.owners.get(&query_id) {
            return known.principal == owner.principal && known.account == owner.account;
        }
        self.sweep_principal(&owner.principal, now);
        let order = self.order.entry(owner.principal.clone()).or_default();
        if order.len() >= IDS_PER_PRINCIPAL_MAX
            && let Some((_, oldest)) = order.pop_front()
        {
            self.owners.remove(&oldest);
        }
        order.push_back((now, query_id.clone()));
        self.owners.insert(query_id, owner);
        true
    }

    /// Says whether a principal may name a query on an account.
    #[must_use]
    pub fn may_use(&self, query_id: &QueryId, principal: &PrincipalKey, account: &str) -> bool {
        self.owner(query_id, principal, account).is_some()
    }

    /// The owner's entry, for its owner only.
    #[must_use]
    pub fn owner(
        &self,
        query_id: &QueryId,
        principal: &PrincipalKey,
        account: &str,
    ) -> Option<&Owner> {
        let owner = self.owners.get(query_id)?;
        (owner.principal == *principal && owner.account == account).then_some(owner)
    }

    /// Forgets what the service has forgotten.
    pub fn sweep(&mut self, now: Instant) {
        let principals: Vec<PrincipalKey> = self.order.keys().cloned().collect();
        for principal in principals {
            self.sweep_principal(&principal, now);
        }
        self.order.retain(|_, order| !order.is_empty());
    }

    fn sweep_principal(&mut self, principal: &PrincipalKey, now: Instant) {
        let Some(order) = self.order.get_mut(principal) else {
            return;
        };
        while let Some((since, _)) = order.front()
            && now.saturating_duration_since(*since) >= RESULT_LIFE
            && let Some((_, query_id)) = order.pop_front()
        {
            self.owners.remove(&query_id);
        }
    }
}

/// The service keeps results for 24 hours.
const RESULT_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// About one statement each second for a day, at some 300 bytes each.
const IDS_PER_PRINCIPAL_MAX: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(workload: &str) -> PrincipalKey {
        PrincipalKey {
            workload: workload.to_owned(),
            anchor: "/agents.slice/a.service".to_owned(),
            user: None,
            netns_cookie: 1,
        }
    }

    fn owner(workload: &str, account: &str) -> Owner {
        Owner {
            principal: principal(workload),
            account: account.to_owned(),
            session: SessionId(1),
            request_id: None,
        }
    }

    fn id(number: usize) -> QueryId {
        QueryId::parse(&format!("00000000-0000-0000-0000-{number:012x}")).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn only_its_owner_may_use_a_query_and_only_on_its_account() {
        let mut ids = QueryIds::default();
        let now = Instant::now();
        assert!(
            !ids.may_use(&id(1), &principal("a"), "x"),
            "unknown is not owned"
        );
        assert!(ids.own(id(1), owner("a", "x"), now));
        assert!(ids.may_use(&id(1), &principal("a"), "x"));
        assert!(!ids.may_use(&id(1), &principal("b"), "x"));
        assert!(!ids.may_use(&id(1), &principal("a"), "y"));
        let elsewhere = PrincipalKey {
            netns_cookie: 2,
            ..principal("a")
        };
        assert!(!ids.may_use(&id(1), &elsewhere, "x"));

        assert!(
            !ids.own(id(1), owner("b", "x"), now),
            "the first owner stays"
        );
        assert!(
            ids.own(id(1), owner("a", "x"), now),
            "owning twice is no conflict"
        );
        assert!(!ids.may_use(&id(1), &principal("b"), "x"));
    }

    #[tokio::test(start_paused = true)]
    async fn ids_end_with_their_results_and_one_principal_cannot_push_out_another() {
        let mut ids = QueryIds::default();
        let start = Instant::now();
        assert!(ids.own(id(0), owner("quiet", "x"), start));
        for number in 1..=IDS_PER_PRINCIPAL_MAX + 1 {
            assert!(ids.own(id(number), owner("busy", "x"), start));
        }
        assert!(ids.may_use(&id(0), &principal("quiet"), "x"));
        assert!(
            !ids.may_use(&id(1), &principal("busy"), "x"),
            "its own oldest went"
        );
        assert!(ids.may_use(&id(2), &principal("busy"), "x"));
        assert_eq!(ids.owners.len(), IDS_PER_PRINCIPAL_MAX + 1);

        ids.sweep(start + RESULT_LIFE);
        assert!(ids.owners.is_empty() && ids.order.is_empty());
    }
}
