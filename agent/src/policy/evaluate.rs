//! The one function that permits.

use std::collections::BTreeSet;

use cedar_policy::{AuthorizationError, Authorizer, Decision, EntityUid, Request};

use super::entities::{Cast, Unfit, action, cast};
use super::load::PolicySet;
use super::verdict::{Denial, Limits, Permit, Verdict};
use crate::identity::Principal;
use crate::snowflake::Operation;
use crate::sql::{Facts, SessionState};

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// What a verdict is made of, gathered over all accesses of an operation.
#[derive(Debug, Default)]
struct Findings {
    permitted_by: BTreeSet<String>,
    forbidden_by: BTreeSet<String>,
    /// Accesses that are forbidden, and those that nothing permits.
    forbidden: Vec<&'static str>,
    missing: Vec<&'static str>,
    /// A policy, or the question itself, failed to evaluate.
    failed: BTreeSet<String>,
}

/// Judges one operation: every access it needs must be permitted.
///
/// A login needs `login` on the credential; a query needs every effect of its facts on the account.
/// The other operations follow up on a login or a statement that was judged, by ids that only that
/// session owns, so they need no access of their own and are permitted by no policy.
pub fn evaluate(policies: &PolicySet, question: &Question<'_>, operation: Operation) -> Verdict {
    let actions: Vec<&'static str> = match &operation {
        Operation::Login(_) => vec!["login"],
        Operation::Query(_) => match question.facts {
            Some(facts) if facts.file_transfer => {
                return deny(policies, "file transfers (PUT, GET) are never forwarded");
            }
            Some(facts) if !facts.effects.is_empty() => {
                facts.effects.iter().map(|effect| effect.name()).collect()
            }
            _ => return deny(policies, "the statement was not analysed"),
        },
        Operation::Renew
        | Operation::Heartbeat
        | Operation::Close
        | Operation::Result(_)
        | Operation::Abort(_)
        | Operation::Monitor(_)
        | Operation::Telemetry
        | Operation::Chunk { .. } => {
            let version = policies.version().to_owned();
            return Verdict::Allow(Permit::new(
                operation,
                Vec::new(),
                version,
                Limits::default(),
            ));
        }
    };
    let findings = match find(policies, question, &actions) {
        Ok(findings) => findings,
        Err(Unfit) => return deny(policies, "the request cannot be judged"),
    };
    let clean = findings.forbidden.is_empty()
        && findings.missing.is_empty()
        && findings.failed.is_empty()
        && !findings.permitted_by.is_empty();
    if !clean {
        return Verdict::Deny(Denial {
            message: message(policies, question, &findings),
            policies: findings.forbidden_by.into_iter().collect(),
            policy_version: policies.version().to_owned(),
            kill: false,
        });
    }
    let permitted_by = findings.permitted_by.into_iter().collect();
    Verdict::Allow(Permit::new(
        operation,
        permitted_by,
        policies.version().to_owned(),
        Limits::default(),
    ))
}

fn find(
    policies: &PolicySet,
    question: &Question<'_>,
    actions: &[&'static str],
) -> Result<Findings, Unfit> {
    let Cast {
        entities,
        principal,
        account,
        credential,
        context,
    } = cast(question, policies.schema())?;
    let mut findings = Findings::default();
    for &name in actions {
        let resource: EntityUid = match name {
            "login" => credential.clone().ok_or(Unfit)?,
            _ => account.clone(),
        };
        let (principal, context) = (principal.clone(), context.clone());
        let schema = Some(policies.schema());
        let request = Request::new(principal, action(name)?, resource, context, schema);
        let request = request.or(Err(Unfit))?;
        let response = Authorizer::new().is_authorized(&request, policies.cedar(), &entities);
        let reasons = response.diagnostics().reason().map(ToString::to_string);
        match response.decision() {
            Decision::Allow => findings.permitted_by.extend(reasons),
            Decision::Deny => {
                let reasons: Vec<String> = reasons.collect();
                let named = !reasons.is_empty();
                findings.forbidden_by.extend(reasons);
                if named {
                    findings.forbidden.push(name);
                } else {
                    findings.missing.push(name);
                }
            }
        }
        let errors = response.diagnostics().errors();
        findings.failed.extend(errors.map(|error| match error {
            AuthorizationError::PolicyEvaluationError(error) => error.policy_id().to_string(),
        }));
    }
    Ok(findings)
}

/// Says what stood in the way and whom to ask, in one line.
fn message(policies: &PolicySet, question: &Question<'_>, findings: &Findings) -> String {
    let workload = &question.principal.workload.name;
    let mut reasons = Vec::new();
    if !findings.forbidden.is_empty() {
        let by: Vec<String> = findings
            .forbidden_by
            .iter()
            .map(|id| match policies.message(id) {
                Some(message) => format!("`{id}` ({message})"),
                None => format!("`{id}`"),
            })
            .collect();
        reasons.push(format!(
            "{} is forbidden by {}",
            list(&findings.forbidden),
            by.join(", ")
        ));
    }
    if !findings.missing.is_empty() {
        reasons.push(format!("no policy permits {}", list(&findings.missing)));
    }
    if !findings.failed.is_empty() {
        let failed: Vec<&str> = findings.failed.iter().map(String::as_str).collect();
        reasons.push(format!("{} failed to evaluate", list(&failed)));
    }
    let account = question.account;
    format!(
        "denied for workload `{workload}` on account `{account}`: {}; {}",
        reasons.join("; "),
        next_step(policies)
    )
}

fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

fn next_step(policies: &PolicySet) -> String {
    let dir = policies.dir().display();
    format!("retrying will not help, ask the owner of the policies in `{dir}`")
}

fn deny(policies: &PolicySet, reason: &str) -> Verdict {
    Verdict::Deny(Denial {
        policies: Vec::new(),
        policy_version: policies.version().to_owned(),
        message: format!("denied: {reason}; {}", next_step(policies)),
        kill: false,
    })
}
