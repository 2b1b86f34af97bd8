//! The statements of a session by request id: a retry is not a second run.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::snowflake::{Query, QueryId, RequestId, Via};
use crate::sql::SessionState;

/// A driver retries its last statements, not its thousandth.
const REQUESTS_MAX: usize = 1024;
/// The text that Node sends when its application gives only a request id
/// (`connection/statement.js`, sendRequestPreExec); Snowflake answers with the first result.
const NODE_PLACEHOLDER: &str = "SELECT 'Error retrieving query results for request id: ";

/// What a request id stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The id is new, or its statement has not been answered and is the same.
    First,
    /// The same statement again: the upstream answers with the first run's result.
    Retry,
    /// The result of an earlier statement is wanted.
    Refetch(QueryId),
    /// The id stands for another statement.
    Conflict,
}

#[derive(Debug)]
struct Known {
    digest: blake3::Hash,
    query_id: Option<QueryId>,
    /// The session's state when it was first analysed.
    state: Option<Arc<SessionState>>,
}

#[derive(Debug, Default)]
struct Inner {
    known: HashMap<RequestId, Known>,
    order: VecDeque<RequestId>,
}

/// The request ids of one session, the oldest forgotten first.
#[derive(Debug, Default)]
pub struct Requests(Mutex<Inner>);

impl Requests {
    /// Notes a statement, or tells what its id stood for already.
    pub fn admit(&self, query: &Query) -> Admission {
        let digest = statement_digest(query);
        let mut inner = self.lock();
        if let Some(known) = inner.known.get(&query.request_id) {
            if known.digest == digest {
                return Admission::Retry;
            }
            return match &known.query_id {
                Some(id) if query.text.starts_with(NODE_PLACEHOLDER) => {
                    Admission::Refetch(id.clone())
                }
                Some(_) | None => Admission::Conflict,
            };
        }
        if inner.order.len() >= REQUESTS_MAX
            && let Some(oldest) = inner.order.pop_front()
        {
            inner.known.remove(&oldest);
        }
        inner.order.push_back(query.request_id.clone());
        inner.known.insert(
            query.request_id.clone(),
            Known {
                digest,
                query_id: None,
                state: None,
            },
        );
        Admission::First
    }

    /// Whether a statement that is analysed in this state is the one that was sent under its id at
    /// first. One that was answered is: its result is known by its own id, with what it was judged by.
    pub fn means_the_same(&self, request: &RequestId, state: &Arc<SessionState>) -> bool {
        let mut inner = self.lock();
        let Some(known) = inner.known.get_mut(request) else {
            return true;
        };
        let first = known.state.get_or_insert_with(|| Arc::clone(state));
        known.query_id.is_some() || *first == *state
    }

    /// Remembers which query a request became.
    pub fn ran_as(&self, request: &RequestId, query_id: &QueryId) {
        if let Some(known) = self.lock().known.get_mut(request) {
            known.query_id = Some(query_id.clone());
        }
    }

    #[must_use]
    pub fn contains(&self, request: &RequestId) -> bool {
        self.lock().known.contains_key(request)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything that changes what a statement means. Every part is preceded by its length, so that
/// no two statements run together to the same bytes.
#[must_use]
pub fn statement_digest(query: &Query) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(query.text.as_bytes());
    part(
        query
            .bindings
            .as_ref()
            .map_or("", |bindings| bindings.get())
            .as_bytes(),
    );
    part(&[u8::from(query.describe_only), u8::from(query.asynchronous)]);
    for (name, value) in &query.parameters {
        part(name.as_bytes());
        part(value.get().as_bytes());
    }
    match &query.via {
        Via::Driver => {}
        Via::Api(api) => {
            part(b"api");
            for name in [&api.database, &api.schema, &api.warehouse, &api.role] {
                // Nothing is not the empty name.
                part(&[u8::from(name.is_some())]);
                part(name.as_deref().unwrap_or_default().as_bytes());
            }
            part(&api.seconds_max.unwrap_or_default().to_le_bytes());
        }
    }
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(request: &str, text: &str) -> Query {
        Query::for_test(request, text)
    }

    #[test]
    fn a_request_id_stands_for_one_statement() {
        let requests = Requests::default();
        assert_eq!(requests.admit(&query("r1", "select 1")), Admission::First);
        assert_eq!(requests.admit(&query("r1", "select 1")), Admission::Retry);
        assert_eq!(
            requests.admit(&query("r1", "select 2")),
            Admission::Conflict
        );
        let mut described = query("r1", "select 1");
        described.describe_only = true;
        assert_eq!(requests.admit(&described), Admission::Conflict);
    }

    #[test]
    fn a_request_that_nobody_answered_means_what_it_meant_at_first() {
        let id = QueryId::parse("01b00000-0000-0000-0000-000000000001").unwrap();
        let state = |schema: &str| {
            Arc::new(SessionState {
                schema: Some(schema.to_owned()),
                ..SessionState::default()
            })
        };
        let requests = Requests::default();
        let request = RequestId("r1".to_owned());
        requests.admit(&query("r1", "select x from t"));
        assert!(requests.means_the_same(&request, &state("A")));
        assert!(requests.means_the_same(&request, &state("A")));
        assert!(!requests.means_the_same(&request, &state("B")));
        requests.ran_as(&request, &id);
        assert!(requests.means_the_same(&request, &state("B")));
    }

    #[test]
    fn nodes_placeholder_asks_for_the_first_result() {
        let id = QueryId::parse("01b00000-0000-0000-0000-000000000001").unwrap();
        let requests = Requests::default();
        let placeholder = query("r1", &format!("{NODE_PLACEHOLDER}r1'"));
        assert_eq!(requests.admit(&query("r1", "select 1")), Admission::First);
        assert_eq!(requests.admit(&placeholder), Admission::Conflict);
        requests.ran_as(&RequestId("r1".to_owned()), &id);
        assert_eq!(requests.admit(&placeholder), Admission::Refetch(id));
    }

    #[test]
    fn the_oldest_request_is_forgotten_first() {
        let requests = Requests::default();
        for number in 0..=REQUESTS_MAX {
            requests.admit(&query(&number.to_string(), "select 1"));
        }
        assert!(!requests.contains(&RequestId("0".to_owned())));
        assert!(requests.contains(&RequestId("1".to_owned())));
    }
}
