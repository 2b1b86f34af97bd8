//! A cgroup is removed: takes it out of scope, so that the map holds those that exist.
//!
//! No process is left in it. Sockets that were made in it may be, with a process elsewhere: their tag
//! keeps them in scope.

use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;

use crate::cgroup;
use crate::maps::SCOPES;

#[raw_tracepoint(tracepoint = "cgroup_rmdir")]
pub fn cgroup_rmdir(context: RawTracePointContext) {
    if let Some(id) = cgroup::id(&context) {
        // Most cgroups are no scope.
        let _ = SCOPES.remove(&id);
    }
}
