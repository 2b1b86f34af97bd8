//! `getpeername` on an IPv6 socket: the client sees the address it asked for.

use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;

use super::{ALLOW, redirect};
use crate::address;

#[cgroup_sock_addr(getpeername6)]
pub fn getpeername6(context: SockAddrContext) -> i32 {
    let context = context.sock_addr;
    if let Some((original, port)) = redirect::original(context) {
        address::set_v6(context, original);
        address::set_port(context, port);
    }
    ALLOW
}
