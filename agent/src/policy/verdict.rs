//! What policy answers. Only this module makes a [`Permit`].

use crate::snowflake::Operation;

/// The answer to one question.
#[derive(Debug)]
#[must_use]
pub enum Verdict {
    Allow(Permit),
    Deny(Denial),
}

/// The right to do one operation, once. It owns the operation, so what was judged is what is sent.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    operation: Operation,
    policies: Vec<String>,
    policy_version: String,
}

impl Permit {
    pub(super) const fn new(
        operation: Operation,
        policies: Vec<String>,
        policy_version: String,
    ) -> Self {
        Self { operation, policies, policy_version }
    }

    #[must_use]
    pub const fn operation(&self) -> &Operation {
        &self.operation
    }

    /// The ids of the policies that permitted, sorted.
    #[must_use]
    pub fn policies(&self) -> &[String] {
        &self.policies
    }

    #[must_use]
    pub fn policy_version(&self) -> &str {
        &self.policy_version
    }

    /// Gives up the operation; [`crate::record`] is the only caller (see [`crate::record::Key`]).
    pub fn into_operation(self, _key: &crate::record::Key) -> Operation {
        self.operation
    }
}

#[cfg(test)]
impl Permit {
    /// A permit that no policy gave, for the tests of the stages behind policy.
    pub(crate) fn for_test(operation: Operation) -> Self {
        Self::new(operation, vec!["test".to_owned()], "0".to_owned())
    }
}

/// Why policy said no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The forbidding policies, or none when nothing permitted.
    pub policies: Vec<String>,
    pub policy_version: String,
    /// One line for the client: what was missing and what to do next.
    pub message: String,
}
