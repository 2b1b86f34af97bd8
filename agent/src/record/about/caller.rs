//! The principal as it is recorded.

use std::path::Path;

use serde::Serialize;

use crate::identity::{self, Principal};
use crate::record::told::Ancestor;

/// What the kernel and the process's own directory in `/proc` said of whoever asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Caller {
    pub workload: String,
    pub cgroup: String,
    pub tgid: u32,
    pub uid: u32,
    pub gid: u32,
    /// The name of the process, which it chooses itself.
    pub comm: String,
    /// When the process began, in clock ticks since the boot; with `tgid` it is one process for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<u64>,
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
    /// Parent first, as they were when the connection was made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ancestors: Vec<Ancestor>,
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
            gid: workload.gid,
            comm: workload.comm.clone(),
            started: workload.started,
            unit: workload.unit.clone(),
            container: workload.container.clone(),
            pod: workload.pod.clone(),
            exe: workload.exe.as_deref().map(shown),
            exe_sha256: workload.exe_sha256.clone(),
            ancestors: workload.ancestors.iter().map(ancestor).collect(),
            user: principal.user.as_ref().map(|user| user.subject.clone()),
        }
    }
}

fn ancestor(ancestor: &identity::Ancestor) -> Ancestor {
    Ancestor {
        pid: ancestor.pid,
        exe: ancestor.exe.as_deref().map(shown),
    }
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
