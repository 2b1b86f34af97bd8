//! The harness: a throw-away host around the daemon, on the machine that runs the tests.
//!
//! [`Environment`] makes everything a test needs to be alone: a cgroup tree, a pin directory, a
//! block of loopback addresses and a mount namespace in which the account's name resolves and our
//! certificate authorities are trusted. [`Warehouse`] and [`Daemon`] run in it, [`Client`] runs any
//! program inside or outside the enforced scope. What a test made goes away with it, also after a
//! panic; what a killed test run left behind goes away with the next one.
//!
//! Everything here needs root. Nothing here touches the host's own files or a cgroup that it did
//! not make.
#![forbid(unsafe_code)]

pub mod address;
pub mod cgroup;
pub mod client;
pub mod daemon;
pub mod environment;
pub mod interrupt;
pub mod layout;
pub mod mounts;
pub mod pins;
pub mod process;
pub mod record;
pub mod trust;
pub mod wait;
pub mod warehouse;

pub use client::{Client, Output};
pub use daemon::Daemon;
pub use environment::Environment;
pub use warehouse::Warehouse;
