//! Requests of the SQL API.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::super::json::{JsonError, Object};
use super::super::operation::{Api, Operation, Query, RequestId, Via};
use super::super::route::{DecodeError, query_id};
use super::super::{parameters, query};
use crate::http::CanonicalRequest;

/// Reads `POST /api/v2/statements`. A request without an id gets an empty one: whoever may ask for
/// randomness gives it a name.
pub(in crate::snowflake) fn statement(request: &CanonicalRequest) -> Result<Query, DecodeError> {
    check_parameters(request, &["requestId", "async", "nullable", "retry"])?;
    if !flag(request, "nullable")?.unwrap_or(true) {
        return Err(DecodeError::Statement {
            what: "`nullable=false` is not supported: a null comes as null, not as a text",
        });
    }
    let body = Object::from_slice(&request.body)?;
    if body
        .entries()
        .iter()
        .any(|(key, _)| !KEYS.contains(&key.as_str()))
    {
        return Err(DecodeError::Statement {
            what: "the request has a key that is not known here",
        });
    }
    let text = body
        .string("statement")?
        .ok_or(JsonError::Field("statement"))?;
    if text.trim().is_empty() {
        return Err(DecodeError::Statement {
            what: "`statement` is empty",
        });
    }
    query::check_length(&text)?;
    let own = match body.object("parameters")? {
        None => Vec::new(),
        Some(object) => parameters::allowed(&object)?,
    };
    Ok(Query {
        text,
        asynchronous: flag(request, "async")?.unwrap_or(false),
        parameters: own,
        bindings: query::bindings(&body)?,
        retry_count: u32::from(flag(request, "retry")?.unwrap_or(false)),
        via: Via::Api(Api {
            database: name(&body, "database")?,
            schema: name(&body, "schema")?,
            warehouse: name(&body, "warehouse")?,
            role: name(&body, "role")?,
            seconds_max: body.u64("timeout")?.filter(|seconds| *seconds > 0),
            request_key: String::new(),
        }),
        ..Query::restated(request_id(request)?)
    })
}

/// Reads `GET /api/v2/statements/<handle>`.
pub(in crate::snowflake) fn result(
    handle: &str,
    request: &CanonicalRequest,
) -> Result<Operation, DecodeError> {
    check_parameters(request, &["requestId", "partition"])?;
    let partition = match request.parameter("partition") {
        None => 0,
        // One spelling per number: no sign, no leading zeros.
        Some(text) => match text.parse::<u32>() {
            Ok(number) if number.to_string() == text => number,
            _ => return Err(DecodeError::Field("partition")),
        },
    };
    Ok(Operation::ApiResult {
        handle: query_id(handle)?,
        partition,
    })
}

/// Reads `POST /api/v2/statements/<handle>/cancel`. Its body says nothing.
pub(in crate::snowflake) fn cancel(
    handle: &str,
    request: &CanonicalRequest,
) -> Result<Operation, DecodeError> {
    check_parameters(request, &["requestId"])?;
    Ok(Operation::ApiCancel(query_id(handle)?))
}

/// The user that the placeholder in `Authorization` names, if it is a key-pair token or looks like
/// one. Nothing of it is verified: it only names a credential, for which policy decides.
#[must_use]
pub fn named_user(authorization: &str) -> Option<String> {
    let (scheme, token) = authorization.split_once(' ')?;
    let (_, rest) = token.trim().split_once('.')?;
    let (claims, _) = rest.split_once('.')?;
    if !scheme.eq_ignore_ascii_case("bearer") || claims.len() > CLAIMS_BYTES_MAX {
        return None;
    }
    let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    let claims = Object::from_slice(&claims).ok()?;
    let claim = |name| claims.string(name).ok().flatten();
    // `<ACCOUNT>.<USER>`, and the issuer goes on with `.SHA256:<key>`.
    let named = claim("sub").or_else(|| {
        let issuer = claim("iss")?;
        Some(issuer.rsplit_once(".SHA256:")?.0.to_owned())
    })?;
    let (_, user) = named.rsplit_once('.')?;
    (!user.is_empty()).then(|| user.to_owned())
}

fn check_parameters(request: &CanonicalRequest, known: &[&str]) -> Result<(), DecodeError> {
    let is_known = |(name, _): &(String, String)| known.contains(&name.as_str());
    if request.query.iter().all(is_known) {
        Ok(())
    } else {
        Err(DecodeError::Statement {
            what: "the request has a query parameter that is not known here",
        })
    }
}

fn flag(request: &CanonicalRequest, name: &'static str) -> Result<Option<bool>, DecodeError> {
    match request.parameter(name) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(DecodeError::Field(name)),
    }
}

fn request_id(request: &CanonicalRequest) -> Result<RequestId, JsonError> {
    match request.parameter("requestId") {
        None => Ok(RequestId(String::new())),
        some => query::request_id(some),
    }
}

/// Reads a name, as the service keeps it.
///
/// The reference calls these names case-sensitive, clients write them in either case, and a name
/// that is judged in one reading must not be used in the other. So a plain name is folded, as it
/// would be in a statement, and is sent folded; one that needs quotes can only be in the statement.
fn name(body: &Object<'_>, key: &'static str) -> Result<Option<String>, DecodeError> {
    let Some(name) = body.string(key)?.filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$';
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if begins && name.len() <= NAME_BYTES_MAX && name.bytes().all(plain) {
        Ok(Some(name.to_ascii_uppercase()))
    } else {
        Err(DecodeError::Statement {
            what: "database, schema, warehouse and role must be plain names here: letters, digits, \
                   `_` and `$`; write a name that needs quotes in the statement",
        })
    }
}

const KEYS: [&str; 8] = [
    "bindings",
    "database",
    "parameters",
    "role",
    "schema",
    "statement",
    "timeout",
    "warehouse",
];
/// Snowflake's own limit for an identifier.
const NAME_BYTES_MAX: usize = 255;
/// A token has some hundred bytes.
const CLAIMS_BYTES_MAX: usize = 4096;
