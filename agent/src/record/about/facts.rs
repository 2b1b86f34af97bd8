//! The facts of a statement as they are recorded.
//!
//! Names, and nothing that a statement says of values but its own text, which is recorded beside
//! them. Lists are cut where a frame would grow past what its reader takes; the counts are whole.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Serialize;

use super::limits::{DECISIONS_BYTES, FACTS_BYTES, Room, cut};
use super::redaction::Redaction;
use crate::policy::decisions::{ACCESSES_MAX, Decision, Decisions, Other};
use crate::sql::facts::{Access, Column, Facts, Lineage, Sources};

/// Names in one list: a statement with more is described by its first ones, in their order.
const NAMES_MAX: usize = ACCESSES_MAX;
/// Bytes of one name as JSON writes it: three parts of 255 characters, quoted.
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
    /// `allow` or `deny`; none where policies were not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    policies: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Cut {
    accesses: usize,
    functions: usize,
    predicates: usize,
    missing: usize,
    /// Named beside all accesses.
    policies: usize,
}

impl RecordedFacts {
    /// With a redaction, values are taken out of names too.
    pub(super) fn of(facts: &Facts, redaction: Option<&Redaction>) -> Self {
        let mut names = Names {
            room: Room::new(FACTS_BYTES),
            redaction,
        };
        let kinds = names.list(&mut facts.kinds.iter().map(Cow::from));
        let accesses = names.accesses(&facts.accesses);
        let predicates = names.list(&mut facts.predicates.iter().map(column));
        let functions = names.list(&mut facts.functions.iter().map(Cow::from));
        let missing = facts.missing.iter();
        let missing = names.list(&mut missing.map(|name| name.to_string().into()));
        let whole = Cut {
            accesses: facts.accesses.len(),
            functions: facts.functions.len(),
            predicates: facts.predicates.len(),
            missing: facts.missing.len(),
            policies: 0,
        };
        let recorded = Cut {
            accesses: accesses.len(),
            functions: functions.len(),
            predicates: predicates.len(),
            missing: missing.len(),
            policies: 0,
        };
        Self {
            kinds,
            effects: facts.effects.iter().map(|effect| effect.name()).collect(),
            accesses,
            functions,
            predicates,
            lineage: lineage(&facts.lineage),
            missing,
            fingerprint: facts.fingerprint.clone(),
            obscurity: facts.obscurity.as_deref().map(|text| names.name(text)),
            cut: (recorded != whole).then_some(whole),
        }
    }

    /// Adds what was decided of each access; what the statement needs besides comes after them.
    pub(super) fn decide(&mut self, decisions: &Decisions, redaction: Option<&Redaction>) {
        let mut room = Room::new(DECISIONS_BYTES);
        for (access, decision) in self.accesses.iter_mut().zip(&decisions.accesses) {
            access.decided(decision, &mut room);
        }
        let mut names = Names { room, redaction };
        let named = self.accesses.len();
        for other in &decisions.others {
            let Some(access) = names.other(other) else {
                break;
            };
            self.accesses.push(access);
        }
        let others = self.accesses.len() - named;
        let recorded: usize = self.accesses.iter().map(|it| it.policies.len()).sum();
        let decided = decisions.accesses.iter().take(named);
        let decided = decided.chain(decisions.others.iter().map(|it| &it.decision));
        let policies = decided.map(|it| it.policies.len()).sum();
        if self.cut.is_some() || others < decisions.others_count || recorded < policies {
            let cut = self.cut.get_or_insert(Cut {
                accesses: named,
                functions: self.functions.len(),
                predicates: self.predicates.len(),
                missing: self.missing.len(),
                policies: 0,
            });
            cut.accesses += decisions.others_count;
            cut.policies = policies;
        }
    }
}

impl RecordedAccess {
    fn decided(&mut self, decision: &Decision, room: &mut Room) {
        self.decision = Some(if decision.is_permitted {
            "allow"
        } else {
            "deny"
        });
        let ids = decision.policies.iter().take_while(|id| room.take(id));
        self.policies = ids.cloned().collect();
    }
}

/// Takes names into the lists of one statement.
struct Names<'a> {
    room: Room,
    redaction: Option<&'a Redaction>,
}

impl Names<'_> {
    fn name(&self, name: &str) -> String {
        let name = match self.redaction {
            Some(redaction) => redaction.told(name),
            None => Cow::Borrowed(name),
        };
        let mut name = name.into_owned();
        cut(&mut name, NAME_BYTES_MAX);
        name
    }

    fn list(&mut self, names: &mut dyn Iterator<Item = Cow<'_, str>>) -> Vec<String> {
        let mut list = Vec::new();
        for name in names.take(NAMES_MAX) {
            let name = self.name(&name);
            if !self.room.take(&name) {
                break;
            }
            list.push(name);
        }
        list
    }

    fn accesses(&mut self, accesses: &BTreeSet<Access>) -> Vec<RecordedAccess> {
        let mut list = Vec::with_capacity(accesses.len().min(NAMES_MAX));
        for access in accesses.iter().take(NAMES_MAX) {
            let object = access.object.name.as_ref();
            let object = object.map(|name| self.name(&name.to_string()));
            if !self.room.take(object.as_deref().unwrap_or_default()) {
                break;
            }
            list.push(RecordedAccess {
                action: access.effect.name(),
                kind: access.object.kind.entity(),
                object,
                decision: None,
                policies: Vec::new(),
            });
        }
        list
    }

    fn other(&mut self, other: &Other) -> Option<RecordedAccess> {
        let object = other.object.as_ref();
        let object = object.map(|name| self.name(&name.to_string()));
        let has_room = self.room.take(object.as_deref().unwrap_or_default());
        let mut access = has_room.then_some(RecordedAccess {
            action: other.action,
            kind: other.kind,
            object,
            decision: None,
            policies: Vec::new(),
        })?;
        access.decided(&other.decision, &mut self.room);
        Some(access)
    }
}

fn column(column: &Column) -> Cow<'static, str> {
    match &column.column {
        Some(name) => format!("{}.{name}", column.table).into(),
        None => format!("{}.*", column.table).into(),
    }
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
