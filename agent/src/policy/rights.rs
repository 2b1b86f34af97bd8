//! Who may ask for a role, decide about an ask, or operate the daemon: the same policies, other
//! questions.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::annotations::terms;
use super::demand::{Need, Target};
use super::entities::Unfit;
use super::evaluate::{Demand, Question, decide};
use super::index::Entry;
use super::judge::{Court, Finding};
use super::load::PolicySet;
use super::message::{self, Told, owner};
use super::scene::{Actor, Scene};
use super::verdict::{Denial, Judgement, Terms};
use super::vocabulary::Type;
use crate::identity::Principal;
use crate::sql::ObjectName;

/// Someone who is no workload: known to the kernel by the user id of the process that speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The user's name; `uid:1000` when the system has none.
    pub name: String,
    pub uid: u32,
    /// Names of the user's groups, sorted.
    pub groups: Vec<String>,
}

/// An ask as policies see it.
#[derive(Clone, Copy, Debug)]
pub struct AskView<'a> {
    /// `None` for a held statement.
    pub role: Option<&'a str>,
    pub workload: &'a str,
    pub account: &'a str,
    pub terms: &'a Terms,
}

/// A right that policies gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    /// The policies that permitted, sorted.
    pub policies: Vec<String>,
    pub policy_version: String,
}

/// May this principal ask for this role? The terms say who decides.
///
/// # Errors
/// No policy permits it, or one forbids it.
pub fn ask(
    policies: &PolicySet,
    principal: &Principal,
    role: &str,
    now: jiff::Timestamp,
) -> Result<(Right, Terms), Denial> {
    let scene = Scene::plain(Actor::Workload(principal, &[]), "", now);
    let permitting = settle(
        policies,
        &scene,
        Need::new("ask", Target::Role(role.to_owned())),
        || {
            format!(
                "ask for one of the roles in the policies, or {}",
                owner(policies)
            )
        },
    )?;
    let terms = terms(&policies.annotations(&permitting));
    Ok((right(policies, &permitting), terms))
}

/// The roles that this principal could be permitted to ask for. The index alone answers, so roles
/// cost next to nothing where few may be asked for.
pub(super) fn askable<'a>(
    policies: &'a PolicySet,
    principal: &Principal,
) -> impl Iterator<Item = &'a String> {
    let (vocabulary, index) = (policies.vocabulary(), policies.index());
    let alone = |kind, id: &str| {
        let uid = vocabulary.uid(kind, id)?;
        Some(Entry {
            uid,
            ancestors: Vec::new(),
        })
    };
    let asker = alone(Type::Workload, &principal.workload.name);
    let spoken = asker.and_then(|it| index.spoken(&vocabulary.action("ask")?.uid, &it));
    let spoken = spoken.filter(|it| index.could_permit(it));
    let could = move |role: &str| {
        let candidates = index.narrow(spoken.as_ref()?, &alone(Type::Role, role)?)?;
        Some(index.could_permit(&candidates))
    };
    let roles = policies.roles().iter();
    roles.filter(move |role| could(role).unwrap_or_default())
}

/// May this person decide about this ask?
///
/// # Errors
/// No policy permits it, or one forbids it.
pub fn approve(
    policies: &PolicySet,
    person: &Person,
    ask: &AskView<'_>,
    now: jiff::Timestamp,
) -> Result<Right, Denial> {
    let scene = Scene {
        ask: Some(ask),
        ..Scene::plain(Actor::Person(person), ask.account, now)
    };
    let permitting = settle(policies, &scene, Need::new("approve", Target::Ask), || {
        let groups: Vec<&str> = ask.terms.approvers.iter().map(String::as_str).collect();
        format!("a member of `{}` can decide", groups.join("`, `"))
    })?;
    Ok(right(policies, &permitting))
}

/// May this person operate: grant, revoke, extend, list everything?
///
/// # Errors
/// No policy permits it, or one forbids it.
pub fn operate(
    policies: &PolicySet,
    person: &Person,
    now: jiff::Timestamp,
) -> Result<Right, Denial> {
    let scene = Scene::plain(Actor::Person(person), "", now);
    let need = Need::new("operate", Target::Host);
    let permitting = settle(policies, &scene, need, || owner(policies))?;
    Ok(right(policies, &permitting))
}

/// The right of the principal of this question to see the values of a label, in columns of this
/// table or, without one, wherever they come from; `None` if there is none.
#[must_use]
pub fn may_see(
    policies: &PolicySet,
    question: &Question<'_>,
    label: &str,
    table: Option<&ObjectName>,
) -> Option<Right> {
    match &*decide(policies, question, Demand::Unmask(label, table)) {
        Judgement::Allow { policies: by, .. } => Some(Right {
            policies: by.clone(),
            policy_version: policies.version().to_owned(),
        }),
        Judgement::Hold { .. } | Judgement::Deny(_) => None,
    }
}

/// The same, with what whoever may not is told.
///
/// # Errors
/// No policy permits it, or one forbids it.
pub fn unmask(
    policies: &PolicySet,
    question: &Question<'_>,
    label: &str,
    table: Option<&ObjectName>,
) -> Result<Right, Denial> {
    let scene = Scene {
        table,
        ..Scene::of(question)
    };
    let need = Need::new("unmask", Target::Label(label.to_owned()));
    let needs = std::slice::from_ref(&need);
    let permitting = settle(policies, &scene, need.clone(), || {
        message::role_or_owner(policies, question, needs)
    })?;
    Ok(right(policies, &permitting))
}

/// The policies that permit, or the denial with what `next` says is to be done.
fn settle(
    policies: &PolicySet,
    scene: &Scene<'_>,
    need: Need,
    next: impl FnOnce() -> String,
) -> Result<BTreeSet<usize>, Denial> {
    let needs = [need];
    let approved = scene.approved;
    let findings = Court::new(policies, scene, &needs).and_then(|court| court.judge(approved));
    let findings = findings.unwrap_or_else(|Unfit| vec![Finding::default()]);
    match findings.as_slice() {
        [finding] if finding.is_permitted() => Ok(finding.permitted_by.clone()),
        [..] => {
            let forbidding = findings.iter().flat_map(|it| &it.forbidden_by);
            let forbidding: BTreeSet<usize> = forbidding.copied().collect();
            Err(Denial {
                message: Told::new(policies, scene, &needs, &findings).denied(&next()),
                policies: policies.ids(&forbidding),
                policy_version: policies.version().to_owned(),
                kill: false,
                accesses: Arc::default(),
            })
        }
    }
}

fn right(policies: &PolicySet, permitting: &BTreeSet<usize>) -> Right {
    Right {
        policies: policies.ids(permitting),
        policy_version: policies.version().to_owned(),
    }
}
