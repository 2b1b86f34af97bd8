//! The only place that talks to Snowflake and to chunk storage.
//!
//! [`Upstream`] takes a [`crate::record::Recorded`] and gives back an [`Unmasked`]. Connections go
//! to the address that the client wanted, or to one that we resolve where no client is, verified
//! against the account's host name; the real tokens stay in an [`UpstreamSession`]. Whatever is sent twice is idempotent by the protocol: statements
//! keep their request id.
#![forbid(unsafe_code)]

mod api;
mod body;
mod connect;
mod error;
mod exchange;
mod login;
mod metrics;
mod pool;
mod proof;
mod renew;
mod send;
mod session;

pub use body::BodyError;
pub(crate) use body::collect;
pub use connect::ConnectError;
pub(crate) use connect::{Connector, Endpoint};
pub use error::UpstreamError;
pub(crate) use exchange::request_id;
pub use metrics::Metrics;
pub(crate) use pool::connect as open;
pub use proof::{Key, Unmasked, UnmaskedBody};
pub use send::{Target, Upstream};
pub use session::UpstreamSession;

#[cfg(test)]
pub(crate) use tests::server;

#[cfg(test)]
mod tests;
