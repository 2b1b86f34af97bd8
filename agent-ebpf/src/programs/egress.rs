//! The backstop: what leaves a scope for Snowflake without having been redirected, does not leave.
//!
//! Runs after the host's own packet filter, so it also sees what address translation made of a
//! redirected packet. Drops are silent: a `connect` into them times out.

use agent_ebpf::{Counter, Redirect};
use aya_ebpf::bindings::{__sk_buff, bpf_sock};
use aya_ebpf::helpers::generated::{bpf_sk_fullsock, bpf_skb_load_bytes};
use aya_ebpf::macros::cgroup_skb;
use aya_ebpf::programs::SkBuffContext;

use super::{ALLOW, DENY};
use crate::maps::{self, count, is_intercepted, is_known};
use crate::{address, scope};

const ETH_P_IP: u32 = (0x0800_u16).to_be() as u32;
const ETH_P_IPV6: u32 = (0x86dd_u16).to_be() as u32;
const IPPROTO_HOPOPTS: u8 = 0;
const IPPROTO_TCP: u8 = 6;
const IPPROTO_UDP: u8 = 17;
const IPPROTO_ROUTING: u8 = 43;
const IPPROTO_FRAGMENT: u8 = 44;
const IPPROTO_AH: u8 = 51;
const IPPROTO_DSTOPTS: u8 = 60;
const IPPROTO_UDPLITE: u8 = 136;

/// Extension headers that are followed; a socket can ask for five kinds, two of them twice.
const EXTENSION_HEADERS_MAX: u32 = 8;

/// Where a packet goes.
///
/// Integers only: an enum would leave the payload of the other variants unset, and the verifier
/// refuses a copy of that.
struct Destination {
    /// 4 or 6.
    family: u32,
    address: [u32; 4],
    /// Or one of the two values below, which are no ports.
    port: u32,
}

/// Not TCP or UDP, or a later fragment: without the first one it is of no use to anyone.
const PORT_ABSENT: u32 = 1 << 16;
/// The headers do not end within the limit.
const PORT_UNREADABLE: u32 = 1 << 17;

#[cgroup_skb(egress)]
pub fn egress(context: SkBuffContext) -> i32 {
    let packet = context.skb.skb;
    // SAFETY: a field of the context.
    let socket = unsafe { (*packet).__bindgen_anon_2.sk };
    if socket.is_null() {
        return ALLOW;
    }
    // SAFETY: not null.
    let socket = unsafe { bpf_sk_fullsock(socket) };
    if socket.is_null() {
        return ALLOW;
    }
    let Some(destination) = destination(packet) else {
        return ALLOW;
    };
    match check(packet, socket, &destination) {
        None => ALLOW,
        Some(reason) => {
            count(reason);
            DENY
        }
    }
}

/// The reason to drop a packet, if there is one.
#[inline(always)]
fn check(
    packet: *mut __sk_buff,
    socket: *mut bpf_sock,
    destination: &Destination,
) -> Option<Counter> {
    // SAFETY: the caller checked the socket.
    let redirect = unsafe { maps::redirect(socket.cast()) };
    if !redirect.is_null() {
        // SAFETY: not null.
        let is_ours = unsafe { reaches_listener(&*redirect, destination) };
        return if is_ours {
            None
        } else {
            Some(Counter::DroppedStray)
        };
    }
    // The cheap questions first: most packets are of no interest, whoever sends them.
    let port = destination.port;
    let reason = if port == PORT_UNREADABLE {
        Counter::DroppedUnreadable
    } else if port != PORT_ABSENT && is_intercepted(port as u16) {
        Counter::DroppedEgress
    } else if is_known(&destination.address) {
        Counter::DroppedKnownAddress
    } else {
        return None;
    };
    if scope::covers_packet(packet, socket) {
        Some(reason)
    } else {
        None
    }
}

#[inline(always)]
fn reaches_listener(redirect: &Redirect, destination: &Destination) -> bool {
    let loopback = if redirect.family == 4 {
        address::mapped(address::LOOPBACK_V4)
    } else {
        [0, 0, 0, address::LOOPBACK_V6]
    };
    destination.family == redirect.family
        && destination.address[0] == loopback[0]
        && destination.address[1] == loopback[1]
        && destination.address[2] == loopback[2]
        && destination.address[3] == loopback[3]
        && destination.port == redirect.listener_port
}

#[inline(always)]
fn destination(packet: *mut __sk_buff) -> Option<Destination> {
    // SAFETY: a field of the context.
    match unsafe { (*packet).protocol } {
        ETH_P_IP => destination_v4(packet),
        ETH_P_IPV6 => destination_v6(packet),
        _ => None,
    }
}

#[inline(always)]
fn destination_v4(packet: *mut __sk_buff) -> Option<Destination> {
    let address = address::mapped(load::<u32>(packet, 16)?);
    let header_bytes = u32::from(load::<u8>(packet, 0)? & 0x0f) * 4;
    let fragment_offset = u16::from_be(load::<u16>(packet, 6)?) & 0x1fff;
    let port = if fragment_offset == 0 {
        transport(packet, load::<u8>(packet, 9)?, header_bytes)
    } else {
        PORT_ABSENT
    };
    Some(Destination {
        family: 4,
        address,
        port,
    })
}

#[inline(always)]
fn destination_v6(packet: *mut __sk_buff) -> Option<Destination> {
    let address = [
        load::<u32>(packet, 24)?,
        load::<u32>(packet, 28)?,
        load::<u32>(packet, 32)?,
        load::<u32>(packet, 36)?,
    ];
    let port = extension_headers(packet, load::<u8>(packet, 6)?);
    Some(Destination {
        family: 6,
        address,
        port,
    })
}

#[inline(always)]
fn extension_headers(packet: *mut __sk_buff, first: u8) -> u32 {
    let mut protocol = first;
    let mut offset = 40_u32;
    for _ in 0..EXTENSION_HEADERS_MAX {
        let unit_bytes = match protocol {
            IPPROTO_HOPOPTS | IPPROTO_ROUTING | IPPROTO_DSTOPTS | IPPROTO_FRAGMENT => 8,
            IPPROTO_AH => 4,
            _ => return transport(packet, protocol, offset),
        };
        let (Some(next), Some(length)) =
            (load::<u8>(packet, offset), load::<u8>(packet, offset + 1))
        else {
            return PORT_UNREADABLE;
        };
        if protocol == IPPROTO_FRAGMENT {
            let Some(field) = load::<u16>(packet, offset + 2) else {
                return PORT_UNREADABLE;
            };
            if u16::from_be(field) & 0xfff8 != 0 {
                return PORT_ABSENT;
            }
            offset += 8;
        } else if protocol == IPPROTO_AH {
            offset += (u32::from(length) + 2) * unit_bytes;
        } else {
            offset += (u32::from(length) + 1) * unit_bytes;
        }
        protocol = next;
    }
    PORT_UNREADABLE
}

/// The destination port, which is at the same place in the headers of TCP and UDP.
#[inline(always)]
fn transport(packet: *mut __sk_buff, protocol: u8, offset: u32) -> u32 {
    match protocol {
        IPPROTO_TCP | IPPROTO_UDP | IPPROTO_UDPLITE => match load::<u16>(packet, offset + 2) {
            Some(port) => u32::from(u16::from_be(port)),
            None => PORT_UNREADABLE,
        },
        _ => PORT_ABSENT,
    }
}

#[inline(always)]
fn load<T: Default>(packet: *mut __sk_buff, offset: u32) -> Option<T> {
    let mut value = T::default();
    // SAFETY: the helper checks the offset against the packet and writes at most the value's size.
    let result = unsafe {
        bpf_skb_load_bytes(
            packet.cast(),
            offset,
            (&raw mut value).cast(),
            size_of::<T>() as u32,
        )
    };
    if result == 0 { Some(value) } else { None }
}
