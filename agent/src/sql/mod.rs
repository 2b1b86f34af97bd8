//! Statement text → facts. Pure.
//!
//! ```text
//! text ─► lexer, limits ─► statements ─► families ──────────────────────────────► Facts
//!              │                            │ queries, changes of rows
//!              no                           └► parser ─► agree? ─► tree ─► objects, lineage
//!              └──────────► OPAQUE ◄─────────────────────── no
//! ```
//!
//! Nothing here fails: what is not understood for certain has the effect [`Effect::Opaque`], which
//! no policy permits unless it names it.
#![forbid(unsafe_code)]

mod analyst;
pub mod change;
mod classify;
pub mod context;
mod cursor;
pub mod facts;
mod families;
mod finding;
mod fingerprint;
mod functions;
mod lexer;
mod limits;
pub mod name;
mod opaque;
mod parse;
mod parts;
mod results;
mod split;
mod text;
mod tree;
pub mod writes;
mod written;

pub use analyst::Analyst;
pub use context::{Context, SessionState};
pub use facts::{Access, Effect, Facts};
pub use lexer::spans;
pub use name::ObjectName;
pub(crate) use parts::{Part, PartKind, parts};

#[cfg(test)]
mod tests;
