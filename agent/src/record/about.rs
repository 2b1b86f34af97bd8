//! What a frame says of who asked and what was asked.
//!
//! Only what these types name is recorded: a field that is not here cannot leak. Statement text is
//! recorded as the client sent it; tokens, passwords and bind values have no field.

use serde::Serialize;

use crate::identity::Principal;
use crate::snowflake::{Abort, Operation};
use crate::sql::Facts;

/// Statement text in a frame; what is longer is cut, and its digest is that of the whole. It is the
/// limit above which analysis does not understand a statement either.
pub const STATEMENT_BYTES_MAX: usize = 1 << 20;

/// Accesses in a frame: more than people write, and even with every byte escaped they fit beside
/// the longest statement ([`super::format::FRAME_LENGTH_MAX`]).
const ACCESSES_BYTES_MAX: usize = 128 << 10;

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

#[derive(Clone, Debug, Serialize)]
struct RecordedFacts {
    kinds: Vec<String>,
    effects: Vec<&'static str>,
    /// `None` when there are too many ([`ACCESSES_BYTES_MAX`]): a part would look like the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    accesses: Option<Vec<RecordedAccess>>,
}

/// One object and what was done to it; without a name it is the account.
#[derive(Clone, Debug, Serialize)]
struct RecordedAccess {
    action: &'static str,
    #[serde(rename = "type")]
    entity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
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
        self.facts = Some(RecordedFacts {
            accesses: accesses(facts),
            kinds: facts.kinds.clone(),
            effects: facts.effects.iter().map(|effect| effect.name()).collect(),
        });
        self
    }

    /// Takes over what is recorded of an operation.
    pub(super) fn describe(&mut self, operation: &Operation) {
        self.operation = operation.name();
        match operation {
            Operation::Query(query) => {
                self.request = Some(query.request_id.0.clone());
                self.statement = Some(Statement::new(&query.text));
            }
            Operation::Result(id) | Operation::Monitor(id) | Operation::Abort(Abort::Query(id)) => {
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

fn accesses(facts: &Facts) -> Option<Vec<RecordedAccess>> {
    let mut bytes = 0;
    let accesses = facts.accesses.iter().map(|access| {
        let recorded = RecordedAccess {
            action: access.effect.name(),
            entity: access.object.kind.entity(),
            object: access.object.name.as_ref().map(ToString::to_string),
        };
        // The keys around the words are some forty bytes.
        bytes += 64 + recorded.object.as_ref().map_or(0, String::len);
        (bytes <= ACCESSES_BYTES_MAX).then_some(recorded)
    });
    accesses.collect()
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
