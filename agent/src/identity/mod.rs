//! Who is calling: flow → process → workload → principal.
#![forbid(unsafe_code)]

pub mod principal;
pub mod workload;

pub use principal::{Principal, PrincipalKey, User};
pub use workload::{Ancestor, ContainerRuntime, Workload};
