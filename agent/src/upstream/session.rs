//! One login at Snowflake: the real tokens, which never leave this module's parent.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::connect::Endpoint;
use super::error::UpstreamError;
use crate::snowflake::login::LoginAnswer;
use crate::snowflake::renew::Renewed;

/// A session at Snowflake; cheap to clone.
#[derive(Clone)]
pub struct UpstreamSession(Arc<Inner>);

struct Inner {
    endpoint: Endpoint,
    credential: String,
    user_agent: HeaderValue,
    /// Held for moments only, never across an await.
    state: Mutex<State>,
    /// Held by the one renewal that is under way.
    renewing: tokio::sync::Mutex<()>,
}

struct State {
    tokens: Tokens,
    /// What the account host last said of where it wants the session's requests.
    sticky: Option<HeaderValue>,
    /// Why the session is of no use any more.
    lost: Option<Option<String>>,
}

/// The tokens of one moment.
#[derive(Clone)]
pub(super) struct Tokens {
    pub(super) session: Arc<Zeroizing<String>>,
    pub(super) master: Arc<Zeroizing<String>>,
    /// Tells whether someone else has renewed meanwhile.
    pub(super) generation: u64,
    /// Tells whether someone else has tried to and failed.
    pub(super) failures: u64,
    renew_at: Instant,
    master_until: Instant,
}

impl Tokens {
    fn new(
        session: Zeroizing<String>,
        master: Zeroizing<String>,
        validity: Duration,
        master_validity: Duration,
        generation: u64,
    ) -> Self {
        let now = Instant::now();
        // At three quarters: an hour's token is renewed a quarter of an hour early, so that a
        // statement started now does not meet the end, and a failed renewal can be tried again.
        let renew_at = now + bounded(validity).mul_f64(0.75);
        let master_until = now + bounded(master_validity);
        Self {
            session: Arc::new(session),
            master: Arc::new(master),
            generation,
            failures: 0,
            renew_at,
            master_until,
        }
    }
}

/// A year: an answer that says more is not believed, and cannot overflow the clock.
fn bounded(validity: Duration) -> Duration {
    validity.min(Duration::from_secs(31_536_000))
}

impl UpstreamSession {
    /// Takes the tokens out of the answer.
    pub(super) fn new(
        endpoint: Endpoint,
        credential: String,
        user_agent: HeaderValue,
        sticky: Option<HeaderValue>,
        answer: &mut LoginAnswer,
    ) -> Self {
        let tokens = Tokens::new(
            std::mem::take(&mut answer.session_token),
            std::mem::take(&mut answer.master_token),
            answer.validity,
            answer.master_validity,
            0,
        );
        Self(Arc::new(Inner {
            endpoint,
            credential,
            user_agent,
            state: Mutex::new(State {
                tokens,
                sticky,
                lost: None,
            }),
            renewing: tokio::sync::Mutex::new(()),
        }))
    }

    /// The account host.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.0.endpoint.host
    }

    /// The address that the client wanted to reach.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.endpoint.address
    }

    /// The name of the credential that logged in.
    #[must_use]
    pub fn credential(&self) -> &str {
        &self.0.credential
    }

    /// True once Snowflake has ended the session, or we have.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.state().lost.is_some()
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    pub(super) fn user_agent(&self) -> &HeaderValue {
        &self.0.user_agent
    }

    pub(super) async fn renewal_turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.renewing.lock().await
    }

    /// The tokens, unless the session is lost.
    pub(super) fn tokens(&self) -> Result<Tokens, UpstreamError> {
        let state = self.state();
        match &state.lost {
            None => Ok(state.tokens.clone()),
            Some(code) => Err(self.lost_error(code.clone())),
        }
    }

    pub(super) fn sticky(&self) -> Option<HeaderValue> {
        self.state().sticky.clone()
    }

    /// Keeps what an answer said; one that says nothing changes nothing.
    pub(super) fn stick(&self, sticky: Option<HeaderValue>) {
        if sticky.is_some() {
            self.state().sticky = sticky;
        }
    }

    /// True when the tokens should be renewed by now.
    pub(super) fn is_due(&self, now: Instant) -> Result<bool, UpstreamError> {
        Ok(now >= self.tokens()?.renew_at)
    }

    /// True when Snowflake would refuse a renewal at `now`.
    pub(super) fn is_beyond_renewal(tokens: &Tokens, now: Instant) -> bool {
        now >= tokens.master_until
    }

    pub(super) fn replace(&self, renewed: Renewed) {
        let mut state = self.state();
        let generation = state.tokens.generation.wrapping_add(1);
        state.tokens = Tokens::new(
            renewed.session_token,
            renewed.master_token,
            renewed.validity,
            renewed.master_validity,
            generation,
        );
    }

    /// Tells those who wait for their turn that this one did not help.
    pub(super) fn count_failure(&self) {
        let mut state = self.state();
        state.tokens.failures = state.tokens.failures.wrapping_add(1);
    }

    /// Marks the session as lost, for every later use too.
    pub(super) fn lose(&self, code: Option<String>) -> UpstreamError {
        let mut state = self.state();
        let code = state.lost.get_or_insert(code).clone();
        drop(state);
        self.lost_error(code)
    }

    fn lost_error(&self, code: Option<String>) -> UpstreamError {
        UpstreamError::SessionLost {
            host: self.host().to_owned(),
            code,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for UpstreamSession {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("UpstreamSession")
            .field("endpoint", &self.0.endpoint)
            .field("credential", &self.0.credential)
            .field("lost", &self.is_lost())
            .finish_non_exhaustive()
    }
}
