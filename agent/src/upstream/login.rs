//! Logs in with a real credential.

use bytes::Bytes;
use http::HeaderValue;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::connect::Endpoint;
use super::error::UpstreamError;
use super::exchange::{JSON, Message, request_id};
use super::send::{Target, Upstream};
use super::session::UpstreamSession;
use crate::config;
use crate::credential::{Proof, account_identifier};
use crate::http::Method;
use crate::snowflake::login::{self, LoginAnswer, LoginIdentity};
use crate::snowflake::{AnswerError, Login};

impl Upstream {
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
                port: target.address.map_or(HTTPS, |address| address.port()),
                address: target.address,
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
        let received = self.timed(&host, work).await?;
        let body = Zeroizing::new(received.body);
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
            received.sticky,
            &mut answer,
        );
        Ok((session, answer))
    }
}

/// Account hosts listen nowhere else.
const HTTPS: u16 = 443;

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
