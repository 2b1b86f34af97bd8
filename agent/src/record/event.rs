//! What is recorded besides operations. Each event is one frame under a number of its own.

use serde::Serialize;

use super::about::Caller;
use super::format::Kind;

/// Something that happened, with its time.
#[derive(Clone, Debug)]
pub struct Event {
    pub time: jiff::Timestamp,
    pub what: What,
}

/// What happened. The payload's fields are listed in [`super::told`].
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum What {
    SessionOpened(Box<SessionOpened>),
    SessionClosed(SessionClosed),
    /// Something that people must decide: see [`Access`].
    Ask(Box<Access>),
    Vote(Box<Access>),
    Grant(Box<Access>),
    Policy(PolicyLoaded),
    Operator(OperatorAction),
    NotCommitted(NotCommitted),
    Archived(Archived),
    Pruned(Pruned),
}

impl What {
    /// The kind of its frame.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::SessionOpened(_) => Kind::Opened,
            Self::SessionClosed(_) => Kind::Closed,
            Self::Ask(_) => Kind::Ask,
            Self::Vote(_) => Kind::Vote,
            Self::Grant(_) => Kind::Grant,
            Self::Policy(_) => Kind::Policy,
            Self::Operator(_) => Kind::Operator,
            Self::NotCommitted(_) => Kind::Gap,
            Self::Archived(_) => Kind::Archived,
            Self::Pruned(_) => Kind::Pruned,
        }
    }
}

/// A session begins.
#[derive(Clone, Debug, Serialize)]
pub struct SessionOpened {
    pub session: String,
    pub account: String,
    pub credential: String,
    /// The application id that the client gave at its login.
    pub client: String,
    /// Snowflake's id of the session.
    pub snowflake_session: u64,
    /// The entry of the login.
    pub login: u64,
    pub caller: Caller,
}

/// A session ends.
#[derive(Clone, Debug, Serialize)]
pub struct SessionClosed {
    pub session: String,
    pub reason: Closing,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Closing {
    /// The client said so.
    Logout,
    /// Its tokens expired, or the client vanished.
    Expired,
    /// Policies or grants no longer allow it.
    Revoked,
    /// Snowflake ended its half.
    Lost,
    /// The daemon stopped in order.
    Shutdown,
    /// The daemon ended without a word, and this was found at its next start.
    DaemonEnded,
}

/// What happened to an ask or to a grant: the event as receivers of notifications get it.
#[derive(Clone, Debug, Serialize)]
pub struct Access {
    /// The name of an `access::EventKind`.
    pub event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ask: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vote: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<serde_json::Value>,
    /// The person who did it at the access socket without a vote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
}

/// Policies were loaded, or were not.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyLoaded {
    /// `loaded` or `rejected`.
    pub outcome: &'static str,
    /// The version that is in force from here on.
    pub policy_version: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<PolicyFile>,
    /// What was wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A file of the policies.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyFile {
    pub name: String,
    /// BLAKE3, hexadecimal.
    pub digest: String,
}

/// What an operator had the daemon do.
#[derive(Clone, Debug, Serialize)]
pub struct OperatorAction {
    /// `start`, `stop`, `reload`, or the name of a command.
    pub action: String,
    /// Who: a user's name, or `signal` where the kernel says nobody.
    pub operator: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// What it was done to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// `done`, `refused` or `failed`.
    pub outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Events that were recorded, as they must be before they happen, did not happen.
#[derive(Clone, Debug, Serialize)]
pub struct NotCommitted {
    reason: &'static str,
    detail: NotCommittedDetail,
}

#[derive(Clone, Debug, Serialize)]
struct NotCommittedDetail {
    /// Their numbers.
    frames: Vec<u64>,
    /// Why.
    error: String,
}

impl NotCommitted {
    #[must_use]
    pub const fn new(frames: Vec<u64>, error: String) -> Self {
        Self {
            reason: "not_committed",
            detail: NotCommittedDetail { frames, error },
        }
    }

    /// The numbers of the events that did not happen.
    #[must_use]
    pub fn frames(&self) -> &[u64] {
        &self.detail.frames
    }
}

/// What a closed segment became. By its digest the file can be checked without opening it. Of
/// several that tell of one segment, the last counts: packing was interrupted and done again.
#[derive(Clone, Debug, Serialize)]
pub struct Archived {
    pub segment: u64,
    /// The name of the file.
    pub file: String,
    pub bytes: u64,
    /// Of the file, hexadecimal.
    pub sha256: String,
}

/// Segments that retention deletes after this is durable. If the daemon ends in between, some of
/// them are still there, and told of again.
#[derive(Clone, Debug, Serialize)]
pub struct Pruned {
    pub first: u64,
    pub last: u64,
    /// By which rule.
    pub message: String,
}
