//! Sends what goes through the SQL API: with the credential itself, because there is no session.

use bytes::Bytes;
use zeroize::Zeroizing;

use super::error::UpstreamError;
use super::exchange::{JSON, Message};
use super::proof::{Key, Unmasked, UnmaskedBody};
use super::send::{Upstream, bounds};
use super::session::UpstreamSession;
use crate::credential::Proof;
use crate::record::Recorded;
use crate::snowflake::Operation;
use crate::snowflake::request::upstream_request;

impl Upstream {
    /// Sends an operation of the SQL API to the account host of a session, and returns the answer
    /// for the mask to read. Errors of the statement itself are answers, not errors.
    ///
    /// # Errors
    ///
    /// When the credential cannot speak the SQL API, or there is no answer.
    pub async fn send_api(
        &self,
        recorded: Recorded,
        session: &UpstreamSession,
        proof: &Proof,
        query_tag: &str,
    ) -> Result<Unmasked, UpstreamError> {
        let bounds = bounds(recorded.limits());
        let mut operation = recorded.into_operation(&Key::new());
        if !operation.is_api() {
            return Err(UpstreamError::NotForwarded);
        }
        let credential = || session.credential().to_owned();
        let no_bearer = || UpstreamError::NoBearer {
            credential: credential(),
        };
        let (kind, token) = proof.as_bearer().ok_or_else(no_bearer)?;
        let value = Zeroizing::new(format!("Bearer {token}"));
        let next = |tries| {
            if let (Operation::Query(query), 1..) = (&mut operation, tries) {
                query.retry_count = query.retry_count.saturating_add(1);
            }
            let request = upstream_request(&operation, query_tag, bounds)
                .ok_or(UpstreamError::NotForwarded)?;
            let (path, body) = (request.path_and_query, Bytes::from(request.body));
            Message::to_account(request.method, path, body, JSON, session.user_agent())
                .with_secret("authorization", &value)
                .and_then(|message| message.with_secret(TOKEN_TYPE, kind))
                .ok_or_else(no_bearer)
        };
        let work = Box::pin(self.exchange.told(session.endpoint(), next));
        match self.timed(session.host(), work).await {
            Ok(told) => Ok(Unmasked::new(
                told.status,
                UnmaskedBody::Json(Bytes::from(told.body)),
            )),
            Err(UpstreamError::Status {
                status: status @ (401 | 403),
                ..
            }) => Err(UpstreamError::BearerRefused {
                credential: credential(),
                status,
            }),
            Err(error) => Err(error),
        }
    }
}

/// Without it Snowflake takes every token for one of OAuth.
const TOKEN_TYPE: &str = "x-snowflake-authorization-token-type";
