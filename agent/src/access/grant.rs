//! A principal's time-boxed membership in a role.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ask::AskId;

/// A grant's id: `grant-2c8x4n1p`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GrantId(pub String);

impl fmt::Display for GrantId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A grant to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGrant {
    pub role: String,
    pub workload: String,
    /// `None`: every instance of the workload.
    pub anchor: Option<String>,
    pub user: Option<String>,
    /// `None`: every account.
    pub account: Option<String>,
    pub duration: Duration,
    pub reason: Option<String>,
    pub ask: Option<AskId>,
    /// Who gave it: an operator, or the people who voted.
    pub granted_by: Vec<String>,
}

/// A grant as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub id: GrantId,
    pub role: String,
    pub workload: String,
    pub anchor: Option<String>,
    pub user: Option<String>,
    pub account: Option<String>,
    pub duration: Duration,
    pub reason: Option<String>,
    pub ask: Option<AskId>,
    pub granted_by: Vec<String>,
    pub state: GrantState,
    pub granted: Timestamp,
    /// It is revoked when it was not used by then.
    pub use_by: Timestamp,
    /// First use; the duration runs from here.
    pub activated: Option<Timestamp>,
    pub ends: Option<Timestamp>,
    /// Why and by whom it was ended early.
    pub ended_by: Option<String>,
}

/// Where a grant is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantState {
    /// Given, not used yet.
    Waiting,
    Active,
    Ended,
    /// By an operator, by its holder, or because it was never used.
    Revoked,
}
