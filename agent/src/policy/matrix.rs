//! Who may do what to what, as far as policies tell without looking at a statement.

use std::collections::BTreeSet;

use super::evaluate::{Demand, Question, decide};
use super::load::PolicySet;
use super::rights;
use crate::mask::labels::Labels;
use crate::sql::facts::{Access, Column, Object, ObjectKind};
use crate::sql::{Effect, Facts};

/// One cell: what is answered to a principal that would act on an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub action: &'static str,
    /// The object's entity type.
    pub kind: &'static str,
    pub object: String,
    /// `allow`, `hold` or `deny`.
    pub verdict: &'static str,
    /// The policies that decided, sorted.
    pub policies: Vec<String>,
}

/// Judges every action on every object, and `login`, `ask` and `unmask` on what the policies and
/// labels name, in the circumstances of `question`.
#[must_use]
pub fn matrix(policies: &PolicySet, question: &Question<'_>, objects: &[Object]) -> Vec<Row> {
    let mut rows = Vec::new();
    if let Some(credential) = question.credential {
        let judgement = decide(policies, question, Demand::Login);
        rows.push(Row {
            action: "login",
            kind: "Credential",
            object: credential.to_owned(),
            verdict: judgement.name(),
            policies: judgement.policies().to_vec(),
        });
    }
    for object in objects {
        for effect in Effect::ALL {
            rows.push(cell(policies, question, effect, object));
        }
        rows.extend(filter(policies, question, object));
    }
    for (label, _) in policies.labels().iter() {
        let right = rights::unmask(policies, question, label);
        rows.push(right_row("unmask", "Label", label, right));
    }
    for role in policies.roles() {
        let right = rights::ask(policies, question.principal, role, question.now);
        rows.push(right_row(
            "ask",
            "Role",
            role,
            right.map(|(right, _)| right),
        ));
    }
    rows
}

fn right_row(
    action: &'static str,
    kind: &'static str,
    object: &str,
    right: Result<rights::Right, super::Denial>,
) -> Row {
    let (verdict, policies) = match right {
        Ok(right) => ("allow", right.policies),
        Err(denial) => ("deny", denial.policies),
    };
    Row {
        action,
        kind,
        object: object.to_owned(),
        verdict,
        policies,
    }
}

fn cell(policies: &PolicySet, question: &Question<'_>, effect: Effect, object: &Object) -> Row {
    let facts = facts(question, effect, object);
    let judgement = decide(policies, question, Demand::Statement(&facts));
    Row {
        action: effect.name(),
        kind: object.kind.entity(),
        object: name(question, object),
        verdict: judgement.name(),
        policies: judgement.policies().to_vec(),
    }
}

/// A read whose rows are chosen by columns with the labels of the table.
fn filter(policies: &PolicySet, question: &Question<'_>, object: &Object) -> Option<Row> {
    let table = object.name.as_ref()?;
    let labels: &Labels = policies.labels();
    if object.kind != ObjectKind::Table || labels.of_table(question.account, table).is_empty() {
        return None;
    }
    let column = Column {
        table: table.clone(),
        column: None,
    };
    let facts = Facts {
        predicates: BTreeSet::from([column]),
        ..facts(question, Effect::Read, object)
    };
    let judgement = decide(policies, question, Demand::Statement(&facts));
    Some(Row {
        action: "filter",
        kind: object.kind.entity(),
        object: name(question, object),
        verdict: judgement.name(),
        policies: judgement.policies().to_vec(),
    })
}

fn facts(question: &Question<'_>, effect: Effect, object: &Object) -> Facts {
    let access = Access {
        effect,
        object: object.clone(),
    };
    let table = object
        .name
        .clone()
        .filter(|_| object.kind == ObjectKind::Table);
    let columns = table.map(|table| Column {
        table,
        column: None,
    });
    let asked = question.facts;
    Facts {
        kinds: asked.map(|it| it.kinds.clone()).unwrap_or_default(),
        effects: BTreeSet::from([effect]),
        accesses: BTreeSet::from([access]),
        columns: columns.into_iter().collect(),
        obscurity: None,
        ..Facts::opaque(String::new(), "")
    }
}

fn name(question: &Question<'_>, object: &Object) -> String {
    let name = object.name.as_ref();
    name.map_or_else(|| question.account.to_owned(), ToString::to_string)
}
