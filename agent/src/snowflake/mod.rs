//! The Snowflake wire protocol, pure: bytes in, operations and answers out.
//!
//! Way in: [`route::decode`] turns a canonical request into an [`Operation`]; [`request`] writes the
//! request that goes upstream from the judged fields only. Way out: [`result::admit`] reads an
//! upstream answer and refuses what could carry rows past the mask; [`error`], [`login`] and
//! [`renew`] write the answers that are ours.
#![forbid(unsafe_code)]

pub mod api;
pub mod bindings;
pub mod catalog;
pub mod chunk;
mod envelope;
pub mod error;
mod json;
pub mod login;
mod monitor;
pub mod operation;
mod parameters;
pub mod progress;
mod query;
pub mod renew;
pub mod request;
pub mod result;
pub mod route;
pub mod rowtype;
pub mod settings;
pub mod tags;

pub use envelope::AnswerError;
pub use json::JsonError;
pub use operation::{Abort, Api, Login, Operation, Query, QueryId, RequestId, Via};
pub use route::{DecodeError, decode};
