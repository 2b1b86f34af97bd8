//! The workload: what policy can name of the process group behind a connection.

use std::path::PathBuf;

/// Everything that is known of the process group behind a connection.
///
/// Facts that come from the kernel's flow (cgroup, uid, tgid, comm) are always there. Facts that
/// must be read from `/proc` are `None` when the process was gone, or was not the one that
/// connected: policy that asks for them then denies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// The name the configuration gives by its first matching `[[workload]]`; `unknown` otherwise.
    pub name: String,
    /// The cgroup of the connecting task, relative to the cgroup v2 mount, with a leading `/`.
    pub cgroup: String,
    /// The cgroup cut at the unit, container or pod level: what sessions are bound to.
    pub anchor: String,
    pub unit: Option<String>,
    pub slice: Option<String>,
    /// 64 hexadecimal digits.
    pub container: Option<String>,
    pub runtime: Option<ContainerRuntime>,
    /// The Kubernetes pod UID.
    pub pod: Option<String>,
    pub exe: Option<PathBuf>,
    /// SHA-256 of the executable, lower-case hexadecimal.
    pub exe_sha256: Option<String>,
    pub tgid: u32,
    pub uid: u32,
    pub gid: u32,
    pub comm: String,
    /// When the process began, in clock ticks since the boot, as the kernel remembered it at
    /// `connect`.
    pub started: Option<u64>,
    /// Parent first, at most eight.
    pub ancestors: Vec<Ancestor>,
}

/// One process above the caller's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ancestor {
    pub pid: u32,
    pub exe: Option<PathBuf>,
}

/// The engine that made a container's cgroup, told from its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerRuntime {
    Containerd,
    CriO,
    Docker,
    Podman,
}
