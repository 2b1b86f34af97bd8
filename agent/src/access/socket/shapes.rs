//! What goes over the socket as JSON, besides [`Ask`](super::super::Ask) and
//! [`Grant`](super::super::Grant) as they stand.

use serde::{Deserialize, Serialize};

/// Who the daemon takes a peer for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Me {
    Agent {
        workload: String,
        anchor: String,
        uid: u32,
    },
    Person {
        name: String,
        uid: u32,
        groups: Vec<String>,
    },
}

/// A role that an agent may ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    pub role: String,
    pub longest_seconds: u64,
    /// Nobody decides, and everybody is told.
    pub break_glass: bool,
    pub approvals: u32,
    pub approvers: Vec<String>,
}

/// `POST /v1/asks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRoleAsk {
    pub role: String,
    pub for_seconds: u64,
    pub reason: String,
    /// May be left out where there is only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// `POST /v1/asks/ID/votes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewVote {
    pub(super) approves: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<String>,
}

/// `POST /v1/grants`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRoleGrant {
    pub role: String,
    pub workload: String,
    pub for_seconds: u64,
    pub reason: String,
    /// Every account, when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// `POST /v1/grants/ID/revoke`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRevocation {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

/// `POST /v1/grants/ID/extend`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewExtension {
    pub(super) by_seconds: u64,
}

/// The body of every answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Failure {
    /// Stable, for programs.
    pub(super) code: String,
    /// For people, and for models: what is wrong and what to do.
    pub(super) message: String,
}
