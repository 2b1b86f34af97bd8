//! The decision on a `connect`: let it go, refuse it, or send it to our listener.

use agent_ebpf::Counter;
use aya_ebpf::bindings::bpf_sock_addr;
use aya_ebpf::helpers::generated::{
    bpf_get_current_cgroup_id, bpf_get_netns_cookie, bpf_get_socket_cookie, bpf_set_retval,
};

use super::{ALLOW, DENY};
use crate::maps::{self, LISTENERS, count, is_intercepted, is_known};
use crate::{address, scope, task};

const SOCK_STREAM: u32 = 1;
const ECONNREFUSED: i32 = 111;

pub enum Route {
    Answer(i32),
    /// To our port at the loopback address of this family (4 or 6).
    Redirect {
        port: u32,
        family: u32,
    },
}

/// Decides, and leaves the flow in the socket's storage when the answer is to redirect.
///
/// Loopback destinations are treated like any other: a relay on this host must not be a way round.
#[inline(always)]
pub fn route(context: *mut bpf_sock_addr, original: [u32; 4]) -> Route {
    if !scope::is_enforced(context) {
        forget(context);
        return Route::Answer(ALLOW);
    }
    let port = address::port(context);
    if !is_intercepted(port) {
        forget(context);
        if is_known(&original) {
            count(Counter::DeniedKnownAddress);
            return Route::Answer(DENY);
        }
        return Route::Answer(ALLOW);
    }
    // SAFETY: a field of the context.
    if unsafe { (*context).type_ } != SOCK_STREAM {
        count(Counter::DeniedUdp);
        return Route::Answer(DENY);
    }
    redirect(context, original, port)
}

#[inline(always)]
fn redirect(context: *mut bpf_sock_addr, original: [u32; 4], original_port: u16) -> Route {
    // SAFETY: the helper reads the context's socket.
    let netns_cookie = unsafe { bpf_get_netns_cookie(context.cast()) };
    let family = if address::is_mapped(&original) { 4 } else { 6 };
    let Some(listener) = LISTENERS.get_ptr(netns_cookie) else {
        return refuse(Counter::RefusedNoListener);
    };
    // SAFETY: two aligned words, each written whole; at worst they are of two publications, and a
    // port that is no longer ours refuses the connection.
    let port = unsafe {
        if family == 4 {
            (*listener).v4_port
        } else {
            (*listener).v6_port
        }
    };
    if port == 0 {
        return refuse(Counter::RefusedNoListener);
    }
    // SAFETY: the context of this hook always has a socket.
    let storage = unsafe { maps::redirect_or_insert((*context).__bindgen_anon_1.sk.cast()) };
    if storage.is_null() {
        return refuse(Counter::RefusedNoStorage);
    }
    let creator = scope::creator(context);
    // SAFETY: not null. Nobody else
    // writes to it: `connect` holds the socket's lock.
    unsafe {
        let flow = &raw mut (*storage).flow;
        (*flow).original_address = original;
        (*flow).original_port = u32::from(original_port);
        (*flow).cgroup_id = bpf_get_current_cgroup_id();
        (*flow).creator_cgroup_id = creator.cgroup_id;
        (*flow).netns_cookie = netns_cookie;
        (*flow).socket_cookie = bpf_get_socket_cookie(context.cast());
        task::describe(flow);
        (*storage).listener_port = port;
        (*storage).family = family;
        (*storage).is_published = 0;
    }
    count(Counter::Redirected);
    Route::Redirect { port, family }
}

#[inline(always)]
fn refuse(reason: Counter) -> Route {
    count(reason);
    // SAFETY: sets what `connect` returns, and nothing else.
    unsafe { bpf_set_retval(-ECONNREFUSED) };
    Route::Answer(DENY)
}

/// Removes what an earlier `connect` of the same socket left, which would hold its packets back.
#[inline(always)]
fn forget(context: *mut bpf_sock_addr) {
    // SAFETY: the context of this hook always has a socket.
    unsafe { maps::forget_redirect((*context).__bindgen_anon_1.sk.cast()) };
}

/// Where a redirected socket wanted to go.
#[inline(always)]
pub fn original(context: *mut bpf_sock_addr) -> Option<([u32; 4], u32)> {
    // SAFETY: the context of this hook always has a socket.
    let storage = unsafe { maps::redirect((*context).__bindgen_anon_1.sk.cast()) };
    if storage.is_null() {
        return None;
    }
    // SAFETY: not null.
    unsafe {
        Some((
            (*storage).flow.original_address,
            (*storage).flow.original_port,
        ))
    }
}
