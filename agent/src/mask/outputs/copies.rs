//! Labels that go with values into other tables.

use std::collections::BTreeSet;

use super::origin::{is_opaque, unread};
use super::{Carried, Scope};
use crate::sql::facts::{Column, Sources};
use crate::sql::writes::{Writes, Written};
use crate::sql::{Facts, ObjectName};

/// Copies of copies of one column are followed to so many columns; what comes from more is unknown.
const FOLLOWED_MAX: usize = 1_000;

/// Adds the labels of a column, and those of the columns that were copied to it.
pub(super) fn follow<'a>(
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
