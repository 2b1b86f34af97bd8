//! Access for as long as it is needed: asks, votes, grants and budgets.
//!
//! ```text
//! ask ──vote…──► approved ──► grant (role)  or  one use of exactly one statement
//!   └─► denied, expired, withdrawn, void (the policies changed)
//! ```
//!
//! Everything is kept in the store; the [`Desk`] is the only way to it. A question that the store
//! cannot answer is answered as if there were no grant and no approval.
//!
//! `state` says which steps there are, and is pure. `filing`, `asks`, `grants` and `spends` take them
//! inside a transaction that `ledger` opens, shows to the [`Witness`], commits, and only then lets memory
//! (`live`, `budget`) follow: what the recording does not have on disk is not done. `sweep` does what time brings. Every step writes an [`Event`] into the outbox, from which
//! [`notify`] tells people.
#![forbid(unsafe_code)]

pub mod ask;
pub mod desk;
pub mod grant;
pub mod notify;
pub mod redact;
pub mod socket;

mod asks;
mod budget;
mod error;
mod event;
mod filing;
mod grants;
mod id;
mod ledger;
mod lists;
mod live;
mod rows;
mod settle;
mod spends;
mod state;
mod sweep;
mod witness;

pub use ask::{Ask, AskId, AskState, Asker, HeldStatement, NewAsk, Subject, Vote};
pub use budget::Running;
pub use desk::{Desk, Spend};
pub use error::AccessError;
pub use event::{Event, EventKind};
pub use grant::{Grant, GrantId, GrantState, NewGrant};
pub use witness::{Hide, Operator, Recording, Seeing, Witness};

#[cfg(test)]
mod tests;
