//! Open sessions and the tokens that lead to them.
//!
//! ```text
//! open ──► session token (1 h) + master token (4 h)
//!            │ expired: 390112, the driver renews     │ expired: 390114, the driver logs in again
//!            ▼                                        ▼
//!          renew ──► new pair, old pair for a grace   sweep ──► logged out upstream
//! ```
//!
//! A token is worth nothing in the hands of another principal: it is found, and then refused.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ring::rand::SystemRandom;
use tokio::time::Instant;

use super::requests::RequestLog;
use super::token::{NoRandomness, Token, TokenDigest};
use crate::identity::PrincipalKey;

/// A session's number, never used twice while the daemon runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// One login made through us, and the upstream session behind it.
pub struct Session<U> {
    pub id: SessionId,
    pub key: PrincipalKey,
    pub account: String,
    /// The name of the credential in the configuration.
    pub credential: String,
    pub opened: Instant,
    pub upstream: Arc<U>,
    requests: Mutex<RequestLog>,
}

impl<U> Session<U> {
    /// Gives access to the session's requests; `act` must not wait for anything.
    pub fn with_requests<T>(&self, act: impl FnOnce(&mut RequestLog) -> T) -> T {
        // The log is whole after every call, also after one that panicked elsewhere in `act`.
        act(&mut self.requests.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<U> fmt::Debug for Session<U> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Session")
            .field("id", &self.id)
            .field("key", &self.key)
            .field("account", &self.account)
            .field("credential", &self.credential)
            .finish_non_exhaustive()
    }
}

/// What a session is opened with, after the upstream has let us in.
#[derive(Debug)]
pub struct Opening<U> {
    pub key: PrincipalKey,
    pub account: String,
    pub credential: String,
    pub upstream: Arc<U>,
}

/// A session and the tokens for its client, which exist nowhere else.
#[derive(Debug)]
pub struct Opened<U> {
    pub session: Arc<Session<U>>,
    pub session_token: Token,
    pub master_token: Token,
}

/// How many sessions there may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub sessions_max: usize,
    /// One workload must not use up what all share.
    pub sessions_per_principal_max: usize,
}

/// Why there is no room for a session, or no tokens for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("there are too many sessions")]
    Full,
    #[error("this workload has too many sessions")]
    PrincipalFull,
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// Why a token leads to no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the token is not known")]
    Unknown,
    #[error("the session token has expired")]
    Expired,
    #[error("the token is another principal's")]
    Foreign,
    #[error("the master token has expired")]
    MasterExpired,
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// All open sessions.
pub struct Registry<U> {
    limits: Limits,
    random: SystemRandom,
    next_id: u64,
    sessions: HashMap<SessionId, Entry<U>>,
    tokens: HashMap<TokenDigest, SessionId>,
}

struct Entry<U> {
    session: Arc<Session<U>>,
    /// Newest last.
    session_tokens: VecDeque<Issued>,
    master_tokens: VecDeque<Issued>,
}

#[derive(Clone, Copy)]
struct Issued {
    digest: TokenDigest,
    expires: Instant,
}

impl<U> fmt::Debug for Registry<U> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.sessions.len();
        formatter
            .debug_struct("Registry")
            .field("open", &open)
            .finish_non_exhaustive()
    }
}

impl<U> Registry<U> {
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let random = SystemRandom::new();
        Self {
            limits,
            random,
            next_id: 1,
            sessions: HashMap::new(),
            tokens: HashMap::new(),
        }
    }

    /// Says whether there is room, before an upstream login is spent on it.
    ///
    /// The caller sweeps first, so that expired sessions do not take the room of live ones.
    pub fn check_room(&self, key: &PrincipalKey) -> Result<(), OpenError> {
        if self.sessions.len() >= self.limits.sessions_max {
            return Err(OpenError::Full);
        }
        let own = self
            .sessions
            .values()
            .filter(|entry| entry.session.key == *key)
            .count();
        if own >= self.limits.sessions_per_principal_max {
            return Err(OpenError::PrincipalFull);
        }
        Ok(())
    }

    /// Opens a session. The upstream may have been slow, so room is checked again.
    pub fn open(&mut self, opening: Opening<U>, now: Instant) -> Result<Opened<U>, OpenError> {
        self.check_room(&opening.key)?;
        let session_token = Token::random(&self.random)?;
        let master_token = Token::random(&self.random)?;
        let id = SessionId(self.next_id);
        self.next_id += 1;
        let session = Arc::new(Session {
            id,
            key: opening.key,
            account: opening.account,
            credential: opening.credential,
            opened: now,
            upstream: opening.upstream,
            requests: Mutex::default(),
        });
        let entry = Entry {
            session: Arc::clone(&session),
            session_tokens: VecDeque::new(),
            master_tokens: VecDeque::new(),
        };
        self.sessions.insert(id, entry);
        self.issue(id, &session_token, &master_token, now);
        Ok(Opened {
            session,
            session_token,
            master_token,
        })
    }

    /// Finds the session of a session token.
    pub fn by_session_token(
        &self,
        token: &str,
        key: &PrincipalKey,
        now: Instant,
    ) -> Result<Arc<Session<U>>, TokenError> {
        let digest = TokenDigest::of(token);
        let entry = self.entry(&digest, key)?;
        let issued = entry
            .session_tokens
            .iter()
            .find(|issued| issued.digest == digest);
        let issued = issued.ok_or(TokenError::Unknown)?;
        if !entry.is_alive(now) {
            return Err(TokenError::MasterExpired);
        }
        if now >= issued.expires {
            return Err(TokenError::Expired);
        }
        Ok(Arc::clone(&entry.session))
    }

    /// Finds the session of a master token.
    pub fn by_master_token(
        &self,
        token: &str,
        key: &PrincipalKey,
        now: Instant,
    ) -> Result<Arc<Session<U>>, TokenError> {
        let digest = TokenDigest::of(token);
        let entry = self.entry(&digest, key)?;
        let issued = entry
            .master_tokens
            .iter()
            .find(|issued| issued.digest == digest);
        let issued = issued.ok_or(TokenError::Unknown)?;
        if now >= issued.expires {
            return Err(TokenError::MasterExpired);
        }
        Ok(Arc::clone(&entry.session))
    }

    /// Issues new tokens for the old pair.
    ///
    /// The old ones live on for a grace: other connections of the same driver have requests on the
    /// way that carry them, and the answer with the new ones may get lost.
    pub fn renew(
        &mut self,
        master_token: &str,
        old_session_token: &str,
        key: &PrincipalKey,
        now: Instant,
    ) -> Result<Opened<U>, TokenError> {
        let session = self.by_master_token(master_token, key, now)?;
        let old = TokenDigest::of(old_session_token);
        let entry = self
            .sessions
            .get_mut(&session.id)
            .ok_or(TokenError::Unknown)?;
        if !entry
            .session_tokens
            .iter()
            .any(|issued| issued.digest == old)
        {
            return Err(TokenError::Unknown);
        }
        let session_token = Token::random(&self.random)?;
        let master_token = Token::random(&self.random)?;
        for issued in entry
            .session_tokens
            .iter_mut()
            .chain(&mut entry.master_tokens)
        {
            issued.expires = issued.expires.min(now + GRACE);
        }
        self.issue(session.id, &session_token, &master_token, now);
        Ok(Opened {
            session,
            session_token,
            master_token,
        })
    }

    /// Lets the current master token live its full time again: the client sent a heartbeat.
    pub fn keep_alive(&mut self, id: SessionId, now: Instant) {
        let entry = self.sessions.get_mut(&id);
        if let Some(issued) = entry.and_then(|entry| entry.master_tokens.back_mut()) {
            issued.expires = now + MASTER_TOKEN_LIFE;
        }
    }

    /// Ends a session and all its tokens.
    pub fn close(&mut self, id: SessionId) -> Option<Arc<Session<U>>> {
        let entry = self.sessions.remove(&id)?;
        for issued in entry.session_tokens.iter().chain(&entry.master_tokens) {
            self.tokens.remove(&issued.digest);
        }
        Some(entry.session)
    }

    /// Ends the sessions that nobody can use or renew any more; the caller logs them out upstream.
    pub fn sweep(&mut self, now: Instant) -> Vec<Arc<Session<U>>> {
        let dead = self.sessions.values().filter(|entry| !entry.is_alive(now));
        let dead: Vec<SessionId> = dead.map(|entry| entry.session.id).collect();
        dead.into_iter().filter_map(|id| self.close(id)).collect()
    }

    /// All open sessions, by number.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Session<U>>> {
        let mut list: Vec<_> = self
            .sessions
            .values()
            .map(|entry| Arc::clone(&entry.session))
            .collect();
        list.sort_unstable_by_key(|session| session.id);
        list
    }

    fn entry(&self, digest: &TokenDigest, key: &PrincipalKey) -> Result<&Entry<U>, TokenError> {
        let id = self.tokens.get(digest).ok_or(TokenError::Unknown)?;
        let entry = self.sessions.get(id).ok_or(TokenError::Unknown)?;
        if entry.session.key == *key {
            Ok(entry)
        } else {
            Err(TokenError::Foreign)
        }
    }

    fn issue(&mut self, id: SessionId, session: &Token, master: &Token, now: Instant) {
        let Some(entry) = self.sessions.get_mut(&id) else {
            return;
        };
        let pairs = [
            (&mut entry.session_tokens, session, SESSION_TOKEN_LIFE),
            (&mut entry.master_tokens, master, MASTER_TOKEN_LIFE),
        ];
        for (tokens, token, life) in pairs {
            let digest = token.digest();
            if tokens.len() >= TOKENS_PER_SESSION_MAX
                && let Some(oldest) = tokens.pop_front()
            {
                self.tokens.remove(&oldest.digest);
            }
            tokens.push_back(Issued {
                digest,
                expires: now + life,
            });
            self.tokens.insert(digest, id);
        }
    }
}

impl<U> Entry<U> {
    fn is_alive(&self, now: Instant) -> bool {
        self.master_tokens.iter().any(|issued| now < issued.expires)
    }
}

/// What the service gives; drivers renew by it.
pub const SESSION_TOKEN_LIFE: Duration = Duration::from_secs(60 * 60);
/// What the service gives.
pub const MASTER_TOKEN_LIFE: Duration = Duration::from_secs(4 * 60 * 60);
/// The longest time for which a driver waits before it sends a request again.
const GRACE: Duration = Duration::from_secs(300);
/// A renewal each hour needs two; a client that renews in a loop only pushes out its own.
const TOKENS_PER_SESSION_MAX: usize = 8;

#[cfg(test)]
mod tests;
