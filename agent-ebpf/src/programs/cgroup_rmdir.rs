//! A cgroup is removed: its id stays in scope as long as there are sockets of it.
//!
//! No process is left in it, but one elsewhere may hold a socket that was made in it. The queue of
//! those ids bounds how many there can be, and never costs a cgroup that exists its place.

use agent_ebpf::Counter;
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;

use crate::cgroup;
use crate::maps::{SCOPES, SCOPES_REMOVED, count};

#[raw_tracepoint(tracepoint = "cgroup_rmdir")]
pub fn cgroup_rmdir(context: RawTracePointContext) {
    let Some(id) = cgroup::id(&context) else {
        return;
    };
    if SCOPES.get_ptr(id).is_none() || SCOPES_REMOVED.push(id, 0).is_ok() {
        return;
    }
    if let Ok(Some(oldest)) = SCOPES_REMOVED.pop() {
        // Usually there is nothing to remove: the cgroup was released long ago.
        if SCOPES.remove(&oldest).is_ok() {
            count(Counter::ScopeEvicted);
        }
    }
    // The caller holds the lock of all cgroups, so the place is still free. When it is not, the id
    // stays until its cgroup is released.
    let _ = SCOPES_REMOVED.push(id, 0);
}
