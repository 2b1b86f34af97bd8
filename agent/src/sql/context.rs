//! What a statement's meaning depends on besides its text.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::facts::Lineage;
use super::name::ObjectName;
use crate::snowflake::QueryId;

/// A session's state as far as names and values in a statement depend on it. Names are folded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SessionState {
    pub database: Option<String>,
    pub schema: Option<String>,
    pub role: Option<String>,
    pub warehouse: Option<String>,
    /// `SEARCH_PATH` as set by the session; `None` is Snowflake's default, `$current, $public`.
    pub search_path: Option<Vec<String>>,
    /// `QUOTED_IDENTIFIERS_IGNORE_CASE`.
    pub quoted_identifiers_ignore_case: bool,
    /// It may be either, whatever the field above says: quoted names are then not understood.
    pub quoting_unknown: bool,
    /// `SET` variables by folded name; `None` when the value is not a literal that was seen.
    pub variables: BTreeMap<String, Option<String>>,
}

/// A session of which nothing is known: names with fewer parts than they need stay unresolved.
pub static NO_SESSION: SessionState = SessionState {
    database: None,
    schema: None,
    role: None,
    warehouse: None,
    search_path: None,
    quoted_identifiers_ignore_case: false,
    quoting_unknown: false,
    variables: BTreeMap::new(),
};

/// Columns of tables and definitions of views, as far as they are known now. Never waits: what is
/// not there is unknown, and [`super::Facts::missing`] says what to fetch.
pub trait Catalog: fmt::Debug + Send + Sync {
    /// What is known of a table or view with a name of three parts.
    fn relation(&self, name: &ObjectName) -> Lookup;
}

/// What a catalog says of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    Known(Arc<Relation>),
    /// There is no such object, as of a time that the catalog still trusts.
    Absent,
    Unknown,
}

/// A table or view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// Folded column names in order.
    pub columns: Vec<String>,
    /// The `SELECT` of a view; `None` for a table.
    pub definition: Option<String>,
}

/// What earlier statements of the session returned.
pub trait Results: fmt::Debug + Send + Sync {
    /// The lineage of a result that the caller owns.
    fn lineage(&self, id: &QueryId) -> Option<Arc<Lineage>>;
    /// The result that `LAST_QUERY_ID(offset)` names: -1 is the last one.
    fn last(&self, offset: i64) -> Option<QueryId>;
}

/// Everything around the text.
#[derive(Clone, Debug)]
pub struct Context {
    pub session: Arc<SessionState>,
    pub catalog: Arc<dyn Catalog>,
    pub results: Arc<dyn Results>,
}

/// Knows nothing: for texts without a session.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl Catalog for Nothing {
    fn relation(&self, _name: &ObjectName) -> Lookup {
        Lookup::Unknown
    }
}

impl Results for Nothing {
    fn lineage(&self, _id: &QueryId) -> Option<Arc<Lineage>> {
        None
    }

    fn last(&self, _offset: i64) -> Option<QueryId> {
        None
    }
}

impl Default for Context {
    fn default() -> Self {
        Self {
            session: Arc::default(),
            catalog: Arc::new(Nothing),
            results: Arc::new(Nothing),
        }
    }
}
