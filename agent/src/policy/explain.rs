//! Why a verdict is what it is, and what would change it.

use std::collections::BTreeSet;

use super::demand::{Need, Target};
use super::evaluate::{Demand, Question, decide, needs, weigh};
use super::judge::Finding;
use super::load::PolicySet;
use super::message::helpful_role;
use super::verdict::{Judgement, Terms};

/// A verdict with everything that led to it.
#[derive(Clone, Debug)]
pub struct Explanation {
    pub judgement: Judgement,
    /// One for each access, in a fixed order; none when the demand is refused whatever policies say.
    pub accesses: Vec<Explained>,
    pub changes: Vec<Change>,
}

/// What the policies say of one access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    pub action: &'static str,
    /// The entity type: `Table`, `Account`, `Credential`.
    pub kind: &'static str,
    /// The entity's id: `SALES.PUBLIC.ORDERS`.
    pub name: String,
    pub labels: BTreeSet<String>,
    pub permitted_by: Vec<String>,
    pub forbidden_by: Vec<String>,
    /// Policies that failed to evaluate.
    pub failed: Vec<String>,
    pub permitted: bool,
    /// False when the name lacks parts, so that nothing can be said of it.
    pub whole: bool,
}

/// Something that would make the answer another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// People approve it: the policies that then allow.
    Approval { terms: Terms, policies: Vec<String> },
    /// A role that may be asked for, on these terms.
    Role { role: String, terms: Terms },
    /// The name is written in full.
    FullName { name: String },
    /// The only obstacle is these policies.
    Without { policies: Vec<String> },
    /// Some policy permits these accesses: action, entity type and id.
    Permit {
        missing: Vec<(String, String, String)>,
    },
}

/// Judges as [`super::evaluate()`] does, and tells why.
#[must_use]
pub fn explain(policies: &PolicySet, question: &Question<'_>, demand: Demand<'_>) -> Explanation {
    let weighed = needs(policies, question, demand).ok().and_then(|needs| {
        let weighed = weigh(policies, question, &needs).ok()?;
        Some((needs, weighed))
    });
    let Some((needs, weighed)) = weighed else {
        return Explanation {
            judgement: decide(policies, question, demand).as_ref().clone(),
            accesses: Vec::new(),
            changes: Vec::new(),
        };
    };
    let all = needs.iter().zip(&weighed.findings);
    Explanation {
        accesses: all
            .map(|(need, finding)| explained(policies, question, need, finding))
            .collect(),
        changes: changes(
            policies,
            question,
            &needs,
            &weighed.findings,
            &weighed.judgement,
        ),
        judgement: weighed.judgement,
    }
}

fn explained(
    policies: &PolicySet,
    question: &Question<'_>,
    need: &Need,
    finding: &Finding,
) -> Explained {
    let (kind, name) = identity(question, &need.target);
    Explained {
        action: need.action,
        kind,
        name,
        labels: need.labels.clone(),
        permitted_by: policies.ids(&finding.permitted_by),
        forbidden_by: policies.ids(&finding.forbidden_by),
        failed: policies.ids(&finding.failed),
        permitted: finding.is_permitted(),
        whole: need.is_whole(),
    }
}

fn identity(question: &Question<'_>, target: &Target) -> (&'static str, String) {
    match target {
        Target::Account => ("Account", question.account.to_owned()),
        Target::Ask => ("Ask", "this".to_owned()),
        Target::Credential(name) => ("Credential", name.clone()),
        Target::Host => ("Host", "this".to_owned()),
        Target::Label(name) => ("Label", name.clone()),
        Target::Object(kind, name) => (kind.entity(), name.to_string()),
        Target::Role(name) => ("Role", name.clone()),
    }
}

fn changes(
    policies: &PolicySet,
    question: &Question<'_>,
    needs: &[Need],
    findings: &[Finding],
    judgement: &Judgement,
) -> Vec<Change> {
    let mut changes = Vec::new();
    let refused: Vec<(&Need, &Finding)> = needs
        .iter()
        .zip(findings)
        .filter(|(_, finding)| !finding.is_permitted())
        .collect();
    if let Judgement::Hold {
        terms, policies, ..
    } = judgement
    {
        changes.push(Change::Approval {
            terms: terms.clone(),
            policies: policies.clone(),
        });
    }
    if refused.is_empty() {
        return changes;
    }
    if let Some((role, terms)) = helpful_role(policies, question, needs) {
        changes.push(Change::Role { role, terms });
    }
    let vague = refused.iter().filter(|(need, _)| !need.is_whole());
    changes.extend(vague.map(|(need, _)| Change::FullName {
        name: identity(question, &need.target).1,
    }));
    let forbidding = refused
        .iter()
        .flat_map(|(_, finding)| &finding.forbidden_by);
    let forbidding: BTreeSet<usize> = forbidding.copied().collect();
    if !forbidding.is_empty() {
        changes.push(Change::Without {
            policies: policies.ids(&forbidding),
        });
    }
    let missing = refused.iter().filter(|(need, finding)| {
        need.is_whole() && finding.permitted_by.is_empty() && finding.forbidden_by.is_empty()
    });
    let missing: Vec<(String, String, String)> = missing
        .map(|(need, _)| {
            let (kind, name) = identity(question, &need.target);
            (need.action.to_owned(), kind.to_owned(), name)
        })
        .collect();
    if !missing.is_empty() {
        changes.push(Change::Permit { missing });
    }
    changes
}
