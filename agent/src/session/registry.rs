//! The open sessions, found by token and only by the principal that they belong to.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ring::rand::SystemRandom;
use tokio::time::Instant;

use super::requests::Requests;
use super::token::{Token, TokenDigest};
use crate::identity::PrincipalKey;

/// Snowflake's own validity of a session token.
const SESSION_VALIDITY: Duration = Duration::from_secs(3600);
/// Snowflake's own validity of a master token.
const MASTER_VALIDITY: Duration = Duration::from_secs(4 * 3600);
/// A request that left the client before its renewal came back still carries the old token.
const RENEWAL_GRACE: Duration = Duration::from_secs(60);
/// One principal cannot take every session: a quarter of them.
const PRINCIPAL_SHARE: usize = 4;

/// A session's number, unique while the daemon runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(u64);

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
    pub requests: Requests,
    pub upstream: U,
}

/// What a session is made of.
#[derive(Debug)]
pub struct NewSession<U> {
    pub key: PrincipalKey,
    pub account: String,
    pub credential: String,
    pub client: String,
    pub snowflake_id: u64,
    pub upstream: U,
}

/// The tokens that a client gets.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub session: Token,
    pub master: Token,
    pub session_validity: Duration,
    pub master_validity: Duration,
}

/// Why a token opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the token has expired")]
    Expired,
    #[error("the token was given to another principal")]
    Foreign,
    #[error("the master token has expired")]
    MasterExpired,
    #[error("the token is not known")]
    Unknown,
}

/// There is no room for another session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("the limit of sessions is reached")]
    Full,
    #[error("the limit of sessions of one workload is reached")]
    PrincipalFull,
    #[error("the system gave no randomness for a token")]
    Random,
}

struct Held<U> {
    session: Arc<Session<U>>,
    tokens: Vec<(TokenDigest, Instant)>,
    master: (TokenDigest, Instant),
}

struct Inner<U> {
    next: u64,
    held: HashMap<SessionId, Held<U>>,
    by_token: HashMap<TokenDigest, SessionId>,
    by_master: HashMap<TokenDigest, SessionId>,
}

/// Every open session.
pub struct Registry<U> {
    sessions_max: usize,
    random: SystemRandom,
    inner: Mutex<Inner<U>>,
}

impl<U> fmt::Debug for Registry<U> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Registry")
            .field("open", &self.len())
            .finish_non_exhaustive()
    }
}

impl<U> Registry<U> {
    #[must_use]
    pub fn new(sessions_max: usize) -> Self {
        Self {
            sessions_max,
            random: SystemRandom::new(),
            inner: Mutex::new(Inner {
                next: 1,
                held: HashMap::new(),
                by_token: HashMap::new(),
                by_master: HashMap::new(),
            }),
        }
    }

    /// The number of open sessions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().held.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether another session of this principal would fit: asked before the upstream login.
    ///
    /// # Errors
    /// There is no room.
    pub fn check_room(&self, key: &PrincipalKey) -> Result<(), OpenError> {
        let inner = self.lock();
        self.room(&inner, key)
    }

    fn room(&self, inner: &Inner<U>, key: &PrincipalKey) -> Result<(), OpenError> {
        if inner.held.len() >= self.sessions_max {
            return Err(OpenError::Full);
        }
        let own = inner
            .held
            .values()
            .filter(|held| held.session.key == *key)
            .count();
        if own >= self.sessions_max.div_ceil(PRINCIPAL_SHARE) {
            return Err(OpenError::PrincipalFull);
        }
        Ok(())
    }

    /// Opens a session and makes its tokens.
    ///
    /// # Errors
    /// There is no room, or no randomness.
    pub fn open(
        &self,
        new: NewSession<U>,
        now: Instant,
    ) -> Result<(Arc<Session<U>>, Tokens), OpenError> {
        let tokens = self.make_tokens().ok_or(OpenError::Random)?;
        let mut inner = self.lock();
        self.room(&inner, &new.key)?;
        let id = SessionId(inner.next);
        inner.next += 1;
        let session = Arc::new(Session {
            id,
            key: new.key,
            account: new.account,
            credential: new.credential,
            client: new.client,
            snowflake_id: new.snowflake_id,
            requests: Requests::default(),
            upstream: new.upstream,
        });
        inner.by_token.insert(tokens.session.digest(), id);
        inner.by_master.insert(tokens.master.digest(), id);
        inner.held.insert(
            id,
            Held {
                session: Arc::clone(&session),
                tokens: vec![(tokens.session.digest(), now + SESSION_VALIDITY)],
                master: (tokens.master.digest(), now + MASTER_VALIDITY),
            },
        );
        Ok((session, tokens))
    }

    /// The session of a session token.
    ///
    /// # Errors
    /// The token is unknown, expired, or was given to another principal.
    pub fn by_session_token(
        &self,
        token: &str,
        key: &PrincipalKey,
        now: Instant,
    ) -> Result<Arc<Session<U>>, TokenError> {
        let digest = TokenDigest::of(token);
        let inner = self.lock();
        let held = inner
            .by_token
            .get(&digest)
            .and_then(|id| inner.held.get(id));
        let held = held.ok_or(TokenError::Unknown)?;
        if held.session.key != *key {
            return Err(TokenError::Foreign);
        }
        let fresh = held
            .tokens
            .iter()
            .any(|(known, until)| *known == digest && now < *until);
        if fresh {
            Ok(Arc::clone(&held.session))
        } else {
            Err(TokenError::Expired)
        }
    }

    /// The session of a master token.
    ///
    /// # Errors
    /// The token is unknown, expired, or was given to another principal.
    pub fn by_master_token(
        &self,
        token: &str,
        key: &PrincipalKey,
        now: Instant,
    ) -> Result<Arc<Session<U>>, TokenError> {
        let digest = TokenDigest::of(token);
        let inner = self.lock();
        let held = inner
            .by_master
            .get(&digest)
            .and_then(|id| inner.held.get(id));
        let held = held.ok_or(TokenError::Unknown)?;
        if held.session.key != *key {
            return Err(TokenError::Foreign);
        }
        if now < held.master.1 {
            Ok(Arc::clone(&held.session))
        } else {
            Err(TokenError::MasterExpired)
        }
    }

    #[must_use]
    pub fn by_id(&self, id: SessionId) -> Option<Arc<Session<U>>> {
        self.lock()
            .held
            .get(&id)
            .map(|held| Arc::clone(&held.session))
    }

    /// Gives a session new tokens. The old session token stays good for a short while, the old
    /// master token does not.
    ///
    /// # Errors
    /// The session is gone, or there is no randomness.
    pub fn renew(&self, id: SessionId, now: Instant) -> Result<Tokens, TokenError> {
        let tokens = self.make_tokens().ok_or(TokenError::Unknown)?;
        let mut inner = self.lock();
        let inner = &mut *inner;
        let held = inner.held.get_mut(&id).ok_or(TokenError::Unknown)?;
        for (digest, until) in &mut held.tokens {
            *until = (*until).min(now + RENEWAL_GRACE);
            if *until <= now {
                inner.by_token.remove(digest);
            }
        }
        held.tokens.retain(|(_, until)| now < *until);
        held.tokens
            .push((tokens.session.digest(), now + SESSION_VALIDITY));
        inner.by_master.remove(&held.master.0);
        held.master = (tokens.master.digest(), now + MASTER_VALIDITY);
        inner.by_token.insert(tokens.session.digest(), id);
        inner.by_master.insert(tokens.master.digest(), id);
        Ok(tokens)
    }

    /// Closes a session; its tokens open nothing from here on.
    #[must_use]
    pub fn close(&self, id: SessionId) -> Option<Arc<Session<U>>> {
        self.lock().remove(id)
    }

    /// Closes every session whose master token has expired.
    #[must_use]
    pub fn sweep(&self, now: Instant) -> Vec<Arc<Session<U>>> {
        let mut inner = self.lock();
        let expired: Vec<SessionId> = inner
            .held
            .iter()
            .filter(|(_, held)| held.master.1 <= now)
            .map(|(id, _)| *id)
            .collect();
        expired
            .into_iter()
            .filter_map(|id| inner.remove(id))
            .collect()
    }

    /// Every open session, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Session<U>>> {
        let inner = self.lock();
        let mut sessions: Vec<_> = inner
            .held
            .values()
            .map(|held| Arc::clone(&held.session))
            .collect();
        sessions.sort_by_key(|session| session.id);
        sessions
    }

    fn make_tokens(&self) -> Option<Tokens> {
        Some(Tokens {
            session: Token::random(&self.random)?,
            master: Token::random(&self.random)?,
            session_validity: SESSION_VALIDITY,
            master_validity: MASTER_VALIDITY,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner<U>> {
        // No panic leaves the maps half changed: every step between is infallible.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<U> Inner<U> {
    fn remove(&mut self, id: SessionId) -> Option<Arc<Session<U>>> {
        let held = self.held.remove(&id)?;
        for (digest, _) in &held.tokens {
            self.by_token.remove(digest);
        }
        self.by_master.remove(&held.master.0);
        Some(held.session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(workload: &str) -> PrincipalKey {
        PrincipalKey {
            workload: workload.to_owned(),
            anchor: format!("/agents/{workload}"),
            user: None,
            netns_cookie: 1,
        }
    }

    fn new(workload: &str) -> NewSession<()> {
        NewSession {
            key: key(workload),
            account: "acct".to_owned(),
            credential: "cred".to_owned(),
            client: String::new(),
            snowflake_id: 1,
            upstream: (),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_opens_its_session_for_its_principal_only() {
        let registry = Registry::new(8);
        let now = Instant::now();
        let (session, tokens) = registry.open(new("a"), now).unwrap();
        let found = registry
            .by_session_token(tokens.session.as_str(), &key("a"), now)
            .unwrap();
        assert_eq!(found.id, session.id);
        let foreign = registry.by_session_token(tokens.session.as_str(), &key("b"), now);
        assert_eq!(foreign.unwrap_err(), TokenError::Foreign);
        let mut moved = key("a");
        moved.netns_cookie = 2;
        let foreign = registry.by_master_token(tokens.master.as_str(), &moved, now);
        assert_eq!(foreign.unwrap_err(), TokenError::Foreign);
        let unknown = registry.by_session_token("x", &key("a"), now);
        assert_eq!(unknown.unwrap_err(), TokenError::Unknown);
        let crossed = registry.by_session_token(tokens.master.as_str(), &key("a"), now);
        assert_eq!(crossed.unwrap_err(), TokenError::Unknown);
    }

    #[tokio::test(start_paused = true)]
    async fn renewal_replaces_tokens_and_leaves_the_old_one_a_moment() {
        let registry = Registry::new(8);
        let now = Instant::now();
        let (session, old) = registry.open(new("a"), now).unwrap();
        let late = now + SESSION_VALIDITY;
        let expired = registry.by_session_token(old.session.as_str(), &key("a"), late);
        assert_eq!(expired.unwrap_err(), TokenError::Expired);
        let fresh = registry.renew(session.id, now).unwrap();
        let soon = now + RENEWAL_GRACE / 2;
        for token in [&old.session, &fresh.session] {
            registry
                .by_session_token(token.as_str(), &key("a"), soon)
                .unwrap();
        }
        let after = now + RENEWAL_GRACE;
        let expired = registry.by_session_token(old.session.as_str(), &key("a"), after);
        assert_eq!(expired.unwrap_err(), TokenError::Expired);
        let gone = registry.by_master_token(old.master.as_str(), &key("a"), now);
        assert_eq!(gone.unwrap_err(), TokenError::Unknown);
    }

    #[tokio::test(start_paused = true)]
    async fn closing_and_sweeping_leave_nothing_behind() {
        let registry = Registry::new(8);
        let now = Instant::now();
        let (session, tokens) = registry.open(new("a"), now).unwrap();
        assert!(registry.sweep(now).is_empty());
        assert!(registry.close(session.id).is_some());
        let gone = registry.by_session_token(tokens.session.as_str(), &key("a"), now);
        assert_eq!(gone.unwrap_err(), TokenError::Unknown);
        registry.open(new("a"), now).unwrap();
        assert_eq!(registry.sweep(now + MASTER_VALIDITY).len(), 1);
        let inner = registry.lock();
        assert!(inner.held.is_empty() && inner.by_token.is_empty() && inner.by_master.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn one_principal_cannot_take_every_session() {
        let registry = Registry::new(4);
        let now = Instant::now();
        registry.open(new("a"), now).unwrap();
        assert_eq!(
            registry.open(new("a"), now).unwrap_err(),
            OpenError::PrincipalFull
        );
        for other in ["b", "c", "d"] {
            registry.open(new(other), now).unwrap();
        }
        assert_eq!(registry.open(new("e"), now).unwrap_err(), OpenError::Full);
    }
}
