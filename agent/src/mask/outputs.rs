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
        if columns.any(|column| scope.labels.of(scope.account, column).iter().any(hidden)) {
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
    by_label: BTreeMap<&'a str, From<'a>>,
    /// Why the origin is not known, where it is not.
    unknown: Option<String>,
    by_lineage: bool,
}

#[derive(Debug, Default)]
struct From<'a> {
    tables: BTreeSet<&'a ObjectName>,
    nowhere: bool,
}

impl<'a> Carried<'a> {
    fn add(&mut self, labels: BTreeSet<&'a str>, table: Option<&'a ObjectName>) {
        for label in labels {
            let from = self.by_label.entry(label).or_default();
            match table {
                Some(table) => {
                    from.tables.insert(table);
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
    settle(scope, carried)
}

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
    source: &'a Column,
    carried: &mut Carried<'a>,
) {
    let table = &source.table;
    if is_opaque(origin.facts, table) {
        carried.unknown.get_or_insert_with(|| unread(table));
        carried.add(scope.labels.patterned(scope.account), None);
    }
    let labels = scope.labels.of(scope.account, source);
    carried.by_lineage |= !labels.is_empty();
    carried.add(labels, Some(table));
}

/// Adds the labels of everything that the statement can have read.
fn wide<'a>(scope: &Scope<'a>, origin: Origin<'a>, carried: &mut Carried<'a>) {
    let touched = origin.facts.map(touched);
    match touched {
        Some(tables) if is_bounded(origin) && !tables.is_empty() => {
            for table in tables {
                carried.add(scope.labels.of_table(scope.account, table), Some(table));
            }
        }
        Some(_) | None => carried.add(scope.labels.patterned(scope.account), None),
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
