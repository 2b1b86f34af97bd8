//! Sends what was decided and recorded, and nothing else.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, header};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use super::connect::{Connector, Endpoint};
use super::error::UpstreamError;
use super::exchange::{Exchange, Message};
use super::metrics::Metrics;
use super::pool::Pool;
use super::proof::{Key, Unmasked, UnmaskedBody};
use super::session::UpstreamSession;
use crate::config::{self, Limits};
use crate::credential::Proof;
use crate::http::Method;
use crate::policy;
use crate::record::Recorded;
use crate::snowflake::Operation;
use crate::snowflake::login::LoginAnswer;
use crate::snowflake::request::{Bounds, upstream_request};
use crate::snowflake::result::peek;

/// A logout is a courtesy: nobody waits for it, and the daemon must be able to stop.
const LOGOUT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a login goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The account host: the certificate must be for it.
    pub host: String,
    /// The address that the client wanted to reach; private links keep working. `None` for a login
    /// that no client wanted: then `host` is resolved here.
    pub address: Option<SocketAddr>,
    /// The account as configured; `ACCOUNT_NAME` is made from it.
    pub account_name: String,
}

/// The way to Snowflake and to chunk storage; cheap to clone.
#[derive(Clone, Debug)]
pub struct Upstream {
    pub(super) exchange: Exchange,
    /// For one operation with all its tries.
    pub(super) timeout: Duration,
}

impl Upstream {
    /// Makes the way to Snowflake; no connection is opened yet.
    #[must_use]
    pub fn new(connector: TlsConnector, limits: &Limits, metrics: Option<Metrics>) -> Self {
        let timeout = limits.upstream_timeout;
        let gauge = metrics.as_ref().map(|metrics| metrics.connections.clone());
        // No operation lasts longer than `timeout`, so neither does a healthy silence.
        let pool = Pool::new(Connector::new(connector, timeout, gauge));
        let response_body_bytes_max = limits.response_body_bytes_max;
        Self {
            exchange: Exchange {
                pool,
                response_body_bytes_max,
                metrics,
            },
            timeout,
        }
    }

    /// Logs in with a real credential.
    ///
    /// The tokens of the answer are moved into the session. If the caller goes away meanwhile, the
    /// login is finished and undone, so that no session is left behind at Snowflake.
    ///
    /// # Errors
    ///
    /// When Snowflake cannot be reached or refuses.
    pub async fn login(
        &self,
        recorded: Recorded,
        target: &Target,
        credential: &config::Credential,
        proof: &Proof,
        query_tag: &str,
    ) -> Result<(UpstreamSession, LoginAnswer), UpstreamError> {
        let Operation::Login(login) = recorded.into_operation(&Key::new()) else {
            return Err(UpstreamError::NotForwarded);
        };
        self.log_in(&login, target, credential, proof, query_tag)
            .await
    }

    /// Sends an operation of a session and returns the answer for the mask to read.
    ///
    /// A session token that has expired is renewed and the operation sent again, with the same
    /// request id. Errors of the statement itself are answers, not errors.
    ///
    /// # Errors
    ///
    /// When there is no answer, or Snowflake has ended the session.
    pub async fn send(
        &self,
        recorded: Recorded,
        session: &UpstreamSession,
        query_tag: &str,
    ) -> Result<Unmasked, UpstreamError> {
        let bounds = bounds(recorded.limits());
        let operation = recorded.into_operation(&Key::new());
        self.perform(operation, session, query_tag, bounds).await
    }

    /// Fetches a result chunk from storage, verified by TLS like the account host.
    ///
    /// # Errors
    ///
    /// [`UpstreamError::ChunkExpired`] when the link is to be refreshed.
    pub async fn fetch_chunk(
        &self,
        recorded: Recorded,
        url: &str,
        headers: &[(String, Zeroizing<String>)],
    ) -> Result<Unmasked, UpstreamError> {
        let Operation::Chunk { .. } = recorded.into_operation(&Key::new()) else {
            return Err(UpstreamError::NotForwarded);
        };
        self.chunk(url, headers).await
    }

    /// Ends a session at Snowflake, if that can be done quickly.
    pub async fn logout(&self, session: &UpstreamSession) {
        let Ok(tokens) = session.tokens() else {
            return;
        };
        // Whatever Snowflake says, this session sends nothing more.
        drop(session.lose(None));
        let Some(message) = message(&Operation::Close, "", Bounds::default(), session)
            .ok()
            .and_then(|message| message.authorised(&tokens.session))
        else {
            return;
        };
        let work = self.exchange.json_once(session.endpoint(), &message);
        match tokio::time::timeout(LOGOUT_TIMEOUT, work).await {
            Ok(Ok(_answer)) => {}
            Ok(Err(error)) => {
                tracing::debug!(outcome = error.outcome(), "upstream logout failed");
            }
            Err(_elapsed) => tracing::debug!("upstream logout timed out"),
        }
    }

    pub(super) async fn perform(
        &self,
        operation: Operation,
        session: &UpstreamSession,
        query_tag: &str,
        bounds: Bounds,
    ) -> Result<Unmasked, UpstreamError> {
        let work = Box::pin(self.deliver(operation, session, query_tag, bounds));
        let body = self.timed(session.host(), work).await?;
        Ok(Unmasked::new(200, UnmaskedBody::Json(Bytes::from(body))))
    }

    async fn deliver(
        &self,
        mut operation: Operation,
        session: &UpstreamSession,
        query_tag: &str,
        bounds: Bounds,
    ) -> Result<Vec<u8>, UpstreamError> {
        let malformed = || UpstreamError::Malformed {
            host: session.host().to_owned(),
        };
        let mut renewed = false;
        loop {
            let tokens = session.tokens()?;
            let next = |tries| {
                if let (Operation::Query(query), 1..) = (&mut operation, tries) {
                    query.retry_count = query.retry_count.saturating_add(1);
                }
                message(&operation, query_tag, bounds, session)?
                    .authorised(&tokens.session)
                    .ok_or_else(malformed)
            };
            let received = match self.exchange.json(session.endpoint(), next).await {
                Err(UpstreamError::Status { status: 401, .. }) => return Err(session.lose(None)),
                outcome => outcome?,
            };
            session.stick(received.sticky);
            let body = received.body;
            let Ok(peek) = peek(&body) else {
                return Err(malformed());
            };
            match peek.code.as_deref() {
                Some(SESSION_EXPIRED) if !peek.success && !renewed => {
                    self.renew(session, tokens.clone()).await?;
                    renewed = true;
                }
                Some(code) if !peek.success && SESSION_ENDED.contains(&code) => {
                    return Err(session.lose(Some(code.to_owned())));
                }
                _ => return Ok(body),
            }
        }
    }

    pub(super) async fn chunk(
        &self,
        url: &str,
        headers: &[(String, Zeroizing<String>)],
    ) -> Result<Unmasked, UpstreamError> {
        let (endpoint, path_and_query) =
            Endpoint::from_https(url).ok_or(UpstreamError::ChunkAddress)?;
        let mut message = Message {
            method: Method::Get,
            path_and_query,
            body: Bytes::new(),
            headers: [(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"))]
                .into_iter()
                .collect(),
        };
        for (name, value) in headers {
            message = message
                .with_secret(name, value)
                .ok_or(UpstreamError::ChunkAddress)?;
        }
        let work = self.exchange.stream(&endpoint, &message);
        let outcome = self.timed(&endpoint.host, async {
            match work.await {
                // 400 is how S3 says that the temporary key behind a signature has expired.
                Err(UpstreamError::Status {
                    host,
                    status: status @ (400 | 403 | 404),
                }) => Err(UpstreamError::ChunkExpired { host, status }),
                outcome => outcome,
            }
        });
        let (headers, stream) = outcome.await?;
        let content_length = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.parse().ok());
        Ok(Unmasked::new(
            200,
            UnmaskedBody::Chunk {
                stream,
                content_length,
            },
        ))
    }

    /// Bounds the whole of an operation.
    pub(super) async fn bounded<T>(
        &self,
        host: &str,
        work: impl Future<Output = Result<T, UpstreamError>> + Send,
    ) -> Result<T, UpstreamError> {
        tokio::time::timeout(self.timeout, work)
            .await
            .unwrap_or_else(|_elapsed| {
                Err(UpstreamError::Timeout {
                    host: host.to_owned(),
                    timeout: self.timeout,
                })
            })
    }

    /// Bounds the whole of an operation, and counts it.
    pub(super) async fn timed<T>(
        &self,
        host: &str,
        work: impl Future<Output = Result<T, UpstreamError>> + Send,
    ) -> Result<T, UpstreamError> {
        let begin = Instant::now();
        let outcome = self.bounded(host, work).await;
        if let Some(metrics) = &self.exchange.metrics {
            metrics.request(&outcome, begin.elapsed());
        }
        outcome
    }
}

/// A permit's limits in the upstream's terms. A timeout is rounded up: ours comes after it.
pub(super) fn bounds(limits: policy::Limits) -> Bounds {
    Bounds {
        rows_max: limits.max_rows,
        seconds_max: limits
            .timeout
            .map(|timeout| timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0))
            .map(|seconds| seconds.max(1)),
    }
}

fn message(
    operation: &Operation,
    query_tag: &str,
    bounds: Bounds,
    session: &UpstreamSession,
) -> Result<Message, UpstreamError> {
    let request =
        upstream_request(operation, query_tag, bounds).ok_or(UpstreamError::NotForwarded)?;
    let (path, body) = (request.path_and_query, Bytes::from(request.body));
    Ok(Message::to_account(
        request.method,
        path,
        body,
        request.accept,
        session.user_agent(),
    )
    .stuck_to(session.sticky()))
}

/// The session token has expired; the master token renews it.
const SESSION_EXPIRED: &str = "390112";

/// Codes after which only a new login helps: no token, bad token, session gone, and what follows a
/// renewal that did not help.
const SESSION_ENDED: [&str; 7] = [
    "390103",
    "390104",
    "390111",
    SESSION_EXPIRED,
    "390113",
    "390114",
    "390115",
];
