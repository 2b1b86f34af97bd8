//! A cgroup is made: puts it in scope when its path is that of one.
//!
//! The kernel calls this under the lock of all cgroups and before it shows the directory to anybody,
//! so the id is in the map before there can be a process. Nothing renames a cgroup of v2.

use agent_ebpf::{Counter, SCOPE_PATH_BYTES, ScopePath};
use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use core::ffi::c_void;
use core::ptr::write_volatile;

use crate::cgroup;
use crate::maps::{PATH, SCOPE_PATHS, SCOPES, count};

#[raw_tracepoint(tracepoint = "cgroup_mkdir")]
pub fn cgroup_mkdir(context: RawTracePointContext) {
    let Some(id) = cgroup::id(&context) else {
        return;
    };
    // The caller has interrupts off: nobody else on this CPU uses the buffer meanwhile.
    let Some(path) = PATH.get_ptr_mut(0) else {
        return count(Counter::ScopeLost);
    };
    // SAFETY: a value of the map.
    unsafe { clear(path) };
    let bytes = SCOPE_PATH_BYTES as u32;
    let source: *const c_void = context.arg(1);
    // SAFETY: writes at most the bytes of the value. A path that does not fit is cut off, and no
    // scope has a path that fills the buffer.
    if unsafe { bpf_probe_read_kernel_str(path.cast(), bytes, source) } < 0 {
        return count(Counter::ScopeLost);
    }
    // SAFETY: a value of the map, and the scope is written only by the daemon, whole.
    let Some(scope) = (unsafe { SCOPE_PATHS.get(&*path) }) else {
        return;
    };
    // There is always room: see `SCOPE_IDS_MAX`.
    count(match SCOPES.insert(&id, scope, 0) {
        Ok(()) => Counter::ScopeMade,
        Err(_) => Counter::ScopeLost,
    });
}

/// The kernel compares keys byte by byte, also what follows the end of the path.
#[inline(always)]
unsafe fn clear(path: *mut ScopePath) {
    let words = path.cast::<u64>();
    for index in 0..SCOPE_PATH_BYTES / 8 {
        // SAFETY: the caller's value, which is aligned. Volatile, or it becomes a call that there is
        // no function for.
        unsafe { write_volatile(words.add(index), 0) };
    }
}
