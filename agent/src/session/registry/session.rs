//! One session.

use std::fmt;
use std::sync::Arc;

use crate::identity::PrincipalKey;
use crate::session::requests::Requests;
use crate::session::state::State;
use crate::sql::SessionState;

/// A session's number, unique in the recording of its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub(super) u64);

impl fmt::Display for SessionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "s{}", self.0)
    }
}

/// One Snowflake login made through us; `U` is its upstream half.
#[derive(Debug)]
pub struct Session<U> {
    pub id: SessionId,
    pub key: PrincipalKey,
    pub account: String,
    pub credential: String,
    /// The client's application id, as it said at login.
    pub client: String,
    /// Snowflake's id of the session, which drivers put into statements of their own.
    pub snowflake_id: u64,
    /// The statements of the session by request id.
    pub requests: Arc<Requests>,
    /// What names mean in the session.
    pub state: Arc<State>,
    pub upstream: U,
}

impl<U: Clone> Session<U> {
    /// The session as one statement sees it that brings its own state along and leaves none behind:
    /// nothing that it changes is there for the next one.
    #[must_use]
    pub fn for_statement(&self, state: SessionState) -> Self {
        Self {
            id: self.id,
            key: self.key.clone(),
            account: self.account.clone(),
            credential: self.credential.clone(),
            client: self.client.clone(),
            snowflake_id: self.snowflake_id,
            requests: Arc::clone(&self.requests),
            state: State::new(state),
            upstream: self.upstream.clone(),
        }
    }
}

/// What a session is made of.
#[derive(Debug)]
pub struct NewSession<U> {
    pub key: PrincipalKey,
    pub account: String,
    pub credential: String,
    pub client: String,
    pub snowflake_id: u64,
    /// The names and parameters that the session begins with.
    pub state: SessionState,
    pub upstream: U,
}
