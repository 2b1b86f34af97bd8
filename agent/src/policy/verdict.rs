//! What policy answers. Only this module makes a [`Permit`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::decisions::Decisions;
use crate::snowflake::Operation;

/// The answer to one question.
#[derive(Debug)]
#[must_use]
pub enum Verdict {
    Allow(Permit),
    /// A person must decide: with `context.approved` it would be allowed.
    Hold(Hold),
    Deny(Denial),
}

/// A verdict without its operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    Allow {
        /// The policies that permit, sorted.
        policies: Vec<String>,
        limits: Limits,
        /// What would have been said if the scope did more than observe.
        observed: Option<Denial>,
        accesses: Arc<Decisions>,
    },
    Hold {
        terms: Terms,
        /// The policies that would allow, or would no longer forbid, sorted.
        policies: Vec<String>,
        message: String,
        accesses: Arc<Decisions>,
    },
    Deny(Denial),
}

impl Judgement {
    /// `allow`, `hold` or `deny`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Allow { .. } => "allow",
            Self::Hold { .. } => "hold",
            Self::Deny(_) => "deny",
        }
    }

    /// The policies that decided, sorted.
    #[must_use]
    pub fn policies(&self) -> &[String] {
        match self {
            Self::Allow { policies, .. } | Self::Hold { policies, .. } => policies,
            Self::Deny(denial) => &denial.policies,
        }
    }

    /// What was decided of each access.
    #[must_use]
    pub const fn accesses(&self) -> &Arc<Decisions> {
        match self {
            Self::Allow { accesses, .. } | Self::Hold { accesses, .. } => accesses,
            Self::Deny(denial) => &denial.accesses,
        }
    }

    pub(super) fn about(&self, operation: Operation, policy_version: &str) -> Verdict {
        let policy_version = policy_version.to_owned();
        match self.clone() {
            Self::Allow {
                policies,
                limits,
                observed,
                accesses,
            } => Verdict::Allow(Permit {
                operation,
                policies,
                policy_version,
                limits,
                observed,
                accesses,
            }),
            Self::Hold {
                terms,
                policies,
                message,
                accesses,
            } => Verdict::Hold(Hold {
                operation,
                terms,
                policies,
                policy_version,
                message,
                accesses,
            }),
            Self::Deny(denial) => Verdict::Deny(denial),
        }
    }
}

/// What a permit bounds. The smallest of what the permitting policies say; `None` is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// `@max_rows`: rows that a result may have.
    pub max_rows: Option<u64>,
    /// `@timeout`: how long the statement may run.
    pub timeout: Option<Duration>,
}

/// Who must say yes, and how long that may take: the strictest of what the policies that would
/// allow say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// `@approvers`: groups; one member of any of them counts. Of several policies, all their
    /// groups are listed and each vote must come from one of them.
    pub approvers: BTreeSet<String>,
    /// `@approvals`: people who must approve; 0 only with [`Terms::breakglass`].
    pub approvals: u32,
    /// `@wait`: after it nobody's approval helps.
    pub wait: Duration,
    /// `@freeze`: the caller's cgroup is frozen meanwhile.
    pub freeze: bool,
    /// `@breakglass`: nobody needs to approve, and everybody is told.
    pub breakglass: bool,
    /// `@for`: the longest that a grant of the role may last; `None` is no bound.
    pub longest: Option<Duration>,
}

/// What holds when policies say nothing: one member of [`DEFAULT_APPROVERS`] within an hour.
impl Default for Terms {
    fn default() -> Self {
        Self {
            approvers: BTreeSet::from([DEFAULT_APPROVERS.to_owned()]),
            approvals: 1,
            wait: DEFAULT_WAIT,
            freeze: false,
            breakglass: false,
            longest: None,
        }
    }
}

/// The group that decides where no policy has `@approvers`.
pub const DEFAULT_APPROVERS: &str = "snowfence-approvers";

/// How long a decision may take where no policy has `@wait`: drivers bear an hour.
pub const DEFAULT_WAIT: Duration = Duration::from_hours(1);

/// A question that waits for a person. It keeps the operation, so that what is approved is what
/// was asked.
#[derive(Debug)]
#[must_use]
pub struct Hold {
    operation: Operation,
    pub terms: Terms,
    /// The policies that would allow, sorted.
    pub policies: Vec<String>,
    pub policy_version: String,
    /// One line for the client and for the approver: what is missing.
    pub message: String,
    pub accesses: Arc<Decisions>,
}

impl Hold {
    #[must_use]
    pub const fn operation(&self) -> &Operation {
        &self.operation
    }

    /// Gives the operation back, to be judged again: it is no permit.
    pub fn into_operation(self) -> Operation {
        self.operation
    }
}

/// The right to do one operation, once. It owns the operation, so what was judged is what is sent.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    operation: Operation,
    policies: Vec<String>,
    policy_version: String,
    limits: Limits,
    observed: Option<Denial>,
    accesses: Arc<Decisions>,
}

impl Permit {
    /// What the upstream and we ourselves must enforce.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// In a scope that only observes: what would have been said instead.
    #[must_use]
    pub const fn observed(&self) -> Option<&Denial> {
        self.observed.as_ref()
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

    /// What was decided of each access.
    #[must_use]
    pub const fn accesses(&self) -> &Arc<Decisions> {
        &self.accesses
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
        Self {
            operation,
            policies: vec!["test".to_owned()],
            policy_version: "0".to_owned(),
            limits: Limits::default(),
            observed: None,
            accesses: Arc::default(),
        }
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
    /// `@kill`: the process that asked is to be ended.
    pub kill: bool,
    /// What was decided of each access, for the record.
    pub accesses: Arc<Decisions>,
}
