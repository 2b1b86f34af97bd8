//! Facts and principal → verdict. Evaluation is pure.
//!
//! The language is Cedar: nothing is permitted unless a policy permits it, and one `forbid` wins
//! over every `permit`. Beyond Cedar's own rules, a policy that fails to evaluate denies: Cedar
//! skips it, and a skipped `forbid` would widen access.
#![forbid(unsafe_code)]

mod entities;
mod evaluate;
pub mod house;
mod load;
pub mod rights;
mod store;
pub mod verdict;

pub use evaluate::{Mode, Question, Usage, evaluate};
pub use load::{LoadError, PolicySet, Problem, default_policy};
pub use store::Store;
pub use verdict::{Denial, Hold, Limits, Permit, Terms, Verdict};

#[cfg(test)]
mod tests;
