//! The refusal: any answer that is ours instead of the upstream's.
//!
//! One [`Reason`] goes to the metric, the record and the log; one message goes to the client, in
//! the form that its driver shows at once and does not retry (`error.rs` of the protocol). Where
//! the answer has to look like comes from what was asked: a login, a statement, or a path that
//! does not exist.

use crate::http::{self, HttpError};
use crate::snowflake::route::DecodeError;
use crate::snowflake::{QueryId, api, error};
use crate::telemetry::ErrorChain;
use crate::upstream::UpstreamError;

/// Why we answered ourselves. Closed: it is a metric label and a field of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Asks and grants cannot be read or written.
    AccessFailed,
    ApprovalDenied,
    ApprovalExpired,
    /// The driver cannot wait for people.
    ApprovalNeeded,
    AuthenticatorRefused,
    BadRequest,
    BodyTooLarge,
    BudgetUnknown,
    Bug,
    Cancelled,
    ChunkUnknown,
    CredentialUnavailable,
    CredentialUnknown,
    DeniedByPolicy,
    FileTransfer,
    ForeignQuery,
    ForeignToken,
    LimitReached,
    /// The statement would write a mask over what it stands for.
    MaskWritten,
    MasterExpired,
    NotExecuting,
    /// Where the values of a column come from is not known, and the labels are strict.
    OriginUnknown,
    RecorderFailed,
    RequestIdReused,
    ResultTooLarge,
    SessionBusy,
    StatementTimeout,
    /// What was judged before is judged otherwise now.
    RightLost,
    Stopping,
    TokenExpired,
    TokenUnknown,
    UnknownAccount,
    UnknownPath,
    UpstreamAnswer,
    UpstreamLogin,
    UpstreamSessionLost,
    UpstreamTimeout,
    UpstreamUnreachable,
}

impl Reason {
    /// The stable name in metrics, records and logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::AccessFailed => "access_failed",
            Self::ApprovalDenied => "approval_denied",
            Self::ApprovalExpired => "approval_expired",
            Self::ApprovalNeeded => "approval_needed",
            Self::AuthenticatorRefused => "authenticator_refused",
            Self::BadRequest => "bad_request",
            Self::BodyTooLarge => "body_too_large",
            Self::BudgetUnknown => "budget_unknown",
            Self::Bug => "bug",
            Self::Cancelled => "cancelled",
            Self::ChunkUnknown => "chunk_unknown",
            Self::CredentialUnavailable => "credential_unavailable",
            Self::CredentialUnknown => "credential_unknown",
            Self::DeniedByPolicy => "denied_by_policy",
            Self::FileTransfer => "file_transfer",
            Self::ForeignQuery => "foreign_query",
            Self::ForeignToken => "foreign_token",
            Self::LimitReached => "limit_reached",
            Self::MaskWritten => "mask_written",
            Self::MasterExpired => "master_expired",
            Self::NotExecuting => "not_executing",
            Self::OriginUnknown => "origin_unknown",
            Self::RecorderFailed => "recorder_failed",
            Self::RequestIdReused => "request_id_reused",
            Self::ResultTooLarge => "result_too_large",
            Self::SessionBusy => "session_busy",
            Self::StatementTimeout => "statement_timeout",
            Self::RightLost => "right_lost",
            Self::Stopping => "stopping",
            Self::TokenExpired => "token_expired",
            Self::TokenUnknown => "token_unknown",
            Self::UnknownAccount => "unknown_account",
            Self::UnknownPath => "unknown_path",
            Self::UpstreamAnswer => "upstream_answer",
            Self::UpstreamLogin => "upstream_login",
            Self::UpstreamSessionLost => "upstream_session_lost",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::UpstreamUnreachable => "upstream_unreachable",
        }
    }
}

/// What the client asked for, as far as the form of a refusal depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Api,
    Chunk,
    Login,
    Session,
    Statement,
    Unknown,
}

impl Asked {
    /// Tells it from the path alone, so that a request that cannot be read is refused in its form.
    pub(super) fn of_path(raw: &str) -> Self {
        // In the spelling by which requests are told apart; what has none is no path of ours.
        match http::canonical_path(raw).unwrap_or_default().as_str() {
            "/session/v1/login-request" | "/session/authenticator-request" => Self::Login,
            path if path.starts_with("/session") || path.starts_with("/telemetry/") => {
                Self::Session
            }
            path if path.starts_with("/queries/") || path.starts_with("/monitoring/queries") => {
                Self::Statement
            }
            path if path.starts_with("/sfc-results/") => Self::Chunk,
            path if path == STATEMENTS || path.starts_with(&format!("{STATEMENTS}/")) => Self::Api,
            _ => Self::Unknown,
        }
    }
}

/// An answer of ours.
#[derive(Clone, Debug)]
pub struct Refusal {
    reason: Reason,
    message: String,
}

impl Refusal {
    /// `message` is for the client: what happened and what to do next, no secrets, no internals.
    pub(super) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }

    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// What happened and what to do next, for an operator.
    #[must_use]
    pub fn into_message(self) -> String {
        self.message
    }

    #[must_use]
    pub fn public_message(&self) -> String {
        format!("Snowfence: {}", self.message)
    }

    /// HTTP status and JSON body.
    ///
    /// To drivers only 200 and 404 occur: Python sends 400, 403, 405 and 5xx again without end.
    pub(super) fn answer(&self, asked: Asked, query_id: &QueryId) -> (u16, Vec<u8>) {
        let message = self.public_message();
        match (asked, self.reason) {
            (Asked::Api, _) => self.api_answer(&message, query_id),
            (Asked::Unknown | Asked::Chunk, _) | (_, Reason::UnknownPath) => {
                (404, error::not_found(&message))
            }
            (Asked::Login, _) => (200, error::login_refused(&message)),
            (_, Reason::TokenExpired) => (200, error::token_expired()),
            (_, Reason::MasterExpired) => (200, error::master_expired()),
            (_, Reason::TokenUnknown | Reason::ForeignToken | Reason::UpstreamSessionLost) => {
                (200, error::session_gone())
            }
            (Asked::Session | Asked::Statement, _) => (
                200,
                error::statement_failed(self.code(), &message, query_id),
            ),
        }
    }

    /// An answer of the SQL API. 422 is its status for a statement that fails; of the others only
    /// those occur that say something else and that no client repeats without end.
    fn api_answer(&self, message: &str, query_id: &QueryId) -> (u16, Vec<u8>) {
        if self.reason == Reason::UnknownPath {
            return (404, api::not_found(message));
        }
        let is_late = matches!(
            self.reason,
            Reason::StatementTimeout | Reason::UpstreamTimeout
        );
        let status = if is_late { 408 } else { 422 };
        (status, api::failed(self.code(), message, query_id))
    }

    /// The code that the client is told, whatever form the answer has.
    pub(super) fn code_told(&self, is_login: bool) -> &'static str {
        let of = |reasons: &[Reason]| reasons.contains(&self.reason);
        if of(&[Reason::UnknownPath]) {
            error::NOT_FOUND
        } else if is_login {
            error::LOGIN_REFUSED
        } else if of(&[Reason::TokenExpired]) {
            error::TOKEN_EXPIRED
        } else if of(&[Reason::MasterExpired]) {
            error::MASTER_EXPIRED
        } else if of(&[
            Reason::TokenUnknown,
            Reason::ForeignToken,
            Reason::UpstreamSessionLost,
        ]) {
            error::SESSION_GONE
        } else {
            self.code().0
        }
    }

    /// Snowflake's code and SQLSTATE, from which a driver makes its exception class.
    pub(super) const fn code(&self) -> (&'static str, &'static str) {
        match self.reason {
            Reason::BadRequest | Reason::BodyTooLarge | Reason::RequestIdReused => {
                error::NOT_UNDERSTOOD
            }
            Reason::Cancelled => ("000604", "57014"),
            Reason::NotExecuting => ("000605", "57014"),
            Reason::ApprovalExpired | Reason::StatementTimeout | Reason::UpstreamTimeout => {
                error::TIMED_OUT
            }
            Reason::Stopping | Reason::UpstreamAnswer | Reason::UpstreamUnreachable => {
                error::UPSTREAM_FAILED
            }
            Reason::AccessFailed
            | Reason::ApprovalDenied
            | Reason::ApprovalNeeded
            | Reason::AuthenticatorRefused
            | Reason::BudgetUnknown
            | Reason::Bug
            | Reason::ChunkUnknown
            | Reason::CredentialUnavailable
            | Reason::CredentialUnknown
            | Reason::DeniedByPolicy
            | Reason::FileTransfer
            | Reason::ForeignQuery
            | Reason::ForeignToken
            | Reason::LimitReached
            | Reason::MaskWritten
            | Reason::MasterExpired
            | Reason::OriginUnknown
            | Reason::RecorderFailed
            | Reason::ResultTooLarge
            | Reason::SessionBusy
            | Reason::RightLost
            | Reason::TokenExpired
            | Reason::TokenUnknown
            | Reason::UnknownAccount
            | Reason::UnknownPath
            | Reason::UpstreamLogin
            | Reason::UpstreamSessionLost => error::DENIED,
        }
    }
}

impl From<HttpError> for Refusal {
    fn from(error: HttpError) -> Self {
        let reason = match &error {
            HttpError::BodyTooLarge(_) => Reason::BodyTooLarge,
            HttpError::Method | HttpError::Target => Reason::UnknownPath,
            HttpError::DuplicateParameter(_)
            | HttpError::Header(_)
            | HttpError::Host
            | HttpError::BodyTimeout(_)
            | HttpError::BodyCut(_)
            | HttpError::Gzip(_)
            | HttpError::Encoding(_) => Reason::BadRequest,
        };
        Self::new(reason, error.to_string())
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        let reason = match &error {
            DecodeError::AuthenticatorRefused { .. } => Reason::AuthenticatorRefused,
            DecodeError::UnknownPath
            | DecodeError::SqlApi
            | DecodeError::RestApi
            | DecodeError::MonitorList
            | DecodeError::InvalidQueryId => Reason::UnknownPath,
            DecodeError::Malformed
            | DecodeError::DuplicateKey
            | DecodeError::Field(_)
            | DecodeError::Statement { .. } => Reason::BadRequest,
        };
        Self::new(reason, error.to_string())
    }
}

impl From<UpstreamError> for Refusal {
    fn from(error: UpstreamError) -> Self {
        tracing::warn!(error = %ErrorChain(&error), "upstream failed");
        let reason = match &error {
            UpstreamError::Connect { .. }
            | UpstreamError::Tls { .. }
            | UpstreamError::Reset { .. }
            | UpstreamError::RenewalFailed { .. }
            | UpstreamError::Stopped { .. }
            | UpstreamError::Status { .. }
            | UpstreamError::Redirect { .. } => Reason::UpstreamUnreachable,
            UpstreamError::Timeout { .. } => Reason::UpstreamTimeout,
            UpstreamError::Truncated { .. }
            | UpstreamError::TooLarge { .. }
            | UpstreamError::Encoding { .. }
            | UpstreamError::Malformed { .. }
            | UpstreamError::ChunkAddress => Reason::UpstreamAnswer,
            UpstreamError::SessionLost { .. } => Reason::UpstreamSessionLost,
            UpstreamError::LoginRefused { .. } => Reason::UpstreamLogin,
            UpstreamError::RoleRefused { .. } => Reason::DeniedByPolicy,
            UpstreamError::ChunkExpired { .. } => Reason::ChunkUnknown,
            UpstreamError::NoBearer { .. } | UpstreamError::BearerRefused { .. } => {
                Reason::CredentialUnavailable
            }
            UpstreamError::NotForwarded => Reason::Bug,
        };
        Self::new(reason, error.to_string())
    }
}

/// Where the SQL API begins.
const STATEMENTS: &str = "/api/v2/statements";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_is_no_operation_is_answered_in_the_form_of_its_kind() {
        #[track_caller]
        fn check(error: DecodeError, asked: Asked, status: u16, code: &str) {
            let id = QueryId::parse("01b00000-0000-0000-0000-000000000001").unwrap();
            let code = format!(r#""code":"{code}","message":"Snowfence: {error}""#);
            let (found, body) = Refusal::from(error).answer(asked, &id);
            assert_eq!(found, status, "{code}");
            assert!(String::from_utf8(body).unwrap().contains(&code), "{code}");
        }
        check(DecodeError::UnknownPath, Asked::Statement, 404, "390400");
        check(DecodeError::SqlApi, Asked::Api, 404, "390404");
        check(DecodeError::RestApi, Asked::Unknown, 404, "390400");
        check(DecodeError::MonitorList, Asked::Statement, 404, "390400");
        check(DecodeError::InvalidQueryId, Asked::Statement, 404, "390400");
        check(DecodeError::Malformed, Asked::Statement, 200, "001003");
        check(DecodeError::DuplicateKey, Asked::Statement, 200, "001003");
        check(DecodeError::Field("x"), Asked::Statement, 200, "001003");
        let what = "x";
        check(
            DecodeError::Statement { what },
            Asked::Statement,
            200,
            "001003",
        );
        let message = "x";
        check(
            DecodeError::AuthenticatorRefused { message },
            Asked::Login,
            200,
            "390100",
        );
    }
}
