//! Path and body → operation. Everything that is not listed here is refused.

use super::json::{JsonError, Object};
use super::operation::{Abort, Operation, QueryId};
use super::{api, login, query};
use crate::http::{CanonicalRequest, Method};

/// Why a request is no operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("no such method and path")]
    UnknownPath,
    #[error(
        "the SQL API is `POST /api/v2/statements`, `GET /api/v2/statements/<handle>` and \
         `POST /api/v2/statements/<handle>/cancel`, and nothing else"
    )]
    SqlApi,
    #[error("the REST API is not supported: use SQL through a driver")]
    RestApi,
    #[error("the list of queries is not available: ask for a query by its id")]
    MonitorList,
    #[error("the path names no query id")]
    InvalidQueryId,
    #[error("the body is not the JSON that is expected here")]
    Malformed,
    #[error("a key of the body comes twice")]
    DuplicateKey,
    #[error("`{0}` is missing or not of the expected type")]
    Field(&'static str),
    /// Refused as an error of the statement, in the form that drivers show.
    #[error("{what}")]
    Statement { what: &'static str },
    /// Refused as an error of the login.
    #[error("{message}")]
    AuthenticatorRefused { message: &'static str },
}

impl From<JsonError> for DecodeError {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::Malformed => Self::Malformed,
            JsonError::DuplicateKey => Self::DuplicateKey,
            JsonError::Field(name) => Self::Field(name),
        }
    }
}

/// Reads what a request asks for.
pub fn decode(request: &CanonicalRequest) -> Result<Operation, DecodeError> {
    use Method::{Get, Post};

    let path: Vec<&str> = request.path.split('/').skip(1).collect();
    Ok(match (request.method, path.as_slice()) {
        (Post, ["session", "v1", "login-request"]) => {
            Operation::Login(Box::new(login::parse(request)?))
        }
        (Post, ["session", "authenticator-request"]) | (Get, ["console", "login"]) => {
            return Err(DecodeError::AuthenticatorRefused {
                message: login::BROWSER,
            });
        }
        (Post, ["session", "token-request"]) => renew(request)?,
        (Post, ["session", "heartbeat"]) => Operation::Heartbeat,
        (Post, ["session"]) if request.parameter("delete") == Some("true") => Operation::Close,
        (Post, ["queries", "v1", "query-request"]) => {
            Operation::Query(Box::new(query::parse(request)?))
        }
        (Get, ["queries", id, "result"]) => Operation::Result(query_id(id)?),
        (Post, ["queries", "v1", "abort-request"]) => abort(request)?,
        (Post, ["queries", id, "abort-request"]) => Operation::Abort(Abort::Query(query_id(id)?)),
        (Get, ["monitoring", "queries"]) => return Err(DecodeError::MonitorList),
        (Get, ["monitoring", "queries", id]) => Operation::Monitor(query_id(id)?),
        (Post, ["telemetry", "send"] | ["telemetry", "send", "sessionless"]) => {
            Operation::Telemetry
        }
        (Get, ["sfc-results", capability, index]) => chunk(capability, index)?,
        (Post, ["api", "v2", "statements"]) => Operation::Query(Box::new(api::statement(request)?)),
        (Get, ["api", "v2", "statements", handle]) => api::result(handle, request)?,
        (Post, ["api", "v2", "statements", handle, "cancel"]) => api::cancel(handle, request)?,
        (_, ["api", "v2", "statements", ..]) => return Err(DecodeError::SqlApi),
        (_, ["api", ..]) => return Err(DecodeError::RestApi),
        _ => return Err(DecodeError::UnknownPath),
    })
}

pub(super) fn query_id(text: &str) -> Result<QueryId, DecodeError> {
    QueryId::parse(text).ok_or(DecodeError::InvalidQueryId)
}

fn renew(request: &CanonicalRequest) -> Result<Operation, DecodeError> {
    let body = Object::from_slice(&request.body)?;
    if body.string("requestType")?.as_deref() != Some("RENEW") {
        return Err(DecodeError::Field("requestType"));
    }
    // The master token in the header says whose session it is; what the old one was does not matter.
    body.secret("oldSessionToken")?
        .ok_or(DecodeError::Field("oldSessionToken"))?;
    Ok(Operation::Renew)
}

/// Reads which request to abort: the one that the body names, not the one of this exchange.
fn abort(request: &CanonicalRequest) -> Result<Operation, DecodeError> {
    let body = Object::from_slice(&request.body)?;
    let request_id = body.string("requestId")?;
    Ok(Operation::Abort(Abort::Request(query::request_id(
        request_id.as_deref(),
    )?)))
}

fn chunk(capability: &str, index: &str) -> Result<Operation, DecodeError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    // One spelling per number: no sign, no leading zeros.
    let index: u32 = match index.parse() {
        Ok(number) if format!("{number}") == index => number,
        _ => return Err(DecodeError::UnknownPath),
    };
    if capability.len() > CAPABILITY_BYTES_MAX || !capability.bytes().all(plain) {
        return Err(DecodeError::UnknownPath);
    }
    Ok(Operation::Chunk {
        capability: capability.to_owned(),
        index,
    })
}

/// Our capabilities have 43 bytes.
const CAPABILITY_BYTES_MAX: usize = 64;

#[cfg(test)]
pub(super) mod tests;
