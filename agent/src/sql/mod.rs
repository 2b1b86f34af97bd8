//! Statement text → facts. Pure.
//!
//! ```text
//! text ─► scan (strict, ours) ─► parse (sqlparser) ─► agree? ─► classify ─► Facts
//!            └───────── no ─────────────┴── no ─────────┴─ no ──────► OPAQUE
//! ```
//!
//! Nothing here fails: what is not understood for certain has the effect [`Effect::Opaque`], which
//! no policy permits unless it names it.
#![forbid(unsafe_code)]

mod classify;
pub mod facts;
mod parse;
mod results;
mod scan;

pub use facts::{Effect, Facts};
pub use parse::Analyst;

#[cfg(test)]
mod tests;
