//! What the daemon may ask Snowflake by itself, on a session that someone else opened.
//!
//! Not a way past the policies: the only statements are those that this module writes from a name,
//! they read no rows, and their answers go to no client.

use super::load::PolicySet;
use super::verdict::{Judgement, Limits, Permit, Verdict};
use crate::snowflake::catalog::{self, Ask};
use crate::snowflake::{Operation, Query, RequestId, settings};
use crate::sql::ObjectName;

/// What the record says instead of a policy's id.
pub const CATALOG: &str = "snowfence.catalog";

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
    permit(policies, catalog::query(ask, name, request_id)?)
}

/// Permits to ask what names mean in a session.
#[must_use]
pub fn session(policies: &PolicySet, request_id: RequestId) -> Option<Permit> {
    permit(policies, settings::query(request_id))
}

fn permit(policies: &PolicySet, query: Query) -> Option<Permit> {
    let judgement = Judgement::Allow {
        policies: vec![CATALOG.to_owned()],
        limits: Limits::default(),
        observed: None,
    };
    match judgement.about(Operation::Query(Box::new(query)), policies.version()) {
        Verdict::Allow(permit) => Some(permit),
        Verdict::Hold(_) | Verdict::Deny(_) => None,
    }
}
