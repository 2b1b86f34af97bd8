//! What policies say beside yes and no.

use std::collections::BTreeSet;
use std::time::Duration;

use cedar_policy::{Effect, Policy};
use jiff::SignedDuration;

use super::verdict::{DEFAULT_APPROVERS, DEFAULT_WAIT, Limits, Terms};
use crate::mask::labels::suggestion;

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// More people than an office has on call are a mistake.
const APPROVALS_MAX: u32 = 9;

const KNOWN: [&str; 12] = [
    "approvals",
    "approvers",
    "breakglass",
    "for",
    "freeze",
    "id",
    "kill",
    "max_rows",
    "message",
    "timeout",
    "wait",
    "description",
];

/// The annotations of one policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotations {
    /// `@message`, in one line.
    pub message: Option<String>,
    pub approvers: BTreeSet<String>,
    pub approvals: Option<u32>,
    pub wait: Option<Duration>,
    pub freeze: bool,
    pub breakglass: bool,
    pub kill: bool,
    pub max_rows: Option<u64>,
    pub timeout: Option<Duration>,
    /// `@for`.
    pub longest: Option<Duration>,
}

/// What a policy can be about, as far as annotations depend on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    pub(super) effect: Effect,
    /// It mentions `context.approved`.
    pub(super) approval: bool,
    /// Its action covers `ask`.
    pub(super) ask: bool,
}

/// A finding about the annotation of this name.
pub(super) type Finding = (String, String);

/// Reads a policy's annotations; the findings are about annotations that say nothing, or not what
/// they seem to say.
pub(super) fn read(policy: &Policy, about: About) -> (Annotations, Vec<Finding>) {
    let mut annotations = Annotations::default();
    let mut findings = Vec::new();
    for (name, value) in policy.annotations() {
        let read = annotations.set(name, value);
        if let Err(finding) = read.and_then(|()| check(name, about)) {
            findings.push((name.to_owned(), finding));
        }
    }
    let voted = !annotations.approvers.is_empty() || annotations.approvals.is_some();
    if annotations.breakglass && voted {
        let finding = "`@breakglass` needs no approval: take away `@approvers` and `@approvals`";
        findings.push(("breakglass".to_owned(), finding.to_owned()));
    }
    (annotations, findings)
}

impl Annotations {
    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "id" | "description" => {}
            "message" => self.message = Some(one_line(value)).filter(|it| !it.is_empty()),
            "approvers" => self.approvers = groups(value)?,
            "approvals" => {
                let people = value.parse().ok();
                let people = people.filter(|it| (1..=APPROVALS_MAX).contains(it));
                let wrong =
                    || format!("`@approvals` is a number from 1 to {APPROVALS_MAX}, not `{value}`");
                self.approvals = Some(people.ok_or_else(wrong)?);
            }
            "wait" => self.wait = Some(duration(name, value, Duration::from_secs(1), DAY)?),
            "for" => self.longest = Some(duration(name, value, MINUTE, DAY.saturating_mul(30))?),
            // Snowflake's STATEMENT_TIMEOUT_IN_SECONDS goes up to a week.
            "timeout" => {
                let week = DAY.saturating_mul(7);
                self.timeout = Some(duration(name, value, Duration::from_secs(1), week)?);
            }
            "max_rows" => {
                let rows = value.parse().ok().filter(|rows: &u64| *rows > 0);
                let wrong = || format!("`@max_rows` is a number from 1, not `{value}`");
                self.max_rows = Some(rows.ok_or_else(wrong)?);
            }
            "freeze" => self.freeze = flag(name, value)?,
            "breakglass" => self.breakglass = flag(name, value)?,
            "kill" => self.kill = flag(name, value)?,
            unknown => {
                let hint = suggestion(unknown, &KNOWN);
                return Err(format!("unknown annotation `@{unknown}`{hint}"));
            }
        }
        Ok(())
    }
}

/// Refuses an annotation that would have no effect where it is.
fn check(name: &str, about: About) -> Result<(), String> {
    let permits = about.effect == Effect::Permit;
    let why = match name {
        "approvers" | "approvals" | "wait" if !(about.approval || about.ask && permits) => {
            "the policy neither mentions `context.approved` nor permits `ask`"
        }
        "freeze" if !about.approval => "the policy does not mention `context.approved`",
        "breakglass" if !permits || !(about.approval || about.ask) => {
            "the policy does not permit `ask`, or anything by `context.approved`"
        }
        "for" if !(about.ask && permits) => "the policy does not permit `ask`",
        "max_rows" | "timeout" if !permits => "the policy forbids",
        "kill" if permits => "the policy permits",
        _ => return Ok(()),
    };
    Err(format!("`@{name}` has no effect: {why}"))
}

/// The strictest of what the policies that decide a hold or an ask say.
pub(super) fn terms(deciding: &[&Annotations]) -> Terms {
    let mut terms = Terms {
        approvers: BTreeSet::new(),
        approvals: 0,
        breakglass: true,
        ..Terms::default()
    };
    let mut wait = None;
    for annotations in deciding {
        terms
            .approvers
            .extend(annotations.approvers.iter().cloned());
        terms.approvals = terms.approvals.max(annotations.approvals.unwrap_or(0));
        terms.freeze |= annotations.freeze;
        terms.breakglass &= annotations.breakglass;
        wait = smaller(wait, annotations.wait);
        terms.longest = smaller(terms.longest, annotations.longest);
    }
    terms.breakglass &= !deciding.is_empty();
    terms.wait = wait.unwrap_or(DEFAULT_WAIT);
    if terms.breakglass {
        return terms;
    }
    terms.approvals = terms.approvals.max(1);
    if terms.approvers.is_empty() {
        terms.approvers.insert(DEFAULT_APPROVERS.to_owned());
    }
    terms
}

/// The smallest of what the permitting policies say.
pub(super) fn limits(permitting: &[&Annotations]) -> Limits {
    permitting
        .iter()
        .fold(Limits::default(), |limits, annotations| Limits {
            max_rows: smaller(limits.max_rows, annotations.max_rows),
            timeout: smaller(limits.timeout, annotations.timeout),
        })
}

fn smaller<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    one.into_iter().chain(other).min()
}

/// One line, whatever the file says: it goes into a client's error message.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn groups(value: &str) -> Result<BTreeSet<String>, String> {
    let names = value.split(',').map(str::trim);
    let fits = |name: &str| !name.is_empty() && !name.contains(char::is_control);
    names
        .map(|name| fits(name).then(|| name.to_owned()))
        .collect::<Option<_>>()
        .ok_or_else(|| "`@approvers` names groups, separated by commas".to_owned())
}

fn flag(name: &str, value: &str) -> Result<bool, String> {
    if value.is_empty() {
        return Ok(true);
    }
    Err(format!("`@{name}` takes no value: leave it out for no"))
}

fn duration(name: &str, value: &str, from: Duration, to: Duration) -> Result<Duration, String> {
    let read = value.parse::<SignedDuration>().ok();
    let read = read.and_then(|signed| Duration::try_from(signed).ok());
    let fitting = read.filter(|it| (from..=to).contains(it));
    fitting.ok_or_else(|| {
        format!(
            "`@{name}` is a duration such as `30m`, from {} to {}, not `{value}`",
            shown(from),
            shown(to)
        )
    })
}

/// A duration as a person writes it.
pub(super) fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds % 3600, seconds % 60) {
        (0, _) => format!("{}h", seconds / 3600),
        (_, 0) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}
