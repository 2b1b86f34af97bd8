//! One canonical form of a client's HTTP request, with limits.
#![forbid(unsafe_code)]

mod canonical;

pub use canonical::{CanonicalRequest, Method};
