//! Which labels the columns of a result carry: layer one of a plan, from the statement alone.
//!
//! What is not known carries more, never less. A column of a table that the catalog does not know
//! carries every label that there is, because what looks like a table may be a view over any other;
//! a column of unknown origin carries the labels of every table that the statement touches, and if
//! it may touch anything else, every label, too.

mod copies;
mod origin;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::copies::follow;
pub use self::copies::lasting_writes;
pub use self::origin::Origin;
use self::origin::{is_bounded, is_opaque, touched};
use super::labels::Labels;
use super::masks::Masks;
use super::method::Masking;
use super::plan::Reason;
use crate::sql::ObjectName;
use crate::sql::facts::{Column, Lineage, Output, Sources};
use crate::sql::writes::Written;

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
