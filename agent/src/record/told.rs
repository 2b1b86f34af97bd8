//! What a payload tells, for whoever reads a recording.
//!
//! Every field is optional and what is not known here is passed over, so that a recording of any
//! version can be read. Which frames have which fields:
//!
//! | kinds | fields |
//! |---|---|
//! | decided, and ended without one | `connection server_name caller session account credential operation operator path request query statement bindings facts approval verdict policies policy_version message max_rows timeout_seconds observed` |
//! | ended | `outcome reason query_id rows bytes masked unmasked unmasked_by duration_us stages error table` |
//! | opened | `session account credential client snowflake_session login caller` |
//! | closed | `session reason` |
//! | ask, vote, grant | `event ask vote grant operator uid` |
//! | policy | `outcome policy_version files message` |
//! | operator | `action operator uid object outcome message` |
//! | gap | `reason` and what belongs to it, see [`Told::detail`]; of `not_committed`: the numbers of the `frames` that tell of what did not happen, and the `error` |
//! | carried | `sessions` |
//! | archived | `segment file bytes sha256` |
//! | pruned | `first last message` |

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::format::Kind;

/// The payload of a frame.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Told {
    pub connection: Option<u64>,
    pub server_name: Option<String>,
    pub caller: Option<Caller>,
    pub session: Option<String>,
    pub account: Option<String>,
    pub credential: Option<String>,
    pub operation: Option<String>,
    pub operator: Option<String>,
    pub path: Option<String>,
    pub request: Option<String>,
    /// The id of the query that the operation is about, where it is about one.
    pub query: Option<String>,
    pub statement: Option<Statement>,
    pub bindings: Option<Bindings>,
    pub facts: Option<Facts>,
    pub approval: Option<Approval>,
    /// `allow`, `hold` or `deny`.
    pub verdict: Option<String>,
    pub policies: Vec<String>,
    pub policy_version: Option<String>,
    pub message: Option<String>,
    pub max_rows: Option<u64>,
    pub timeout_seconds: Option<u64>,
    pub observed: Option<Observed>,
    /// `answer`, `refusal` or `abandoned`; of other kinds `loaded`, `done` …
    pub outcome: Option<String>,
    /// Of a refusal, of the end of a session, of a gap.
    pub reason: Option<String>,
    /// The id that Snowflake gave.
    pub query_id: Option<String>,
    pub rows: Option<u64>,
    pub bytes: Option<u64>,
    /// Masked cells by label.
    pub masked: BTreeMap<String, u64>,
    pub unmasked: Vec<String>,
    pub unmasked_by: Vec<String>,
    pub duration_us: Option<u64>,
    /// Microseconds by stage, in the order of the pipeline.
    pub stages: Option<BTreeMap<String, u64>>,
    pub error: Option<Failure>,
    pub table: Option<Table>,
    pub client: Option<String>,
    pub snowflake_session: Option<u64>,
    /// The entry of the login that opened the session.
    pub login: Option<u64>,
    pub event: Option<String>,
    pub ask: Option<Value>,
    pub vote: Option<Value>,
    pub grant: Option<Value>,
    pub files: Vec<PolicyFile>,
    pub action: Option<String>,
    pub uid: Option<u32>,
    pub object: Option<String>,
    pub sessions: Vec<String>,
    pub segment: Option<u64>,
    pub file: Option<String>,
    pub sha256: Option<String>,
    pub first: Option<u64>,
    pub last: Option<u64>,
    /// Of a gap: what is known, in words and numbers of its own.
    pub detail: Option<Value>,
}

/// Who asked.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Caller {
    pub workload: String,
    pub cgroup: String,
    pub tgid: u32,
    pub uid: u32,
    pub gid: Option<u32>,
    pub comm: Option<String>,
    /// When the process began, in clock ticks since the boot (`/proc/PID/stat`, field 22).
    pub started: Option<u64>,
    pub unit: Option<String>,
    pub container: Option<String>,
    pub pod: Option<String>,
    pub exe: Option<String>,
    pub exe_sha256: Option<String>,
    /// Parent first.
    pub ancestors: Vec<Ancestor>,
    pub user: Option<String>,
}

/// One process above the caller's.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Ancestor {
    pub pid: u32,
    pub exe: Option<String>,
}

/// The text of a statement.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Statement {
    pub text: String,
    /// BLAKE3, hexadecimal; of what is recorded, if it is redacted.
    pub digest: String,
    pub redacted: bool,
    /// Bytes of the whole text.
    pub cut_from: Option<u64>,
}

/// The values that were bound, each as text; `null` for NULL.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Bindings {
    /// By position or name, in their order; of array binds the values of the first row.
    pub values: Vec<Binding>,
    pub redacted: bool,
    /// Values (of all rows) that were bound, when fewer are recorded.
    pub cut_from: Option<u64>,
}

/// One bound value.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Binding {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub value: Option<String>,
}

/// What analysis found.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Facts {
    pub kinds: Vec<String>,
    pub effects: Vec<String>,
    pub accesses: Vec<Access>,
    pub functions: Vec<String>,
    pub predicates: Vec<String>,
    pub lineage: String,
    pub missing: Vec<String>,
    pub fingerprint: String,
    pub obscurity: Option<String>,
    pub cut: Option<Value>,
}

/// One access, with the policies that decided it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Access {
    pub action: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub object: Option<String>,
    /// `allow` or `deny`; absent in recordings that kept the decision only as a whole.
    pub decision: Option<String>,
    pub policies: Vec<String>,
}

/// What people said.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Approval {
    pub ask: String,
    pub approved_by: Vec<String>,
}

/// In a scope that only observes: the denial that was due.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Observed {
    pub policies: Vec<String>,
    pub message: String,
}

/// What Snowflake, or we, said went wrong; values are masked.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Failure {
    pub code: Option<String>,
    pub message: String,
}

/// The first rows of a result, as they were masked for the record.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Table {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Cell>>,
    /// Rows of the whole result.
    pub of: u64,
    /// Why there are fewer rows here: `rows`, `bytes`, `chunks`, `unreadable` or `queue`, when the
    /// recorder could not keep up; with `bytes` a cell may be cut instead.
    pub cut: Option<String>,
}

/// A column of a result.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Column {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// Of a masked column.
    pub labels: Vec<String>,
}

/// A cell as people read it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Cell {
    Null,
    Clear(String),
    Masked { masked: Option<String> },
}

/// A file of the policies.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct PolicyFile {
    pub name: String,
    pub digest: String,
}

impl Told {
    /// Reads the payload of a frame; a checkpoint tells nothing.
    ///
    /// # Errors
    /// It is no JSON object of these fields.
    pub fn read(kind: Kind, payload: &[u8]) -> Result<Self, serde_json::Error> {
        match kind {
            Kind::Checkpoint => Ok(Self::default()),
            Kind::Decided
            | Kind::Ended
            | Kind::Opened
            | Kind::Closed
            | Kind::Ask
            | Kind::Vote
            | Kind::Grant
            | Kind::Policy
            | Kind::Operator
            | Kind::Canary
            | Kind::Gap
            | Kind::Carried
            | Kind::Archived
            | Kind::Pruned => serde_json::from_slice(payload),
        }
    }
}
