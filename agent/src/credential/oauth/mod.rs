//! OAuth client credentials (RFC 6749 section 4.4): an access token from a token endpoint.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::Full;
use serde::Deserialize;
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::credential::secret::{Secret, SecretError, Source};
use crate::upstream::{BodyError, ConnectError, Connector, Endpoint};

/// An identity provider answers within a second; a login waits for it.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(15);

/// How long one waits while others ask: one exchange, with the command before it that gives the
/// client secret.
const TURN_TIMEOUT: Duration = Duration::from_secs(30);

/// Tokens with many claims reach 20 KB.
const TOKEN_ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What a token without `expires_in` is trusted for (the field is only recommended).
const LIFETIME_DEFAULT: Duration = Duration::from_secs(300);

/// A year: an answer that says more is not believed, and cannot overflow the clock.
const LIFETIME_MAX: Duration = Duration::from_secs(31_536_000);

/// A token is replaced this long before it ends: longer than a login takes with all its tries.
const REFRESH_AHEAD: Duration = Duration::from_secs(120);

/// Why there is no access token. Nothing of the client secret or of a token is in it.
#[derive(Debug, Error)]
pub enum OauthError {
    #[error("`{url}` is not an https address of a token endpoint")]
    Url { url: String },
    #[error("cannot get the client secret")]
    Secret(#[source] SecretError),
    #[error("cannot connect to the token endpoint `{host}`")]
    Connect {
        host: String,
        #[source]
        source: ConnectError,
    },
    #[error("the token endpoint `{host}` broke the connection")]
    Reset {
        host: String,
        #[source]
        source: hyper::Error,
    },
    #[error("the token endpoint `{host}` did not answer within {} s", TOKEN_TIMEOUT.as_secs())]
    Timeout { host: String },
    #[error("others still wait for the token endpoint `{host}`")]
    Busy { host: String },
    #[error("cannot read the answer of the token endpoint `{host}`")]
    Body {
        host: String,
        #[source]
        source: BodyError,
    },
    #[error("the token endpoint `{host}` refused with HTTP status {status}{}", reason.suffix())]
    Refused {
        host: String,
        status: u16,
        reason: Reason,
    },
    #[error("the token endpoint `{host}` gave no access token")]
    Malformed { host: String },
}

/// The `error` of RFC 6749 section 5.2. Other values are not repeated: they are anyone's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    UnauthorizedClient,
    UnsupportedGrantType,
    Other,
}

impl Reason {
    fn parse(text: &str) -> Self {
        match text {
            "invalid_client" => Self::InvalidClient,
            "invalid_grant" => Self::InvalidGrant,
            "invalid_request" => Self::InvalidRequest,
            "invalid_scope" => Self::InvalidScope,
            "unauthorized_client" => Self::UnauthorizedClient,
            "unsupported_grant_type" => Self::UnsupportedGrantType,
            _ => Self::Other,
        }
    }

    const fn suffix(self) -> &'static str {
        match self {
            Self::InvalidClient => " (invalid_client: check `client_id` and the client secret)",
            Self::InvalidGrant => " (invalid_grant)",
            Self::InvalidRequest => " (invalid_request)",
            Self::InvalidScope => " (invalid_scope: check `scope`)",
            Self::UnauthorizedClient => {
                " (unauthorized_client: allow the client the client credentials grant)"
            }
            Self::UnsupportedGrantType => " (unsupported_grant_type)",
            Self::Other => "",
        }
    }
}

/// One client of a token endpoint, with its last token.
#[derive(Debug)]
pub(super) struct ClientCredentials {
    connector: Connector,
    endpoint: Endpoint,
    path: String,
    client_id: String,
    client_secret: Source,
    scope: Option<String>,
    /// Held across the exchange: callers that come at the same time share one token.
    cache: Mutex<Option<Cached>>,
}

#[derive(Debug)]
struct Cached {
    token: Secret,
    expires: Instant,
}

impl ClientCredentials {
    pub(super) fn new(
        connector: Connector,
        token_url: &str,
        client_id: &str,
        client_secret: Source,
        scope: Option<&str>,
    ) -> Result<Self, OauthError> {
        let (endpoint, path) = Endpoint::from_https(token_url).ok_or_else(|| OauthError::Url {
            url: token_url.to_owned(),
        })?;
        Ok(Self {
            connector,
            endpoint,
            path,
            client_id: client_id.to_owned(),
            client_secret,
            scope: scope.map(str::to_owned),
            cache: Mutex::new(None),
        })
    }

    /// An access token that is valid for long enough to log in with it.
    pub(super) async fn token(&self) -> Result<Secret, OauthError> {
        let turn = tokio::time::timeout(TURN_TIMEOUT, self.cache.lock()).await;
        let mut cache = turn.map_err(|_elapsed| OauthError::Busy { host: self.host() })?;
        let now = Instant::now();
        if let Some(cached) = cache.as_ref()
            && now + REFRESH_AHEAD < cached.expires
        {
            return Ok(cached.token.clone());
        }
        match self.fetch().await {
            Ok(fresh) => Ok(cache.insert(fresh).token.clone()),
            // The endpoint is down for a moment; the old token still holds.
            Err(error) => match cache.as_ref() {
                Some(cached) if Instant::now() < cached.expires => Ok(cached.token.clone()),
                _ => Err(error),
            },
        }
    }

    async fn fetch(&self) -> Result<Cached, OauthError> {
        let secret = self
            .client_secret
            .secret()
            .await
            .map_err(OauthError::Secret)?;
        tokio::time::timeout(TOKEN_TIMEOUT, self.exchange(&secret))
            .await
            .unwrap_or_else(|_elapsed| Err(OauthError::Timeout { host: self.host() }))
    }

    async fn exchange(&self, secret: &Secret) -> Result<Cached, OauthError> {
        let request = self.request(secret)?;
        let asked = Instant::now();
        let mut sender = crate::upstream::open(&self.connector, &self.endpoint)
            .await
            .map_err(|source| OauthError::Connect {
                host: self.host(),
                source,
            })?;
        let answer = sender
            .send_request(request)
            .await
            .map_err(|source| OauthError::Reset {
                host: self.host(),
                source,
            })?;
        let (parts, body) = answer.into_parts();
        let body = crate::upstream::collect(&parts.headers, body, TOKEN_ANSWER_BYTES_MAX)
            .await
            .map(Zeroizing::new)
            .map_err(|source| OauthError::Body {
                host: self.host(),
                source,
            })?;
        if parts.status != StatusCode::OK {
            let reason = serde_json::from_slice::<Failure>(&body)
                .map_or(Reason::Other, |failure| Reason::parse(&failure.error));
            let status = parts.status.as_u16();
            return Err(OauthError::Refused {
                host: self.host(),
                status,
                reason,
            });
        }
        self.read(&body, asked)
    }

    fn request(&self, secret: &Secret) -> Result<Request<Full<Bytes>>, OauthError> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if let Some(scope) = &self.scope {
            form.append_pair("scope", scope);
        }
        // Both halves are form-encoded first: RFC 6749 section 2.3.1.
        let mut pair = Zeroizing::new(String::with_capacity(4096));
        pair.extend(form_urlencoded::byte_serialize(self.client_id.as_bytes()));
        pair.push(':');
        pair.extend(form_urlencoded::byte_serialize(secret.reveal().as_bytes()));
        let basic = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
        let url = || OauthError::Url {
            url: self.path.clone(),
        };
        let mut authorization = HeaderValue::from_str(&basic).map_err(|_error| url())?;
        authorization.set_sensitive(true);
        Request::post(&self.path)
            .header(header::HOST, self.endpoint.authority())
            .header(header::AUTHORIZATION, authorization)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .body(Full::from(form.finish()))
            .map_err(|_error| url())
    }

    fn read(&self, body: &[u8], asked: Instant) -> Result<Cached, OauthError> {
        // What serde says of broken JSON may quote the token.
        let Ok(answer) = serde_json::from_slice::<Answer>(body) else {
            return Err(OauthError::Malformed { host: self.host() });
        };
        let token = Zeroizing::new(answer.access_token);
        if token.is_empty() || token.len() > TOKEN_ANSWER_BYTES_MAX {
            return Err(OauthError::Malformed { host: self.host() });
        }
        let lifetime = answer
            .expires_in
            .map_or(LIFETIME_DEFAULT, Duration::from_secs);
        Ok(Cached {
            token: Secret::new(token),
            expires: asked + lifetime.min(LIFETIME_MAX),
        })
    }

    fn host(&self) -> String {
        self.endpoint.host.clone()
    }
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    expires_in: Option<u64>,
}

#[derive(Deserialize)]
struct Failure {
    error: String,
}

#[cfg(test)]
mod tests;
