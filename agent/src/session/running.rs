//! The statements that run at the upstream, so that one which loses its right can be stopped.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::registry::SessionId;
use crate::snowflake::{QueryId, RequestId};

/// A session that sends statements and never fetches them must stop somewhere; no tool that waits
/// for what it sent comes near.
const SESSION_MAX: usize = 4096;
/// At about 2 KiB each, facts included, this is 130 MB.
const STATEMENTS_MAX: usize = 65_536;

/// One statement; `C` is what it was judged by, `E` why it lost its right.
pub struct Statement<C, E> {
    pub session: SessionId,
    pub request: RequestId,
    pub case: C,
    lost: watch::Sender<Option<E>>,
}

/// Too many statements run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunningFull {
    #[error("{SESSION_MAX} statements of this session were sent and never fetched")]
    Session,
    #[error("{STATEMENTS_MAX} statements of this host run or were never fetched")]
    Host,
}

impl<C, E> fmt::Debug for Statement<C, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Statement")
            .field("session", &self.session)
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

impl<C, E: Clone> Statement<C, E> {
    /// Takes its right away; false when it has none any more.
    pub fn lose(&self, why: E) -> bool {
        self.lost.send_if_modified(|lost| {
            let first = lost.is_none();
            if first {
                *lost = Some(why);
            }
            first
        })
    }

    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost.borrow().is_some()
    }

    /// Tells when it loses its right.
    #[must_use]
    pub fn loss(&self) -> watch::Receiver<Option<E>> {
        self.lost.subscribe()
    }
}

/// Waits until a statement loses its right. Cancel-safe.
pub async fn lost<E: Clone + Send + Sync>(mut loss: watch::Receiver<Option<E>>) -> E {
    loop {
        let why = loss.borrow_and_update().clone();
        if let Some(why) = why {
            return why;
        }
        if loss.changed().await.is_err() {
            // The statement has ended: its right is of no interest any more.
            std::future::pending::<()>().await;
        }
    }
}

type Key = (SessionId, RequestId);

struct Entry<C, E> {
    statement: Arc<Statement<C, E>>,
    query: Option<QueryId>,
}

struct Inner<C, E> {
    by_request: HashMap<Key, Entry<C, E>>,
    by_query: HashMap<QueryId, Key>,
    per_session: HashMap<SessionId, usize>,
}

/// Every statement that was sent and whose end was not seen.
pub struct Running<C, E>(Mutex<Inner<C, E>>);

impl<C, E> fmt::Debug for Running<C, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Running").finish_non_exhaustive()
    }
}

impl<C, E> Default for Running<C, E> {
    fn default() -> Self {
        Self(Mutex::new(Inner {
            by_request: HashMap::new(),
            by_query: HashMap::new(),
            per_session: HashMap::new(),
        }))
    }
}

impl<C, E: Clone> Running<C, E> {
    /// Notes a statement that is about to be sent. A retry joins the one that runs.
    ///
    /// # Errors
    /// There is no room: what could not be stopped must not start.
    pub fn start(
        &self,
        session: SessionId,
        request: &RequestId,
        case: C,
    ) -> Result<Arc<Statement<C, E>>, RunningFull> {
        let mut inner = self.lock();
        let key = (session, request.clone());
        if let Some(running) = inner.by_request.get(&key) {
            return Ok(Arc::clone(&running.statement));
        }
        if inner.by_request.len() >= STATEMENTS_MAX {
            return Err(RunningFull::Host);
        }
        let own = inner.per_session.entry(session).or_insert(0);
        if *own >= SESSION_MAX {
            return Err(RunningFull::Session);
        }
        *own += 1;
        let (lost, _) = watch::channel(None);
        let statement = Arc::new(Statement {
            session,
            request: request.clone(),
            case,
            lost,
        });
        let entry = Entry {
            statement: Arc::clone(&statement),
            query: None,
        };
        inner.by_request.insert(key, entry);
        Ok(statement)
    }

    /// Notes the id by which its result will be asked for.
    pub fn runs_as(&self, statement: &Statement<C, E>, query: &QueryId) {
        let key = (statement.session, statement.request.clone());
        let mut inner = self.lock();
        if let Some(entry) = inner.by_request.get_mut(&key) {
            entry.query = Some(query.clone());
            inner.by_query.insert(query.clone(), key);
        }
    }

    #[must_use]
    pub fn by_query(&self, query: &QueryId) -> Option<Arc<Statement<C, E>>> {
        let inner = self.lock();
        let key = inner.by_query.get(query)?;
        let entry = inner.by_request.get(key)?;
        Some(Arc::clone(&entry.statement))
    }

    /// The id by which its result will be asked for, once an answer has said it.
    #[must_use]
    pub fn query_of(&self, statement: &Statement<C, E>) -> Option<QueryId> {
        let key = (statement.session, statement.request.clone());
        self.lock().by_request.get(&key)?.query.clone()
    }

    /// Forgets a statement whose last answer was seen.
    pub fn end(&self, statement: &Statement<C, E>) {
        let key = (statement.session, statement.request.clone());
        self.lock().remove(&key);
    }

    /// Forgets everything of a session that is no more: its statements end with it.
    pub fn forget(&self, session: SessionId) {
        let mut inner = self.lock();
        let inner = &mut *inner;
        inner.by_request.retain(|(of, _), _| *of != session);
        inner.by_query.retain(|_, (of, _)| *of != session);
        inner.per_session.remove(&session);
    }

    #[must_use]
    pub fn list(&self) -> Vec<Arc<Statement<C, E>>> {
        let inner = self.lock();
        let all = inner.by_request.values();
        all.map(|entry| Arc::clone(&entry.statement)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner<C, E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C, E> Inner<C, E> {
    fn remove(&mut self, key: &Key) {
        let Some(entry) = self.by_request.remove(key) else {
            return;
        };
        if let Some(query) = entry.query {
            self.by_query.remove(&query);
        }
        if let Some(own) = self.per_session.get_mut(&key.0) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                self.per_session.remove(&key.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::PrincipalKey;
    use crate::session::{NewSession, Registry};
    use crate::sql::SessionState;

    fn session() -> SessionId {
        let new = NewSession {
            key: PrincipalKey::for_test("a"),
            account: "acct".to_owned(),
            credential: "c".to_owned(),
            client: String::new(),
            snowflake_id: 1,
            upstream: (),
            state: SessionState::default(),
        };
        let now = tokio::time::Instant::now();
        Registry::new(10, 1, Box::new(|_, _| {}))
            .open(new, now)
            .unwrap()
            .0
            .id
    }

    fn request(number: usize) -> RequestId {
        RequestId(number.to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn a_statement_that_loses_its_right_tells_whoever_waits_once() {
        let running = Running::<(), &str>::default();
        let statement = running.start(session(), &request(1), ()).unwrap();
        let again = running.start(session(), &request(1), ()).unwrap();
        assert!(Arc::ptr_eq(&statement, &again), "a retry is no second run");
        let waiting = tokio::spawn(lost(again.loss()));
        tokio::task::yield_now().await;
        assert!(statement.lose("revoked"));
        assert!(!statement.lose("expired"));
        assert_eq!(waiting.await.unwrap(), "revoked");
        assert_eq!(lost(statement.loss()).await, "revoked");
    }

    #[tokio::test(start_paused = true)]
    async fn what_ended_is_forgotten_under_every_name() {
        let running = Running::<(), &str>::default();
        let id = QueryId::of_entry(1);
        let statement = running.start(session(), &request(1), ()).unwrap();
        running.runs_as(&statement, &id);
        assert!(running.by_query(&id).is_some());
        running.end(&statement);
        assert!(running.by_query(&id).is_none() && running.list().is_empty());
        running.runs_as(&statement, &id);
        assert!(running.lock().by_query.is_empty(), "a late answer");
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_cannot_send_without_end_and_takes_its_statements_along() {
        let running = Running::<(), &str>::default();
        let session = session();
        for number in 0..SESSION_MAX {
            running.start(session, &request(number), ()).unwrap();
        }
        let more = running.start(session, &request(SESSION_MAX), ());
        assert_eq!(more.unwrap_err(), RunningFull::Session);
        running.forget(session);
        assert!(running.list().is_empty());
        running.start(session, &request(0), ()).unwrap();
    }
}
