//! Why a connection ended before it could ask for anything.

/// The end of a connection that was never served. Closed: a metric label and a field of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Hangup {
    /// The server behind the name shows a Snowflake certificate.
    DisguisedSnowflake,
    /// Something other than HTTP/1.1 inside TLS.
    BadHttp,
    /// The client does not know our CA: `snowfence trust` has not reached it.
    ClientDoesNotTrust,
    Handshake,
    HelloMalformed,
    HelloTimeout,
    /// HTTP without TLS.
    Http,
    Identity,
    /// The destination is known to be Snowflake's, and the hello does not name it.
    KnownAddress,
    Limit,
    /// No flow: whoever connected did not come through the kernel's redirect.
    NoFlow,
    NotTls,
    OtherDenied,
    PassUnreachable,
    /// The certificate behind a name could not be looked at.
    ProbeFailed,
    /// The flow's cgroup is in no scope any more.
    ScopeGone,
    Unnamed,
}

impl Hangup {
    pub(super) const ALL: [Self; 17] = [
        Self::DisguisedSnowflake,
        Self::BadHttp,
        Self::ClientDoesNotTrust,
        Self::Handshake,
        Self::HelloMalformed,
        Self::HelloTimeout,
        Self::Http,
        Self::Identity,
        Self::KnownAddress,
        Self::Limit,
        Self::NoFlow,
        Self::NotTls,
        Self::OtherDenied,
        Self::PassUnreachable,
        Self::ProbeFailed,
        Self::ScopeGone,
        Self::Unnamed,
    ];

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::DisguisedSnowflake => "disguised_snowflake",
            Self::BadHttp => "bad_http",
            Self::ClientDoesNotTrust => "client_does_not_trust",
            Self::Handshake => "handshake",
            Self::HelloMalformed => "hello_malformed",
            Self::HelloTimeout => "hello_timeout",
            Self::Http => "http",
            Self::Identity => "identity",
            Self::KnownAddress => "known_address",
            Self::Limit => "limit",
            Self::NoFlow => "no_flow",
            Self::NotTls => "not_tls",
            Self::OtherDenied => "other_denied",
            Self::PassUnreachable => "pass_unreachable",
            Self::ProbeFailed => "probe_failed",
            Self::ScopeGone => "scope_gone",
            Self::Unnamed => "unnamed",
        }
    }
}
