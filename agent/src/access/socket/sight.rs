//! Which asks a caller may see, and which a person may not decide.

use jiff::Timestamp;

use super::caller::Caller;
use crate::access::{Ask, Asker, Subject};
use crate::policy::rights::{AskView, Person};
use crate::policy::{PolicySet, Terms};

/// Which asks a caller may see.
pub(super) struct Sight<'a> {
    caller: &'a Caller,
    policies: &'a PolicySet,
    operates: bool,
    now: Timestamp,
}

impl<'a> Sight<'a> {
    pub(super) fn of(caller: &'a Caller, policies: &'a PolicySet, now: Timestamp) -> Self {
        let operates = match caller {
            Caller::Agent(_) => false,
            Caller::Person(speaker) => speaker.may_operate(policies, now).is_ok(),
        };
        Self {
            caller,
            policies,
            operates,
            now,
        }
    }

    pub(super) fn covers(&self, ask: &Ask) -> bool {
        match self.caller {
            Caller::Agent(principal) => {
                let workload = &principal.workload;
                ask.asker.workload == workload.name && ask.asker.anchor == workload.anchor
            }
            Caller::Person(speaker) => {
                let may_decide =
                    || speaker.may_approve(self.policies, &view(ask, &terms(ask)), self.now);
                self.operates || may_decide().is_ok()
            }
        }
    }
}

/// Whether a person would decide about themselves: the agent runs as their user, or works for them.
///
/// Root outside every scope is the operator of the host, and another person than an agent that runs
/// as root: it could become anyone, and an agent inside a scope cannot be it.
pub(super) fn is_own(asker: &Asker, person: &Person) -> bool {
    let same_user = asker.uid == person.uid && person.uid != 0;
    let named = asker.user.as_deref().is_some_and(|user| {
        let local = user.split('@').next().unwrap_or(user);
        [user, local]
            .iter()
            .any(|name| name.eq_ignore_ascii_case(&person.name))
    });
    same_user || named
}

pub(super) fn view<'a>(ask: &'a Ask, terms: &'a Terms) -> AskView<'a> {
    AskView {
        role: match &ask.subject {
            Subject::Role { role, .. } => Some(role),
            Subject::Statement(_) => None,
        },
        workload: &ask.asker.workload,
        account: &ask.account,
        terms,
    }
}

/// The terms that the ask was filed with.
pub(super) fn terms(ask: &Ask) -> Terms {
    let wait = ask.expires.duration_since(ask.asked);
    Terms {
        approvers: ask.approvers.iter().cloned().collect(),
        approvals: ask.approvals,
        wait: wait.unsigned_abs(),
        ..Terms::default()
    }
}
