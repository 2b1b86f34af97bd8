//! `socket`: tags every internet socket with its creator, and leaves a scope only TCP, UDP and ping.

use agent_ebpf::Counter;
use aya_ebpf::helpers::generated::{bpf_get_current_cgroup_id, bpf_set_retval};
use aya_ebpf::macros::cgroup_sock;
use aya_ebpf::programs::SockContext;

use super::{ALLOW, DENY};
use crate::maps::{self, count};
use crate::scope;

const SOCK_STREAM: u32 = 1;
const SOCK_DGRAM: u32 = 2;
const SOCK_RAW: u32 = 3;
const IPPROTO_ICMP: u32 = 1;
const IPPROTO_TCP: u32 = 6;
const IPPROTO_UDP: u32 = 17;
const IPPROTO_ICMPV6: u32 = 58;
const IPPROTO_MPTCP: u32 = 262;
/// What a kernel without the protocol answers; callers that try multipath TCP fall back on it.
const EPROTONOSUPPORT: i32 = 93;

#[cgroup_sock(sock_create)]
pub fn sock_create(context: SockContext) -> i32 {
    let socket = context.sock;
    let scope_id = scope::of_current();
    // SAFETY: the context of this hook is the socket.
    let tag = unsafe { maps::tag_or_insert(socket.cast()) };
    if tag.is_null() {
        // Outside a scope an untagged socket is as good as one from before the start.
        if scope_id == 0 {
            return ALLOW;
        }
        count(Counter::RefusedNoStorage);
        return DENY;
    }
    // SAFETY: not null, and the socket is not visible to anyone else yet.
    unsafe {
        (*tag).cgroup_id = bpf_get_current_cgroup_id();
        (*tag).scope_id = scope_id;
    }
    if scope_id == 0 {
        return ALLOW;
    }
    // SAFETY: fields of the context.
    let (kind, protocol) = unsafe { ((*socket).type_, (*socket).protocol) };
    match (kind, protocol) {
        (SOCK_STREAM, IPPROTO_TCP) | (SOCK_DGRAM, IPPROTO_UDP | IPPROTO_ICMP | IPPROTO_ICMPV6) => {
            ALLOW
        }
        (SOCK_RAW, _) => {
            count(Counter::DeniedRaw);
            DENY
        }
        (_, IPPROTO_MPTCP) => unsupported(Counter::DeniedMptcp),
        _ => unsupported(Counter::DeniedProtocol),
    }
}

#[inline(always)]
fn unsupported(reason: Counter) -> i32 {
    count(reason);
    // SAFETY: sets what `socket` returns, and nothing else.
    unsafe { bpf_set_retval(-EPROTONOSUPPORT) };
    DENY
}
