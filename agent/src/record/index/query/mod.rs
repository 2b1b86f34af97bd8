//! Questions to the index.

mod condition;
mod filter;
mod glob;
mod search;
mod sessions;
mod stats;
mod words;

pub use condition::Condition;
pub use filter::Filter;
pub use glob::{Glob, TablePattern};
pub use search::{Hit, MARK_BEGIN, MARK_END};
pub use sessions::SessionView;
pub use stats::{By, Group, Statistics};
pub use words::Words;
