//! What goes over the socket as JSON, besides [`Ask`](super::super::Ask) and
//! [`Grant`](super::super::Grant) as they stand.

use serde::{Deserialize, Serialize};

use crate::mask::labels::import::{self, Tags};
use crate::sql::ObjectName;

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

/// `POST /v1/labels/import`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewLabels {
    pub account: String,
    /// The account's default, when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// Tags besides those of Snowflake's classification.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// Labels that were made of tags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedLabels {
    /// `[[label]]` tables; empty if there are none.
    pub text: String,
    /// The packs that the file must name for it.
    pub packs: Vec<String>,
    pub labels: usize,
    /// Columns, or tables, schemas and databases whose columns carry a label.
    pub patterns: usize,
    /// Tags that were read.
    pub rows: usize,
    /// Those on something that has no columns, or that is gone.
    pub skipped: usize,
}

impl ImportedLabels {
    pub(crate) fn new(account: &str, found: &Tags, tags: &[ObjectName]) -> Self {
        let imported = import::labels(account, &found.references, tags);
        Self {
            text: imported.text,
            packs: imported.packs.into_iter().map(str::to_owned).collect(),
            labels: imported.labels,
            patterns: imported.patterns,
            rows: found.rows,
            skipped: found.skipped,
        }
    }
}

/// The body of every answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Failure {
    /// Stable, for programs.
    pub(super) code: String,
    /// For people, and for models: what is wrong and what to do.
    pub(super) message: String,
}
