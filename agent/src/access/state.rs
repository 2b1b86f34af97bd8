//! How asks and grants move from state to state. Pure: every change in the store is one of these.
//!
//! ```text
//!              enough approvals                      use (a statement, once)
//!        ┌────────────────────────► Approved ────────────────────────► Used
//!        │      or broken glass        │
//!  Open ─┤                             │ a statement that is not used:
//!        │ one denial                  ├─ expire ───► Expired
//!        ├──────────► Denied           ├─ withdraw ─► Withdrawn
//!        │                             └─ void ─────► Void
//!        ├─ expire ─────► Expired
//!        ├─ withdraw ───► Withdrawn      A role that is approved is a grant, which has its own way:
//!        └─ void ───────► Void           the ask stays Approved.
//!
//!  Waiting ── first use ──► Active ── its time is over ──► Ended
//!     └───────────────────────┴──── revoke, or never used ──► Revoked
//! ```

use jiff::Timestamp;

use super::ask::{Ask, AskState, Subject, Vote};
use super::grant::GrantState;

/// What happens to an ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Approve,
    Deny,
    Expire,
    Withdraw,
    Void,
    Use,
}

/// Where a step leads; `None` when it is not possible from here.
pub(super) const fn next(state: AskState, is_statement: bool, step: Step) -> Option<AskState> {
    match (state, step) {
        (AskState::Open, Step::Approve) => Some(AskState::Approved),
        (AskState::Open, Step::Deny) => Some(AskState::Denied),
        (AskState::Approved, Step::Use) if is_statement => Some(AskState::Used),
        (AskState::Open, Step::Expire) => Some(AskState::Expired),
        (AskState::Open, Step::Withdraw) => Some(AskState::Withdrawn),
        (AskState::Open, Step::Void) => Some(AskState::Void),
        (AskState::Approved, Step::Expire) if is_statement => Some(AskState::Expired),
        (AskState::Approved, Step::Withdraw) if is_statement => Some(AskState::Withdrawn),
        (AskState::Approved, Step::Void) if is_statement => Some(AskState::Void),
        (AskState::Open, Step::Use)
        | (
            AskState::Approved,
            Step::Approve | Step::Deny | Step::Expire | Step::Withdraw | Step::Void | Step::Use,
        )
        | (
            AskState::Denied
            | AskState::Expired
            | AskState::Withdrawn
            | AskState::Void
            | AskState::Used,
            Step::Approve | Step::Deny | Step::Expire | Step::Withdraw | Step::Void | Step::Use,
        ) => None,
    }
}

impl AskState {
    /// The word for people and for the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
            Self::Void => "void",
            Self::Used => "used",
        }
    }

    pub(super) const ALL: [Self; 7] = [
        Self::Open,
        Self::Approved,
        Self::Denied,
        Self::Expired,
        Self::Withdrawn,
        Self::Void,
        Self::Used,
    ];

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl GrantState {
    /// The word for people and for the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Active => "active",
            Self::Ended => "ended",
            Self::Revoked => "revoked",
        }
    }

    pub(super) const ALL: [Self; 4] = [Self::Waiting, Self::Active, Self::Ended, Self::Revoked];

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// True while it gives, or may come to give, its role.
    #[must_use]
    pub const fn is_live(self) -> bool {
        match self {
            Self::Waiting | Self::Active => true,
            Self::Ended | Self::Revoked => false,
        }
    }
}

impl Ask {
    pub(super) const fn is_statement(&self) -> bool {
        match self.subject {
            Subject::Statement(_) => true,
            Subject::Role { .. } => false,
        }
    }

    pub(super) const fn after(&self, step: Step) -> Option<AskState> {
        next(self.state, self.is_statement(), step)
    }

    /// True when its time is over and it is still where time matters.
    pub(super) fn is_overdue(&self, now: Timestamp) -> bool {
        now >= self.expires && self.after(Step::Expire).is_some()
    }

    /// Where one more vote leads: one denial denies, enough approvals approve.
    pub(super) fn after_vote(&self, vote: &Vote) -> Option<AskState> {
        let approved = self.after(Step::Approve)?;
        if !vote.approves {
            return self.after(Step::Deny);
        }
        let approvals = self.votes.iter().filter(|earlier| earlier.approves).count();
        let approvals = u32::try_from(approvals)
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        // No ask that people decide is approved by nobody, whatever its number says.
        Some(if approvals >= self.approvals.max(1) {
            approved
        } else {
            self.state
        })
    }

    /// True when the voter asked, as far as names and user ids tell: whether the voter's process
    /// sits in the asker's workload is for the socket to see.
    pub(super) fn is_own(&self, vote: &Vote) -> bool {
        let same_name = self
            .asker
            .user
            .as_deref()
            .is_some_and(|user| user.eq_ignore_ascii_case(&vote.person));
        // Workloads that run as root would else be without anyone to approve.
        same_name || (vote.uid != 0 && vote.uid == self.asker.uid)
    }

    /// True when the person voted before, under this name or another one of the same user id.
    pub(super) fn has_voted(&self, vote: &Vote) -> bool {
        self.votes.iter().any(|earlier| {
            earlier.person.eq_ignore_ascii_case(&vote.person)
                || (vote.uid == earlier.uid && vote.uid != 0 && vote.uid != NO_UID)
        })
    }
}

/// `(uid_t) -1`, which no user has: a person whom the kernel does not know.
const NO_UID: u32 = u32::MAX;
