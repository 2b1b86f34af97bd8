//! Ends the connections that were made before the programs were attached.
//!
//! The backstop holds their packets back already; this tells both ends, so that the client connects
//! again at once, through us. Speaks `sock_diag` (netlink): lists TCP sockets with the cgroup of each
//! and destroys by socket. Covers the network namespace of the calling thread.

use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const SOCK_DESTROY: u16 = 21;
const INET_DIAG_CGROUP_ID: u16 = 21;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;

const NETLINK_HEADER_BYTES: usize = 16;
const REQUEST_BYTES: usize = NETLINK_HEADER_BYTES + 56;
/// Family, state, timer, retransmissions, the socket's identity, and five counters.
const MESSAGE_BYTES: usize = 72;
/// Ports, addresses, interface and cookie of a socket.
const IDENTITY_BYTES: usize = 48;

/// The kernel sends at most this in one piece when nobody asks for more.
const RECEIVE_BYTES: usize = 32 * 1024;

/// A socket as the kernel lists it.
#[derive(Debug, PartialEq, Eq)]
struct Socket {
    family: u8,
    identity: [u8; IDENTITY_BYTES],
    cgroup_id: u64,
}

impl Socket {
    fn destination_port(&self) -> u16 {
        let [_, _, high, low, ..] = self.identity;
        u16::from_be_bytes([high, low])
    }
}

/// Destroys the TCP connections to these ports from cgroups in scope; returns how many there were.
pub(super) fn destroy(ports: &[u16], is_in_scope: impl Fn(u64) -> bool) -> io::Result<usize> {
    let netlink = open()?;
    let mut destroyed = 0;
    for family in [libc::AF_INET, libc::AF_INET6] {
        let family = u8::try_from(family).unwrap_or_default();
        let sockets = list(&netlink, family)?;
        for socket in sockets {
            if ports.contains(&socket.destination_port()) && is_in_scope(socket.cgroup_id) {
                destroyed += usize::from(destroy_one(&netlink, &socket)?);
            }
        }
    }
    Ok(destroyed)
}

/// Whether this kernel can destroy sockets at all: asks for one that cannot be.
pub(super) fn is_supported() -> io::Result<bool> {
    let netlink = open()?;
    let nobody = Socket {
        family: u8::try_from(libc::AF_INET).unwrap_or_default(),
        identity: [0; IDENTITY_BYTES],
        cgroup_id: 0,
    };
    match destroy_one(&netlink, &nobody) {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => Ok(false),
        Err(error) => Err(error),
    }
}

fn list(netlink: &OwnedFd, family: u8) -> io::Result<Vec<Socket>> {
    const DUMP: u16 = 0x300;
    send(
        netlink,
        &request(SOCK_DIAG_BY_FAMILY, DUMP, family, [0; IDENTITY_BYTES]),
    )?;
    let mut sockets = Vec::new();
    let mut buffer = vec![0; RECEIVE_BYTES];
    loop {
        let received = receive(netlink, &mut buffer)?;
        let mut rest = received;
        while let Some((kind, message, next)) = split(rest) {
            match kind {
                NLMSG_DONE => return Ok(sockets),
                NLMSG_ERROR => return Err(error_of(message)),
                _ => sockets.extend(parse(message)),
            }
            rest = next;
        }
    }
}

/// False when the socket was gone before.
fn destroy_one(netlink: &OwnedFd, socket: &Socket) -> io::Result<bool> {
    const ACKNOWLEDGE: u16 = 4;
    send(
        netlink,
        &request(SOCK_DESTROY, ACKNOWLEDGE, socket.family, socket.identity),
    )?;
    let mut buffer = vec![0; RECEIVE_BYTES];
    let received = receive(netlink, &mut buffer)?;
    let Some((NLMSG_ERROR, message, _)) = split(received) else {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    };
    let error = error_of(message);
    match error.raw_os_error() {
        Some(0) => Ok(true),
        Some(libc::ENOENT) => Ok(false),
        _ => Err(error),
    }
}

/// `nlmsghdr` and `inet_diag_req_v2`: TCP of one family, in every state.
fn request(kind: u16, flags: u16, family: u8, identity: [u8; IDENTITY_BYTES]) -> Vec<u8> {
    const REQUEST: u16 = 1;
    const IPPROTO_TCP: u8 = 6;
    let mut bytes = Vec::with_capacity(REQUEST_BYTES);
    bytes.extend(
        u32::try_from(REQUEST_BYTES)
            .unwrap_or_default()
            .to_ne_bytes(),
    );
    bytes.extend(kind.to_ne_bytes());
    bytes.extend((REQUEST | flags).to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([family, IPPROTO_TCP, 0, 0]);
    bytes.extend(u32::MAX.to_ne_bytes());
    bytes.extend(identity);
    bytes
}

/// The first message of what was received: its kind, its content, and what follows it.
fn split(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = usize::try_from(u32::from_ne_bytes(*bytes.first_chunk()?)).ok()?;
    let kind = u16::from_ne_bytes(*bytes.get(4..)?.first_chunk()?);
    let content = bytes.get(NETLINK_HEADER_BYTES..length)?;
    let next = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((kind, content, next))
}

/// `inet_diag_msg`, then attributes. A socket without a cgroup is nobody's: left out.
fn parse(message: &[u8]) -> Option<Socket> {
    let family = *message.first()?;
    let identity = *message.get(4..)?.first_chunk()?;
    let mut attributes = message.get(MESSAGE_BYTES..)?;
    loop {
        let length = usize::from(u16::from_ne_bytes(*attributes.first_chunk()?));
        let kind = u16::from_ne_bytes(*attributes.get(2..)?.first_chunk()?);
        if kind == INET_DIAG_CGROUP_ID {
            let value = attributes.get(4..length)?.first_chunk()?;
            return Some(Socket {
                family,
                identity,
                cgroup_id: u64::from_ne_bytes(*value),
            });
        }
        // A length of zero would loop for ever.
        attributes = attributes.get(length.max(4).next_multiple_of(4)..)?;
    }
}

/// The kernel's answer as an error, of which the number 0 is success.
fn error_of(message: &[u8]) -> io::Error {
    let number = message
        .first_chunk()
        .map_or(-libc::EBADMSG, |word| i32::from_ne_bytes(*word));
    io::Error::from_raw_os_error(number.wrapping_neg())
}

fn open() -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    let fd = unsafe {
        libc::socket(
            libc::AF_NETLINK,
            libc::SOCK_DGRAM | libc::SOCK_CLOEXEC,
            libc::NETLINK_SOCK_DIAG,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel returned a descriptor that nobody else has.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn send(netlink: &OwnedFd, bytes: &[u8]) -> io::Result<()> {
    // SAFETY: the pointer and the length are those of the slice.
    let sent = unsafe { libc::send(netlink.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), 0) };
    if usize::try_from(sent) == Ok(bytes.len()) {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn receive<'a>(netlink: &OwnedFd, buffer: &'a mut [u8]) -> io::Result<&'a [u8]> {
    // SAFETY: the pointer and the length are those of the slice.
    let received = unsafe {
        libc::recv(
            netlink.as_raw_fd(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            0,
        )
    };
    let length = usize::try_from(received).map_err(|_negative| io::Error::last_os_error())?;
    buffer
        .get(..length)
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![2, 1, 0, 0];
        bytes.extend([0xc0, 0x01, 0x01, 0xbb]);
        bytes.resize(MESSAGE_BYTES, 0);
        for (kind, value) in attributes {
            let length = u16::try_from(4 + value.len()).unwrap();
            bytes.extend(length.to_ne_bytes());
            bytes.extend(kind.to_ne_bytes());
            bytes.extend(*value);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    #[test]
    fn the_cgroup_is_found_behind_other_attributes() {
        let bytes = message(&[(8, &[1]), (INET_DIAG_CGROUP_ID, &77_u64.to_ne_bytes())]);
        let socket = parse(&bytes).unwrap();
        assert_eq!((socket.cgroup_id, socket.destination_port()), (77, 443));
    }

    #[test]
    fn a_socket_without_a_cgroup_is_left_out() {
        assert_eq!(parse(&message(&[(8, &[1])])), None);
        assert_eq!(parse(&message(&[(INET_DIAG_CGROUP_ID, &[1, 2])])), None);
    }

    #[test]
    fn no_length_that_the_kernel_could_send_hangs_or_panics() {
        let bytes = message(&[(8, &[1]), (9, &[])]);
        for length in 0..bytes.len() {
            assert_eq!(parse(&bytes[..length]), None);
        }
        let mut zero = message(&[]);
        zero.extend([0; 8]);
        assert_eq!(parse(&zero), None);
    }
}
