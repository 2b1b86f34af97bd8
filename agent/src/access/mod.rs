//! Access for as long as it is needed: asks, votes, grants and budgets.
//!
//! ```text
//! ask ──vote…──► approved ──► grant (role)  or  one use of exactly one statement
//!   └─► denied, expired, withdrawn, void (the policies changed)
//! ```
//!
//! Everything is kept in the store; the [`Desk`] is the only way to it. A question that the store
//! cannot answer is answered as if there were no grant and no approval.
#![forbid(unsafe_code)]

pub mod ask;
pub mod desk;
pub mod grant;
pub mod socket;

pub use ask::{Ask, AskId, AskState, Asker, HeldStatement, NewAsk, Subject, Vote};
pub use desk::{AccessError, Desk, Spend};
pub use grant::{Grant, GrantId, GrantState, NewGrant};
