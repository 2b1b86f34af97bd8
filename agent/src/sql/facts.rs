//! What analysis says of a statement.

use std::collections::BTreeSet;

use super::name::ObjectName;
use super::writes::Writes;

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

/// What kind of thing a name is: the resource types that policy can speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// The account itself: for effects without an object.
    Account,
    Database,
    Function,
    /// Storage, API, notification, security integrations, external volumes, secrets of those.
    Integration,
    /// A schema's object of any other kind: task, pipe, sequence, tag, policy, file format …
    Object,
    Procedure,
    /// A role inside Snowflake, not one of our policies'.
    Role,
    Schema,
    Stage,
    /// Table, view, dynamic or external table, stream: anything that a `FROM` can name.
    Table,
    User,
    Warehouse,
}

impl ObjectKind {
    pub const ALL: [Self; 12] = [
        Self::Account,
        Self::Database,
        Self::Function,
        Self::Integration,
        Self::Object,
        Self::Procedure,
        Self::Role,
        Self::Schema,
        Self::Stage,
        Self::Table,
        Self::User,
        Self::Warehouse,
    ];

    /// The entity type in policies.
    #[must_use]
    pub const fn entity(self) -> &'static str {
        match self {
            Self::Account => "Account",
            Self::Database => "Database",
            Self::Function => "Function",
            Self::Integration => "Integration",
            Self::Object => "Object",
            Self::Procedure => "Procedure",
            Self::Role => "SnowflakeRole",
            Self::Schema => "Schema",
            Self::Stage => "Stage",
            Self::Table => "Table",
            Self::User => "SnowflakeUser",
            Self::Warehouse => "Warehouse",
        }
    }

    /// The parts of a whole name: 3 in a schema, 2 a schema, 1 in the account, 0 the account.
    #[must_use]
    pub const fn depth(self) -> usize {
        match self {
            Self::Account => 0,
            Self::Database | Self::Integration | Self::Role | Self::User | Self::Warehouse => 1,
            Self::Schema => 2,
            Self::Function | Self::Object | Self::Procedure | Self::Stage | Self::Table => 3,
        }
    }
}

/// One object that a statement touches. Without a name it is the account; with fewer parts than
/// [`ObjectKind::depth`] it could not be resolved, and policy denies it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    pub kind: ObjectKind,
    pub name: Option<ObjectName>,
}

/// One thing that a statement does to one object. The effect says the part that the object has in
/// it: read, inserted into, created. An integration has the effect of what it is used for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Access {
    pub effect: Effect,
    pub object: Object,
}

/// A column of a table or view. `None` stands for every column, or for columns that are not known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Column {
    pub table: ObjectName,
    pub column: Option<String>,
}

/// Where the values of one output column come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sources {
    /// These and no others; empty for a constant.
    Known(BTreeSet<Column>),
    /// Cannot be told; the reason is for people.
    Unknown(String),
}

/// One output column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Folded; as the result's row type will call it, where that can be told.
    pub name: Option<String>,
    pub sources: Sources,
}

/// The output columns of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lineage {
    /// The result holds no data of tables: row counts, status texts.
    NoData,
    /// One for each column of the result, in order.
    Columns(Vec<Output>),
    /// Neither number nor origin of the columns is known; the reason is for people.
    Unknown(String),
}

/// What a statement changes in its session when it succeeds. Names are folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionChange {
    /// `USE DATABASE`, `CREATE DATABASE`: the schema becomes `PUBLIC`, or is not known.
    Database(String),
    Schema(ObjectName),
    Role(String),
    Warehouse(String),
    /// `SET name = …`; `None` when the value is not a literal.
    Set(String, Option<String>),
    Unset(String),
    /// `ALTER SESSION SET`, parameter names in upper case; `None` when the value is not a literal.
    Parameter(String, Option<String>),
    UnsetParameter(String),
    /// Anything may have changed: a block, a procedure with the caller's rights.
    Unknown,
}

/// The facts of one statement text, which may hold several statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The kind of each statement in order, upper case: `SELECT`, `CREATE TABLE`. One that is not
    /// understood tells its first word: `OPAQUE(DECLARE)`; so does a text that cannot be taken apart.
    pub kinds: Vec<String>,
    /// The union over all statements; never empty. Exactly the effects of `accesses`.
    pub effects: BTreeSet<Effect>,
    /// Every object with every part that it has; never empty.
    pub accesses: BTreeSet<Access>,
    /// Functions that are called, folded and as far resolved as they can be; built-in ones by
    /// their bare name.
    pub functions: BTreeSet<String>,
    /// Every column that the text can touch. The taint: more than what it reads, never less.
    pub columns: BTreeSet<Column>,
    /// The columns that decide about rows: in `WHERE`, `ON`, `HAVING`, `QUALIFY`, `CASE` …
    pub predicates: BTreeSet<Column>,
    /// Of the last statement that returns rows of its own.
    pub lineage: Lineage,
    /// Of each statement in order, when there are several; empty otherwise.
    pub parts: Vec<Lineage>,
    /// Tables and views whose columns or definition would have told more. A known source that is a
    /// column of one of these may stand for others: what looks like a table may be a view.
    pub missing: BTreeSet<ObjectName>,
    /// What is put into tables, and from where.
    pub writes: Writes,
    /// The text may make names of columns of values, as `PIVOT … IN (ANY)` does.
    pub names_by_values: bool,
    pub session_changes: Vec<SessionChange>,
    /// BLAKE3 over the text with its literals taken out, hexadecimal: the same for statements that
    /// differ in their values alone.
    pub fingerprint: String,
    /// Why the text is not understood, for the client; `None` when it is.
    pub obscurity: Option<String>,
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

impl Access {
    /// An effect on the account as a whole.
    #[must_use]
    pub const fn on_account(effect: Effect) -> Self {
        Self {
            effect,
            object: Object {
                kind: ObjectKind::Account,
                name: None,
            },
        }
    }

    #[must_use]
    pub const fn new(effect: Effect, kind: ObjectKind, name: ObjectName) -> Self {
        Self {
            effect,
            object: Object {
                kind,
                name: Some(name),
            },
        }
    }
}

impl Facts {
    /// The facts of a text that is not understood, for this reason.
    #[must_use]
    pub fn opaque(kind: String, obscurity: impl Into<String>) -> Self {
        let obscurity = obscurity.into();
        Self {
            kinds: vec![kind],
            effects: BTreeSet::from([Effect::Opaque]),
            accesses: BTreeSet::from([Access::on_account(Effect::Opaque)]),
            functions: BTreeSet::new(),
            columns: BTreeSet::new(),
            predicates: BTreeSet::new(),
            lineage: Lineage::Unknown(obscurity.clone()),
            parts: Vec::new(),
            missing: BTreeSet::new(),
            writes: Writes::new(),
            names_by_values: true,
            session_changes: vec![SessionChange::Unknown],
            fingerprint: String::new(),
            obscurity: Some(obscurity),
            file_transfer: false,
            named_results: Vec::new(),
            hides_result: false,
            uses_last_query_id: false,
        }
    }

    /// A `SELECT` with these effects on the account.
    #[cfg(test)]
    pub(crate) fn for_test(effects: &[Effect]) -> Self {
        Self {
            effects: effects.iter().copied().collect(),
            accesses: effects.iter().copied().map(Access::on_account).collect(),
            obscurity: None,
            ..Self::opaque("SELECT".to_owned(), "")
        }
    }
}
