//! What only root may do: opens what steers us, and stops what runs in a scope.
#![forbid(unsafe_code)]

mod cgroup;
mod files;

pub use cgroup::{Cgroup, CgroupError, Cgroups};
pub use files::{Class, OpenError, secure_open, secure_read};
