//! Unix sockets of this host: one daemon binds them, commands ask there.
//!
//! ```text
//! /run/snowfence              0711   anyone may go through, nobody else may look or change
//!   admin.sock                0600   status: root and the daemon's user
//!   access.sock               0666   asks and decisions: anyone, as whom the kernel knows them
//! ```
#![forbid(unsafe_code)]

mod bind;
pub(crate) mod client;

pub use bind::BindError;
pub use client::AskError;

pub(crate) use bind::{Open, Socket};
