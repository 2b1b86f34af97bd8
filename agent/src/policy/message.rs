//! What the client is told: which rule, why, and what to do next, in one line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use super::annotations::shown as duration;
use super::demand::{Need, Target};
use super::evaluate::Question;
use super::judge::{Court, Finding};
use super::load::PolicySet;
use super::rights;
use super::scene::Scene;
use super::verdict::Terms;
use crate::sql::facts::ObjectKind;

/// Drivers show one line, and a model must read what to do next at its end.
const BYTES_MAX: usize = 600;

/// Objects and policies that a message names; of the others it tells the number.
const NAMED_MAX: usize = 4;

/// A name may be 255 characters a part.
const NAME_BYTES_MAX: usize = 80;

/// Roles that are tried to find one that would help: each costs a judgement.
const ROLES_MAX: usize = 16;

/// How long a role is asked for in the command that a message shows.
const SUGGESTED_MINUTES: u64 = 30;

/// What a message is made of.
#[derive(Debug)]
pub(super) struct Told<'a> {
    policies: &'a PolicySet,
    scene: &'a Scene<'a>,
    needs: &'a [Need],
    pub(super) findings: &'a [Finding],
}

impl<'a> Told<'a> {
    pub(super) const fn new(
        policies: &'a PolicySet,
        scene: &'a Scene<'a>,
        needs: &'a [Need],
        findings: &'a [Finding],
    ) -> Self {
        Self {
            policies,
            scene,
            needs,
            findings,
        }
    }

    pub(super) fn denied(&self, next: &str) -> String {
        let on = match self.scene.account {
            "" => String::new(),
            account => format!(" on account `{account}`"),
        };
        let head = format!("denied for {}{on}: ", self.scene.name());
        let reasons = self.reasons().join("; ");
        let room = BYTES_MAX.saturating_sub(head.len() + next.len() + 2);
        plain(&format!("{head}{}; {next}", cut(&reasons, room)))
    }

    pub(super) fn held(&self, deciding: &BTreeSet<usize>, terms: &Terms) -> String {
        let waiting = self.refused().map(|(need, _)| shown(need));
        let rules = cut(&self.rules(deciding), BYTES_MAX / 2);
        let groups = terms.approvers.iter().map(String::as_str);
        let needs = match terms.approvals {
            0 => "goes on by breaking the glass, and everybody is told".to_owned(),
            people => {
                let groups = list(groups);
                let people = if people == 1 {
                    "one".to_owned()
                } else {
                    people.to_string()
                };
                let wait = duration(terms.wait);
                format!("needs approval by {people} of {groups} within {wait}")
            }
        };
        let head = format!(
            "held for {} on account `{}`: ",
            self.scene.name(),
            self.scene.account
        );
        let tail = format!(" {needs}, says {rules}");
        let room = BYTES_MAX.saturating_sub(head.len() + tail.len());
        plain(&format!("{head}{}{tail}", cut(&join(waiting), room)))
    }

    /// True if naming objects in full is all that is to be done.
    fn is_vague(&self) -> bool {
        self.refused().all(|(need, _)| !need.is_whole())
    }

    fn refused(&self) -> impl Iterator<Item = (&Need, &Finding)> {
        let all = self.needs.iter().zip(self.findings);
        all.filter(|(_, finding)| !finding.is_permitted())
    }

    fn reasons(&self) -> Vec<String> {
        let mut forbidden: BTreeMap<&BTreeSet<usize>, Vec<String>> = BTreeMap::new();
        let (mut missing, mut vague, mut failed) = (Vec::new(), Vec::new(), BTreeSet::new());
        for (need, finding) in self.refused() {
            if !need.is_whole() {
                vague.push(need);
            } else if !finding.forbidden_by.is_empty() {
                let by = forbidden.entry(&finding.forbidden_by).or_default();
                by.push(shown(need));
            } else if finding.permitted_by.is_empty() {
                missing.push(shown(need));
            }
            failed.extend(finding.failed.iter().copied());
        }
        let forbidden = forbidden.into_iter();
        let mut reasons: Vec<String> = forbidden
            .map(|(by, what)| {
                format!(
                    "{} is forbidden by {}",
                    join(what.into_iter()),
                    self.rules(by)
                )
            })
            .collect();
        if !failed.is_empty() {
            let ids = self.policies.named(&failed).map(|rule| rule.id.as_str());
            reasons.push(format!("{} failed to evaluate", list(ids)));
        }
        if !missing.is_empty() {
            reasons.push(format!("no policy permits {}", join(missing.into_iter())));
        }
        reasons.extend(vague.first().map(|need| qualify(need)));
        if let Some(obscurity) = self.scene.facts.and_then(|facts| facts.obscurity.as_ref()) {
            reasons.push(format!("the statement was not understood ({obscurity})"));
        }
        reasons
    }

    fn rules(&self, numbers: &BTreeSet<usize>) -> String {
        let rules = self.policies.named(numbers).map(|rule| {
            let message = rule.annotations.message.as_ref();
            message.map_or_else(
                || format!("`{}`", rule.id),
                |message| format!("`{}` ({message})", rule.id),
            )
        });
        join(rules)
    }
}

/// What whoever was denied should do.
pub(super) fn next_step(policies: &PolicySet, question: &Question<'_>, told: &Told<'_>) -> String {
    if told.is_vague() {
        return "then send it again".to_owned();
    }
    role_or_owner(policies, question, told.needs)
}

/// The role to ask for, or whom to ask.
pub(super) fn role_or_owner(
    policies: &PolicySet,
    question: &Question<'_>,
    needs: &[Need],
) -> String {
    if let Some((role, terms)) = helpful_role(policies, question, needs) {
        let minutes = terms
            .longest
            .map_or(SUGGESTED_MINUTES, |it| it.as_secs() / 60);
        return format!(
            "run `snowfence ask {role} --for {}m --reason \"…\"` and try again when it is granted",
            minutes.min(SUGGESTED_MINUTES)
        );
    }
    owner(policies)
}

/// Whom to ask when nothing else helps.
pub(super) fn owner(policies: &PolicySet) -> String {
    let dir = policies.dir().display();
    format!("retrying will not help, ask the owner of the policies in `{dir}`")
}

/// A role that the principal may ask for and that would make the demand allowed, or else held.
pub(super) fn helpful_role(
    policies: &PolicySet,
    question: &Question<'_>,
    needs: &[Need],
) -> Option<(String, Terms)> {
    let new = rights::askable(policies, question.principal);
    let new = new.filter(|role| !question.roles.contains(role));
    let mut held = None;
    for role in new.take(ROLES_MAX) {
        let Ok((_, terms)) = rights::ask(policies, question.principal, role, question.now) else {
            continue;
        };
        let mut roles = question.roles.to_vec();
        roles.push(role.clone());
        let question = Question {
            roles: &roles,
            ..*question
        };
        match helps(policies, &question, needs) {
            Some(Help::Allows) => return Some((role.clone(), terms)),
            Some(Help::Holds) => {
                held = held.or_else(|| Some((role.clone(), terms)));
            }
            None => {}
        }
    }
    held
}

#[derive(Clone, Copy, Debug)]
enum Help {
    Allows,
    Holds,
}

fn helps(policies: &PolicySet, question: &Question<'_>, needs: &[Need]) -> Option<Help> {
    let scene = Scene::of(question);
    let court = Court::new(policies, &scene, needs).ok()?;
    if court.is_hopeless() {
        return None;
    }
    let permits = |approved| {
        let findings = court.judge(approved).unwrap_or_default();
        !findings.is_empty() && findings.iter().all(Finding::is_permitted)
    };
    if permits(question.approved) {
        return Some(Help::Allows);
    }
    (policies.mentions().has("approved") && permits(true)).then_some(Help::Holds)
}

fn shown(need: &Need) -> String {
    let mut text = format!("`{}`", need.action);
    if let Some(target) = need.target.shown() {
        write!(text, " on `{}`", cut(&target, NAME_BYTES_MAX)).ok();
    }
    if need.action == "filter" {
        let labels = need.labels.iter().map(String::as_str);
        write!(text, " by columns labelled {}", list(labels)).ok();
    }
    text
}

fn qualify(need: &Need) -> String {
    let Target::Object(kind, name) = &need.target else {
        return String::new();
    };
    let (name, _) = (cut(&name.to_string(), NAME_BYTES_MAX), kind);
    let how = match kind.depth() {
        0 | 1 => "one part".to_owned(),
        2 => "`DATABASE.SCHEMA`, or run USE DATABASE first".to_owned(),
        _ => "`DATABASE.SCHEMA.NAME`, or run USE DATABASE and USE SCHEMA first".to_owned(),
    };
    let kind = match kind {
        ObjectKind::Table => "table",
        ObjectKind::Account
        | ObjectKind::Database
        | ObjectKind::Function
        | ObjectKind::Integration
        | ObjectKind::Object
        | ObjectKind::Procedure
        | ObjectKind::Role
        | ObjectKind::Schema
        | ObjectKind::Stage
        | ObjectKind::User
        | ObjectKind::Warehouse => "object",
    };
    format!(
        "it cannot be told which {kind} `{name}` is, to judge `{}` on it: write {how}",
        need.action
    )
}

fn list(names: impl IntoIterator<Item: fmt::Display>) -> String {
    let names = names.into_iter();
    join(names.map(|name| format!("`{name}`")))
}

fn join(texts: impl Iterator<Item = String>) -> String {
    let texts: Vec<String> = texts.collect();
    let more = texts.len().saturating_sub(NAMED_MAX);
    let mut text = texts
        .into_iter()
        .take(NAMED_MAX)
        .collect::<Vec<_>>()
        .join(", ");
    if more > 0 {
        write!(text, " and {more} more").ok();
    }
    text
}

/// The text, cut to about so many bytes.
fn cut(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(bytes.saturating_sub('…'.len_utf8()));
    format!("{}…", text.get(..end).unwrap_or_default())
}

/// One line: names in statements may hold anything.
fn plain(text: &str) -> String {
    text.replace(char::is_control, " ")
}
