//! Takes the flow of an accepted connection.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use agent_ebpf::{FLOWS_MAX, FlowKey};

use super::sys::Table;

/// What the kernel knows of a redirected connection, from the moment of its `connect`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Where the client wanted to go. A mapped address is given as IPv4.
    pub original: SocketAddr,
    /// The cgroup of the task that called `connect`.
    pub cgroup_id: u64,
    /// The cgroup of the task that made the socket; 0 when the socket is older than the programs.
    pub creator_cgroup_id: u64,
    pub tgid: u32,
    /// The thread; that of an io_uring worker is not in `/proc/TGID/task`.
    pub pid: u32,
    /// As the initial user namespace sees it.
    pub uid: u32,
    pub gid: u32,
    /// When the process started, since boot: field 22 of `/proc/TGID/stat` in nanoseconds.
    pub start_time_ns: Option<u64>,
    /// Chosen by the process itself: for people to read, not to decide on.
    pub comm: String,
    /// Survives no `execve`: compare it with the inode behind `/proc/TGID/exe` before trusting that.
    pub exe_inode: Option<u64>,
    /// The kernel's own number: 12 bits of major, 20 bits of minor. `stat` shows another on btrfs and
    /// overlayfs.
    pub exe_device: Option<u64>,
    pub netns_cookie: u64,
}

/// The map of flows cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot take the flow of a connection")]
pub struct FlowError(#[source] io::Error);

/// A handle to the flows that wait for the listener.
#[derive(Clone)]
pub struct Flows {
    table: Arc<Table<FlowKey, agent_ebpf::Flow>>,
}

impl Flows {
    pub(super) fn new(table: Table<FlowKey, agent_ebpf::Flow>) -> Self {
        Self {
            table: Arc::new(table),
        }
    }

    /// Takes the flow of the connection between these ends, as the accepted socket shows them.
    ///
    /// `None` means that the connection was not redirected: somebody connected to the listener
    /// itself, and it must be reset. A flow is taken once.
    ///
    /// # Errors
    ///
    /// The kernel refuses to read the map; the connection must be reset as well.
    pub fn take(
        &self,
        peer: SocketAddr,
        local: SocketAddr,
        netns_cookie: u64,
    ) -> Result<Option<Flow>, FlowError> {
        let key = FlowKey {
            netns_cookie,
            client_address: words(peer.ip()),
            listener_address: words(local.ip()),
            client_port: peer.port().into(),
            listener_port: local.port().into(),
        };
        Ok(self
            .table
            .take(&key)
            .map_err(FlowError)?
            .map(|flow| Flow::from(&flow)))
    }

    pub(super) fn count(&self) -> io::Result<usize> {
        self.table.keys(FLOWS_MAX).map(|keys| keys.len())
    }
}

impl fmt::Debug for Flows {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Flows").finish_non_exhaustive()
    }
}

impl From<&agent_ebpf::Flow> for Flow {
    fn from(flow: &agent_ebpf::Flow) -> Self {
        let comm = flow
            .comm
            .split(|byte| *byte == 0)
            .next()
            .unwrap_or_default();
        // The context holds ports in words of which the upper half is zero.
        let port = u16::try_from(flow.original_port).unwrap_or_default();
        Self {
            original: SocketAddr::new(address(flow.original_address), port),
            cgroup_id: flow.cgroup_id,
            creator_cgroup_id: flow.creator_cgroup_id,
            tgid: flow.tgid,
            pid: flow.pid,
            uid: flow.uid,
            gid: flow.gid,
            start_time_ns: known(flow.start_time_ns),
            comm: String::from_utf8_lossy(comm).into_owned(),
            exe_inode: known(flow.exe_inode),
            exe_device: known(flow.exe_device.into()),
            netns_cookie: flow.netns_cookie,
        }
    }
}

/// An address as the programs write it: four words in network byte order, IPv4 mapped.
pub(super) fn words(address: IpAddr) -> [u32; 4] {
    let octets = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    };
    let (words, _) = octets.as_chunks::<4>();
    let mut result = [0; 4];
    for (target, word) in result.iter_mut().zip(words) {
        *target = u32::from_ne_bytes(*word);
    }
    result
}

fn address(words: [u32; 4]) -> IpAddr {
    let mut octets = [0; 16];
    let (chunks, _) = octets.as_chunks_mut::<4>();
    for (chunk, word) in chunks.iter_mut().zip(words) {
        *chunk = word.to_ne_bytes();
    }
    let address = Ipv6Addr::from(octets);
    address
        .to_ipv4_mapped()
        .map_or(IpAddr::V6(address), |address: Ipv4Addr| IpAddr::V4(address))
}

fn known(value: u64) -> Option<u64> {
    (value != 0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: [u8; 16]) {
        let parsed: IpAddr = text.parse().unwrap();
        let written = words(parsed);
        let bytes: Vec<u8> = written.iter().flat_map(|word| word.to_ne_bytes()).collect();
        assert_eq!(bytes, expected);
        assert_eq!(address(written), parsed.to_canonical());
    }

    #[test]
    fn addresses_are_written_as_they_lie_in_a_packet() {
        check(
            "127.9.8.7",
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 9, 8, 7],
        );
        check(
            "::ffff:1.2.3.4",
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4],
        );
        check(
            "fd00:1::2",
            [0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
        );
        check("::1", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn facts_that_the_kernel_did_not_give_are_absent() {
        let flow = Flow::from(&agent_ebpf::Flow {
            original_address: words(IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3))),
            cgroup_id: 5,
            creator_cgroup_id: 0,
            start_time_ns: 0,
            exe_inode: 0,
            netns_cookie: 1,
            socket_cookie: 9,
            exe_device: 0,
            original_port: 443,
            tgid: 1,
            pid: 2,
            uid: 3,
            gid: 4,
            comm: *b"python3\0garbage!",
        });
        assert_eq!(flow.original, "10.1.2.3:443".parse().unwrap());
        assert_eq!(
            (flow.start_time_ns, flow.exe_inode, flow.exe_device),
            (None, None, None)
        );
        assert_eq!(flow.comm, "python3");
    }
}
