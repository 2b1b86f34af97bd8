//! Who is enforced.
//!
//! The walk goes by ancestors from the root, so a cgroup that nobody has told us of is in scope the
//! moment it exists below one. The deepest scope wins.
//!
//! A socket that was made in a scope is enforced to its end, whatever becomes of that scope: the cgroup
//! may be removed, with another of the same path and another id in its place.

use agent_ebpf::{SCOPE_LEVEL_MAX, Tag};
use aya_ebpf::bindings::{__sk_buff, bpf_sock, bpf_sock_addr};
use aya_ebpf::helpers::generated::{
    bpf_get_current_ancestor_cgroup_id, bpf_get_current_cgroup_id, bpf_skb_ancestor_cgroup_id,
    bpf_skb_cgroup_id,
};

use crate::maps::{self, EXEMPT, SCOPES};

/// The scope of the task that runs this program: the cgroup id of the subtree's top, 0 for none.
#[inline(always)]
pub fn of_current() -> u64 {
    let mut scope = 0;
    for level in 0..=SCOPE_LEVEL_MAX {
        // SAFETY: reads the current task only.
        let id = unsafe { bpf_get_current_ancestor_cgroup_id(level as i32) };
        if id == 0 {
            break;
        }
        if SCOPES.get_ptr(id).is_some() {
            scope = id;
        }
    }
    scope
}

/// Whether this `connect` or `sendmsg` is enforced: by its task, or by who made the socket.
///
/// Either alone is a way round: a socket made outside and passed in, or made inside and passed out.
#[inline(always)]
pub fn is_enforced(context: *mut bpf_sock_addr) -> bool {
    let creator = creator(context);
    // SAFETY: reads the current task only.
    let current = unsafe { bpf_get_current_cgroup_id() };
    if is_exempt(current) && (creator.cgroup_id == 0 || is_exempt(creator.cgroup_id)) {
        return false;
    }
    creator.scope_id != 0 || of_current() != 0
}

/// The tag of a socket; zeros when it is older than the programs.
#[inline(always)]
pub fn creator(context: *mut bpf_sock_addr) -> Tag {
    // SAFETY: the context of these hooks always has a socket.
    let tag = unsafe { maps::tag((*context).__bindgen_anon_1.sk.cast()) };
    if tag.is_null() {
        return Tag {
            cgroup_id: 0,
            scope_id: 0,
        };
    }
    // SAFETY: not null.
    unsafe { *tag }
}

/// Whether a packet is enforced: by the cgroup that made its socket, before or after we started.
#[inline(always)]
pub fn covers_packet(packet: *mut __sk_buff, socket: *mut bpf_sock) -> bool {
    // SAFETY: reads the packet's socket only.
    if is_exempt(unsafe { bpf_skb_cgroup_id(packet) }) {
        return false;
    }
    for level in 0..=SCOPE_LEVEL_MAX {
        // SAFETY: reads the packet's socket only.
        let id = unsafe { bpf_skb_ancestor_cgroup_id(packet, level as i32) };
        if id == 0 {
            break;
        }
        if SCOPES.get_ptr(id).is_some() {
            return true;
        }
    }
    // SAFETY: the caller checked the socket.
    let tag = unsafe { maps::tag(socket.cast()) };
    // SAFETY: not null.
    !tag.is_null() && unsafe { (*tag).scope_id } != 0
}

#[inline(always)]
fn is_exempt(cgroup_id: u64) -> bool {
    EXEMPT.get(0).is_some_and(|exempt| *exempt == cgroup_id)
}
