//! What a frame says of who asked and what was asked.
//!
//! Only what these types name is recorded: a field that is not here cannot leak. Statement text is
//! recorded as the client sent it; tokens, passwords and bind values have no field.

use serde::Serialize;

use super::facts::RecordedFacts;
use crate::access::AskId;
use crate::identity::Principal;
use crate::snowflake::{Abort, Operation};
use crate::sql::Facts;

/// Statement text in a frame; what is longer is cut, and its digest is that of the whole. It is the
/// limit above which analysis does not understand a statement either.
pub const STATEMENT_BYTES_MAX: usize = 1 << 20;

/// The principal as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Caller {
    pub workload: String,
    pub cgroup: String,
    pub tgid: u32,
    pub uid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exe: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exe_sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

impl From<&Principal> for Caller {
    fn from(principal: &Principal) -> Self {
        let workload = &principal.workload;
        Self {
            workload: workload.name.clone(),
            cgroup: workload.cgroup.clone(),
            tgid: workload.tgid,
            uid: workload.uid,
            unit: workload.unit.clone(),
            container: workload.container.clone(),
            pod: workload.pod.clone(),
            exe: workload
                .exe
                .as_ref()
                .map(|exe| exe.to_string_lossy().into_owned()),
            exe_sha256: workload.exe_sha256.clone(),
            user: principal.user.as_ref().map(|user| user.subject.clone()),
        }
    }
}

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
    /// A request of the daemon's own: what it was for.
    #[serde(skip)]
    purpose: Option<&'static str>,
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

#[derive(Clone, Debug, Serialize)]
struct Statement {
    text: String,
    /// BLAKE3 of the whole text.
    digest: String,
    /// Bytes of the whole text, when `text` is only its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    cut_from: Option<usize>,
}

impl Decided {
    /// Takes from an operation what is recorded of it.
    #[must_use]
    pub fn of(operation: &Operation, time: jiff::Timestamp) -> Self {
        let mut decided = Self {
            time,
            ..Self::default()
        };
        decided.describe(operation);
        decided
    }

    /// Does the same for a request of the daemon's own, which is recorded under its purpose.
    #[must_use]
    pub fn ours(purpose: &'static str, operation: &Operation, time: jiff::Timestamp) -> Self {
        let mut decided = Self {
            time,
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
        self.facts = Some(RecordedFacts::of(facts));
        self
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
                self.statement = Some(Statement::new(&query.text));
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

impl Statement {
    fn new(text: &str) -> Self {
        let kept = text.floor_char_boundary(STATEMENT_BYTES_MAX);
        Self {
            text: text.get(..kept).unwrap_or_default().to_owned(),
            digest: blake3::hash(text.as_bytes()).to_hex().to_string(),
            cut_from: (kept < text.len()).then_some(text.len()),
        }
    }
}
