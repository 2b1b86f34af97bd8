//! TLS towards the client and towards the upstream.
//!
//! ```text
//! TcpStream ─ hello::peek ─► Hello + replayable stream ─┬─ name::SnowflakeNames ─► server::Terminator
//!                                                       └─ any other name ───────► pass through
//! ```
//!
//! Nothing is answered before the hello was judged: a connection that passes through must meet the
//! target's own handshake, byte for byte.
#![forbid(unsafe_code)]

pub mod authority;
pub mod client;
mod files;
pub mod hello;
pub mod name;
mod prefixed;
pub mod server;
pub mod trust;

#[cfg(test)]
mod tests;

pub use authority::{Authority, AuthorityError};
pub use files::FileError;
pub use hello::{Hello, HelloError, Peeked};
pub use name::SnowflakeNames;
pub use prefixed::Prefixed;
pub use server::{AcceptError, Terminator};
