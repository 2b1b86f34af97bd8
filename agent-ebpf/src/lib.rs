//! Types that the kernel programs write and the daemon reads.
//!
//! Every struct is `repr(C)` with its padding spelled out, because the kernel compares map keys byte
//! by byte and the daemon reads values without a copy in between. A change to any of them, or to the
//! meaning of a field, needs a new [`ABI`].
//!
//! Addresses are four words as they lie in a packet (network byte order), IPv4 as `::ffff:a.b.c.d`.
//! Ports are in host byte order.
#![no_std]

/// The version of everything pinned: maps under another version are never reused.
pub const ABI: u32 = 1;

/// Flows that may wait for the listener at once.
///
/// Each needs a connection of its own, and the listener takes a flow within milliseconds: this is
/// more than the ephemeral ports of one address. Full means refused, never evicted.
pub const FLOWS_MAX: usize = 65_536;

/// Enforced subtrees of the configuration.
pub const SCOPES_MAX: usize = 1_024;

/// Cgroup ids in scope: at most one for each path, as long as its cgroup exists.
///
/// Twice as many fit, so that a cgroup which is made always finds room: an id that the daemon tells
/// while its cgroup is removed stays until the next start.
pub const SCOPE_IDS_MAX: usize = 2 * SCOPES_MAX;

/// The longest path of a scope, with its final zero byte: a container of Kubernetes has some 200.
pub const SCOPE_PATH_BYTES: usize = 256;

/// The deepest level of the cgroup tree at which a scope may be (the root is level 0).
///
/// Bounds the walk in every program. Systemd user units are at level 5 and Kubernetes containers at
/// level 4, so this leaves room for one of them nested in the other. Tasks may be deeper.
pub const SCOPE_LEVEL_MAX: u32 = 11;

/// Network namespaces with a listener of ours.
pub const LISTENERS_MAX: usize = 4_096;

/// Intercepted ports.
pub const PORTS_MAX: usize = 64;

/// Known Snowflake addresses; a region has some tens.
pub const ADDRESSES_MAX: usize = 16_384;

/// The names of the maps, which are also the names of their pins.
pub mod map {
    pub const ADDRESSES: &str = "ADDRESSES";
    pub const COUNTERS: &str = "COUNTERS";
    pub const EXEMPT: &str = "EXEMPT";
    pub const FLOWS: &str = "FLOWS";
    pub const LISTENERS: &str = "LISTENERS";
    pub const PORTS: &str = "PORTS";
    pub const REDIRECTS: &str = "REDIRECTS";
    pub const SCOPES: &str = "SCOPES";
    pub const SCOPE_PATHS: &str = "SCOPE_PATHS";
    pub const TAGS: &str = "TAGS";
}

/// The names of the globals that the loader fills from the kernel's own type information.
pub mod global {
    pub const CGROUP_NODE: &str = "CGROUP_NODE";
    pub const CGROUP_ROOT: &str = "CGROUP_ROOT";
    pub const NODE_ID: &str = "NODE_ID";
    pub const ROOT_HIERARCHY: &str = "ROOT_HIERARCHY";
    pub const TASK_GROUP_LEADER: &str = "TASK_GROUP_LEADER";
    pub const TASK_START_BOOTTIME: &str = "TASK_START_BOOTTIME";
    pub const TASK_MM: &str = "TASK_MM";
    pub const MM_EXE_FILE: &str = "MM_EXE_FILE";
    pub const FILE_INODE: &str = "FILE_INODE";
    pub const INODE_NUMBER: &str = "INODE_NUMBER";
    pub const INODE_SUPER_BLOCK: &str = "INODE_SUPER_BLOCK";
    pub const SUPER_BLOCK_DEVICE: &str = "SUPER_BLOCK_DEVICE";
}

/// Stands in a global for a field that this kernel does not describe: the fact stays unknown.
///
/// Zero would not do: the first member of a struct has that offset.
pub const OFFSET_UNKNOWN: u32 = u32::MAX;

/// What the daemon finds for a connection that it accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Flow {
    /// Where the client wanted to go.
    pub original_address: [u32; 4],
    /// The cgroup of the task that called `connect`.
    pub cgroup_id: u64,
    /// The cgroup of the task that called `socket`; 0 when the socket is older than the programs.
    pub creator_cgroup_id: u64,
    /// Of the thread group's leader, since boot, as in field 22 of `/proc/PID/stat`; 0 is unknown.
    pub start_time_ns: u64,
    /// 0 is unknown.
    pub exe_inode: u64,
    pub netns_cookie: u64,
    pub socket_cookie: u64,
    /// The kernel's own `dev_t` (12 bits major, 20 bits minor); 0 is unknown.
    pub exe_device: u32,
    pub original_port: u32,
    pub tgid: u32,
    pub pid: u32,
    pub uid: u32,
    pub gid: u32,
    /// Padded with zeros; not necessarily UTF-8.
    pub comm: [u8; 16],
}

/// Identifies a connection as the listener sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct FlowKey {
    pub netns_cookie: u64,
    /// The client's end: the peer of the accepted socket.
    pub client_address: [u32; 4],
    /// Our end: the local address of the accepted socket.
    pub listener_address: [u32; 4],
    pub client_port: u32,
    pub listener_port: u32,
}

/// Socket storage of a redirected socket: the flow until it is published, and its key after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Redirect {
    pub flow: Flow,
    /// Valid when `is_published` is 1.
    pub key: FlowKey,
    /// The port that this socket may talk to, at the loopback address of its family.
    pub listener_port: u32,
    /// 4 or 6: the family of the packets, which is 4 for a mapped address on an IPv6 socket.
    pub family: u32,
    pub is_published: u32,
    pub padding: u32,
}

/// Socket storage of every internet socket: who made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Tag {
    pub cgroup_id: u64,
    /// The cgroup id of the scope that the creator was in, which may be gone since; 0 for none.
    pub scope_id: u64,
}

/// What the maps of scopes say about a subtree, by the cgroup id or the path of its top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Scope {
    /// The position in the configuration.
    pub index: u32,
    pub padding: u32,
}

/// The path of a cgroup from the root of the v2 hierarchy, with a leading `/`, padded with zeros.
///
/// Aligned because the programs clear it in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct ScopePath {
    pub bytes: [u8; SCOPE_PATH_BYTES],
}

/// Our ports in one network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Listener {
    /// At 127.0.0.1; 0 when there is none.
    pub v4_port: u32,
    /// At ::1; 0 when there is none.
    pub v6_port: u32,
}

/// What the programs count, one slot of a per-CPU array each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Counter {
    /// Connections sent to our listener.
    Redirected,
    /// Flows handed to the listener.
    FlowsPublished,
    /// Connections refused because their network namespace has no listener of ours.
    RefusedNoListener,
    /// Connections refused because socket storage or a kernel fact could not be had.
    RefusedNoStorage,
    /// Flows that found the map full; the listener resets such a connection.
    FlowMapFull,
    /// UDP to an intercepted port.
    DeniedUdp,
    /// Raw sockets.
    DeniedRaw,
    /// Multipath TCP sockets.
    DeniedMptcp,
    /// Sockets of other protocols that could carry a connection: SCTP, SMC, UDP-Lite and so on.
    DeniedProtocol,
    /// Connections and datagrams to a known Snowflake address by another way than the redirect.
    DeniedKnownAddress,
    /// Packets to an intercepted port from a socket that was not redirected.
    DroppedEgress,
    /// Packets of a redirected socket that were not going to our listener.
    DroppedStray,
    /// Packets to a known Snowflake address from a socket that was not redirected.
    DroppedKnownAddress,
    /// Packets whose headers cannot be followed to a port.
    DroppedUnreadable,
    /// Cgroups that were put in scope while they were made.
    ScopeMade,
    /// Cgroups that should have been and were not: nothing in them is enforced.
    ScopeLost,
}

impl Counter {
    /// In the order of their slots.
    pub const ALL: [Self; 16] = [
        Self::Redirected,
        Self::FlowsPublished,
        Self::RefusedNoListener,
        Self::RefusedNoStorage,
        Self::FlowMapFull,
        Self::DeniedUdp,
        Self::DeniedRaw,
        Self::DeniedMptcp,
        Self::DeniedProtocol,
        Self::DeniedKnownAddress,
        Self::DroppedEgress,
        Self::DroppedStray,
        Self::DroppedKnownAddress,
        Self::DroppedUnreadable,
        Self::ScopeMade,
        Self::ScopeLost,
    ];
}

const _: () = assert!(size_of::<Flow>() == 104);
const _: () = assert!(size_of::<FlowKey>() == 48);
const _: () = assert!(size_of::<Redirect>() == 168);
const _: () = assert!(size_of::<Tag>() == 16);
const _: () = assert!(size_of::<Scope>() == 8);
const _: () = assert!(size_of::<ScopePath>() == SCOPE_PATH_BYTES);
const _: () = assert!(size_of::<Listener>() == 8);

#[cfg(feature = "user")]
mod user {
    // SAFETY: `repr(C)`, integers only, and the size equals the sum of the fields (asserted above),
    // so there is no padding and every bit pattern is a value. The same holds for all that follow.
    unsafe impl aya::Pod for super::Flow {}
    // SAFETY: see above.
    unsafe impl aya::Pod for super::FlowKey {}
    // SAFETY: see above.
    unsafe impl aya::Pod for super::Scope {}
    // SAFETY: see above.
    unsafe impl aya::Pod for super::ScopePath {}
    // SAFETY: see above.
    unsafe impl aya::Pod for super::Listener {}
}
