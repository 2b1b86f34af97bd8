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

impl Effect {
    /// Every effect, in the order of their names.
    pub const ALL: [Self; 19] = [
        Self::Admin,
        Self::Ai,
        Self::Alter,
        Self::Create,
        Self::Delete,
        Self::Describe,
        Self::Drop,
        Self::Execute,
        Self::Export,
        Self::Grant,
        Self::Import,
        Self::Insert,
        Self::Merge,
        Self::Opaque,
        Self::Read,
        Self::Session,
        Self::Transaction,
        Self::Truncate,
        Self::Update,
    ];

    /// The name in policies, in the recording and in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Ai => "ai",
            Self::Alter => "alter",
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Describe => "describe",
            Self::Drop => "drop",
            Self::Execute => "execute",
            Self::Export => "export",
            Self::Grant => "grant",
            Self::Import => "import",
            Self::Insert => "insert",
            Self::Merge => "merge",
            Self::Opaque => "opaque",
            Self::Read => "read",
            Self::Session => "session",
            Self::Transaction => "transaction",
            Self::Truncate => "truncate",
            Self::Update => "update",
        }
    }
}

/// The facts of one statement text, which may hold several statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The kind of each statement in order, upper case: `SELECT`, `CREATE TABLE`. A text that is
    /// not understood has one, which tells its first word: `OPAQUE(DECLARE)`.
    pub kinds: Vec<String>,
    /// The union over all statements; never empty.
    pub effects: BTreeSet<Effect>,
    /// True for `PUT` and `GET`: refused before policy is asked.
    pub file_transfer: bool,
    /// Query ids that the text names through `RESULT_SCAN`, `DESCRIBE RESULT` and the like.
    ///
    /// Every UUID in a string literal is taken for one, lower case: a name that hides in an
    /// expression is still a name.
    pub named_results: Vec<String>,
    /// The text names a result by something that is not a literal, a variable or an expression:
    /// refused before policy is asked, because nobody can tell whose result it is.
    pub hides_result: bool,
    /// The text calls `LAST_QUERY_ID`, which names a result of the session.
    pub uses_last_query_id: bool,
}
