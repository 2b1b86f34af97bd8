//! The statement behind a result, and what it can have read.

use std::collections::BTreeSet;

use super::copies::follow;
use super::{Carried, Scope};
use crate::sql::facts::{Column, Effect, Lineage, Object, ObjectKind, Output, Sources};
use crate::sql::{Facts, ObjectName};

/// The statement that a result comes from, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    pub(super) facts: Option<&'a Facts>,
    pub(super) lineage: Option<&'a Lineage>,
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

    pub(in crate::mask) const fn facts(&self) -> Option<&'a Facts> {
        self.facts
    }

    /// Whether the statement can have met values of labelled columns that are masked.
    pub(in crate::mask) fn touches_labels(&self, scope: &Scope<'a>) -> bool {
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
            labels.any(&hidden)
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
    pub(in crate::mask) fn outputs(&self) -> Option<&'a [Output]> {
        match self.lineage {
            Some(Lineage::Columns(outputs)) => Some(outputs),
            Some(Lineage::NoData | Lineage::Unknown(_)) | None => None,
        }
    }

    /// Whether names of columns that were not foreseen may be values: `PIVOT … IN (ANY)` makes them
    /// so, code can do anything, and an earlier result has the names that it has.
    pub(in crate::mask) fn names_by_values(&self) -> bool {
        let Some(facts) = self.facts else {
            return true;
        };
        let reads_results = !facts.named_results.is_empty() || facts.uses_last_query_id;
        let is_query = |kind: &String| matches!(kind.as_str(), "SELECT" | "VALUES");
        let is_code = !facts.kinds.iter().all(is_query);
        !self.is_no_data() && (facts.names_by_values || reads_results || is_code)
    }

    pub(in crate::mask) const fn is_no_data(&self) -> bool {
        matches!(self.lineage, Some(Lineage::NoData))
    }

    pub(super) fn why_unknown(&self) -> &'a str {
        match (self.facts, self.lineage) {
            (None, _) => "the statement is no longer known",
            (Some(_), Some(Lineage::Unknown(why))) => why,
            (Some(_), Some(Lineage::Columns(_) | Lineage::NoData)) => "it is not what was foreseen",
            (Some(_), None) => "which of several statements it belongs to is not known",
        }
    }
}

/// The tables that a statement touches.
pub(super) fn touched(facts: &Facts) -> BTreeSet<&ObjectName> {
    let columns = facts.columns.iter().map(|column| &column.table);
    let reads = facts.accesses.iter().filter_map(|access| {
        let Object { kind, name } = &access.object;
        name.as_ref().filter(|_| *kind == ObjectKind::Table)
    });
    columns.chain(reads).collect()
}

/// True if the statement reads tables that are known, and nothing else that could hold data.
pub(super) fn is_bounded(origin: Origin<'_>) -> bool {
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
pub(super) fn is_opaque(facts: Option<&Facts>, table: &ObjectName) -> bool {
    !is_system(table)
        && (table.parts().len() < 3 || facts.is_none_or(|it| it.missing.contains(table)))
}

pub(super) fn unread(table: &ObjectName) -> String {
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
