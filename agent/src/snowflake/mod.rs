//! The Snowflake wire protocol, pure: bytes in, operations and answers out.
#![forbid(unsafe_code)]

pub mod operation;

pub use operation::{Abort, Login, Operation, Query, QueryId, RequestId};
