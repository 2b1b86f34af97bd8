//! `connect` on an IPv6 socket, including to mapped IPv4 addresses: `connect4` does not see those.

use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;

use super::redirect::{self, Route};
use crate::address;

#[cgroup_sock_addr(connect6)]
pub fn connect6(context: SockAddrContext) -> i32 {
    let context = context.sock_addr;
    match redirect::route(context, address::v6(context)) {
        Route::Answer(answer) => answer,
        Route::Redirect { port, family } => {
            if family == 4 {
                address::set_v6(context, address::mapped(address::LOOPBACK_V4));
            } else {
                address::set_v6(context, [0, 0, 0, address::LOOPBACK_V6]);
            }
            address::set_port(context, port);
            super::ALLOW
        }
    }
}
