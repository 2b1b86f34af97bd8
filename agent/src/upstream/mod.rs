//! The only place that talks to Snowflake and to chunk storage.
#![forbid(unsafe_code)]

mod proof;

pub use proof::{Key, Unmasked, UnmaskedBody};
