//! Where asks are filed and decided, grants given and budgets kept.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::ask::{Ask, AskId, NewAsk, Vote};
use super::grant::{Grant, GrantId, NewGrant};
use crate::identity::PrincipalKey;
use crate::policy::Usage;

/// The desk; cheap to clone.
#[derive(Clone, Debug)]
pub struct Desk {
    changes: watch::Sender<u64>,
}

/// What one statement used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spend {
    pub queries: u64,
    pub rows: u64,
    pub bytes: u64,
}

/// Why something is not done. The texts are for the person who asked.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    #[error("the store of asks and grants cannot be used")]
    Store {
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("there is no ask `{0}`")]
    UnknownAsk(AskId),
    #[error("there is no grant `{0}`")]
    UnknownGrant(GrantId),
    #[error("ask `{id}` is {state} and cannot be decided any more")]
    Closed { id: AskId, state: &'static str },
    #[error("nobody decides their own ask")]
    OwnAsk,
    #[error("`{0}` has voted on this ask already")]
    VotedAlready(String),
    #[error("there are too many open asks of `{0}`; wait for a decision, or withdraw one")]
    TooManyAsks(String),
    #[error("the approval is for another statement")]
    OtherStatement,
}

impl Desk {
    /// Opens the store, and brings it to the present form.
    ///
    /// # Errors
    /// The file cannot be used.
    pub async fn open(_path: &Path) -> Result<Self, AccessError> {
        let (changes, _) = watch::channel(0);
        Ok(Self { changes })
    }

    /// Changes with every ask, vote and grant; what was judged before is to be judged again.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Files an ask. The same statement of the same session joins the ask that is open or
    /// approved.
    ///
    /// # Errors
    /// The store fails, or the asker has too many open asks.
    pub async fn ask(&self, _ask: NewAsk, _now: Timestamp) -> Result<Ask, AccessError> {
        Err(unavailable())
    }

    /// # Errors
    /// It is not known, or the store fails.
    pub async fn find(&self, id: &AskId) -> Result<Ask, AccessError> {
        Err(AccessError::UnknownAsk(id.clone()))
    }

    /// Asks, newest first: the open ones, or all that are still kept.
    ///
    /// # Errors
    /// The store fails.
    pub async fn asks(&self, _open_only: bool) -> Result<Vec<Ask>, AccessError> {
        Err(unavailable())
    }

    /// Counts a vote. One denial denies; enough approvals approve, and make a role ask a grant.
    /// Whether the person may vote at all was asked of the policies before.
    ///
    /// # Errors
    /// The ask is closed or the voter's own, they voted already, or the store fails.
    pub async fn vote(
        &self,
        _id: &AskId,
        _vote: Vote,
        _now: Timestamp,
    ) -> Result<Ask, AccessError> {
        Err(unavailable())
    }

    /// The asker went away or took it back.
    ///
    /// # Errors
    /// The store fails.
    pub async fn withdraw(&self, _id: &AskId, _now: Timestamp) -> Result<(), AccessError> {
        Err(unavailable())
    }

    /// The policies changed: approvals of held statements by other versions are void.
    ///
    /// # Errors
    /// The store fails.
    pub async fn void_other_versions(
        &self,
        _policy_version: &str,
        _now: Timestamp,
    ) -> Result<(), AccessError> {
        Err(unavailable())
    }

    /// Uses an approval up, once, for the statement that it was given for.
    ///
    /// # Errors
    /// It is not approved, used, expired, for another digest, or the store fails.
    pub async fn consume(
        &self,
        _id: &AskId,
        _digest: &str,
        _now: Timestamp,
    ) -> Result<Ask, AccessError> {
        Err(unavailable())
    }

    /// The roles that a principal has on an account, sorted; a grant that is used first begins.
    ///
    /// # Errors
    /// The store fails: whoever asks goes on without roles.
    pub async fn roles(
        &self,
        _key: &PrincipalKey,
        _account: &str,
        _now: Timestamp,
    ) -> Result<Vec<String>, AccessError> {
        Ok(Vec::new())
    }

    /// # Errors
    /// The store fails.
    pub async fn grant(&self, _grant: NewGrant, _now: Timestamp) -> Result<Grant, AccessError> {
        Err(unavailable())
    }

    /// Grants, newest first: those that count, or all that are still kept.
    ///
    /// # Errors
    /// The store fails.
    pub async fn grants(&self, _live_only: bool) -> Result<Vec<Grant>, AccessError> {
        Err(unavailable())
    }

    /// # Errors
    /// It is not known or over, or the store fails.
    pub async fn revoke(
        &self,
        id: &GrantId,
        _by: &str,
        _now: Timestamp,
    ) -> Result<Grant, AccessError> {
        Err(AccessError::UnknownGrant(id.clone()))
    }

    /// # Errors
    /// It is not known or over, or the store fails.
    pub async fn extend(
        &self,
        id: &GrantId,
        _by: Duration,
        _person: &str,
        _now: Timestamp,
    ) -> Result<Grant, AccessError> {
        Err(AccessError::UnknownGrant(id.clone()))
    }

    /// What a principal has used of its budgets.
    ///
    /// # Errors
    /// The store fails: whoever asks refuses.
    pub async fn usage(&self, _key: &PrincipalKey, _now: Timestamp) -> Result<Usage, AccessError> {
        Ok(Usage::default())
    }

    /// Counts what a statement used.
    ///
    /// # Errors
    /// The store fails.
    pub async fn spend(
        &self,
        _key: &PrincipalKey,
        _spend: Spend,
        _now: Timestamp,
    ) -> Result<(), AccessError> {
        Ok(())
    }
}

fn unavailable() -> AccessError {
    AccessError::Store {
        source: "not built".into(),
    }
}
