//! The tokens of a session, and how long each is good.

use std::collections::VecDeque;
use std::time::Duration;

use ring::rand::SystemRandom;
use tokio::time::Instant;

use crate::session::token::{Token, TokenDigest};

/// Snowflake's own validity of a session token.
pub(super) const SESSION_VALIDITY: Duration = Duration::from_secs(3600);
/// Snowflake's own validity of a master token.
pub(super) const MASTER_VALIDITY: Duration = Duration::from_secs(4 * 3600);
/// A request that left the client before its renewal came back still carries the old session token;
/// a client that lost the answer to its renewal has only the old master token to ask again with.
pub(super) const RENEWAL_GRACE: Duration = Duration::from_secs(60);
/// Tokens of each kind that a session remembers. The older ones have expired or are about to, and
/// are kept so that a thread that was late is told to renew, not to log in again.
pub(super) const TOKENS_MAX: usize = 8;

/// The tokens that a client gets.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub session: Token,
    pub master: Token,
    pub session_validity: Duration,
    pub master_validity: Duration,
}

impl Tokens {
    /// `None` without randomness.
    pub(super) fn random(random: &SystemRandom) -> Option<Self> {
        Some(Self {
            session: Token::random(random)?,
            master: Token::random(random)?,
            session_validity: SESSION_VALIDITY,
            master_validity: MASTER_VALIDITY,
        })
    }
}

/// The tokens of one kind of a session, newest last, each with its end.
pub(super) struct Grants(VecDeque<(TokenDigest, Instant)>);

impl Grants {
    pub(super) fn new(digest: TokenDigest, until: Instant) -> Self {
        Self(VecDeque::from([(digest, until)]))
    }

    pub(super) fn is_fresh(&self, digest: TokenDigest, now: Instant) -> bool {
        let mut grants = self.0.iter();
        grants.any(|(known, until)| *known == digest && now < *until)
    }

    /// Adds a token and lets the others end soon; returns the one that there is no room for.
    pub(super) fn renew(
        &mut self,
        digest: TokenDigest,
        until: Instant,
        now: Instant,
    ) -> Option<TokenDigest> {
        for (_, until) in &mut self.0 {
            *until = (*until).min(now + RENEWAL_GRACE);
        }
        self.0.push_back((digest, until));
        (self.0.len() > TOKENS_MAX)
            .then(|| self.0.pop_front())
            .flatten()
            .map(|(digest, _)| digest)
    }

    /// When the newest of them ends; none lives longer.
    pub(super) fn end(&self) -> Option<Instant> {
        self.0.back().map(|(_, until)| *until)
    }

    /// Every token of the kind.
    pub(super) fn digests(&self) -> impl Iterator<Item = &TokenDigest> {
        self.0.iter().map(|(digest, _)| digest)
    }
}
