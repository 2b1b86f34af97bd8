//! Facts and verdicts as programs read them: the objects of `--json` and of the batch protocol.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::value::RawValue;

use super::judge;
use super::masks::MaskView;
use crate::policy::Judgement;
use crate::sql::Facts;
use crate::sql::facts::{Access, Column, Lineage, Object, Sources};
use crate::sql::name::ObjectName;

/// One line of the batch protocol. Without a judgement, the keys that it fills are null.
#[derive(Debug, Serialize)]
pub(super) struct Answer<'a> {
    pub(super) id: Option<&'a RawValue>,
    kind: String,
    effects: Vec<&'static str>,
    accesses: Vec<AccessView>,
    functions: &'a BTreeSet<String>,
    predicates: Vec<String>,
    lineage: LineageView,
    verdict: Option<&'static str>,
    policies: Option<&'a [String]>,
    message: Option<&'a str>,
    columns: Vec<String>,
    missing: Vec<String>,
    obscurity: Option<&'a str>,
    fingerprint: &'a str,
    limits: Option<LimitsView>,
    approvers: Option<&'a BTreeSet<String>>,
    approvals: Option<u32>,
    /// The columns of the result and what is masked of them; none of a result without data.
    pub(super) masks: Option<Vec<MaskView>>,
}

/// An access, in the words that policies use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct AccessView {
    pub(super) action: &'static str,
    #[serde(rename = "type")]
    pub(super) entity: &'static str,
    /// `None` is the account.
    pub(super) object: Option<String>,
}

#[derive(Debug, Serialize)]
struct LineageView {
    known: bool,
    reason: Option<String>,
    columns: Vec<OutputView>,
}

#[derive(Debug, Serialize)]
struct OutputView {
    name: Option<String>,
    known: bool,
    sources: Vec<String>,
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
struct LimitsView {
    max_rows: Option<u64>,
    timeout_seconds: Option<u64>,
}

impl<'a> Answer<'a> {
    pub(super) fn new(facts: &'a Facts, judgement: Option<&'a Judgement>) -> Self {
        let terms = judgement.and_then(judge::terms);
        Self {
            id: None,
            kind: facts.kinds.join("; "),
            effects: facts.effects.iter().map(|effect| effect.name()).collect(),
            accesses: accesses(facts),
            functions: &facts.functions,
            predicates: columns(&facts.predicates),
            lineage: lineage(&facts.lineage),
            verdict: judgement.map(Judgement::name),
            policies: judgement.map(Judgement::policies),
            message: judgement.and_then(judge::message),
            columns: columns(&facts.columns),
            missing: facts.missing.iter().map(ToString::to_string).collect(),
            obscurity: facts.obscurity.as_deref(),
            fingerprint: &facts.fingerprint,
            limits: judgement.map(judge::limits).map(|limits| LimitsView {
                max_rows: limits.max_rows,
                timeout_seconds: limits.timeout.map(|timeout| timeout.as_secs()),
            }),
            approvers: terms.map(|terms| &terms.approvers),
            approvals: terms.map(|terms| terms.approvals),
            masks: None,
        }
    }
}

impl AccessView {
    pub(super) fn new(access: &Access) -> Self {
        let Object { kind, name } = &access.object;
        Self {
            action: access.effect.name(),
            entity: kind.entity(),
            object: name.as_ref().map(ToString::to_string),
        }
    }

    /// `Table DB.S.T`, or `Account`.
    pub(super) fn resource(&self) -> String {
        match &self.object {
            Some(object) => format!("{} {object}", self.entity),
            None => self.entity.to_owned(),
        }
    }
}

/// Sorted by the words, which is another order than that of the types.
fn accesses(facts: &Facts) -> Vec<AccessView> {
    let mut accesses: Vec<AccessView> = facts.accesses.iter().map(AccessView::new).collect();
    accesses.sort();
    accesses
}

pub(super) fn columns(columns: &BTreeSet<Column>) -> Vec<String> {
    columns.iter().map(column).collect()
}

/// `DB.SCHEMA.T.COL`; `DB.SCHEMA.T.*` for every column, or for columns that are not known.
fn column(column: &Column) -> String {
    let name = column.column.as_ref().and_then(|name| {
        // The spelling of one part is that of a name with one part.
        ObjectName::new(vec![name.clone()])
    });
    let name = name.map_or_else(|| "*".to_owned(), |name| name.to_string());
    format!("{}.{name}", column.table)
}

fn lineage(lineage: &Lineage) -> LineageView {
    match lineage {
        Lineage::NoData => LineageView {
            known: true,
            reason: None,
            columns: Vec::new(),
        },
        Lineage::Columns(outputs) => {
            let columns = outputs.iter().map(|output| {
                let (known, sources, reason) = match &output.sources {
                    Sources::Known(sources) => (true, columns(sources), None),
                    Sources::Unknown(reason) => (false, Vec::new(), Some(reason.clone())),
                };
                OutputView {
                    name: output.name.clone(),
                    known,
                    sources,
                    reason,
                }
            });
            LineageView {
                known: true,
                reason: None,
                columns: columns.collect(),
            }
        }
        Lineage::Unknown(reason) => LineageView {
            known: false,
            reason: Some(reason.clone()),
            columns: Vec::new(),
        },
    }
}
