//! Sends what was decided and recorded, and nothing else.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, header};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::oneshot;
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
use crate::credential::{Proof, account_identifier};
use crate::http::Method;
use crate::record::Recorded;
use crate::snowflake::login::{self, LoginAnswer, LoginIdentity};
use crate::snowflake::{
    AnswerError, Login, Operation, renew, request::upstream_request, result::peek,
};

/// A logout is a courtesy: nobody waits for it, and the daemon must be able to stop.
const LOGOUT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a login goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The account host: the certificate must be for it.
    pub host: String,
    /// The address that the client wanted to reach; private links keep working.
    pub address: SocketAddr,
    /// The account as configured; `ACCOUNT_NAME` is made from it.
    pub account_name: String,
}

/// The way to Snowflake and to chunk storage; cheap to clone.
#[derive(Clone, Debug)]
pub struct Upstream {
    exchange: Exchange,
    /// For one operation with all its tries.
    timeout: Duration,
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
        self.perform(recorded.into_operation(&Key::new()), session, query_tag)
            .await
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
        let Some(message) = message(&Operation::Close, "", session)
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

    /// Renews the tokens if three quarters of their time are over; true if it did.
    ///
    /// # Errors
    ///
    /// [`UpstreamError::SessionLost`] when they cannot be renewed any more; anything else is worth
    /// another call later.
    pub async fn renew_due(
        &self,
        session: &UpstreamSession,
        now: Instant,
    ) -> Result<bool, UpstreamError> {
        if !session.is_due(now)? {
            return Ok(false);
        }
        let generation = session.tokens()?.generation;
        self.renew(session, generation).await?;
        Ok(true)
    }

    pub(super) async fn log_in(
        &self,
        login: &Login,
        target: &Target,
        credential: &config::Credential,
        proof: &Proof,
        query_tag: &str,
    ) -> Result<(UpstreamSession, LoginAnswer), UpstreamError> {
        let account_name = account_identifier(&target.account_name);
        let identity = LoginIdentity {
            account_name: &account_name,
            login_name: credential.user.as_deref(),
            proof: proof.as_login_proof(),
            role: role(login, credential)?,
            // The configuration's choice first: a warehouse costs.
            warehouse: credential
                .warehouse
                .as_deref()
                .or(login.warehouse.as_deref()),
            // Where names are looked up is the client's affair.
            database: login.database.as_deref().or(credential.database.as_deref()),
            schema: login.schema.as_deref().or(credential.schema.as_deref()),
            session_parameters: &credential.session_parameters,
            query_tag,
        };
        let host = target.host.clone();
        let request_id = request_id(&host)?;
        let (path, body) = login::upstream_request(login, &identity, &request_id);
        let attempt = Attempt {
            endpoint: Endpoint {
                host,
                port: target.address.port(),
                address: Some(target.address),
            },
            user_agent: user_agent(login),
            path,
            body: Bytes::from_owner(body),
            credential: credential.name.clone(),
            secret: proof.clone(),
        };
        let (tell, told) = oneshot::channel();
        let this = self.clone();
        drop(tokio::spawn(async move {
            let outcome = this.attempt(attempt).await;
            if let Err(Ok((session, _answer))) = tell.send(outcome) {
                this.logout(&session).await;
            }
        }));
        told.await.unwrap_or_else(|_gone| {
            Err(UpstreamError::Stopped {
                host: target.host.clone(),
            })
        })
    }

    async fn attempt(
        &self,
        attempt: Attempt,
    ) -> Result<(UpstreamSession, LoginAnswer), UpstreamError> {
        let host = attempt.endpoint.host.clone();
        let work = self
            .exchange
            .json(&attempt.endpoint, |_tries| Ok(attempt.message()));
        let body = self.timed(&host, work).await.map(Zeroizing::new)?;
        let mut answer = match login::parse_answer(&body) {
            Ok(answer) => answer,
            Err(AnswerError::Malformed) => return Err(UpstreamError::Malformed { host }),
            Err(AnswerError::Refused { code, message }) => {
                let message = attempt.secret.scrub(message);
                let credential = attempt.credential;
                return Err(UpstreamError::LoginRefused {
                    credential,
                    code,
                    message,
                });
            }
        };
        let session = UpstreamSession::new(
            attempt.endpoint,
            attempt.credential,
            attempt.user_agent,
            &mut answer,
        );
        Ok((session, answer))
    }

    pub(super) async fn perform(
        &self,
        operation: Operation,
        session: &UpstreamSession,
        query_tag: &str,
    ) -> Result<Unmasked, UpstreamError> {
        let work = self.deliver(operation, session, query_tag);
        let body = self.timed(session.host(), work).await?;
        Ok(Unmasked::new(200, UnmaskedBody::Json(Bytes::from(body))))
    }

    async fn deliver(
        &self,
        mut operation: Operation,
        session: &UpstreamSession,
        query_tag: &str,
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
                message(&operation, query_tag, session)?
                    .authorised(&tokens.session)
                    .ok_or_else(malformed)
            };
            let body = match self.exchange.json(session.endpoint(), next).await {
                Err(UpstreamError::Status { status: 401, .. }) => return Err(session.lose(None)),
                outcome => outcome?,
            };
            let Ok(peek) = peek(&body) else {
                return Err(malformed());
            };
            match peek.code.as_deref() {
                Some(SESSION_EXPIRED) if !peek.success && !renewed => {
                    self.renew(session, tokens.generation).await?;
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

    /// Renews unless someone else has done so since `generation` was read.
    ///
    /// Runs on its own: if it was dropped between Snowflake's answer and our keeping it, the new
    /// tokens would be gone and the old ones perhaps too.
    async fn renew(&self, session: &UpstreamSession, generation: u64) -> Result<(), UpstreamError> {
        let (this, session_of_task) = (self.clone(), session.clone());
        let task = tokio::spawn(async move { this.renew_now(&session_of_task, generation).await });
        task.await.unwrap_or_else(|_stopped| {
            Err(UpstreamError::Stopped {
                host: session.host().to_owned(),
            })
        })
    }

    async fn renew_now(
        &self,
        session: &UpstreamSession,
        generation: u64,
    ) -> Result<(), UpstreamError> {
        let turn = session.renewal_turn().await;
        let tokens = session.tokens()?;
        if tokens.generation != generation {
            return Ok(());
        }
        if UpstreamSession::is_beyond_renewal(&tokens, Instant::now()) {
            return Err(session.lose(Some(MASTER_EXPIRED.to_owned())));
        }
        let host = session.host();
        let (path, body) = renew::upstream_request(&tokens.session, &request_id(host)?);
        let body = Bytes::from_owner(body);
        let next = |_tries| {
            let (method, user_agent) = (Method::Post, session.user_agent());
            Message::to_account(method, path.clone(), body.clone(), JSON, user_agent)
                .authorised(&tokens.master)
                .ok_or_else(|| UpstreamError::Malformed {
                    host: host.to_owned(),
                })
        };
        let work = self.exchange.json(session.endpoint(), next);
        let outcome = tokio::time::timeout(self.timeout, work)
            .await
            .unwrap_or_else(|_elapsed| {
                Err(UpstreamError::Timeout {
                    host: host.to_owned(),
                    timeout: self.timeout,
                })
            });
        let outcome =
            outcome
                .map(Zeroizing::new)
                .and_then(|body| match renew::parse_answer(&body) {
                    Ok(renewed) => {
                        session.replace(renewed);
                        Ok(())
                    }
                    Err(AnswerError::Refused { code, .. }) => Err(session.lose(Some(code))),
                    Err(AnswerError::Malformed) => Err(UpstreamError::Malformed {
                        host: host.to_owned(),
                    }),
                });
        if let Some(metrics) = &self.exchange.metrics {
            metrics.renewal(&outcome);
        }
        drop(turn);
        outcome
    }

    /// Bounds the whole of an operation, and counts it.
    async fn timed<T>(
        &self,
        host: &str,
        work: impl Future<Output = Result<T, UpstreamError>> + Send,
    ) -> Result<T, UpstreamError> {
        let begin = Instant::now();
        let outcome = tokio::time::timeout(self.timeout, work)
            .await
            .unwrap_or_else(|_elapsed| {
                Err(UpstreamError::Timeout {
                    host: host.to_owned(),
                    timeout: self.timeout,
                })
            });
        if let Some(metrics) = &self.exchange.metrics {
            metrics.request(&outcome, begin.elapsed());
        }
        outcome
    }
}

/// One login, owned, so that it can outlive its caller.
struct Attempt {
    endpoint: Endpoint,
    user_agent: HeaderValue,
    path: String,
    body: Bytes,
    credential: String,
    secret: Proof,
}

impl Attempt {
    fn message(&self) -> Message {
        let (path, body) = (self.path.clone(), self.body.clone());
        Message::to_account(Method::Post, path, body, JSON, &self.user_agent)
    }
}

fn message(
    operation: &Operation,
    query_tag: &str,
    session: &UpstreamSession,
) -> Result<Message, UpstreamError> {
    let request = upstream_request(operation, query_tag).ok_or(UpstreamError::NotForwarded)?;
    let (path, body) = (request.path_and_query, Bytes::from(request.body));
    Ok(Message::to_account(
        request.method,
        path,
        body,
        request.accept,
        session.user_agent(),
    ))
}

/// The role to log in with: the client's wish if the configuration allows it.
fn role<'a>(
    login: &'a Login,
    credential: &'a config::Credential,
) -> Result<Option<&'a str>, UpstreamError> {
    let Some(wish) = login.role.as_deref().filter(|role| !role.is_empty()) else {
        return Ok(credential.role.as_deref());
    };
    let mut allowed = credential.role.iter().chain(&credential.roles);
    match allowed.find(|role| role.eq_ignore_ascii_case(wish)) {
        Some(role) => Ok(Some(role)),
        None => Err(UpstreamError::RoleRefused {
            credential: credential.name.clone(),
            role: wish.to_owned(),
        }),
    }
}

/// The driver's name first, because the service may choose formats by it, then ours.
fn user_agent(login: &Login) -> HeaderValue {
    const OURS: &str = concat!("snowfence/", env!("CARGO_PKG_VERSION"));
    let text = format!(
        "{}/{} {OURS}",
        login.client_app_id, login.client_app_version
    );
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(OURS))
}

/// A random UUID, version 4.
fn request_id(host: &str) -> Result<String, UpstreamError> {
    let mut bytes = [0; 16];
    if SystemRandom::new().fill(&mut bytes).is_err() {
        return Err(UpstreamError::Stopped {
            host: host.to_owned(),
        });
    }
    let bits = u128::from_be_bytes(bytes);
    let bits = bits & !(0xf << 76) | (0x4 << 76);
    let bits = bits & !(0x3 << 62) | (0x2 << 62);
    let (a, b, c) = (bits >> 96, (bits >> 80) & 0xffff, (bits >> 64) & 0xffff);
    let (d, e) = ((bits >> 48) & 0xffff, bits & 0xffff_ffff_ffff);
    Ok(format!("{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}"))
}

const JSON: &str = "application/json";

/// The session token has expired; the master token renews it.
const SESSION_EXPIRED: &str = "390112";

const MASTER_EXPIRED: &str = "390114";

/// Codes after which only a new login helps: no token, bad token, session gone, and what follows a
/// renewal that did not help.
const SESSION_ENDED: [&str; 7] = [
    "390103",
    "390104",
    "390111",
    SESSION_EXPIRED,
    "390113",
    MASTER_EXPIRED,
    "390115",
];
