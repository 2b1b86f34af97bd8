//! What the daemon may ask Snowflake by itself, on a session that someone else opened.
//!
//! Not a way past the policies: the only statements are those that this module writes from a name,
//! they read no rows, and their answers go to no client.

use super::load::PolicySet;
use super::verdict::{Limits, Permit};
use crate::snowflake::catalog::{self, Ask};
use crate::snowflake::{Operation, RequestId};
use crate::sql::ObjectName;

/// What the record says instead of a policy's id.
pub const CATALOG: &str = "snowfence.catalog";

impl PolicySet {
    /// Whether a verdict can depend on columns and definitions of objects.
    #[must_use]
    pub const fn needs_catalog(&self) -> bool {
        true
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
    Some(Permit::new(
        Operation::Query(Box::new(query)),
        vec![CATALOG.to_owned()],
        policies.version().to_owned(),
        Limits::default(),
    ))
}
