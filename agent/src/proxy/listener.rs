//! The listeners of one network namespace, on loopback, IPv4 and IPv6.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// NodePort wildcard look-ups of Cilium's socket load balancer would rewrite these on loopback
/// (`bpf_sock.c`, `sock4_wildcard_lookup`).
const NODE_PORTS: std::ops::RangeInclusive<u16> = 30_000..=32_767;
/// A fifteenth of the usual ephemeral range is excluded: a second try is rare, a fortieth means
/// that the range is configured to lie inside.
const BIND_TRIES: u32 = 40;
/// A flood of connects must queue in the kernel, not be refused: refusal means "we are dead".
const BACKLOG: i32 = 4096;

/// Both listeners.
#[derive(Debug)]
pub struct Listeners {
    pub v4: TcpListener,
    /// `None` where the namespace has no IPv6 on loopback; connects are then refused in the kernel.
    pub v6: Option<TcpListener>,
}

impl Listeners {
    /// Binds in the network namespace of the calling thread.
    ///
    /// # Errors
    /// No port outside the excluded range could be bound for IPv4.
    pub fn bind() -> io::Result<Self> {
        let v4 = bind(IpAddr::V4(Ipv4Addr::LOCALHOST))?;
        let v6 = match bind(IpAddr::V6(Ipv6Addr::LOCALHOST)) {
            Ok(listener) => Some(listener),
            Err(error) => {
                tracing::warn!(%error, "no listener for ipv6, ipv6 connects will be refused");
                None
            }
        };
        Ok(Self { v4, v6 })
    }

    /// The ports to publish; zero where there is no listener.
    ///
    /// # Errors
    /// The kernel does not tell a listener's address.
    pub fn ports(&self) -> io::Result<(u16, u16)> {
        let v6 = self.v6.as_ref().map(TcpListener::local_addr).transpose()?;
        Ok((
            self.v4.local_addr()?.port(),
            v6.map_or(0, |address| address.port()),
        ))
    }
}

fn bind(address: IpAddr) -> io::Result<TcpListener> {
    let mut refused = Vec::new();
    for _ in 0..BIND_TRIES {
        let domain = if address.is_ipv4() {
            Domain::IPV4
        } else {
            Domain::IPV6
        };
        let socket = Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&SocketAddr::new(address, 0).into())?;
        let port = socket
            .local_addr()?
            .as_socket()
            .map_or(0, |bound| bound.port());
        if NODE_PORTS.contains(&port) {
            // Kept open, so that the next bind gets another port.
            refused.push(socket);
            continue;
        }
        socket.listen(BACKLOG)?;
        return TcpListener::from_std(socket.into());
    }
    Err(io::Error::new(
        io::ErrorKind::AddrNotAvailable,
        "every port that was offered lies in 30000-32767, see net.ipv4.ip_local_port_range",
    ))
}
