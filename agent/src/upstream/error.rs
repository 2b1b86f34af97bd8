//! What can go wrong on the upstream leg: a closed list.

use std::time::Duration;

use thiserror::Error;

use super::body::BodyError;
use super::connect::ConnectError;

/// Why there is no answer from Snowflake or from chunk storage.
///
/// Each message tells an operator what to look at. No token, no signed address and no SQL is in it.
#[derive(Debug, Error)]
pub enum UpstreamError {
    #[error("cannot connect to `{host}`: check name resolution, routes and firewalls of this host")]
    Connect {
        host: String,
        #[source]
        source: ConnectError,
    },
    #[error(
        "cannot verify that it is `{host}`: check `[tls] upstream_ca_files` and whether something \
         else answers at that address"
    )]
    Tls {
        host: String,
        #[source]
        source: ConnectError,
    },
    #[error("`{host}` broke the connection before it answered")]
    Reset {
        host: String,
        #[source]
        source: hyper::Error,
    },
    #[error("`{host}` broke the connection in the middle of its answer")]
    Truncated {
        host: String,
        #[source]
        source: hyper::Error,
    },
    #[error("`{host}` did not answer within {} s", timeout.as_secs())]
    Timeout { host: String, timeout: Duration },
    #[error("`{host}` answered with HTTP status {status}")]
    Status { host: String, status: u16 },
    #[error(
        "`{host}` redirects with HTTP status {status}, which is not followed: name the account's \
         own host in `[[account]] hosts`"
    )]
    Redirect { host: String, status: u16 },
    #[error(
        "the answer of `{host}` is larger than {bytes_max} bytes: raise \
         `[limits] response_body_bytes_max`"
    )]
    TooLarge { host: String, bytes_max: usize },
    #[error("the answer of `{host}` has a broken encoding")]
    Encoding {
        host: String,
        #[source]
        source: BodyError,
    },
    #[error("the answer of `{host}` is not what Snowflake sends")]
    Malformed { host: String },
    #[error(
        "the session at `{host}` has ended{}: the client must log in again",
        because(code)
    )]
    SessionLost { host: String, code: Option<String> },
    #[error("the session at `{host}` could not be renewed a moment ago: try again")]
    RenewalFailed { host: String },
    #[error("Snowflake refused the login of credential `{credential}` ({code}): {message}")]
    LoginRefused {
        credential: String,
        code: String,
        message: String,
    },
    #[error(
        "credential `{credential}` does not allow the role `{role}`: add it to its `roles`, or \
         log in without a role"
    )]
    RoleRefused { credential: String, role: String },
    #[error("`{host}` no longer serves the result chunk (HTTP status {status}): its link expired")]
    ChunkExpired { host: String, status: u16 },
    #[error("the address of a result chunk is not an https address that can be fetched")]
    ChunkAddress,
    #[error(
        "credential `{credential}` has nothing that Snowflake's SQL API takes: give it a key pair, a \
         programmatic access token or an OAuth client, or use a driver"
    )]
    NoBearer { credential: String },
    #[error(
        "Snowflake's SQL API did not accept credential `{credential}` (HTTP status {status}): its \
         operator finds the cause in Snowflake's login history"
    )]
    BearerRefused { credential: String, status: u16 },
    #[error("the operation has no request of its own at the upstream")]
    NotForwarded,
    #[error("the exchange with `{host}` was cut off because the daemon stops")]
    Stopped { host: String },
}

impl UpstreamError {
    /// True when the same request may well succeed a moment later.
    pub(super) const fn is_transient(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Reset { .. } | Self::Truncated { .. } => true,
            Self::Status { status, .. } => matches!(status, 429 | 502 | 503 | 504),
            Self::Tls { .. }
            | Self::Timeout { .. }
            | Self::Redirect { .. }
            | Self::TooLarge { .. }
            | Self::Encoding { .. }
            | Self::Malformed { .. }
            | Self::SessionLost { .. }
            | Self::RenewalFailed { .. }
            | Self::LoginRefused { .. }
            | Self::RoleRefused { .. }
            | Self::ChunkExpired { .. }
            | Self::ChunkAddress
            | Self::NoBearer { .. }
            | Self::BearerRefused { .. }
            | Self::NotForwarded
            | Self::Stopped { .. } => false,
        }
    }

    /// The label under which it is counted.
    #[must_use]
    pub const fn outcome(&self) -> &'static str {
        match self {
            Self::Connect { .. } => "connect",
            Self::Tls { .. } => "tls",
            Self::Reset { .. } => "reset",
            Self::Truncated { .. } => "truncated",
            Self::Timeout { .. } => "timeout",
            Self::Status { .. } => "status",
            Self::Redirect { .. } => "redirect",
            Self::TooLarge { .. } => "too_large",
            Self::Encoding { .. } => "encoding",
            Self::Malformed { .. } => "malformed",
            Self::SessionLost { .. } => "session_lost",
            Self::RenewalFailed { .. } => "renewal_failed",
            Self::LoginRefused { .. } => "login_refused",
            Self::RoleRefused { .. } => "role_refused",
            Self::ChunkExpired { .. } => "chunk_expired",
            Self::ChunkAddress => "chunk_address",
            Self::NoBearer { .. } => "no_bearer",
            Self::BearerRefused { .. } => "bearer_refused",
            Self::NotForwarded => "not_forwarded",
            Self::Stopped { .. } => "stopped",
        }
    }

    pub(super) fn from_connect(host: &str, source: ConnectError) -> Self {
        let host = host.to_owned();
        match source {
            // Something broke or closed the connection during the handshake: no certificate was
            // judged, so it is worth another try.
            ConnectError::Tls(ref error) if !is_tls_verdict(error) => {
                Self::Connect { host, source }
            }
            ConnectError::Tls(_) | ConnectError::Name { .. } => Self::Tls { host, source },
            ConnectError::Resolve { .. }
            | ConnectError::NoAddress { .. }
            | ConnectError::Tcp { .. }
            | ConnectError::Timeout
            | ConnectError::Http(_) => Self::Connect { host, source },
        }
    }

    pub(super) fn from_request(host: &str, source: hyper::Error) -> Self {
        let host = host.to_owned();
        if source.is_parse() {
            Self::Malformed { host }
        } else {
            Self::Reset { host, source }
        }
    }

    pub(super) fn from_body(host: &str, source: BodyError) -> Self {
        let host = host.to_owned();
        match source {
            BodyError::Truncated(source) => Self::Truncated { host, source },
            BodyError::TooLarge { bytes_max } => Self::TooLarge { host, bytes_max },
            BodyError::Encoding | BodyError::Gzip(_) => Self::Encoding { host, source },
        }
    }
}

fn is_tls_verdict(error: &std::io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|inner| inner.is::<rustls::Error>())
}

fn because(code: &Option<String>) -> String {
    code.as_ref()
        .map(|code| format!(" ({code})"))
        .unwrap_or_default()
}
