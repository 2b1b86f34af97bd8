//! What the daemon may ask Snowflake by itself: on a session that someone else opened, about the
//! objects that a statement names, and for an operator on one of its own, which tags are set.
//!
//! Not a way past the policies: the only statements are those that this module writes from names,
//! they read no rows of a client's tables, and their answers go to no client.

use std::sync::Arc;
use std::time::Duration;

use super::load::PolicySet;
use super::verdict::{Judgement, Limits, Permit, Verdict};
use crate::snowflake::catalog::{self, Ask};
use crate::snowflake::{Login, Operation, Query, QueryId, RequestId, settings, tags};
use crate::sql::ObjectName;

/// What the record says instead of a policy's id.
pub const CATALOG: &str = "snowfence.catalog";
/// The same for what an operator wants to know.
pub const LABELS: &str = "snowfence.labels";

/// Snowflake's own views answer within seconds, or minutes when a warehouse has to start.
const TAGS_TIMEOUT: Duration = Duration::from_mins(4);

impl PolicySet {
    /// Whether a verdict can depend on columns and definitions of objects.
    #[must_use]
    pub const fn needs_catalog(&self) -> bool {
        // Objects are judged by their names; it is the labels that belong to columns.
        self.labels().labels_columns()
    }
}

/// Permits one question about an object; `None` unless its name has three parts.
#[must_use]
pub fn catalog(
    policies: &PolicySet,
    ask: Ask,
    name: &ObjectName,
    request_id: RequestId,
) -> Option<Permit> {
    let query = catalog::query(ask, name, request_id)?;
    statement(policies, CATALOG, query, Limits::default())
}

/// Permits to ask what names mean in a session.
#[must_use]
pub fn session(policies: &PolicySet, request_id: RequestId) -> Option<Permit> {
    let query = settings::query(request_id);
    statement(policies, CATALOG, query, Limits::default())
}

/// Permits a session for an operator. Whether they may operate was asked before.
#[must_use]
pub fn tags_login(policies: &PolicySet, login: Login) -> Option<Permit> {
    let operation = Operation::Login(Box::new(login));
    permit(policies, LABELS, operation, Limits::default())
}

/// Permits to ask which tags are set.
#[must_use]
pub fn tags(policies: &PolicySet, own: &[ObjectName], request_id: RequestId) -> Option<Permit> {
    let limits = Limits {
        max_rows: Some(tags::ROWS_MAX as u64),
        timeout: Some(TAGS_TIMEOUT),
    };
    statement(policies, LABELS, tags::query(own, request_id), limits)
}

/// Permits to wait for the answer to that.
#[must_use]
pub fn tags_result(policies: &PolicySet, id: QueryId) -> Option<Permit> {
    let operation = Operation::Result(id);
    permit(policies, LABELS, operation, Limits::default())
}

/// Permits to fetch a chunk of the answer, for which there is no capability: it goes to no client.
#[must_use]
pub fn tags_chunk(policies: &PolicySet, index: u32) -> Option<Permit> {
    let capability = String::new();
    let operation = Operation::Chunk { capability, index };
    permit(policies, LABELS, operation, Limits::default())
}

fn statement(policies: &PolicySet, reason: &str, query: Query, limits: Limits) -> Option<Permit> {
    permit(policies, reason, Operation::Query(Box::new(query)), limits)
}

fn permit(
    policies: &PolicySet,
    reason: &str,
    operation: Operation,
    limits: Limits,
) -> Option<Permit> {
    let judgement = Judgement::Allow {
        policies: vec![reason.to_owned()],
        limits,
        observed: None,
        accesses: Arc::default(),
    };
    match judgement.about(operation, policies.version()) {
        Verdict::Allow(permit) => Some(permit),
        Verdict::Hold(_) | Verdict::Deny(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_operator_wants_to_know_is_bounded_and_has_its_own_name() {
        let policies = PolicySet::parse(&[]).unwrap();
        let own = [ObjectName::parse("gov.tags.level").unwrap()];
        let permit = tags(&policies, &own, RequestId("r".to_owned())).unwrap();
        assert_eq!(permit.policies(), [LABELS]);
        assert_eq!(permit.limits().max_rows, Some(100_000));
        assert_eq!(permit.limits().timeout, Some(TAGS_TIMEOUT));
        let query = permit.operation().query().unwrap();
        assert!(query.text.contains("TAG_NAME = 'LEVEL'"), "{}", query.text);
        let chunk = tags_chunk(&policies, 3).unwrap();
        assert_eq!(chunk.policies(), [LABELS]);
    }
}
