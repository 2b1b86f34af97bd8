//! Who may do what to what, as far as policies tell without looking at a statement.

use std::collections::BTreeSet;

use super::demand::{Need, Target};
use super::evaluate::{Question, weigh};
use super::load::PolicySet;
use crate::sql::Effect;
use crate::sql::facts::{Object, ObjectKind};

/// Actions that depend on the labels of columns.
const BY_LABEL: [&str; 4] = ["read", "filter", "insert", "export"];

/// One cell: what is answered to a principal that would act on an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub action: &'static str,
    /// The object as messages call it; the account has no name of its own.
    pub object: String,
    /// The label of the columns that are touched.
    pub label: Option<String>,
    /// `allow`, `hold` or `deny`; deny also where it cannot be judged.
    pub verdict: &'static str,
    /// The policies that decided, sorted.
    pub policies: Vec<String>,
}

/// Judges every action on every object in the circumstances of a question; on tables some of them
/// once more for each label; then `login`, and `unmask` and `ask` for the labels and roles that
/// there are.
#[must_use]
pub fn matrix(policies: &PolicySet, question: &Question<'_>, objects: &[Object]) -> Vec<Row> {
    let credential = question.credential.map(str::to_owned);
    let login = credential.map(|name| Need::new("login", Target::Credential(name)));
    let mut needs: Vec<Need> = login.into_iter().collect();
    for object in objects {
        let target = Target::of(object);
        let effects = Effect::ALL.into_iter();
        needs.extend(effects.map(|effect| Need::new(effect.name(), target.clone())));
        if object.kind == ObjectKind::Table {
            for (label, _) in policies.labels().iter() {
                let by_label = BY_LABEL.into_iter().map(|action| Need {
                    labels: BTreeSet::from([label.to_owned()]),
                    ..Need::new(action, target.clone())
                });
                needs.extend(by_label);
            }
        }
    }
    let labels = policies.labels().iter();
    needs.extend(labels.map(|(it, _)| Need::new("unmask", Target::Label(it.to_owned()))));
    let roles = policies.roles().iter();
    needs.extend(roles.map(|it| Need::new("ask", Target::Role(it.clone()))));
    needs
        .into_iter()
        .map(|need| row(policies, question, need))
        .collect()
}

fn row(policies: &PolicySet, question: &Question<'_>, need: Need) -> Row {
    let weighed = weigh(policies, question, std::slice::from_ref(&need));
    let (verdict, policies) = match &weighed {
        Ok(weighed) => (
            weighed.judgement.name(),
            weighed.judgement.policies().to_vec(),
        ),
        Err(_) => ("deny", Vec::new()),
    };
    Row {
        action: need.action,
        object: need.target.shown().unwrap_or_else(|| "account".to_owned()),
        label: need.labels.into_iter().next(),
        verdict,
        policies,
    }
}
