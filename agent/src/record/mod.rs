//! The record: a decision is durable before it has an effect, and every operation ends exactly once.
#![forbid(unsafe_code)]

mod proof;

pub use proof::{Key, Recorded};
