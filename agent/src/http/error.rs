//! Why a request has no canonical form.

/// The request is not one that any Snowflake client sends.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("the method is neither GET nor POST")]
    Method,
    #[error("the request target is not a plain absolute path")]
    Target,
    #[error("the query parameter `{0}` comes more than once")]
    DuplicateParameter(String),
    #[error("the header `{0}` comes more than once or is not text")]
    Header(&'static str),
    #[error("the Host header does not name the server of the TLS handshake")]
    Host,
    #[error("the request body is larger than {0} bytes")]
    BodyTooLarge(usize),
    #[error("the request body did not arrive within {0} s")]
    BodyTimeout(u64),
    #[error("the request body was cut off")]
    BodyCut(#[source] hyper::Error),
    #[error("the request body is not the gzip that its header says")]
    Gzip(#[source] std::io::Error),
    #[error("the content encoding `{0}` is not supported, send gzip or none")]
    Encoding(String),
}
