//! The decision on a datagram that names its destination: no QUIC, and nothing to a known address.

use agent_ebpf::Counter;
use aya_ebpf::bindings::bpf_sock_addr;

use super::{ALLOW, DENY};
use crate::maps::{count, is_intercepted, is_known};
use crate::{address, scope};

#[inline(always)]
pub fn check(context: *mut bpf_sock_addr, destination: [u32; 4]) -> i32 {
    let denial = if is_intercepted(address::port(context)) {
        Counter::DeniedUdp
    } else if is_known(&destination) {
        Counter::DeniedKnownAddress
    } else {
        return ALLOW;
    };
    if !scope::is_enforced(context) {
        return ALLOW;
    }
    count(denial);
    DENY
}
