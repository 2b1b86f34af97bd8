//! The proof that a decision is durable.

use crate::policy::{Limits, Permit};
use crate::snowflake::Operation;

/// The right to take a [`Permit`] apart; only this module can make one.
#[derive(Debug)]
pub struct Key(());

/// A permitted operation whose decision is on disk.
#[derive(Debug)]
#[must_use]
pub struct Recorded {
    operation: Operation,
    limits: Limits,
    entry: u64,
}

impl Recorded {
    /// Called by the writer once the decided frame is durable.
    pub(super) fn new(permit: Permit, entry: u64) -> Self {
        Self {
            limits: permit.limits(),
            operation: permit.into_operation(&Key(())),
            entry,
        }
    }

    #[must_use]
    pub const fn operation(&self) -> &Operation {
        &self.operation
    }

    /// What the permit bounds.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// The entry's number in the recording.
    #[must_use]
    pub const fn entry(&self) -> u64 {
        self.entry
    }

    /// Gives up the operation; [`crate::upstream`] is the only caller.
    pub fn into_operation(self, _key: &crate::upstream::Key) -> Operation {
        self.operation
    }
}
