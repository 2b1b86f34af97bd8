//! Addresses in the contexts of socket hooks.
//!
//! Words are read and written one by one: as an array, the compiler would take a pointer into the
//! context with an offset, and the verifier refuses to follow that.

use aya_ebpf::bindings::bpf_sock_addr;
use core::ptr::{addr_of, addr_of_mut, read_volatile, write_volatile};

/// The third word of a mapped IPv4 address.
pub const MAPPED: u32 = 0x0000_ffff_u32.to_be();
pub const LOOPBACK_V4: u32 = 0x7f00_0001_u32.to_be();
/// The last word of `::1`; the others are zero.
pub const LOOPBACK_V6: u32 = 1_u32.to_be();

#[inline(always)]
pub const fn mapped(address: u32) -> [u32; 4] {
    [0, 0, MAPPED, address]
}

#[inline(always)]
pub const fn is_mapped(address: &[u32; 4]) -> bool {
    address[0] == 0 && address[1] == 0 && address[2] == MAPPED
}

#[inline(always)]
pub fn v4(context: *mut bpf_sock_addr) -> [u32; 4] {
    // SAFETY: a field of the context at a constant offset.
    mapped(unsafe { read_volatile(addr_of!((*context).user_ip4)) })
}

#[inline(always)]
pub fn set_v4(context: *mut bpf_sock_addr, address: u32) {
    // SAFETY: a writable field of the context at a constant offset.
    unsafe { write_volatile(addr_of_mut!((*context).user_ip4), address) }
}

#[inline(always)]
pub fn v6(context: *mut bpf_sock_addr) -> [u32; 4] {
    // SAFETY: fields of the context at constant offsets.
    unsafe {
        [
            read_volatile(addr_of!((*context).user_ip6[0])),
            read_volatile(addr_of!((*context).user_ip6[1])),
            read_volatile(addr_of!((*context).user_ip6[2])),
            read_volatile(addr_of!((*context).user_ip6[3])),
        ]
    }
}

#[inline(always)]
pub fn set_v6(context: *mut bpf_sock_addr, address: [u32; 4]) {
    // SAFETY: writable fields of the context at constant offsets.
    unsafe {
        write_volatile(addr_of_mut!((*context).user_ip6[0]), address[0]);
        write_volatile(addr_of_mut!((*context).user_ip6[1]), address[1]);
        write_volatile(addr_of_mut!((*context).user_ip6[2]), address[2]);
        write_volatile(addr_of_mut!((*context).user_ip6[3]), address[3]);
    }
}

/// The port, which the context holds in network byte order in the first two bytes of a word.
#[inline(always)]
pub fn port(context: *mut bpf_sock_addr) -> u16 {
    // SAFETY: a field of the context at a constant offset.
    u16::from_be(unsafe { read_volatile(addr_of!((*context).user_port)) } as u16)
}

#[inline(always)]
pub fn set_port(context: *mut bpf_sock_addr, port: u32) {
    // SAFETY: a writable field of the context at a constant offset.
    unsafe {
        write_volatile(
            addr_of_mut!((*context).user_port),
            u32::from((port as u16).to_be()),
        )
    }
}
