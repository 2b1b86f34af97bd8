//! What a frame says of who asked and what was asked.
//!
//! Only what these types name is recorded: a field that is not here cannot leak. Statement text and
//! bound values are recorded as the client sent them, but for what `record.literals` leaves out; tokens
//! and passwords have no field.

mod bindings;
mod caller;
mod facts;
mod failure;
mod limits;
mod redaction;
mod statement;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod worst;

use std::sync::Arc;

use serde::Serialize;

use self::bindings::RecordedBindings;
pub use self::caller::Caller;
use self::facts::RecordedFacts;
pub use self::failure::Failure;
pub(super) use self::limits::cut;
use self::limits::{MESSAGE_BYTES, POLICIES_BYTES, Room};
pub use self::redaction::Redaction;
use self::statement::Statement;
use crate::access::AskId;
use crate::policy::Decisions;
use crate::snowflake::{Abort, Operation, QueryId};
use crate::sql::Facts;

/// Statement text in a frame; what is longer is cut, and its digest is that of the whole. It is the
/// limit above which analysis does not understand a statement either.
pub const STATEMENT_BYTES_MAX: usize = 1 << 20;

/// What was decided about. The verdict is added from the permit or the denial itself.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Decided {
    #[serde(skip)]
    pub time: jiff::Timestamp,
    /// Our session's id; never its token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    operation: &'static str,
    /// Takes out the values that are not recorded.
    #[serde(skip)]
    redaction: Arc<Redaction>,
    /// A request of the daemon's own: what it was for.
    #[serde(skip)]
    purpose: Option<&'static str>,
    /// The person who had the daemon make the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// Where a request went that is no operation; without its query, which may hold anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<Statement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bindings: Option<RecordedBindings>,
    /// Of the bindings as they came.
    #[serde(skip)]
    bound: Option<blake3::Hash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    facts: Option<RecordedFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<Approval>,
}

/// What people were asked, and who said yes: all there is while it waits is the ask.
#[derive(Clone, Debug, Serialize)]
struct Approval {
    ask: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    approved_by: Vec<String>,
}

impl Decided {
    /// Takes from an operation what is recorded of it, without the values that are found in it.
    #[must_use]
    pub fn of(operation: &Operation, redaction: &Arc<Redaction>, time: jiff::Timestamp) -> Self {
        let mut decided = Self {
            time,
            redaction: Arc::clone(redaction),
            ..Self::default()
        };
        decided.describe(operation);
        decided
    }

    /// Does the same for a request of the daemon's own, which is recorded under its purpose.
    #[must_use]
    pub fn ours(
        purpose: &'static str,
        operation: &Operation,
        redaction: &Arc<Redaction>,
        time: jiff::Timestamp,
    ) -> Self {
        let mut decided = Self {
            time,
            redaction: Arc::clone(redaction),
            purpose: Some(purpose),
            ..Self::default()
        };
        decided.describe(operation);
        decided
    }

    /// A request that is no operation.
    #[must_use]
    pub fn unreadable(path: &str, time: jiff::Timestamp) -> Self {
        Self {
            time,
            operation: "unreadable",
            path: Some(path.to_owned()),
            ..Self::default()
        }
    }

    /// Adds what analysis found.
    #[must_use]
    pub fn with_facts(mut self, facts: &Facts) -> Self {
        let statement = self.statement.as_ref();
        // A name in which a value was found is in the facts too.
        let redaction = statement.filter(|it| it.redacted).map(|_| &*self.redaction);
        let mut recorded = RecordedFacts::of(facts, redaction);
        if statement.is_some_and(|it| it.hides_from(facts)) {
            recorded.fingerprint.clear();
        }
        self.facts = Some(recorded);
        self
    }

    /// Adds the query whose result is fetched, where the request itself has only a secret for it.
    pub fn is_of(&mut self, query: &QueryId) {
        self.query = Some(query.as_str().to_owned());
    }

    /// Adds what was decided of each access.
    pub(super) fn decide(&mut self, decisions: &Decisions) {
        let is_redacted = self.statement.as_ref().is_some_and(|it| it.redacted);
        let redaction = is_redacted.then_some(&*self.redaction);
        if let Some(facts) = &mut self.facts {
            facts.decide(decisions, redaction);
        }
    }

    /// A message about the operation as it is recorded: it names what the statement names.
    pub(super) fn message(&self, message: &str) -> String {
        let is_redacted = self.statement.as_ref().is_some_and(|it| it.redacted);
        let mut told = match is_redacted {
            true => self.redaction.told(message).into_owned(),
            false => message.to_owned(),
        };
        cut(&mut told, MESSAGE_BYTES);
        told
    }

    /// Adds the ask that decides, with those who have approved it.
    #[must_use]
    pub fn with_ask(mut self, ask: &AskId, approved_by: Vec<String>) -> Self {
        self.approval = Some(Approval {
            ask: ask.0.clone(),
            approved_by,
        });
        self
    }

    /// Takes over what is recorded of an operation.
    pub(super) fn describe(&mut self, operation: &Operation) {
        self.operation = self.purpose.unwrap_or_else(|| operation.name());
        match operation {
            Operation::Query(query) => {
                self.request = Some(query.request_id.0.clone());
                // Found once: what is decided about is nearly always what was asked.
                let of = blake3::hash(query.text.as_bytes());
                let is_known = self.statement.as_ref().is_some_and(|it| it.is_of(of));
                if !is_known {
                    self.statement = Some(Statement::new(&query.text, of, &self.redaction));
                }
                let raw = query.bindings.as_ref();
                let bound = raw.map(|raw| blake3::hash(raw.get().as_bytes()));
                // What the text says is context of its values.
                if !is_known || bound != self.bound {
                    self.bindings = RecordedBindings::of(query, &self.redaction);
                    self.bound = bound;
                }
            }
            Operation::Result(id)
            | Operation::Monitor(id)
            | Operation::Abort(Abort::Query(id))
            | Operation::ApiResult { handle: id, .. }
            | Operation::ApiCancel(id) => {
                self.query = Some(id.as_str().to_owned());
            }
            Operation::Abort(Abort::Request(request)) => self.request = Some(request.0.clone()),
            // A chunk's capability is a secret of its session.
            Operation::Login(_)
            | Operation::Renew
            | Operation::Heartbeat
            | Operation::Close
            | Operation::Telemetry
            | Operation::Chunk { .. } => {}
        }
    }
}

/// The ids of policies, as many as there is room for.
pub(super) fn policies(ids: &[String]) -> Vec<String> {
    let mut room = Room::new(POLICIES_BYTES);
    let ids = ids.iter().take_while(|id| room.take(id));
    ids.cloned().collect()
}
