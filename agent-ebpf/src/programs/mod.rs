//! One file per program; `redirect` and `datagram` hold what the IPv4 and IPv6 twins share.

mod cgroup_mkdir;
mod cgroup_rmdir;
mod connect4;
mod connect6;
mod datagram;
mod egress;
mod getpeername4;
mod getpeername6;
mod redirect;
mod sendmsg4;
mod sendmsg6;
mod sock_create;
mod sock_ops;

/// What a program answers: the operation goes on.
const ALLOW: i32 = 1;
/// What a program answers: the operation fails, with `EPERM` unless the program set another error.
const DENY: i32 = 0;
