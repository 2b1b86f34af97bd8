//! The SQL API: statements over plain HTTP, without a session.
//!
//! `POST /api/v2/statements` runs one, `GET /api/v2/statements/<handle>` waits for it and gives the
//! partitions of its result, `POST …/cancel` ends it (Snowflake, *SQL API reference* and *Handling
//! responses*). The answers are read in [`result::api`](super::result::api); the answers that are
//! ours are written here.
//!
//! A request is read strictly: unlike a driver, which sends much that says nothing, its client sends
//! what is in the reference, and what is not could change what the statement means.

mod ours;
mod parse;
#[cfg(test)]
mod tests;

pub use ours::{cancelled, failed, in_progress, not_found, status_url};
pub use parse::named_user;
pub(super) use parse::{cancel, result, statement};
