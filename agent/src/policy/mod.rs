//! Facts and principal → verdict. Evaluation is pure.
//!
//! The language is Cedar: nothing is permitted unless a policy permits it, and one `forbid` wins
//! over every `permit`. Beyond Cedar's own rules, a policy that fails to evaluate denies: Cedar
//! skips it, and a skipped `forbid` would widen access.
#![forbid(unsafe_code)]

pub mod annotations;
mod cache;
pub mod decisions;
mod demand;
mod depth;
mod draft;
mod entities;
mod evaluate;
pub mod explain;
pub mod house;
mod index;
mod judge;
mod load;
pub mod matrix;
mod mentions;
mod message;
mod moment;
mod names;
mod problem;
mod read;
pub mod rights;
mod scene;
mod store;
pub mod verdict;
mod vocabulary;

pub use decisions::{Decision, Decisions};
pub use evaluate::{Demand, Mode, Question, Usage, decide, evaluate};
pub use load::{PolicySet, Rule, default_policy};
pub use problem::{LoadError, Problem};
pub use store::{Candidate, Store};
pub use verdict::{Denial, Hold, Judgement, Limits, Permit, Terms, Verdict};

#[cfg(test)]
mod tests;
