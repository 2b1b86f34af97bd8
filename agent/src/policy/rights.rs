//! Who may ask for a role, decide about an ask, or operate the daemon: the same policies, other
//! questions.

use super::load::PolicySet;
use super::verdict::{Denial, Terms};
use crate::identity::Principal;

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
    _principal: &Principal,
    _role: &str,
    _now: jiff::Timestamp,
) -> Result<(Right, Terms), Denial> {
    Err(denied(policies))
}

/// May this person decide about this ask?
///
/// # Errors
/// No policy permits it, or one forbids it.
pub fn approve(
    policies: &PolicySet,
    _person: &Person,
    _ask: &AskView<'_>,
    _now: jiff::Timestamp,
) -> Result<Right, Denial> {
    Err(denied(policies))
}

/// May this person operate: grant, revoke, extend, list everything?
///
/// # Errors
/// No policy permits it, or one forbids it.
pub fn operate(
    policies: &PolicySet,
    _person: &Person,
    _now: jiff::Timestamp,
) -> Result<Right, Denial> {
    Err(denied(policies))
}

fn denied(policies: &PolicySet) -> Denial {
    Denial {
        policies: Vec::new(),
        policy_version: policies.version().to_owned(),
        message: "no policy permits it".to_owned(),
        kill: false,
    }
}
