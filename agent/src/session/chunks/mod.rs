//! Capabilities for result chunks.
//!
//! A client fetches chunks without its session token, so the right to one is in the address and in
//! a header: two tokens, both needed, bound to the principal that ran the query.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ring::rand::SystemRandom;
use tokio::time::Instant;

use super::registry::SessionId;
use super::token::{NoRandomness, Token, TokenDigest};
use crate::identity::PrincipalKey;
use crate::snowflake::QueryId;
use crate::snowflake::chunk::ChunkSet;

/// The chunks of one result and whose they are.
#[derive(Debug)]
pub struct StoredChunks {
    pub principal: PrincipalKey,
    pub session: SessionId,
    pub query_id: QueryId,
    pub set: ChunkSet,
}

/// The two tokens of a capability.
#[derive(Debug)]
pub struct ChunkTokens {
    pub path: Token,
    pub header: Token,
}

/// The results whose chunks clients may still fetch.
#[derive(Debug, Default)]
pub struct ChunkTable {
    entries: HashMap<TokenDigest, Entry>,
    /// Per principal, oldest first.
    order: HashMap<PrincipalKey, VecDeque<TokenDigest>>,
    /// The urls of all entries, the bulk of what they weigh.
    urls: usize,
}

#[derive(Debug)]
struct Entry {
    header: TokenDigest,
    expires: Instant,
    chunks: Arc<StoredChunks>,
}

impl ChunkTable {
    /// Keeps a result's chunks and makes the tokens to fetch them with.
    pub fn store(
        &mut self,
        chunks: StoredChunks,
        random: &SystemRandom,
        now: Instant,
    ) -> Result<ChunkTokens, NoRandomness> {
        let tokens = ChunkTokens {
            path: Token::random(random)?,
            header: Token::random(random)?,
        };
        let count = chunks.set.urls.len();
        let own = |table: &Self| table.order.get(&chunks.principal).map_or(0, VecDeque::len);
        // The principal's own oldest result goes first; another's only if that does not help.
        while own(self) >= RESULTS_PER_PRINCIPAL_MAX && self.evict(&chunks.principal.clone()) {}
        while self.urls.saturating_add(count) > URLS_MAX && self.evict_largest_owner() {}

        let path = tokens.path.digest();
        self.urls = self.urls.saturating_add(count);
        self.order
            .entry(chunks.principal.clone())
            .or_default()
            .push_back(path);
        let entry = Entry {
            header: tokens.header.digest(),
            expires: now + LINK_LIFE,
            chunks: Arc::new(chunks),
        };
        self.entries.insert(path, entry);
        Ok(tokens)
    }

    /// Finds a result's chunks by both tokens, for their owner.
    #[must_use]
    pub fn find(
        &self,
        path: &str,
        header: Option<&str>,
        principal: &PrincipalKey,
        now: Instant,
    ) -> Option<Arc<StoredChunks>> {
        let entry = self.entries.get(&TokenDigest::of(path))?;
        let fits = entry.header == TokenDigest::of(header?)
            && entry.chunks.principal == *principal
            && now < entry.expires;
        fits.then(|| Arc::clone(&entry.chunks))
    }

    /// Forgets expired results and those of a closed session.
    pub fn sweep(&mut self, now: Instant) {
        self.retain(|entry| now < entry.expires);
    }

    /// Forgets the results of a session that ended.
    pub fn close(&mut self, session: SessionId) {
        self.retain(|entry| entry.chunks.session != session);
    }

    fn retain(&mut self, keep: impl Fn(&Entry) -> bool) {
        self.entries.retain(|_, entry| keep(entry));
        let entries = &self.entries;
        self.order.retain(|_, order| {
            order.retain(|digest| entries.contains_key(digest));
            !order.is_empty()
        });
        self.urls = self
            .entries
            .values()
            .map(|entry| entry.chunks.set.urls.len())
            .sum();
    }

    fn evict(&mut self, principal: &PrincipalKey) -> bool {
        let oldest = self.order.get_mut(principal).and_then(VecDeque::pop_front);
        let Some(entry) = oldest.and_then(|digest| self.entries.remove(&digest)) else {
            return false;
        };
        self.urls = self.urls.saturating_sub(entry.chunks.set.urls.len());
        true
    }

    fn evict_largest_owner(&mut self) -> bool {
        let largest = self.order.iter().max_by_key(|(_, order)| order.len());
        let Some(principal) = largest.map(|(principal, _)| principal.clone()) else {
            return false;
        };
        self.evict(&principal)
    }
}

/// Links that the service gives out live this long.
const LINK_LIFE: Duration = Duration::from_secs(6 * 60 * 60);
/// More results than a client reads at the same time.
const RESULTS_PER_PRINCIPAL_MAX: usize = 1024;
/// A link has about one KiB, so this is some 256 MiB at the worst.
const URLS_MAX: usize = 262_144;

#[cfg(test)]
mod tests;
