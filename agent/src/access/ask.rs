//! Something that a person must decide, and what they decided.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::grant::GrantId;
use crate::policy::Terms;

/// An ask's id: short enough to be typed, `ask-7k3m9q2f`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AskId(pub String);

impl fmt::Display for AskId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Who asks, as the kernel says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asker {
    pub workload: String,
    /// The cgroup at the unit, container or pod level.
    pub anchor: String,
    /// The person behind the workload, by their token.
    pub user: Option<String>,
    pub uid: u32,
    pub unit: Option<String>,
    pub exe: Option<String>,
    pub host: String,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Subject {
    Role {
        role: String,
        /// How long the grant is to last, from its first use.
        duration: Duration,
    },
    Statement(HeldStatement),
}

/// A statement that waits, bound so tightly that no other one can use its approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldStatement {
    /// Our session's id.
    pub session: String,
    /// BLAKE3 over text, bindings, parameters and mode, hexadecimal.
    pub digest: String,
    /// For people: literals redacted as configured, cut at 64 KiB.
    pub text: String,
    pub kinds: Vec<String>,
    pub effects: Vec<String>,
    pub objects: Vec<String>,
    pub labels: Vec<String>,
}

/// An ask to be filed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAsk {
    pub subject: Subject,
    pub asker: Asker,
    pub account: String,
    pub reason: Option<String>,
    pub terms: Terms,
    pub policy_version: String,
    /// What was missing, for the approver.
    pub message: String,
}

/// An ask as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    pub id: AskId,
    pub subject: Subject,
    pub asker: Asker,
    pub account: String,
    pub reason: Option<String>,
    /// Groups whose members may decide, sorted.
    pub approvers: Vec<String>,
    pub approvals: u32,
    pub policy_version: String,
    pub message: String,
    pub state: AskState,
    pub asked: Timestamp,
    /// Nothing can be decided, and no approval used, after it.
    pub expires: Timestamp,
    pub votes: Vec<Vote>,
    /// Nobody decided: the policies allow it in an emergency.
    #[serde(default)]
    pub break_glass: bool,
    /// What an approved role ask became.
    #[serde(default)]
    pub grant: Option<GrantId>,
}

/// Where an ask is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskState {
    Open,
    Approved,
    Denied,
    Expired,
    /// The asker went away or took it back.
    Withdrawn,
    /// What was approved is not what the policies in force would let people approve.
    Void,
    /// The approval was used, once.
    Used,
}

/// One person's decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    pub person: String,
    pub uid: u32,
    pub approves: bool,
    pub note: Option<String>,
    pub time: Timestamp,
}
