//! What analysis says of a statement.

use std::collections::BTreeSet;

/// What a statement does, the coarsest thing that policy can speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    Admin,
    Ai,
    Alter,
    Create,
    Delete,
    Describe,
    Drop,
    Execute,
    Export,
    Grant,
    Import,
    Insert,
    Merge,
    Opaque,
    Read,
    Session,
    Transaction,
    Truncate,
    Update,
}

/// The facts of one statement text, which may hold several statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The kind of each statement in order, upper case: `SELECT`, `INSERT`, `OPAQUE`.
    pub kinds: Vec<String>,
    /// The union over all statements; never empty.
    pub effects: BTreeSet<Effect>,
    /// True for `PUT` and `GET`: refused before policy is asked.
    pub file_transfer: bool,
    /// Query ids that the text names through `RESULT_SCAN`, `DESCRIBE RESULT` and the like.
    pub named_results: Vec<String>,
}
