//! The refusal: any answer that is ours instead of the upstream's.
//!
//! One [`Reason`] goes to the metric, the record and the log; one message goes to the client, in
//! the form that its driver shows at once and does not retry (`error.rs` of the protocol). Where
//! the answer has to look like comes from what was asked: a login, a statement, or a path that
//! does not exist.

use crate::snowflake::error;

/// Why we answered ourselves. Closed: it is a metric label and a field of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    AuthenticatorRefused,
    BadRequest,
    BodyTooLarge,
    Bug,
    ChunkUnknown,
    CredentialUnavailable,
    CredentialUnknown,
    DeniedByPolicy,
    FileTransfer,
    ForeignQuery,
    ForeignToken,
    LimitReached,
    NotExecuting,
    RecorderFailed,
    RequestIdReused,
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
            Self::AuthenticatorRefused => "authenticator_refused",
            Self::BadRequest => "bad_request",
            Self::BodyTooLarge => "body_too_large",
            Self::Bug => "bug",
            Self::ChunkUnknown => "chunk_unknown",
            Self::CredentialUnavailable => "credential_unavailable",
            Self::CredentialUnknown => "credential_unknown",
            Self::DeniedByPolicy => "denied_by_policy",
            Self::FileTransfer => "file_transfer",
            Self::ForeignQuery => "foreign_query",
            Self::ForeignToken => "foreign_token",
            Self::LimitReached => "limit_reached",
            Self::NotExecuting => "not_executing",
            Self::RecorderFailed => "recorder_failed",
            Self::RequestIdReused => "request_id_reused",
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
    Chunk,
    Login,
    Session,
    Statement,
    Unknown,
}

impl Asked {
    /// Tells it from the path alone, so that a request that cannot be read is refused in its form.
    pub(super) fn of_path(path: &str) -> Self {
        match path {
            "/session/v1/login-request" | "/session/authenticator-request" => Self::Login,
            path if path.starts_with("/session") || path.starts_with("/telemetry/") => {
                Self::Session
            }
            path if path.starts_with("/queries/") || path.starts_with("/monitoring/queries") => {
                Self::Statement
            }
            path if path.starts_with("/sfc-results/") => Self::Chunk,
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
        Self { reason, message: message.into() }
    }

    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    #[must_use]
    pub fn public_message(&self) -> String {
        format!("Snowfence: {}", self.message)
    }

    /// HTTP status and JSON body.
    ///
    /// Only 200 and 404 occur: Python sends 400, 403, 405 and 5xx again without end.
    pub(super) fn answer(&self, asked: Asked, query_id: &str) -> (u16, Vec<u8>) {
        let message = self.public_message();
        match (asked, self.reason) {
            (Asked::Unknown | Asked::Chunk, _) | (_, Reason::UnknownPath) => {
                (404, error::not_found(&message))
            }
            (Asked::Login, _) => (200, error::login_refused(self.code(), &message)),
            (_, Reason::TokenExpired) => (200, error::token_expired()),
            (
                _,
                Reason::TokenUnknown | Reason::ForeignToken | Reason::UpstreamSessionLost,
            ) => (200, error::session_gone(&message)),
            (Asked::Session | Asked::Statement, _) => {
                (200, error::denied(self.code(), self.sql_state(), &message, query_id))
            }
        }
    }

    /// Snowflake's numeric code that a driver maps to the right exception class.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self.reason {
            // "Blocked": shown by every driver at login, one try.
            Reason::AuthenticatorRefused
            | Reason::CredentialUnavailable
            | Reason::CredentialUnknown
            | Reason::UnknownAccount
            | Reason::UpstreamLogin => "390422",
            Reason::NotExecuting => "000605",
            Reason::UpstreamTimeout => "000630",
            Reason::TokenExpired => "390112",
            Reason::ForeignToken | Reason::TokenUnknown | Reason::UpstreamSessionLost => "390111",
            Reason::UnknownPath | Reason::ChunkUnknown => "390400",
            Reason::BadRequest
            | Reason::BodyTooLarge
            | Reason::Bug
            | Reason::DeniedByPolicy
            | Reason::FileTransfer
            | Reason::ForeignQuery
            | Reason::LimitReached
            | Reason::RecorderFailed
            | Reason::RequestIdReused
            | Reason::UpstreamAnswer
            | Reason::UpstreamUnreachable => "003001",
        }
    }

    /// The SQLSTATE beside the code.
    #[must_use]
    pub const fn sql_state(&self) -> &'static str {
        match self.reason {
            Reason::UpstreamTimeout | Reason::NotExecuting => "57014",
            Reason::UpstreamAnswer | Reason::UpstreamUnreachable => "08006",
            Reason::BadRequest | Reason::BodyTooLarge | Reason::RequestIdReused => "42000",
            Reason::AuthenticatorRefused
            | Reason::Bug
            | Reason::ChunkUnknown
            | Reason::CredentialUnavailable
            | Reason::CredentialUnknown
            | Reason::DeniedByPolicy
            | Reason::FileTransfer
            | Reason::ForeignQuery
            | Reason::ForeignToken
            | Reason::LimitReached
            | Reason::RecorderFailed
            | Reason::TokenExpired
            | Reason::TokenUnknown
            | Reason::UnknownAccount
            | Reason::UnknownPath
            | Reason::UpstreamLogin
            | Reason::UpstreamSessionLost => "42501",
        }
    }
}
