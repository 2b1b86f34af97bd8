//! The only way from the upstream to the client.
#![forbid(unsafe_code)]

mod proof;

pub use proof::{Key, Masked, MaskedBody};
