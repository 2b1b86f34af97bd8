//! New tokens for old ones, by one at a time.

use bytes::Bytes;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::error::UpstreamError;
use super::exchange::{JSON, Message, request_id};
use super::send::Upstream;
use super::session::{Tokens, UpstreamSession};
use crate::http::Method;
use crate::snowflake::{AnswerError, renew};

impl Upstream {
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
        self.renew(session, session.tokens()?).await?;
        Ok(true)
    }

    /// Renews unless someone else has done so since `seen` was read.
    ///
    /// Runs on its own: if it was dropped between Snowflake's answer and our keeping it, the new
    /// tokens would be gone and the old ones perhaps too.
    pub(super) async fn renew(
        &self,
        session: &UpstreamSession,
        seen: Tokens,
    ) -> Result<(), UpstreamError> {
        let (this, session_of_task) = (self.clone(), session.clone());
        let task = tokio::spawn(async move { this.renew_now(&session_of_task, &seen).await });
        task.await.unwrap_or_else(|_stopped| {
            Err(UpstreamError::Stopped {
                host: session.host().to_owned(),
            })
        })
    }

    async fn renew_now(
        &self,
        session: &UpstreamSession,
        seen: &Tokens,
    ) -> Result<(), UpstreamError> {
        let turn = session.renewal_turn().await;
        let tokens = session.tokens()?;
        if tokens.generation != seen.generation {
            return Ok(());
        }
        // Those who wait in line behind a renewal that failed would each wait as long again.
        if tokens.failures != seen.failures {
            return Err(UpstreamError::RenewalFailed {
                host: session.host().to_owned(),
            });
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
                .stuck_to(session.sticky())
                .authorised(&tokens.master)
                .ok_or_else(|| UpstreamError::Malformed {
                    host: host.to_owned(),
                })
        };
        let work = self.exchange.json(session.endpoint(), next);
        let outcome = self.bounded(host, work).await;
        let outcome = outcome
            .map(|received| Zeroizing::new(received.body))
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
        if outcome.is_err() {
            session.count_failure();
        }
        if let Some(metrics) = &self.exchange.metrics {
            metrics.renewal(&outcome);
        }
        drop(turn);
        outcome
    }
}

/// What Snowflake says of a master token that has expired.
const MASTER_EXPIRED: &str = "390114";
