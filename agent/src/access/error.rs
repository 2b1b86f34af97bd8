//! Why something is not done at the desk.

use std::time::Duration;

use super::ask::AskId;
use super::grant::GrantId;
use crate::record::Unrecorded;
use crate::store::StoreError;

/// Why something is not done. The texts are for the person who asked.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    #[error("the store of asks and grants cannot be used")]
    Store {
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error(
        "it could not be recorded, so it was not done; the operator of this host finds the cause \
             in Snowfence's log"
    )]
    NotRecorded {
        #[source]
        source: Unrecorded,
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
    #[error("there are too many open asks in all; decide or deny some first")]
    TooManyAsksInAll,
    #[error("the approval is for another statement")]
    OtherStatement,
    #[error("ask `{id}` is {state}: there is no approval to use")]
    NotApproved { id: AskId, state: &'static str },
    #[error("the policies want a person to decide this")]
    NeedsDecision,
    #[error("the policies give `{role}` for {} s at most", longest.as_secs())]
    TooLong { role: String, longest: Duration },
    #[error("there are too many grants; revoke some first")]
    TooManyGrants,
    #[error("grant `{id}` is over; ask for another one")]
    Over { id: GrantId },
    #[error("a grant lasts for between one second and 30 days; for longer, write a policy")]
    Duration,
    #[error("too many principals have used something within a day to count another one")]
    TooManyPrincipals,
}

impl From<StoreError> for AccessError {
    fn from(error: StoreError) -> Self {
        Self::Store {
            source: Box::new(error),
        }
    }
}
