//! The life of a TCP connection: publishes the flow before the SYN leaves, removes it at the end.
//!
//! `TCP_CONNECT_CB` runs in the connecting task, after the source port is chosen and before anything
//! is sent: whoever accepts the connection finds its flow.

use agent_ebpf::{Counter, Redirect};
use aya_ebpf::bindings::{
    BPF_SOCK_OPS_STATE_CB, BPF_SOCK_OPS_STATE_CB_FLAG, BPF_SOCK_OPS_TCP_CONNECT_CB, BPF_TCP_CLOSE,
    bpf_sock_ops,
};
use aya_ebpf::helpers::generated::bpf_sock_ops_cb_flags_set;
use aya_ebpf::macros::sock_ops;
use aya_ebpf::programs::SockOpsContext;
use core::ptr::{addr_of, read_volatile};

use crate::address;
use crate::maps::{self, FLOWS, count};

/// Not `sockops`: that is the name of the ELF section, and two symbols of one name clash.
#[sock_ops]
pub fn sock_ops(context: SockOpsContext) -> u32 {
    // Called some eight times in the life of every connection on the host: nothing before this.
    let context = context.ops;
    // SAFETY: a field of the context.
    match unsafe { (*context).op } {
        BPF_SOCK_OPS_TCP_CONNECT_CB => publish(context),
        BPF_SOCK_OPS_STATE_CB => close(context),
        _ => {}
    }
    1
}

#[inline(always)]
fn publish(context: *mut bpf_sock_ops) {
    let Some(storage) = storage(context) else {
        return;
    };
    // SAFETY: not null, and the hook holds the socket locked.
    unsafe {
        // All are read before the family is looked at: of two reads that a branch chooses between,
        // the compiler would make one at a computed offset, which the verifier refuses.
        let client_v4 = read_volatile(addr_of!((*context).local_ip4));
        let listener_v4 = read_volatile(addr_of!((*context).remote_ip4));
        let client_v6 = [
            read_volatile(addr_of!((*context).local_ip6[0])),
            read_volatile(addr_of!((*context).local_ip6[1])),
            read_volatile(addr_of!((*context).local_ip6[2])),
            read_volatile(addr_of!((*context).local_ip6[3])),
        ];
        let listener_v6 = [
            read_volatile(addr_of!((*context).remote_ip6[0])),
            read_volatile(addr_of!((*context).remote_ip6[1])),
            read_volatile(addr_of!((*context).remote_ip6[2])),
            read_volatile(addr_of!((*context).remote_ip6[3])),
        ];
        let key = &raw mut (*storage).key;
        (*key).netns_cookie = (*storage).flow.netns_cookie;
        if (*storage).family == 4 {
            (*key).client_address = address::mapped(client_v4);
            (*key).listener_address = address::mapped(listener_v4);
        } else {
            (*key).client_address = client_v6;
            (*key).listener_address = listener_v6;
        }
        (*key).client_port = read_volatile(addr_of!((*context).local_port));
        // In network byte order, in the upper half on little-endian machines.
        (*key).listener_port = u32::from_be(read_volatile(addr_of!((*context).remote_port)));
        if FLOWS.insert(&*key, &(*storage).flow, 0).is_err() {
            count(Counter::FlowMapFull);
            return;
        }
        (*storage).is_published = 1;
        // The removal at the end hangs on this flag. When it cannot be set, the flow stays until it
        // is taken: one slot lost, nothing opened.
        bpf_sock_ops_cb_flags_set(
            context,
            ((*context).bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG) as i32,
        );
    }
    count(Counter::FlowsPublished);
}

#[inline(always)]
fn close(context: *mut bpf_sock_ops) {
    // SAFETY: a field of the context; the second argument is the state that comes.
    if unsafe { read_volatile(addr_of!((*context).__bindgen_anon_1.args[1])) } != BPF_TCP_CLOSE {
        return;
    }
    let Some(storage) = storage(context) else {
        return;
    };
    // SAFETY: not null, and the hook holds the socket locked. Both
    // removals may find nothing: the listener takes the flow of every connection that it accepts.
    unsafe {
        if (*storage).is_published == 1 {
            let _ = FLOWS.remove(&(*storage).key);
        }
        let socket = (*context).__bindgen_anon_2.sk;
        if !socket.is_null() {
            maps::forget_redirect(socket.cast());
        }
    }
}

#[inline(always)]
fn storage(context: *mut bpf_sock_ops) -> Option<*mut Redirect> {
    // SAFETY: the verifier knows the context and, once checked, the socket in it.
    unsafe {
        let socket = (*context).__bindgen_anon_2.sk;
        if socket.is_null() {
            return None;
        }
        let storage = maps::redirect(socket.cast());
        if storage.is_null() {
            None
        } else {
            Some(storage)
        }
    }
}
