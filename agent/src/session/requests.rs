//! The requests of one session: a request id stands for one statement, once.

use std::collections::{HashMap, VecDeque};

use crate::snowflake::{Query, QueryId, RequestId};

/// A digest of everything that gives a statement its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestDigest([u8; 32]);

impl RequestDigest {
    #[must_use]
    pub fn of(query: &Query) -> Self {
        let mut hasher = blake3::Hasher::new();
        // Lengths before contents, so that no two statements run together into the same bytes.
        let mut add = |bytes: &[u8]| {
            hasher
                .update(&(bytes.len() as u64).to_le_bytes())
                .update(bytes);
        };
        add(query.text.as_bytes());
        add(&[
            u8::from(query.describe_only),
            u8::from(query.asynchronous),
            u8::from(query.is_internal),
            u8::from(query.bindings.is_some()),
        ]);
        add(query
            .bindings
            .as_ref()
            .map_or("", |bindings| bindings.get())
            .as_bytes());
        for (name, value) in &query.parameters {
            add(name.as_bytes());
            add(value.get().as_bytes());
        }
        Self(hasher.finalize().into())
    }
}

/// What a request is to the requests before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    First,
    /// The same statement again: its answer, not another run.
    Retry {
        query_id: Option<QueryId>,
    },
    /// A driver asks for the answer of a request by its id alone.
    Refetch(QueryId),
    /// The id of another statement. The upstream would answer with that one's result, which is not
    /// what would be judged.
    Conflict,
}

/// The requests of one session that are remembered.
#[derive(Debug, Default)]
pub struct RequestLog {
    known: HashMap<RequestId, Known>,
    order: VecDeque<RequestId>,
}

#[derive(Debug)]
struct Known {
    digest: RequestDigest,
    query_id: Option<QueryId>,
}

impl RequestLog {
    /// Says what a statement is to those before it, and remembers it.
    pub fn admit(&mut self, query: &Query) -> Admission {
        let digest = RequestDigest::of(query);
        if let Some(known) = self.known.get(&query.request_id) {
            return if known.digest == digest {
                Admission::Retry {
                    query_id: known.query_id.clone(),
                }
            } else {
                match &known.query_id {
                    Some(query_id) if is_placeholder(query) => Admission::Refetch(query_id.clone()),
                    _ => Admission::Conflict,
                }
            };
        }
        // The text stands for a statement of the past, and we do not know which.
        if is_placeholder(query) {
            return Admission::Conflict;
        }
        if self.order.len() >= REQUESTS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(query.request_id.clone());
        self.known.insert(
            query.request_id.clone(),
            Known {
                digest,
                query_id: None,
            },
        );
        Admission::First
    }

    /// Remembers which query a request became.
    pub fn ran_as(&mut self, request_id: &RequestId, query_id: QueryId) {
        if let Some(known) = self.known.get_mut(request_id) {
            known.query_id = Some(query_id);
        }
    }

    /// Forgets a request that never reached the upstream, so that a retry is judged afresh.
    pub fn forget(&mut self, request_id: &RequestId) {
        if self.known.remove(request_id).is_some() {
            self.order.retain(|other| other != request_id);
        }
    }

    #[must_use]
    pub fn query_id(&self, request_id: &RequestId) -> Option<&QueryId> {
        self.known.get(request_id)?.query_id.as_ref()
    }

    /// True if the session has sent this request.
    #[must_use]
    pub fn knows(&self, request_id: &RequestId) -> bool {
        self.known.contains_key(request_id)
    }
}

/// The text that the Node driver sends to get the result of a request whose text it no longer has.
fn is_placeholder(query: &Query) -> bool {
    query
        .text
        .starts_with("SELECT 'Error retrieving query results for request id:")
}

/// Drivers retry within minutes; a busy session sends some statements each second.
const REQUESTS_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    fn query(id: &str, text: &str) -> Query {
        Query {
            request_id: RequestId(id.to_owned()),
            text: text.to_owned(),
            describe_only: false,
            asynchronous: false,
            sequence_id: None,
            query_submission_time: None,
            parameters: Vec::new(),
            bindings: None,
            query_context: None,
            is_internal: false,
            retry_count: 0,
        }
    }

    fn query_id() -> QueryId {
        QueryId::parse("01b00000-0000-0000-0000-000000000001").unwrap()
    }

    #[test]
    fn the_same_statement_again_is_a_retry_and_another_is_a_conflict() {
        let mut log = RequestLog::default();
        let first = query("r", "select 1");
        assert_eq!(log.admit(&first), Admission::First);
        let mut retry = first.clone();
        retry.retry_count = 1;
        assert_eq!(log.admit(&retry), Admission::Retry { query_id: None });
        log.ran_as(&first.request_id, query_id());
        assert_eq!(
            log.admit(&retry),
            Admission::Retry {
                query_id: Some(query_id())
            }
        );

        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let mut others = vec![query("r", "select 2"); 4];
        others[1] = Query {
            bindings: Some(raw("{}")),
            ..first.clone()
        };
        others[2] = Query {
            describe_only: true,
            ..first.clone()
        };
        others[3] = Query {
            parameters: vec![("TIMEZONE".to_owned(), raw("1"))],
            ..first
        };
        for other in others {
            assert_eq!(log.admit(&other), Admission::Conflict, "{other:?}");
        }
    }

    #[test]
    fn the_placeholder_of_the_node_driver_is_never_a_statement() {
        let text = "SELECT 'Error retrieving query results for request id: r'";
        let mut log = RequestLog::default();
        assert_eq!(log.admit(&query("r", text)), Admission::Conflict);
        assert_eq!(log.admit(&query("r", "select 1")), Admission::First);
        assert_eq!(log.admit(&query("r", text)), Admission::Conflict);
        log.ran_as(&RequestId("r".to_owned()), query_id());
        assert_eq!(log.admit(&query("r", text)), Admission::Refetch(query_id()));
    }

    #[test]
    fn the_log_forgets_its_oldest_and_stays_bounded() {
        let mut log = RequestLog::default();
        for number in 0..=REQUESTS_MAX {
            assert_eq!(
                log.admit(&query(&number.to_string(), "select 1")),
                Admission::First
            );
        }
        assert_eq!(
            (log.known.len(), log.order.len()),
            (REQUESTS_MAX, REQUESTS_MAX)
        );
        assert!(!log.knows(&RequestId("0".to_owned())));
        log.forget(&RequestId("7".to_owned()));
        assert_eq!(
            (log.known.len(), log.order.len()),
            (REQUESTS_MAX - 1, REQUESTS_MAX - 1)
        );
    }
}
