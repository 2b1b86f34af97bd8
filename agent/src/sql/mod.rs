//! Statement text → facts. Pure.
#![forbid(unsafe_code)]

pub mod facts;

pub use facts::{Effect, Facts};
