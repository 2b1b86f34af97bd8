//! Facts and principal → verdict. Evaluation is pure.
#![forbid(unsafe_code)]

pub mod verdict;

pub use verdict::{Denial, Permit, Verdict};
