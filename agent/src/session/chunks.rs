//! The capabilities under which clients fetch result chunks from us.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ring::rand::SystemRandom;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::registry::SessionId;
use super::results::Terms;
use super::token::{Token, TokenDigest};
use crate::identity::PrincipalKey;
use crate::mask::rows::Format;
use crate::snowflake::QueryId;
use crate::snowflake::chunk::{ChunkSet, Size};
use crate::snowflake::rowtype::Field;

/// Snowflake's own links live about as long.
const KEPT: Duration = Duration::from_secs(6 * 3600);
/// Results with open chunks; a result of 100 chunks takes about 100 KB of links.
const RESULTS_MAX: usize = 4096;

/// How the rows of a result are written, and what was done to those that came with the answer.
#[derive(Clone, Debug)]
pub struct Shape {
    pub fields: Vec<Field>,
    pub format: Format,
    /// Of the plan that the answer was masked by.
    pub digest: [u8; 32],
    /// The answer named results of several statements.
    pub is_parent: bool,
}

/// Where one chunk is, and what opens it.
#[derive(Clone)]
pub struct ChunkLink {
    capability: TokenDigest,
    index: usize,
    pub session: SessionId,
    pub query_id: QueryId,
    /// What holds for the result.
    pub terms: Terms,
    pub shape: Arc<Shape>,
    pub size: Size,
    pub url: Zeroizing<String>,
    pub headers: Vec<(String, Zeroizing<String>)>,
}

impl std::fmt::Debug for ChunkLink {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ChunkLink")
            .field("query_id", &self.query_id)
            .finish_non_exhaustive()
    }
}

/// The two halves of a capability: one in the path, one in a header.
#[derive(Debug)]
pub struct CapabilityTokens {
    pub path: Token,
    pub header: Token,
}

#[derive(Debug)]
struct Entry {
    key: PrincipalKey,
    session: SessionId,
    query_id: QueryId,
    header: TokenDigest,
    terms: Terms,
    shape: Arc<Shape>,
    set: ChunkSet,
    until: Instant,
}

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<TokenDigest, Entry>,
    order: VecDeque<TokenDigest>,
}

/// Every capability.
#[derive(Debug)]
pub struct Chunks {
    random: SystemRandom,
    inner: Mutex<Inner>,
}

impl Default for Chunks {
    fn default() -> Self {
        Self {
            random: SystemRandom::new(),
            inner: Mutex::default(),
        }
    }
}

impl Chunks {
    /// Keeps the links of a result and makes a capability for them; `None` without randomness.
    pub fn keep(
        &self,
        key: &PrincipalKey,
        session: SessionId,
        query_id: &QueryId,
        (terms, shape): (&Terms, Shape),
        set: ChunkSet,
        now: Instant,
    ) -> Option<CapabilityTokens> {
        let path = Token::random(&self.random)?;
        let header = Token::random(&self.random)?;
        let entry = Entry {
            key: key.clone(),
            session,
            query_id: query_id.clone(),
            header: header.digest(),
            terms: Terms {
                running: None,
                ..terms.clone()
            },
            shape: Arc::new(shape),
            set,
            until: now + KEPT,
        };
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(oldest) = inner.order.front() {
            let expired = inner
                .entries
                .get(oldest)
                .is_none_or(|entry| entry.until <= now);
            if !expired && inner.order.len() < RESULTS_MAX {
                break;
            }
            if let Some(oldest) = inner.order.pop_front() {
                inner.entries.remove(&oldest);
            }
        }
        inner.order.push_back(path.digest());
        inner.entries.insert(path.digest(), entry);
        Some(CapabilityTokens { path, header })
    }

    /// The link behind a capability, for the principal that it was made for.
    #[must_use]
    pub fn link(
        &self,
        path: &str,
        header: &str,
        index: u32,
        key: &PrincipalKey,
        now: Instant,
    ) -> Option<ChunkLink> {
        let capability = TokenDigest::of(path);
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = inner.entries.get(&capability)?;
        if entry.header != TokenDigest::of(header) || entry.key != *key || entry.until <= now {
            return None;
        }
        entry.link(capability, usize::try_from(index).ok()?)
    }

    /// Replaces the links of a result by fresh ones for the same chunks; returns the fresh link.
    #[must_use]
    pub fn refresh(&self, link: &ChunkLink, set: ChunkSet) -> Option<ChunkLink> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = inner.entries.get_mut(&link.capability)?;
        // Another number of chunks would be another split of the rows.
        if entry.set.urls.len() != set.urls.len() {
            return None;
        }
        entry.set = set;
        entry.link(link.capability, link.index)
    }

    /// Forgets the capabilities of a session.
    pub fn forget(&self, session: SessionId) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.entries.retain(|_, entry| entry.session != session);
        let inner = &mut *inner;
        inner
            .order
            .retain(|digest| inner.entries.contains_key(digest));
    }
}

impl Entry {
    fn link(&self, capability: TokenDigest, index: usize) -> Option<ChunkLink> {
        Some(ChunkLink {
            capability,
            index,
            session: self.session,
            query_id: self.query_id.clone(),
            terms: self.terms.clone(),
            shape: Arc::clone(&self.shape),
            size: self.set.sizes.get(index).copied()?,
            url: self.set.urls.get(index)?.clone(),
            headers: self.set.request_headers(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{NewSession, Registry};
    use crate::sql::SessionState;

    fn key(workload: &str) -> PrincipalKey {
        PrincipalKey::for_test(workload)
    }

    #[tokio::test(start_paused = true)]
    async fn a_chunk_needs_both_halves_and_its_owner() {
        let now = Instant::now();
        let registry = Registry::new(4, 1, Box::new(|_, _| {}));
        let new = NewSession {
            key: key("a"),
            account: String::new(),
            credential: String::new(),
            client: String::new(),
            snowflake_id: 1,
            state: SessionState::default(),
            upstream: (),
        };
        let (session, _tokens) = registry.open(new, now).unwrap();
        let chunks = Chunks::default();
        let id = QueryId::parse("01b00000-0000-0000-0000-000000000001").unwrap();
        let set = ChunkSet {
            urls: vec![Zeroizing::new("https://storage.test/0".to_owned())],
            sizes: vec![Size { rows: 7, bytes: 99 }],
            headers: Vec::new(),
            qrmk: None,
        };
        let shape = Shape {
            fields: Vec::new(),
            format: Format::Json,
            digest: [0; 32],
            is_parent: false,
        };
        let terms = Terms::default();
        let tokens = chunks
            .keep(&key("a"), session.id, &id, (&terms, shape), set, now)
            .unwrap();
        let (path, header) = (tokens.path.as_str(), tokens.header.as_str());
        let link = chunks.link(path, header, 0, &key("a"), now).unwrap();
        assert_eq!(*link.url, "https://storage.test/0");
        assert!(chunks.link(path, header, 1, &key("a"), now).is_none());
        assert!(chunks.link(path, header, 0, &key("b"), now).is_none());
        assert!(chunks.link(path, path, 0, &key("a"), now).is_none());
        assert!(chunks.link(header, header, 0, &key("a"), now).is_none());
        assert!(
            chunks
                .link(path, header, 0, &key("a"), now + KEPT)
                .is_none()
        );
        chunks.forget(session.id);
        assert!(chunks.link(path, header, 0, &key("a"), now).is_none());
    }
}
