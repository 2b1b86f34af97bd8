//! What the daemon says about itself: the body of `GET /v1/status`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The daemon, as `snowfence status` shows it. Fields are only ever added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    pub pid: u32,
    pub uptime_seconds: u64,
    pub scopes: Vec<ScopeStatus>,
    pub sessions: u64,
    pub connections: u64,
    pub links: Vec<LinkStatus>,
    /// Counters by name: the kernel's and the proxy's.
    pub counters: BTreeMap<String, u64>,
    pub recorder: RecorderStatus,
    pub policy: PolicyStatus,
    /// Statements that wait for approval, oldest first.
    #[serde(default)]
    pub holds: Vec<HoldStatus>,
}

/// One statement that waits for approval.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldStatus {
    /// The ask under which it waits.
    pub ask: Option<String>,
    pub workload: String,
    pub session: String,
    /// The id by which its client knows it.
    pub query: String,
    pub seconds: u64,
    /// Whether its workload is frozen meanwhile.
    pub frozen: bool,
}

/// One enforced cgroup subtree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeStatus {
    pub cgroup: String,
    /// Whether the cgroup exists and the kernel has it in its map.
    pub enforced: bool,
}

/// One pinned BPF link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkStatus {
    pub program: String,
    pub attached: bool,
}

/// The recording.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecorderStatus {
    pub writable: bool,
    pub entries: u64,
    pub segment: String,
    /// Whose recording it is: the host's public key in hexadecimal.
    #[serde(default)]
    pub host: String,
    /// How far it is durable and signed. Noted elsewhere, it proves later that nothing was cut off.
    #[serde(default)]
    pub head: Option<HeadStatus>,
    #[serde(default)]
    pub free_bytes: u64,
    /// Its file system has less than the reserve, so nothing new is let through until there is more.
    #[serde(default)]
    pub low_space: bool,
    /// `None` where nothing is shipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unshipped: Option<UnshippedStatus>,
}

/// A signed end of the recording.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadStatus {
    pub segment: u64,
    pub next_entry: u64,
    /// The digest of its last frame, in hexadecimal.
    pub digest: String,
}

/// The policy set in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyStatus {
    pub version: String,
    pub policies: u64,
    /// Why a newer set on disk is not in force.
    pub rejected: Option<String>,
}

/// Closed segments that are not shipped yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnshippedStatus {
    pub segments: u64,
    pub bytes: u64,
}
