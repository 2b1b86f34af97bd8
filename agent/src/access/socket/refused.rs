//! Why a request is not done: a status, a stable code and a text that says what to do.

use http::StatusCode;

use super::super::AccessError;
use crate::policy::Denial;
use crate::telemetry::ErrorChain;

/// The answer to a request that is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Refused {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    pub(super) fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    }

    pub(super) fn no_such_route() -> Self {
        let message = "there is nothing at this path, or not by this method";
        Self::new(StatusCode::NOT_FOUND, "no_such_route", message)
    }

    /// The peer is of the wrong side of the scope.
    pub(super) fn wrong_side(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "wrong_side", message)
    }

    pub(super) fn unidentified(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "unidentified", message)
    }

    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "failed", message)
    }

    pub(super) fn too_many(message: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many", message)
    }

    /// Snowflake gave no tags, or was not to be reached.
    pub(super) fn not_imported(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "not_imported", message)
    }

    pub(super) fn own_ask() -> Self {
        AccessError::OwnAsk.into()
    }

    pub(super) fn not_permitted(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "not_permitted", message)
    }
}

impl From<Denial> for Refused {
    fn from(denial: Denial) -> Self {
        Self::not_permitted(denial.message)
    }
}

impl From<AccessError> for Refused {
    fn from(error: AccessError) -> Self {
        let (status, code) = match &error {
            AccessError::Store { .. } => {
                tracing::error!(
                    target: "access-desk",
                    error = %ErrorChain(&error),
                    "the store failed"
                );
                (StatusCode::SERVICE_UNAVAILABLE, "failed")
            }
            AccessError::NotRecorded { .. } => {
                tracing::error!(
                    target: "access-desk",
                    error = %ErrorChain(&error),
                    "the recorder failed"
                );
                (StatusCode::SERVICE_UNAVAILABLE, "not_recorded")
            }
            AccessError::UnknownAsk(_) => (StatusCode::NOT_FOUND, "unknown_ask"),
            AccessError::UnknownGrant(_) => (StatusCode::NOT_FOUND, "unknown_grant"),
            AccessError::Closed { .. } => (StatusCode::CONFLICT, "closed"),
            AccessError::OwnAsk => (StatusCode::FORBIDDEN, "own_ask"),
            AccessError::VotedAlready(_) => (StatusCode::CONFLICT, "voted_already"),
            AccessError::TooManyAsks(_) | AccessError::TooManyAsksInAll => {
                (StatusCode::TOO_MANY_REQUESTS, "too_many_asks")
            }
            AccessError::TooManyGrants => (StatusCode::TOO_MANY_REQUESTS, "too_many_grants"),
            AccessError::TooManyPrincipals => {
                (StatusCode::TOO_MANY_REQUESTS, "too_many_principals")
            }
            AccessError::OtherStatement => (StatusCode::CONFLICT, "other_statement"),
            AccessError::NotApproved { .. } => (StatusCode::CONFLICT, "not_approved"),
            AccessError::Over { .. } => (StatusCode::CONFLICT, "over"),
            AccessError::NeedsDecision => (StatusCode::FORBIDDEN, "needs_decision"),
            AccessError::TooLong { .. } => (StatusCode::FORBIDDEN, "too_long"),
            AccessError::Duration => (StatusCode::BAD_REQUEST, "bad_request"),
        };
        Self::new(status, code, error.to_string())
    }
}
