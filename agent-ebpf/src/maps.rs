//! The maps. All but the buffer are pinned: they outlive the daemon, as the programs do.

use agent_ebpf::{
    ADDRESSES_MAX, Counter, FLOWS_MAX, Flow, FlowKey, LISTENERS_MAX, Listener, PORTS_MAX, Redirect,
    SCOPE_IDS_MAX, SCOPES_MAX, Scope, ScopePath, Tag,
};
use aya_ebpf::bindings::BPF_SK_STORAGE_GET_F_CREATE;
use aya_ebpf::btf_maps::{Array, HashMap, PerCpuArray, SkStorage};
use aya_ebpf::helpers::generated::{bpf_sk_storage_delete, bpf_sk_storage_get};
use aya_ebpf::macros::btf_map;
use core::ffi::c_void;
use core::ptr::{addr_of, null_mut};

/// Hash, not LRU: no one may push out the flow of another by opening connections.
#[btf_map]
pub static FLOWS: HashMap<FlowKey, Flow, FLOWS_MAX> = HashMap::new();

/// Cgroup id of the top of a subtree → the scope.
#[btf_map]
pub static SCOPES: HashMap<u64, Scope, SCOPE_IDS_MAX> = HashMap::new();

/// Path of the top of a subtree → the scope, whether or not the cgroup exists.
#[btf_map]
pub static SCOPE_PATHS: HashMap<ScopePath, Scope, SCOPES_MAX> = HashMap::new();

/// Where a path is put together: it is too long for the stack.
#[btf_map]
pub static PATH: PerCpuArray<ScopePath, 1> = PerCpuArray::new();

/// Network namespace cookie → our ports there.
#[btf_map]
pub static LISTENERS: HashMap<u64, Listener, LISTENERS_MAX> = HashMap::new();

/// Intercepted ports, host byte order.
#[btf_map]
static PORTS: HashMap<u32, u32, PORTS_MAX> = HashMap::new();

/// Addresses at which Snowflake was seen.
#[btf_map]
static ADDRESSES: HashMap<[u32; 4], u32, ADDRESSES_MAX> = HashMap::new();

/// One element: the cgroup id of the daemon itself.
#[btf_map]
pub static EXEMPT: Array<u64, 1> = Array::new();

#[btf_map]
static COUNTERS: PerCpuArray<u64, { Counter::ALL.len() }> = PerCpuArray::new();

#[btf_map]
static REDIRECTS: SkStorage<Redirect> = SkStorage::new();

#[btf_map]
static TAGS: SkStorage<Tag> = SkStorage::new();

/// Adds one. A program that is interrupted on this CPU by another may lose a count, never more.
#[inline(always)]
pub fn count(counter: Counter) {
    if let Some(slot) = COUNTERS.get_ptr_mut(counter as u32) {
        // SAFETY: the slot belongs to this CPU and stays mapped while the program runs.
        unsafe { *slot = (*slot).wrapping_add(1) };
    }
}

#[inline(always)]
pub fn is_intercepted(port: u16) -> bool {
    PORTS.get_ptr(u32::from(port)).is_some()
}

#[inline(always)]
pub fn is_known(address: &[u32; 4]) -> bool {
    ADDRESSES.get_ptr(address).is_some()
}

/// What `connect` left for a socket; null when it was not redirected.
///
/// # Safety
///
/// For this and all that follow: `socket` is a socket to the verifier, and not null. Storage lives
/// as long as its socket, which every hook holds while it runs.
#[inline(always)]
pub unsafe fn redirect(socket: *mut c_void) -> *mut Redirect {
    // SAFETY: the caller's promise.
    unsafe {
        bpf_sk_storage_get(addr_of!(REDIRECTS).cast_mut().cast(), socket, null_mut(), 0).cast()
    }
}

/// The same, made when there is none; null when there is no memory.
#[inline(always)]
pub unsafe fn redirect_or_insert(socket: *mut c_void) -> *mut Redirect {
    let flags = BPF_SK_STORAGE_GET_F_CREATE.into();
    // SAFETY: the caller's promise.
    unsafe {
        bpf_sk_storage_get(
            addr_of!(REDIRECTS).cast_mut().cast(),
            socket,
            null_mut(),
            flags,
        )
        .cast()
    }
}

/// Removes what `connect` left. That there is nothing is the usual case, so nothing is returned.
#[inline(always)]
pub unsafe fn forget_redirect(socket: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { bpf_sk_storage_delete(addr_of!(REDIRECTS).cast_mut().cast(), socket) };
}

/// Who made a socket; null when it is older than the programs.
#[inline(always)]
pub unsafe fn tag(socket: *mut c_void) -> *mut Tag {
    // SAFETY: the caller's promise.
    unsafe { bpf_sk_storage_get(addr_of!(TAGS).cast_mut().cast(), socket, null_mut(), 0).cast() }
}

/// The same, made when there is none; null when there is no memory.
#[inline(always)]
pub unsafe fn tag_or_insert(socket: *mut c_void) -> *mut Tag {
    let flags = BPF_SK_STORAGE_GET_F_CREATE.into();
    // SAFETY: the caller's promise.
    unsafe {
        bpf_sk_storage_get(addr_of!(TAGS).cast_mut().cast(), socket, null_mut(), flags).cast()
    }
}
