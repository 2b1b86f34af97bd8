//! `connect` on an IPv4 socket.

use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;

use super::redirect::{self, Route};
use crate::address;

#[cgroup_sock_addr(connect4)]
pub fn connect4(context: SockAddrContext) -> i32 {
    let context = context.sock_addr;
    match redirect::route(context, address::v4(context)) {
        Route::Answer(answer) => answer,
        Route::Redirect { port, .. } => {
            address::set_v4(context, address::LOOPBACK_V4);
            address::set_port(context, port);
            super::ALLOW
        }
    }
}
