//! The canonical request: what is judged is exactly what these fields say.

use bytes::Bytes;

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
    pub user_agent: Option<String>,
    pub accept: Option<String>,
    /// All other headers, lower-case names, UTF-8 values only.
    pub headers: Vec<(String, String)>,
    /// The decompressed body; empty when there is none.
    pub body: Bytes,
}

impl CanonicalRequest {
    /// The decoded value of one query parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The value of one header, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}
