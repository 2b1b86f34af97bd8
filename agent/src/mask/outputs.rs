//! Which labels the columns of a result carry: layer one of a plan, from the statement alone.
//!
//! What is not known carries more, never less. A column of a table that the catalog does not know
//! carries every label that there is, because what looks like a table may be a view over any other;
//! a column of unknown origin carries the labels of every table that the statement touches, and if
//! it may touch anything else, every label, too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::labels::Labels;
use super::masks::Masks;
use super::method::Masking;
use super::plan::Reason;
use crate::sql::facts::{Column, Effect, Lineage, Object, ObjectKind, Output, Sources};
use crate::sql::writes::{Writes, Written};
use crate::sql::{Facts, ObjectName};

/// What a plan is made with besides the statement.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    pub labels: &'a Labels,
    pub masks: &'a Masks,
    /// The account's configured name.
    pub account: &'a str,
    /// Whether the principal may see a label's values in columns of a table; without a table, those
    /// that come from nowhere known.
    pub unmasked: &'a dyn Fn(&str, Option<&ObjectName>) -> bool,
    /// What statements have put into a table.
    pub written: &'a dyn Fn(&ObjectName) -> Option<Arc<Written>>,
}

impl std::fmt::Debug for Scope<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Scope")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

/// The statement that a result comes from, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    facts: Option<&'a Facts>,
    lineage: Option<&'a Lineage>,
}

impl<'a> Origin<'a> {
    /// Nothing is known any more.
    pub const FORGOTTEN: Self = Self {
        facts: None,
        lineage: None,
    };

    /// The one result of a text. That of a text with several statements is not said to be of any
    /// one of them.
    #[must_use]
    pub fn whole(facts: &'a Facts) -> Self {
        Self {
            facts: Some(facts),
            lineage: (facts.kinds.len() == 1).then_some(&facts.lineage),
        }
    }

    /// The result of one of several statements in a text, counted from 0; `None` when it is not
    /// known which.
    #[must_use]
    pub fn part(facts: &'a Facts, place: Option<usize>) -> Self {
        Self {
            facts: Some(facts),
            lineage: place.and_then(|place| facts.parts.get(place)),
        }
    }

    /// What is answered to a text with several statements as a whole: that they ran.
    #[must_use]
    pub const fn status(facts: &'a Facts) -> Self {
        Self {
            facts: Some(facts),
            lineage: Some(&Lineage::NoData),
        }
    }

    /// What may be said of the result when its statement is not at hand: a column of what may be a
    /// view is then of unknown origin.
    #[must_use]
    pub fn lasting(&self) -> Option<Lineage> {
        let outputs = match self.lineage? {
            Lineage::Columns(outputs) => outputs,
            other @ (Lineage::NoData | Lineage::Unknown(_)) => return Some(other.clone()),
        };
        let outputs = outputs.iter().map(|output| {
            let of_view = match &output.sources {
                Sources::Unknown(_) => None,
                Sources::Known(sources) => sources
                    .iter()
                    .find(|source| is_opaque(self.facts, &source.table)),
            };
            let sources = match of_view {
                Some(source) => Sources::Unknown(unread(&source.table)),
                None => output.sources.clone(),
            };
            Output {
                name: output.name.clone(),
                sources,
            }
        });
        Some(Lineage::Columns(outputs.collect()))
    }

    pub(super) const fn facts(&self) -> Option<&'a Facts> {
        self.facts
    }

    /// Whether the statement can have met values of labelled columns that are masked.
    pub(super) fn touches_labels(&self, scope: &Scope<'a>) -> bool {
        let hidden = |label: &&str| !(scope.unmasked)(label, None);
        let Some(facts) = self.facts else {
            return scope.labels.patterned(scope.account).iter().any(&hidden);
        };
        let mut columns = facts.columns.iter();
        let is_hidden = |column: &Column| {
            let mut carried = Carried::default();
            follow(
                scope,
                self.facts,
                column,
                &mut carried,
                &mut BTreeSet::new(),
            );
            let mut labels = carried.by_label.keys();
            labels.any(|label| hidden(&label))
        };
        if columns.any(is_hidden) {
            return true;
        }
        let reads_results = !facts.named_results.is_empty() || facts.uses_last_query_id;
        let is_code = |effect: &Effect| matches!(effect, Effect::Execute | Effect::Opaque);
        let may_be_anything = reads_results
            || facts.effects.iter().any(is_code)
            || touched(facts)
                .into_iter()
                .any(|it| is_opaque(Some(facts), it));
        may_be_anything && scope.labels.patterned(scope.account).iter().any(hidden)
    }

    /// The columns, where it is known what they are.
    pub(super) fn outputs(&self) -> Option<&'a [Output]> {
        match self.lineage {
            Some(Lineage::Columns(outputs)) => Some(outputs),
            Some(Lineage::NoData | Lineage::Unknown(_)) | None => None,
        }
    }

    /// Whether names of columns that were not foreseen may be values: `PIVOT … IN (ANY)` makes them
    /// so, code can do anything, and an earlier result has the names that it has.
    pub(super) fn names_by_values(&self) -> bool {
        let Some(facts) = self.facts else {
            return true;
        };
        let reads_results = !facts.named_results.is_empty() || facts.uses_last_query_id;
        let is_query = |kind: &String| matches!(kind.as_str(), "SELECT" | "VALUES");
        let is_code = !facts.kinds.iter().all(is_query);
        !self.is_no_data() && (facts.names_by_values || reads_results || is_code)
    }

    pub(super) const fn is_no_data(&self) -> bool {
        matches!(self.lineage, Some(Lineage::NoData))
    }

    fn why_unknown(&self) -> &'a str {
        match (self.facts, self.lineage) {
            (None, _) => "the statement is no longer known",
            (Some(_), Some(Lineage::Unknown(why))) => why,
            (Some(_), Some(Lineage::Columns(_) | Lineage::NoData)) => "it is not what was foreseen",
            (Some(_), None) => "which of several statements it belongs to is not known",
        }
    }
}

/// What is known of one column before its values are seen.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Those that it carries and that are not shown.
    pub labels: BTreeSet<Arc<str>>,
    pub reason: Option<Reason>,
    /// What masks its values, if anything does.
    pub masking: Option<Arc<Masking>>,
    /// Labels that it carries, and that the principal may see here.
    pub cleared: BTreeSet<Arc<str>>,
    /// Objects in it have the keys with which they are stored.
    pub keeps_keys: bool,
}

/// One output as `policy explain` shows it; without a name it is every output.
#[derive(Clone, Debug)]
pub struct Explained {
    pub column: Option<String>,
    pub told: Told,
}

/// The columns that a statement will return, without its answer.
#[must_use]
pub fn outputs(scope: &Scope<'_>, origin: Origin<'_>) -> Vec<Explained> {
    if origin.is_no_data() {
        return Vec::new();
    }
    let Some(outputs) = origin.outputs() else {
        return vec![Explained {
            column: None,
            told: unknown(scope, origin, None, ""),
        }];
    };
    let outputs = outputs.iter().map(|output| Explained {
        column: Some(output.name.clone().unwrap_or_default()),
        told: known(scope, origin, output, output.name.as_deref().unwrap_or("")),
    });
    outputs.collect()
}

/// Labels with where they come from.
#[derive(Debug, Default)]
struct Carried<'a> {
    by_label: BTreeMap<&'a str, From>,
    /// Why the origin is not known, where it is not.
    unknown: Option<String>,
    by_lineage: bool,
}

#[derive(Debug, Default)]
struct From {
    tables: BTreeSet<ObjectName>,
    nowhere: bool,
}

impl<'a> Carried<'a> {
    fn add(&mut self, labels: BTreeSet<&'a str>, table: Option<&ObjectName>) {
        for label in labels {
            let from = self.by_label.entry(label).or_default();
            match table {
                Some(table) => {
                    from.tables.insert(table.clone());
                }
                None => from.nowhere = true,
            }
        }
    }
}

/// What a column carries of which the sources are told. `name` is what the answer calls it.
pub(super) fn known<'a>(
    scope: &Scope<'a>,
    origin: Origin<'a>,
    output: &'a Output,
    name: &str,
) -> Told {
    let mut carried = Carried::default();
    let mut tables = BTreeSet::new();
    match &output.sources {
        Sources::Unknown(why) => {
            carried.unknown = Some(why.clone());
            wide(scope, origin, &mut carried);
        }
        Sources::Known(sources) => {
            for source in sources {
                tables.insert(&source.table);
                of_source(scope, origin, source, &mut carried);
            }
        }
    }
    by_name(scope, origin, name, &tables, &mut carried);
    Told {
        keeps_keys: keeps_keys(scope, origin, &output.sources),
        ..settle(scope, carried)
    }
}

/// Whether objects come out with the keys that they were stored with: they are those of one column
/// and nothing in the statement makes keys of values. What a view or an earlier statement has made
/// is not known.
fn keeps_keys(scope: &Scope<'_>, origin: Origin<'_>, sources: &Sources) -> bool {
    let Sources::Known(sources) = sources else {
        return false;
    };
    let mut sources = sources.iter();
    let (Some(source), None) = (sources.next(), sources.next()) else {
        return false;
    };
    let makes_keys = |name: &String| MAKE_KEYS.iter().any(|it| name.contains(it));
    let facts = origin.facts;
    facts.is_some_and(|facts| !facts.functions.iter().any(makes_keys))
        && !is_opaque(facts, &source.table)
        && (scope.written)(&source.table).is_none()
}

/// What is in the names of functions that make objects of values, or of texts.
const MAKE_KEYS: [&str; 8] = [
    "AI_",
    "CORTEX",
    "MAP_",
    "OBJECT",
    "PARSE_",
    "REDUCE",
    "TRANSFORM",
    "XML",
];

/// What any column carries when the columns are not known. `output` is what was foreseen of it.
pub(super) fn unknown<'a>(
    scope: &Scope<'a>,
    origin: Origin<'a>,
    output: Option<&'a Output>,
    name: &str,
) -> Told {
    let mut carried = Carried {
        unknown: Some(origin.why_unknown().to_owned()),
        ..Carried::default()
    };
    wide(scope, origin, &mut carried);
    if let Some(Sources::Known(sources)) = output.map(|output| &output.sources) {
        for source in sources {
            of_source(scope, origin, source, &mut carried);
        }
    }
    by_name(scope, origin, name, &BTreeSet::new(), &mut carried);
    settle(scope, carried)
}

/// What a column carries that holds no data of tables: whatever it is called like.
pub(super) fn no_data<'a>(scope: &Scope<'a>, origin: Origin<'a>, name: &str) -> Told {
    let mut carried = Carried::default();
    by_name(scope, origin, name, &BTreeSet::new(), &mut carried);
    settle(scope, carried)
}

fn of_source<'a>(
    scope: &Scope<'a>,
    origin: Origin<'a>,
    source: &Column,
    carried: &mut Carried<'a>,
) {
    follow(scope, origin.facts, source, carried, &mut BTreeSet::new());
}

/// Copies of copies of one column are followed to so many columns; what comes from more is unknown.
const FOLLOWED_MAX: usize = 1_000;

/// Adds the labels of a column, and those of the columns that were copied to it.
fn follow<'a>(
    scope: &Scope<'a>,
    facts: Option<&Facts>,
    source: &Column,
    carried: &mut Carried<'a>,
    followed: &mut BTreeSet<Column>,
) {
    let why = is_opaque(facts, &source.table).then(|| unread(&source.table));
    if let Some(why) = why {
        carried.unknown.get_or_insert(why);
        carried.add(scope.labels.patterned(scope.account), None);
    }
    let mut open = vec![source.clone()];
    // What was put into tables is told without what may be a view.
    while let Some(source) = open.pop() {
        if followed.contains(&source) {
            continue;
        }
        let table = &source.table;
        let labels = scope.labels.of(scope.account, &source);
        carried.by_lineage |= !labels.is_empty();
        carried.add(labels, Some(table));
        if let Some(written) = (scope.written)(table) {
            let mut why = copied(&written, &source, &mut open);
            if followed.len() >= FOLLOWED_MAX {
                open.clear();
                why = Some("it was copied from more columns than are followed".to_owned());
            }
            if let Some(why) = why {
                carried.unknown.get_or_insert(why);
                carried.add(scope.labels.patterned(scope.account), None);
            }
        }
        followed.insert(source);
    }
}

/// Adds the columns that were copied to one; tells why where others may have been.
fn copied(written: &Written, source: &Column, open: &mut Vec<Column>) -> Option<String> {
    let mut unknown = None;
    for (column, sources) in &written.columns {
        let (Some(one), Some(other)) = (column, &source.column) else {
            add(sources, open, &mut unknown);
            continue;
        };
        // Whether a session folds names is not known here.
        if one.to_uppercase() == other.to_uppercase() {
            add(sources, open, &mut unknown);
        }
    }
    open.extend(written.like.iter().map(|table| Column {
        table: table.clone(),
        column: source.column.clone(),
    }));
    unknown
}

fn add(sources: &Sources, open: &mut Vec<Column>, unknown: &mut Option<String>) {
    match sources {
        Sources::Known(columns) => open.extend(columns.iter().cloned()),
        Sources::Unknown(why) => {
            unknown.get_or_insert_with(|| why.clone());
        }
    }
}

/// What a statement puts into tables, as may be said when it is not at hand: what comes from what may
/// be a view is of unknown origin.
#[must_use]
pub fn lasting_writes(facts: &Facts) -> Writes {
    let mut writes = facts.writes.clone();
    for written in writes.values_mut() {
        for sources in written.columns.values_mut() {
            let opaque = match &*sources {
                Sources::Unknown(_) => None,
                Sources::Known(columns) => columns
                    .iter()
                    .find(|column| is_opaque(Some(facts), &column.table)),
            };
            if let Some(why) = opaque.map(|column| unread(&column.table)) {
                *sources = Sources::Unknown(why);
            }
        }
        let is_view = |table: &&ObjectName| is_opaque(Some(facts), table);
        if let Some(table) = written.like.iter().find(is_view) {
            let why = unread(table);
            written.add(None, Sources::Unknown(why));
        }
    }
    writes
}

/// Adds the labels of everything that the statement can have read.
fn wide<'a>(scope: &Scope<'a>, origin: Origin<'a>, carried: &mut Carried<'a>) {
    let Some(facts) = origin.facts.filter(|_| is_bounded(origin)) else {
        return carried.add(scope.labels.patterned(scope.account), None);
    };
    // An answer that is not what was foreseen may have columns that we did not see in the statement.
    let sees_columns = matches!(origin.lineage, Some(Lineage::Unknown(_)));
    let tables = touched(facts);
    if tables.is_empty() {
        return carried.add(scope.labels.patterned(scope.account), None);
    }
    let mut columns = BTreeSet::new();
    for table in tables {
        let seen = facts.columns.iter().filter(|it| it.table == *table);
        let before = columns.len();
        columns.extend(seen.filter(|_| sees_columns).cloned());
        if columns.len() == before {
            let (table, column) = (table.clone(), None);
            columns.insert(Column { table, column });
        }
    }
    let mut followed = BTreeSet::new();
    for column in &columns {
        follow(scope, origin.facts, column, carried, &mut followed);
    }
}

/// The tables that a statement touches.
fn touched(facts: &Facts) -> BTreeSet<&ObjectName> {
    let columns = facts.columns.iter().map(|column| &column.table);
    let reads = facts.accesses.iter().filter_map(|access| {
        let Object { kind, name } = &access.object;
        name.as_ref().filter(|_| *kind == ObjectKind::Table)
    });
    columns.chain(reads).collect()
}

/// True if the statement reads tables that are known, and nothing else that could hold data.
fn is_bounded(origin: Origin<'_>) -> bool {
    let Some(facts) = origin.facts else {
        return false;
    };
    let known = |table: &&ObjectName| !is_opaque(Some(facts), table);
    let reads_results = !facts.named_results.is_empty() || facts.uses_last_query_id;
    let plain = facts.accesses.iter().all(|access| match access.effect {
        Effect::Read => access.object.kind == ObjectKind::Table,
        Effect::Describe => true,
        Effect::Admin
        | Effect::Ai
        | Effect::Alter
        | Effect::Create
        | Effect::Delete
        | Effect::Drop
        | Effect::Execute
        | Effect::Export
        | Effect::Grant
        | Effect::Import
        | Effect::Insert
        | Effect::Merge
        | Effect::Opaque
        | Effect::Session
        | Effect::Transaction
        | Effect::Truncate
        | Effect::Update => false,
    });
    !reads_results && plain && touched(facts).iter().all(known)
}

/// True for what looks like a table and may be a view: its columns may be those of any table.
fn is_opaque(facts: Option<&Facts>, table: &ObjectName) -> bool {
    !is_system(table)
        && (table.parts().len() < 3 || facts.is_none_or(|it| it.missing.contains(table)))
}

fn unread(table: &ObjectName) -> String {
    format!("what `{table}` reads is not known")
}

/// Snowflake's own views, which nobody can replace by a view of theirs.
fn is_system(table: &ObjectName) -> bool {
    match table.parts() {
        [_, schema, _] if schema == "INFORMATION_SCHEMA" => true,
        [database, schema, _] => {
            database == "SNOWFLAKE"
                && matches!(schema.as_str(), "ACCOUNT_USAGE" | "ORGANIZATION_USAGE")
        }
        _ => false,
    }
}

/// Adds the labels of a name: whatever is called like a labelled column is taken for one. They come
/// from the tables that its values do, so that who may see those may see these.
fn by_name<'a>(
    scope: &Scope<'a>,
    origin: Origin<'a>,
    name: &str,
    sources: &BTreeSet<&'a ObjectName>,
    carried: &mut Carried<'a>,
) {
    if name.is_empty() {
        return;
    }
    let tables = origin.facts.map(touched).unwrap_or_default();
    let tables = &mut tables.into_iter();
    let mut labels = scope.labels.of_name(scope.account, name, tables);
    labels.retain(|label| !carried.by_label.contains_key(label));
    if sources.is_empty() {
        carried.add(labels, None);
    } else {
        for table in sources {
            carried.add(labels.clone(), Some(table));
        }
    }
}

/// Takes away what the principal may see, and finds what masks the rest.
fn settle(scope: &Scope<'_>, carried: Carried<'_>) -> Told {
    let Carried {
        by_label,
        unknown,
        by_lineage,
    } = carried;
    let mut told = Told::default();
    for (label, from) in by_label {
        let is_clear = from
            .tables
            .iter()
            .all(|it| (scope.unmasked)(label, Some(it)))
            && (!from.nowhere || (scope.unmasked)(label, None));
        let labels = if is_clear {
            &mut told.cleared
        } else {
            &mut told.labels
        };
        labels.insert(label.into());
    }
    if told.labels.is_empty() {
        return told;
    }
    let mut labels = told.labels.iter().map(|label| &**label);
    told.masking = scope.masks.strictest(&mut labels).cloned();
    told.reason = Some(match unknown {
        Some(why) => Reason::Unknown(why),
        None if by_lineage => Reason::Lineage,
        None => Reason::Name,
    });
    told
}
