//! What the syntax tree of one statement says: objects, columns, functions, predicates, lineage.

use std::collections::BTreeSet;

use sqlparser::ast::Statement;

use super::context::Context;
use super::facts::{Access, Column, Lineage};
use super::name::ObjectName;

/// What was found in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Every object with its part; effects without an object are on the account.
    pub(super) accesses: BTreeSet<Access>,
    pub(super) functions: BTreeSet<String>,
    pub(super) columns: BTreeSet<Column>,
    pub(super) predicates: BTreeSet<Column>,
    pub(super) lineage: Lineage,
    pub(super) missing: BTreeSet<ObjectName>,
}

/// Walks queries and everything that holds a query or moves rows; `None` for statements that are
/// told by their words alone.
pub(super) fn walk(_statement: &Statement, _context: &Context) -> Option<Found> {
    None
}
