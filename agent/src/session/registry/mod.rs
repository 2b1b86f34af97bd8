//! The open sessions, found by token and only by the principal that they belong to.

mod session;
mod tokens;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ring::rand::SystemRandom;
use tokio::time::Instant;

use self::tokens::{Grants, MASTER_VALIDITY, SESSION_VALIDITY};
use super::state::State;
use super::token::TokenDigest;
use crate::identity::PrincipalKey;
use crate::record::event::Closing;

pub use session::{NewSession, Session, SessionId};
pub use tokens::Tokens;

/// One principal cannot take every session: a quarter of them.
const PRINCIPAL_SHARE: usize = 4;

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
    /// That it was opened is in the recording, so its end has to be too.
    is_recorded: bool,
    tokens: Grants,
    masters: Grants,
}

struct Inner<U> {
    next: u64,
    held: HashMap<SessionId, Held<U>>,
    by_token: HashMap<TokenDigest, SessionId>,
    by_master: HashMap<TokenDigest, SessionId>,
}

/// Is told of the end of every session whose beginning is recorded, once.
pub type Ends = Box<dyn Fn(SessionId, Closing) + Send + Sync>;

/// Every open session.
pub struct Registry<U> {
    sessions_max: usize,
    ends: Ends,
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
    /// `first` is the number of the first session. Every session takes a number of the recording for
    /// its login, so numbers that begin where the recording's do are never given twice.
    #[must_use]
    pub fn new(sessions_max: usize, first: u64, ends: Ends) -> Self {
        Self {
            sessions_max,
            ends,
            random: SystemRandom::new(),
            inner: Mutex::new(Inner {
                next: first,
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

    /// Opens a session and makes its tokens, which nobody gets before [`Registry::recorded`].
    ///
    /// # Errors
    /// There is no room, or no randomness.
    pub fn open(
        &self,
        new: NewSession<U>,
        now: Instant,
    ) -> Result<(Arc<Session<U>>, Tokens), OpenError> {
        let tokens = Tokens::random(&self.random).ok_or(OpenError::Random)?;
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
            requests: Arc::default(),
            state: State::new(new.state),
            upstream: new.upstream,
        });
        inner.by_token.insert(tokens.session.digest(), id);
        inner.by_master.insert(tokens.master.digest(), id);
        inner.held.insert(
            id,
            Held {
                session: Arc::clone(&session),
                is_recorded: false,
                tokens: Grants::new(tokens.session.digest(), now + SESSION_VALIDITY),
                masters: Grants::new(tokens.master.digest(), now + MASTER_VALIDITY),
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
        let held = inner.owned(inner.by_token.get(&digest), key)?;
        if held.tokens.is_fresh(digest, now) {
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
        let held = inner.owned(inner.by_master.get(&digest), key)?;
        if held.masters.is_fresh(digest, now) {
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

    /// Gives a session new tokens. The old ones stay good for a short while.
    ///
    /// # Errors
    /// The session is gone, or there is no randomness.
    pub fn renew(&self, id: SessionId, now: Instant) -> Result<Tokens, TokenError> {
        let tokens = Tokens::random(&self.random).ok_or(TokenError::Unknown)?;
        let mut inner = self.lock();
        let inner = &mut *inner;
        let held = inner.held.get_mut(&id).ok_or(TokenError::Unknown)?;
        let (session, master) = (tokens.session.digest(), tokens.master.digest());
        if let Some(old) = held.tokens.renew(session, now + SESSION_VALIDITY, now) {
            inner.by_token.remove(&old);
        }
        if let Some(old) = held.masters.renew(master, now + MASTER_VALIDITY, now) {
            inner.by_master.remove(&old);
        }
        inner.by_token.insert(session, id);
        inner.by_master.insert(master, id);
        Ok(tokens)
    }

    /// Notes that the beginning of a session is in the recording. False if it was closed meanwhile,
    /// by `closing` for all that is known: that is then told, too.
    #[must_use]
    pub fn recorded(&self, id: SessionId, closing: Closing) -> bool {
        let is_open = match self.lock().held.get_mut(&id) {
            Some(held) => {
                held.is_recorded = true;
                true
            }
            None => false,
        };
        if !is_open {
            (self.ends)(id, closing);
        }
        is_open
    }

    /// Closes a session; its tokens open nothing from here on.
    #[must_use]
    pub fn close(&self, id: SessionId, closing: Closing) -> Option<Arc<Session<U>>> {
        let held = self.lock().remove(id);
        held.map(|held| self.ended(held, closing))
    }

    /// Closes every session.
    #[must_use]
    pub fn close_all(&self, closing: Closing) -> Vec<Arc<Session<U>>> {
        let open: Vec<SessionId> = self.lock().held.keys().copied().collect();
        open.into_iter()
            .filter_map(|id| self.close(id, closing))
            .collect()
    }

    /// The one way out of the registry.
    fn ended(&self, held: Held<U>, closing: Closing) -> Arc<Session<U>> {
        if held.is_recorded {
            (self.ends)(held.session.id, closing);
        }
        held.session
    }

    /// Closes every session whose last master token has expired. A client must renew within the hour
    /// of its session token, so this also is every client that has been silent for that long.
    #[must_use]
    pub fn sweep(&self, now: Instant) -> Vec<Arc<Session<U>>> {
        let mut inner = self.lock();
        let expired: Vec<SessionId> = inner
            .held
            .iter()
            .filter(|(_, held)| held.masters.end().is_none_or(|end| end <= now))
            .map(|(id, _)| *id)
            .collect();
        let expired: Vec<Held<U>> = expired
            .into_iter()
            .filter_map(|id| inner.remove(id))
            .collect();
        drop(inner);
        expired
            .into_iter()
            .map(|held| self.ended(held, Closing::Expired))
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

    fn lock(&self) -> MutexGuard<'_, Inner<U>> {
        // No panic leaves the maps half changed: every step between is infallible.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<U> Inner<U> {
    /// The session that a token was found to be of, if it is this principal's.
    fn owned(&self, id: Option<&SessionId>, key: &PrincipalKey) -> Result<&Held<U>, TokenError> {
        let held = id.and_then(|id| self.held.get(id));
        let held = held.ok_or(TokenError::Unknown)?;
        if held.session.key == *key {
            Ok(held)
        } else {
            Err(TokenError::Foreign)
        }
    }

    fn remove(&mut self, id: SessionId) -> Option<Held<U>> {
        let held = self.held.remove(&id)?;
        for digest in held.tokens.digests() {
            self.by_token.remove(digest);
        }
        for digest in held.masters.digests() {
            self.by_master.remove(digest);
        }
        Some(held)
    }
}

#[cfg(test)]
mod tests;
