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
pub mod context;
pub mod facts;
mod functions;
pub mod name;
mod parse;
mod results;
mod scan;
mod tree;

pub use context::{Context, SessionState};
pub use facts::{Access, Effect, Facts};
pub use name::ObjectName;
pub use parse::Analyst;

#[cfg(test)]
mod tests;
