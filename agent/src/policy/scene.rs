//! A question's circumstances, whoever it is about.

use super::evaluate::{Question, Usage};
use super::rights::{AskView, Person};
use crate::identity::Principal;
use crate::sql::context::NO_SESSION;
use crate::sql::{Facts, ObjectName, SessionState};

/// Who acts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Actor<'a> {
    /// With the roles that grants give it.
    Workload(&'a Principal, &'a [String]),
    Person(&'a Person),
}

/// Everything that policies see besides the action and what it is on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene<'a> {
    pub(super) actor: Actor<'a>,
    pub(super) account: &'a str,
    pub(super) client: &'a str,
    pub(super) facts: Option<&'a Facts>,
    pub(super) session: &'a SessionState,
    pub(super) usage: Usage,
    pub(super) ask: Option<&'a AskView<'a>>,
    /// Whose column carries the label that may be shown.
    pub(super) table: Option<&'a ObjectName>,
    pub(super) approved: bool,
    pub(super) now: jiff::Timestamp,
}

impl<'a> Scene<'a> {
    pub(super) fn of(question: &Question<'a>) -> Self {
        Self {
            actor: Actor::Workload(question.principal, question.roles),
            account: question.account,
            client: question.client,
            facts: question.facts,
            session: question.session,
            usage: question.usage,
            ask: None,
            table: None,
            approved: question.approved,
            now: question.now,
        }
    }

    /// A question that is about no statement.
    pub(super) fn plain(actor: Actor<'a>, account: &'a str, now: jiff::Timestamp) -> Self {
        Self {
            actor,
            account,
            client: "",
            facts: None,
            session: &NO_SESSION,
            usage: Usage::default(),
            ask: None,
            table: None,
            approved: false,
            now,
        }
    }

    pub(super) const fn user_present(&self) -> bool {
        match self.actor {
            Actor::Workload(principal, _) => principal.user.is_some(),
            Actor::Person(_) => true,
        }
    }

    /// How a message calls the actor.
    pub(super) fn name(&self) -> String {
        match self.actor {
            Actor::Workload(principal, _) => format!("workload `{}`", principal.workload.name),
            Actor::Person(person) => format!("`{}`", person.name),
        }
    }
}
