//! The only place that talks to Snowflake and to chunk storage.
#![forbid(unsafe_code)]

mod body;
mod connect;
mod pool;
mod proof;

pub use body::BodyError;
pub(crate) use body::collect;
pub use connect::ConnectError;
pub(crate) use connect::{Connector, Endpoint};
pub(crate) use pool::connect as open;
pub use proof::{Key, Unmasked, UnmaskedBody};
