//! The Snowflake wire protocol, pure: bytes in, operations and answers out.
//!
//! Way in: [`route::decode`] turns a canonical request into an [`Operation`]; [`request`] writes the
//! request that goes upstream from the judged fields only. Way out: [`result::admit`] reads an
//! upstream answer and refuses what could carry rows past the mask; [`error`], [`login`], [`renew`]
//! and [`monitor`] write the answers that are ours.
#![forbid(unsafe_code)]

mod envelope;
mod json;
pub mod login;
pub mod operation;
pub mod renew;
pub mod request;
pub mod result;

pub use envelope::AnswerError;
pub use json::JsonError;
pub use operation::{Abort, Login, Operation, Query, QueryId, RequestId};
