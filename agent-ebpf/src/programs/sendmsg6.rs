//! A datagram from an unconnected IPv6 socket.

use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;

use super::datagram;
use crate::address;

#[cgroup_sock_addr(sendmsg6)]
pub fn sendmsg6(context: SockAddrContext) -> i32 {
    let context = context.sock_addr;
    datagram::check(context, address::v6(context))
}
