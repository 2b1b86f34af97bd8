//! The facts of a statement as they are recorded.
//!
//! Names, and nothing that a statement says of values but its own text, which is recorded beside
//! them. Lists are cut where a frame would grow past what its reader takes; the counts are whole.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::sql::facts::{Column, Facts, Lineage, Sources};

/// Names in one list: a statement with more is described by its first ones, in their order.
const NAMES_MAX: usize = 256;
/// Bytes of one name: three parts of 255 characters, quoted.
const NAME_BYTES_MAX: usize = 1024;

#[derive(Clone, Debug, Serialize)]
pub(super) struct RecordedFacts {
    kinds: Vec<String>,
    effects: Vec<&'static str>,
    accesses: Vec<RecordedAccess>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    functions: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    predicates: Vec<String>,
    /// What is known of the origin of the result's columns.
    lineage: &'static str,
    /// Objects of which more would have been told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) fingerprint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    obscurity: Option<String>,
    /// Of the lists, the whole number of entries where they are cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<Cut>,
}

#[derive(Clone, Debug, Serialize)]
struct RecordedAccess {
    action: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    /// Nothing for the account as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Cut {
    accesses: usize,
    functions: usize,
    predicates: usize,
}

impl RecordedFacts {
    pub(super) fn of(facts: &Facts) -> Self {
        let accesses = facts.accesses.iter().take(NAMES_MAX);
        let whole = Cut {
            accesses: facts.accesses.len(),
            functions: facts.functions.len(),
            predicates: facts.predicates.len(),
        };
        let is_cut = [whole.accesses, whole.functions, whole.predicates]
            .iter()
            .any(|count| *count > NAMES_MAX);
        Self {
            kinds: names(facts.kinds.iter().cloned()),
            effects: facts.effects.iter().map(|effect| effect.name()).collect(),
            accesses: accesses
                .map(|access| RecordedAccess {
                    action: access.effect.name(),
                    kind: access.object.kind.entity(),
                    object: access
                        .object
                        .name
                        .as_ref()
                        .map(|name| cut(name.to_string())),
                })
                .collect(),
            functions: names(facts.functions.iter().cloned()),
            predicates: columns(&facts.predicates),
            lineage: lineage(&facts.lineage),
            missing: names(facts.missing.iter().map(ToString::to_string)),
            fingerprint: facts.fingerprint.clone(),
            obscurity: facts.obscurity.clone().map(cut),
            cut: is_cut.then_some(whole),
        }
    }
}

fn columns(columns: &BTreeSet<Column>) -> Vec<String> {
    names(columns.iter().map(|column| match &column.column {
        Some(name) => format!("{}.{name}", column.table),
        None => format!("{}.*", column.table),
    }))
}

fn names(names: impl Iterator<Item = String>) -> Vec<String> {
    names.take(NAMES_MAX).map(cut).collect()
}

fn cut(mut name: String) -> String {
    name.truncate(name.floor_char_boundary(NAME_BYTES_MAX));
    name
}

fn lineage(lineage: &Lineage) -> &'static str {
    match lineage {
        Lineage::NoData => "no_data",
        Lineage::Unknown(_) => "unknown",
        Lineage::Columns(outputs) => {
            let is_known = outputs.iter().all(|output| match output.sources {
                Sources::Known(_) => true,
                Sources::Unknown(_) => false,
            });
            if is_known { "known" } else { "partly_known" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::ObjectName;
    use crate::sql::facts::{Access, Effect, ObjectKind};

    #[test]
    fn facts_are_recorded_in_full_and_bounded() {
        let name = |text: &str| ObjectName::parse(text).unwrap();
        let mut facts = Facts {
            accesses: BTreeSet::from([
                Access::on_account(Effect::Session),
                Access::new(Effect::Read, ObjectKind::Table, name("d.s.\"t x\"")),
            ]),
            predicates: BTreeSet::from([Column {
                table: name("d.s.t"),
                column: Some("C".to_owned()),
            }]),
            lineage: Lineage::NoData,
            ..Facts::for_test(&[Effect::Read, Effect::Session])
        };
        let recorded = serde_json::to_value(RecordedFacts::of(&facts)).unwrap();
        let expected = serde_json::json!({
            "kinds": ["SELECT"],
            "effects": ["read", "session"],
            "accesses": [
                {"action": "read", "type": "Table", "object": "D.S.\"t x\""},
                {"action": "session", "type": "Account"},
            ],
            "predicates": ["D.S.T.C"],
            "lineage": "no_data",
        });
        assert_eq!(recorded, expected);

        facts.functions = (0..1000).map(|number| format!("F{number}")).collect();
        facts.functions.insert("G".repeat(10_000));
        let recorded = serde_json::to_value(RecordedFacts::of(&facts)).unwrap();
        assert_eq!(recorded["functions"].as_array().unwrap().len(), NAMES_MAX);
        assert_eq!(recorded["cut"]["functions"], 1001);
        assert!(recorded.to_string().len() < 64 << 10);
    }
}
