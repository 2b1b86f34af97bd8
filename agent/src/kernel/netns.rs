//! Network namespaces, told apart by the cookie that the kernel gives each.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};

/// The cookie of the network namespace that a socket belongs to.
///
/// # Errors
///
/// The kernel is older than 5.14, or the descriptor is not a socket.
pub fn netns_cookie(socket: &impl AsFd) -> io::Result<u64> {
    let mut cookie = 0_u64;
    let mut length: libc::socklen_t = 8;
    // SAFETY: the kernel writes at most `length` bytes to a value of that size.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NETNS_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut length,
        )
    };
    if result == 0 {
        Ok(cookie)
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The cookie of the network namespace of the calling thread.
pub(super) fn own() -> io::Result<u64> {
    netns_cookie(&std::net::UdpSocket::bind((
        std::net::Ipv4Addr::LOCALHOST,
        0,
    ))?)
}
