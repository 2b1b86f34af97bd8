//! The canonical request: what is judged is exactly what these fields say.

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, HOST};
use hyper::{HeaderMap, Request};

use super::body::{self, BodyLimits};
use super::{HttpError, target};

/// The methods that any Snowflake client uses on an account host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
}

/// A request in its one canonical form: path decoded and without empty segments, query decoded,
/// body whole, decompressed and within the limit.
#[derive(Clone, Debug)]
pub struct CanonicalRequest {
    pub method: Method,
    /// Absolute, percent-decoded, no empty, `.` or `..` segments: `/queries/v1/query-request`.
    pub path: String,
    /// Decoded pairs in the order they came. A name that comes twice was refused before this.
    pub query: Vec<(String, String)>,
    /// The value of `Authorization`, unparsed. Never logged.
    pub authorization: Option<String>,
    /// All other headers, lower-case names, UTF-8 values only.
    pub headers: Vec<(String, String)>,
    /// The decompressed body; empty when there is none.
    pub body: Bytes,
}

impl CanonicalRequest {
    /// The decoded value of one query parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of one header, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Brings a request to its canonical form, or says why it has none.
///
/// `server_name` is the name of the TLS handshake: a request for another host on the same
/// connection would be judged under one account and meant for another.
///
/// # Errors
/// See [`HttpError`]; the request must not be forwarded.
pub async fn canonicalise(
    request: Request<Incoming>,
    server_name: &str,
    limits: BodyLimits,
) -> Result<CanonicalRequest, HttpError> {
    let (parts, body) = request.into_parts();
    let method = match parts.method {
        hyper::Method::GET => Method::Get,
        hyper::Method::POST => Method::Post,
        _ => return Err(HttpError::Method),
    };
    if parts.uri.authority().is_some() {
        return Err(HttpError::Target);
    }
    let path = target::canonical_path(parts.uri.path())?;
    let query = target::canonical_query(parts.uri.query())?;
    check_host(&parts.headers, server_name)?;
    let authorization = single(&parts.headers, AUTHORIZATION.as_str(), "authorization")?;
    let encoding = single(
        &parts.headers,
        CONTENT_ENCODING.as_str(),
        "content-encoding",
    )?;
    let raw = body::collect(body, limits).await?;
    let body = body::decode(raw, encoding, limits.bytes_max)?;
    Ok(CanonicalRequest {
        method,
        path,
        query,
        authorization: authorization.map(str::to_owned),
        headers: parts
            .headers
            .iter()
            .filter(|(name, _)| *name != AUTHORIZATION)
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect(),
        body,
    })
}

/// Go and JDBC send the port along (`acct.snowflakecomputing.com:443`).
fn check_host(headers: &HeaderMap, server_name: &str) -> Result<(), HttpError> {
    let host = single(headers, HOST.as_str(), "host")?.ok_or(HttpError::Host)?;
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.eq_ignore_ascii_case(server_name) {
        Ok(())
    } else {
        Err(HttpError::Host)
    }
}

fn single<'a>(
    headers: &'a HeaderMap,
    name: &str,
    label: &'static str,
) -> Result<Option<&'a str>, HttpError> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value
            .to_str()
            .map(Some)
            .map_err(|_opaque| HttpError::Header(label)),
        (Some(_), Some(_)) => Err(HttpError::Header(label)),
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(hosts: &[&str], expected: bool) {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_str(host).unwrap());
        }
        let checked = check_host(&headers, "acct.snowflakecomputing.com");
        assert_eq!(checked.is_ok(), expected, "{hosts:?}");
    }

    #[test]
    fn the_host_header_must_name_the_server_of_the_handshake() {
        check(&["acct.snowflakecomputing.com"], true);
        check(&["ACCT.snowflakecomputing.com:443"], true);
        check(&["acct.snowflakecomputing.com."], true);
        check(&["other.snowflakecomputing.com"], false);
        check(
            &[
                "acct.snowflakecomputing.com",
                "other.snowflakecomputing.com",
            ],
            false,
        );
        check(&[], false);
    }
}
