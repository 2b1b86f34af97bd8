//! The kernel half: what brings a connection to the daemon, and what stops the ways round it.
//!
//! Nothing here is logic that the daemon could do. Read `scope` first (who is enforced), then
//! `programs/` in the life of a connection: `sock_create`, `connect4`, `sock_ops`, `egress`. The
//! programs named `cgroup_` keep up with the cgroups that come and go.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(target_arch = "bpf")]
mod address;
#[cfg(target_arch = "bpf")]
mod cgroup;
#[cfg(target_arch = "bpf")]
mod maps;
#[cfg(target_arch = "bpf")]
mod memory;
#[cfg(target_arch = "bpf")]
mod programs;
#[cfg(target_arch = "bpf")]
mod scope;
#[cfg(target_arch = "bpf")]
mod task;

/// Helpers that read kernel memory are open only to programs that say they are GPL-compatible.
#[cfg(target_arch = "bpf")]
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[cfg(target_arch = "bpf")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[cfg(not(target_arch = "bpf"))]
fn main() {}
