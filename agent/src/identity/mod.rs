//! Who is calling: flow → process → workload → principal.
//!
//! The kernel tells the cgroup, the user and the thread group at the moment of `connect`; those are
//! facts. Everything read from `/proc` afterwards is a claim that must be proven to be about the
//! same process, see [`process`]. Who speaks over a Unix socket is told by the socket, see [`peer`].
#![forbid(unsafe_code)]

pub mod cgroup;
mod digest;
mod identifier;
mod mounts;
pub mod peer;
pub mod principal;
pub mod process;
pub mod workload;

pub use identifier::{Identifier, IdentityError, MatcherError};
pub use peer::{Peer, PeerError};
pub use principal::{Principal, PrincipalKey, User};
pub use process::Caller;
pub use workload::{Ancestor, ContainerRuntime, Workload};
