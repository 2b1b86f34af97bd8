//! A cgroup is released, some time after it was removed: no process and no socket of it is left.

use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;

use crate::cgroup;
use crate::maps::SCOPES;

#[raw_tracepoint(tracepoint = "cgroup_release")]
pub fn cgroup_release(context: RawTracePointContext) {
    if let Some(id) = cgroup::id(&context) {
        // Most cgroups are no scope.
        let _ = SCOPES.remove(&id);
    }
}
