//! Who owns which query id, and what is known of the statement that made it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::access::Running;
use crate::identity::PrincipalKey;
use crate::mask::outputs::Origin;
use crate::policy::Limits;
use crate::snowflake::QueryId;
use crate::sql::SessionState;
use crate::sql::context;
use crate::sql::facts::{Facts, Lineage, Sources};

/// Snowflake keeps a result for 24 hours.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// At about 250 bytes each this is 25 MB; the oldest go first, and what is forgotten is refused.
const RESULTS_MAX: usize = 100_000;
/// Facts of all statements together, about 2 KiB each: those of the oldest go first, and their
/// lineage is then unknown.
const FACTS_BYTES_MAX: usize = 64 << 20;

/// How a statement was judged: what lets its result be judged again.
#[derive(Clone, Debug)]
pub struct Judged {
    pub facts: Facts,
    pub session: Arc<SessionState>,
}

/// What holds for a result from its statement on.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// `None` when too much was judged since.
    pub judged: Option<Arc<Judged>>,
    pub limits: Limits,
    /// When the statement is to be ended.
    pub deadline: Option<Instant>,
    /// People had approved it.
    pub approved: bool,
    /// Until its end is seen it counts as one that runs.
    pub running: Option<Arc<Running>>,
    pub place: Place,
}

/// Which of a text's results it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// That of the text.
    #[default]
    Whole,
    /// That of one of several statements in it, counted from 0 where it is known which.
    Part(Option<usize>),
}

impl Terms {
    /// What is known of where the result comes from. `is_parent`: the answer names the results of
    /// several statements, and has no other rows than that they ran.
    #[must_use]
    pub fn origin(&self, is_parent: bool) -> Origin<'_> {
        let Some(judged) = &self.judged else {
            return Origin::FORGOTTEN;
        };
        let facts = &judged.facts;
        match self.place {
            Place::Part(place) => Origin::part(facts, place),
            Place::Whole if is_parent && facts.kinds.len() > 1 => Origin::status(facts),
            Place::Whole => Origin::whole(facts),
        }
    }
}

#[derive(Debug)]
struct Owner {
    key: PrincipalKey,
    account: String,
    until: Instant,
    terms: Terms,
}

#[derive(Debug, Default)]
struct Inner {
    owners: HashMap<QueryId, Owner>,
    order: VecDeque<QueryId>,
    /// Those of whose statements the facts are kept, oldest first.
    judged: VecDeque<(QueryId, usize)>,
    facts_bytes: usize,
}

impl Owner {
    fn is(&self, key: &PrincipalKey, account: &str) -> bool {
        self.key == *key && self.account == account
    }
}

/// The owners of results; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Results(Arc<Mutex<Inner>>);

/// The results of one principal, as analysis asks for them.
#[derive(Debug)]
pub struct Owned {
    pub results: Results,
    pub key: PrincipalKey,
    pub account: String,
    /// The last results of the session, newest last, as far as their order is certain.
    pub last: Vec<QueryId>,
}

impl Results {
    /// Notes whose statement made a result; false when it is another principal's. An id that is owned
    /// already keeps its owner and its terms.
    #[must_use]
    pub fn own(
        &self,
        id: &QueryId,
        key: &PrincipalKey,
        account: &str,
        terms: &Terms,
        now: Instant,
    ) -> bool {
        let mut inner = self.lock();
        inner.make_room(now);
        if let Some(owner) = inner.owners.get(id) {
            return owner.is(key, account);
        }
        inner.order.push_back(id.clone());
        if let Some(judged) = &terms.judged {
            // The parts of a text share its facts.
            let bytes = match terms.place {
                Place::Whole => weight(&judged.facts),
                Place::Part(_) => 0,
            };
            inner.facts_bytes += bytes;
            inner.judged.push_back((id.clone(), bytes));
        }
        let owner = Owner {
            key: key.clone(),
            account: account.to_owned(),
            until: now + KEPT,
            terms: terms.clone(),
        };
        inner.owners.insert(id.clone(), owner);
        true
    }

    /// Whether a principal may name this result. An id that is not known may not be named.
    #[must_use]
    pub fn may_use(&self, id: &QueryId, key: &PrincipalKey, account: &str) -> bool {
        let inner = self.lock();
        inner
            .owners
            .get(id)
            .is_some_and(|owner| owner.is(key, account))
    }

    /// Whether an answer had this id before.
    #[must_use]
    pub fn knows(&self, id: &QueryId) -> bool {
        self.lock().owners.contains_key(id)
    }

    /// What holds for a result; nothing is known of one that is forgotten.
    #[must_use]
    pub fn terms(&self, id: &QueryId) -> Terms {
        let inner = self.lock();
        inner
            .owners
            .get(id)
            .map(|owner| owner.terms.clone())
            .unwrap_or_default()
    }

    /// The statement goes on after its first answer.
    pub fn runs(&self, id: &QueryId, running: Running) {
        if let Some(owner) = self.lock().owners.get_mut(id) {
            owner.terms.running = Some(Arc::new(running));
        }
    }

    /// The statement has ended: its time is not measured any more.
    pub fn ended(&self, id: &QueryId) {
        if let Some(owner) = self.lock().owners.get_mut(id) {
            owner.terms.deadline = None;
            owner.terms.running = None;
        }
    }

    /// What a later statement may know of a result: less than the statement did that made it.
    fn lineage(&self, id: &QueryId, key: &PrincipalKey, account: &str) -> Option<Arc<Lineage>> {
        let inner = self.lock();
        let owner = inner.owners.get(id)?;
        owner.is(key, account).then_some(())?;
        owner.terms.origin(false).lasting().map(Arc::new)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl context::Results for Owned {
    fn lineage(&self, id: &QueryId) -> Option<Arc<Lineage>> {
        self.results.lineage(id, &self.key, &self.account)
    }

    fn last(&self, offset: i64) -> Option<QueryId> {
        // A positive offset counts from the session's first statement, which is not kept.
        let back = usize::try_from(offset.checked_neg()?).ok()?;
        let at = self.last.len().checked_sub(back)?;
        self.last.get(at).cloned()
    }
}

impl Inner {
    fn make_room(&mut self, now: Instant) {
        while let Some(oldest) = self.order.front() {
            let expired = self
                .owners
                .get(oldest)
                .is_none_or(|owner| owner.until <= now);
            if !expired && self.order.len() < RESULTS_MAX {
                break;
            }
            if let Some(oldest) = self.order.pop_front() {
                self.owners.remove(&oldest);
            }
        }
        while self.facts_bytes > FACTS_BYTES_MAX
            && let Some((id, bytes)) = self.judged.pop_front()
        {
            self.facts_bytes = self.facts_bytes.saturating_sub(bytes);
            if let Some(owner) = self.owners.get_mut(&id) {
                owner.terms.judged = None;
            }
        }
        let owners = &self.owners;
        while let Some((id, bytes)) = self.judged.front()
            && !owners.contains_key(id)
        {
            self.facts_bytes = self.facts_bytes.saturating_sub(*bytes);
            self.judged.pop_front();
        }
    }
}

/// About the bytes that facts take: names are some ten bytes each, in up to four parts.
fn weight(facts: &Facts) -> usize {
    const NAME: usize = 200;
    let sources = |lineage: &Lineage| match lineage {
        Lineage::NoData | Lineage::Unknown(_) => 0,
        Lineage::Columns(outputs) => outputs
            .iter()
            .map(|output| match &output.sources {
                Sources::Known(columns) => 1 + columns.len(),
                Sources::Unknown(_) => 1,
            })
            .sum(),
    };
    let sources: usize = std::iter::once(&facts.lineage)
        .chain(&facts.parts)
        .map(sources)
        .sum();
    let names = facts.accesses.len()
        + facts.columns.len()
        + facts.predicates.len()
        + facts.functions.len()
        + facts.missing.len()
        + facts
            .writes
            .values()
            .map(|it| 1 + it.names())
            .sum::<usize>()
        + sources;
    1024 + names * NAME
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::context::Results as _;

    fn key(workload: &str) -> PrincipalKey {
        PrincipalKey::for_test(workload)
    }

    fn id(number: u64) -> QueryId {
        QueryId::of_entry(number)
    }

    fn terms(facts: Facts) -> Terms {
        let session = Arc::default();
        Terms {
            judged: Some(Arc::new(Judged { facts, session })),
            ..Terms::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_result_is_its_makers_alone() {
        let results = Results::default();
        let (id, terms) = (id(1), Terms::default());
        let now = Instant::now();
        assert!(!results.may_use(&id, &key("a"), "acct"));
        assert!(results.own(&id, &key("a"), "acct", &terms, now));
        assert!(results.own(&id, &key("a"), "acct", &terms, now));
        assert!(!results.own(&id, &key("b"), "acct", &terms, now));
        assert!(results.may_use(&id, &key("a"), "acct"));
        assert!(!results.may_use(&id, &key("b"), "acct"));
        assert!(!results.may_use(&id, &key("a"), "other"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_result_is_forgotten_after_a_day() {
        let results = Results::default();
        let (first, second, terms) = (id(1), id(2), Terms::default());
        let now = Instant::now();
        assert!(results.own(&first, &key("a"), "acct", &terms, now));
        assert!(results.own(&second, &key("a"), "acct", &terms, now + KEPT));
        assert!(!results.may_use(&first, &key("a"), "acct"));
        assert!(results.may_use(&second, &key("a"), "acct"));
    }

    #[tokio::test(start_paused = true)]
    async fn lineage_is_for_the_owner_and_of_the_very_statement() {
        let results = Results::default();
        let now = Instant::now();
        let single = terms(Facts {
            lineage: Lineage::NoData,
            ..Facts::for_test(&[])
        });
        let double = terms(Facts {
            kinds: vec!["SELECT".to_owned(), "SELECT".to_owned()],
            parts: vec![Lineage::Unknown(String::new()), Lineage::NoData],
            ..Facts::for_test(&[])
        });
        assert!(results.own(&id(1), &key("a"), "acct", &single, now));
        let part = |place| Terms {
            place: Place::Part(place),
            ..double.clone()
        };
        assert!(results.own(&id(2), &key("a"), "acct", &part(None), now));
        assert!(results.own(&id(3), &key("a"), "acct", &double, now));
        assert!(results.own(&id(4), &key("a"), "acct", &part(Some(1)), now));
        let owned = |workload: &str| Owned {
            results: results.clone(),
            key: key(workload),
            account: "acct".to_owned(),
            last: vec![id(1), id(2)],
        };
        let (own, other) = (owned("a"), owned("b"));
        assert_eq!(own.lineage(&id(1)).as_deref(), Some(&Lineage::NoData));
        assert_eq!(other.lineage(&id(1)), None);
        assert_eq!(own.lineage(&id(2)), None);
        assert_eq!(own.lineage(&id(3)), None);
        assert_eq!(own.lineage(&id(4)).as_deref(), Some(&Lineage::NoData));
        assert_eq!(own.last(-1), Some(id(2)));
        assert_eq!(own.last(-2), Some(id(1)));
        for offset in [-3, 0, 1, i64::MIN] {
            assert_eq!(own.last(offset), None, "{offset}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn facts_of_the_oldest_go_when_there_are_too_many() {
        let results = Results::default();
        let now = Instant::now();
        let large = Facts {
            functions: (0..40_000).map(|number| number.to_string()).collect(),
            lineage: Lineage::NoData,
            ..Facts::for_test(&[])
        };
        for number in 0..12 {
            let terms = terms(large.clone());
            assert!(results.own(&id(number), &key("a"), "acct", &terms, now));
        }
        assert!(results.terms(&id(0)).judged.is_none());
        assert!(results.terms(&id(11)).judged.is_some());
        assert!(results.may_use(&id(0), &key("a"), "acct"));
    }
}
