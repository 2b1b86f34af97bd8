//! The one function that permits.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::annotations::{limits, terms};
use super::cache::key;
use super::decisions::Decisions;
use super::demand::{Need, Target, statement};
use super::entities::Unfit;
use super::judge::{Court, Finding};
use super::load::PolicySet;
use super::message::{self, Told};
use super::scene::Scene;
use super::verdict::{Denial, Judgement, Limits, Verdict};
use crate::identity::Principal;
use crate::snowflake::Operation;
use crate::sql::{Facts, ObjectName, SessionState};

/// Everything that a verdict depends on besides the policies and the operation.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    pub principal: &'a Principal,
    /// The account's configured name.
    pub account: &'a str,
    /// The credential that a login would use.
    pub credential: Option<&'a str>,
    /// The client's application id; empty when it told none.
    pub client: &'a str,
    /// The facts of a query's text.
    pub facts: Option<&'a Facts>,
    pub session: &'a SessionState,
    /// The roles that grants give the principal now, sorted.
    pub roles: &'a [String],
    pub usage: Usage,
    /// Whether people have approved exactly this.
    pub approved: bool,
    pub mode: Mode,
    pub now: jiff::Timestamp,
}

/// What a scope's `mode` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    #[default]
    Enforce,
    /// Judge and record, and allow.
    Observe,
}

/// What the principal has used of its budgets, this statement not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Usage {
    pub queries_hour: u64,
    pub queries_day: u64,
    pub rows_hour: u64,
    pub rows_day: u64,
    pub bytes_hour: u64,
    pub bytes_day: u64,
    /// Statements that run now.
    pub running: u64,
}

/// What is judged.
#[derive(Clone, Copy, Debug)]
pub enum Demand<'a> {
    /// `login` on the question's credential.
    Login,
    /// Every access of a statement.
    Statement(&'a Facts),
    /// `unmask` on a label that a column of this table carries.
    Unmask(&'a str, Option<&'a ObjectName>),
}

/// Judges one operation: every access it needs must be permitted.
///
/// A login needs `login` on the credential; a query needs every access of its facts, and `filter`
/// on every table whose labelled columns decide about rows. The other operations follow up on a
/// login or a statement that was judged, by ids that only that session owns, so they need no access
/// of their own and are permitted by no policy.
pub fn evaluate(policies: &PolicySet, question: &Question<'_>, operation: Operation) -> Verdict {
    let judgement = match &operation {
        Operation::Login(_) => decide(policies, question, Demand::Login),
        Operation::Query(_) => match question.facts {
            Some(facts) => decide(policies, question, Demand::Statement(facts)),
            None => Arc::new(refuse(policies, "the statement was not analysed")),
        },
        Operation::Renew
        | Operation::Heartbeat
        | Operation::Close
        | Operation::Result(_)
        | Operation::Abort(_)
        | Operation::Monitor(_)
        | Operation::Telemetry
        | Operation::Chunk { .. }
        | Operation::ApiResult { .. }
        | Operation::ApiCancel(_) => Arc::new(Judgement::Allow {
            policies: Vec::new(),
            limits: Limits::default(),
            observed: None,
            accesses: Arc::default(),
        }),
    };
    judgement.about(operation, policies.version())
}

/// Judges a demand, or finds how it was judged before.
#[must_use]
pub fn decide(policies: &PolicySet, question: &Question<'_>, demand: Demand<'_>) -> Arc<Judgement> {
    let key = key(policies, question, &demand);
    if let Some(known) = policies.verdicts().find(&key) {
        return known;
    }
    let judgement = Arc::new(judge_anew(policies, question, demand));
    policies.verdicts().keep(key, &judgement);
    judgement
}

/// Judges without looking at what was judged before.
pub(super) fn judge_anew(
    policies: &PolicySet,
    question: &Question<'_>,
    demand: Demand<'_>,
) -> Judgement {
    let needs = match needs(policies, question, demand) {
        Ok(needs) => needs,
        Err(reason) => return refuse(policies, reason),
    };
    let weighed = match demand {
        Demand::Login | Demand::Statement(_) => weigh(policies, question, &needs),
        Demand::Unmask(_, table) => shows(policies, question, table, &needs),
    };
    match weighed {
        Ok(Weighed { judgement, .. }) => judgement,
        Err(Unfit) => refuse(policies, "the request cannot be judged"),
    }
}

/// Judges what nobody waits for or is told of: a value is shown, or it is masked. It is masked in a
/// scope that only observes, too.
fn shows(
    policies: &PolicySet,
    question: &Question<'_>,
    table: Option<&ObjectName>,
    needs: &[Need],
) -> Result<Weighed, Unfit> {
    let scene = Scene {
        table,
        ..Scene::of(question)
    };
    let findings = Court::new(policies, &scene, needs)?.judge(question.approved)?;
    let judgement = match findings.iter().all(Finding::is_permitted) {
        true => allow(policies, &findings, Arc::default()),
        false => Judgement::Deny(Denial {
            policies: Vec::new(),
            policy_version: policies.version().to_owned(),
            message: "not shown".to_owned(),
            kill: false,
            accesses: Arc::default(),
        }),
    };
    Ok(Weighed {
        judgement,
        findings,
    })
}

/// Everything that a demand needs; the error is why it is refused whatever policies say.
pub(super) fn needs(
    policies: &PolicySet,
    question: &Question<'_>,
    demand: Demand<'_>,
) -> Result<Vec<Need>, &'static str> {
    match demand {
        Demand::Login => {
            let credential = question.credential.ok_or("the request cannot be judged")?;
            let target = Target::Credential(credential.to_owned());
            Ok(vec![Need::new("login", target)])
        }
        Demand::Statement(facts) if facts.file_transfer => {
            Err("file transfers (PUT, GET) are never forwarded")
        }
        Demand::Statement(facts) if facts.effects.is_empty() => {
            Err("the statement was not analysed")
        }
        Demand::Statement(facts) => Ok(statement(facts, question.account, policies.labels())),
        Demand::Unmask(label, _) => Ok(vec![Need::new("unmask", Target::Label(label.to_owned()))]),
    }
}

/// A judgement with what it was made of.
#[derive(Debug)]
pub(super) struct Weighed {
    pub(super) judgement: Judgement,
    /// For each need, as the question stands.
    pub(super) findings: Vec<Finding>,
}

pub(super) fn weigh(
    policies: &PolicySet,
    question: &Question<'_>,
    needs: &[Need],
) -> Result<Weighed, Unfit> {
    let scene = Scene::of(question);
    let court = Court::new(policies, &scene, needs)?;
    let findings = court.judge(question.approved)?;
    let decisions =
        |held: &[BTreeSet<usize>]| Decisions::of(policies, question.facts, needs, &findings, held);
    let judgement = if findings.iter().all(Finding::is_permitted) && !findings.is_empty() {
        allow(policies, &findings, decisions(&[]))
    } else {
        let told = Told::new(policies, &scene, needs, &findings);
        let hold = hold(policies, question, &court, &told, &decisions)?;
        let refused = hold.unwrap_or_else(|| deny(policies, question, &told, decisions(&[])));
        match question.mode {
            Mode::Enforce => refused,
            Mode::Observe => observe(policies, &findings, refused),
        }
    };
    Ok(Weighed {
        judgement,
        findings,
    })
}

fn allow(policies: &PolicySet, findings: &[Finding], accesses: Arc<Decisions>) -> Judgement {
    let permitting = permitting(findings);
    Judgement::Allow {
        policies: policies.ids(&permitting),
        limits: limits(&policies.annotations(&permitting)),
        observed: None,
        accesses,
    }
}

/// What stands in the way goes away with people's approval, or nothing.
fn hold(
    policies: &PolicySet,
    question: &Question<'_>,
    court: &Court<'_>,
    told: &Told<'_>,
    decisions: &dyn Fn(&[BTreeSet<usize>]) -> Arc<Decisions>,
) -> Result<Option<Judgement>, Unfit> {
    let failed = told.findings.iter().any(|it| !it.failed.is_empty());
    if question.approved || failed || !policies.mentions().has("approved") || court.is_hopeless() {
        return Ok(None);
    }
    let approved = court.judge(true)?;
    if !approved.iter().all(Finding::is_permitted) {
        return Ok(None);
    }
    let mut held: Vec<BTreeSet<usize>> = Vec::with_capacity(approved.len());
    for (before, after) in told.findings.iter().zip(&approved) {
        let mut deciding = BTreeSet::new();
        if !before.is_permitted() {
            deciding.extend(&before.forbidden_by);
            // Others permit it anyway.
            let approvals = after.permitted_by.iter().filter(|number| {
                let only = BTreeSet::from([**number]);
                policies.named(&only).any(|rule| rule.approval)
            });
            deciding.extend(approvals);
        }
        held.push(deciding);
    }
    let deciding: BTreeSet<usize> = held.iter().flatten().copied().collect();
    let terms = terms(&policies.annotations(&deciding));
    Ok(Some(Judgement::Hold {
        message: told.held(&deciding, &terms),
        policies: policies.ids(&deciding),
        terms,
        accesses: decisions(&held),
    }))
}

fn deny(
    policies: &PolicySet,
    question: &Question<'_>,
    told: &Told<'_>,
    accesses: Arc<Decisions>,
) -> Judgement {
    let forbidding: BTreeSet<usize> = told
        .findings
        .iter()
        .flat_map(|it| it.forbidden_by.iter().copied())
        .collect();
    let next = message::next_step(policies, question, told);
    Judgement::Deny(Denial {
        message: told.denied(&next),
        kill: policies.named(&forbidding).any(|it| it.annotations.kill),
        policies: policies.ids(&forbidding),
        policy_version: policies.version().to_owned(),
        accesses,
    })
}

/// Lets through what would have been refused, and says so.
fn observe(policies: &PolicySet, findings: &[Finding], refused: Judgement) -> Judgement {
    let would_be = |message: &str| format!("would be {message}");
    let denial = match refused {
        Judgement::Allow { .. } => return refused,
        Judgement::Hold {
            policies: deciding,
            message,
            terms: _,
            accesses,
        } => Denial {
            policies: deciding,
            policy_version: policies.version().to_owned(),
            message: would_be(&message),
            kill: false,
            accesses,
        },
        Judgement::Deny(denial) => Denial {
            message: would_be(&denial.message),
            // Nothing is done to who is only watched.
            kill: false,
            ..denial
        },
    };
    Judgement::Allow {
        policies: policies.ids(&permitting(findings)),
        limits: Limits::default(),
        accesses: Arc::clone(&denial.accesses),
        observed: Some(denial),
    }
}

/// A refusal that no policy can change.
fn refuse(policies: &PolicySet, reason: &str) -> Judgement {
    Judgement::Deny(Denial {
        policies: Vec::new(),
        policy_version: policies.version().to_owned(),
        message: format!("denied: {reason}; {}", message::owner(policies)),
        kill: false,
        accesses: Arc::default(),
    })
}

fn permitting(findings: &[Finding]) -> BTreeSet<usize> {
    let all = findings.iter().flat_map(|it| &it.permitted_by);
    all.copied().collect()
}
