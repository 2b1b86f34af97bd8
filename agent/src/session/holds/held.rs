//! One statement that waits: its phase, its ask, and who asks for it.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::NewHold;
use crate::access::AskId;
use crate::session::SessionId;
use crate::snowflake::{QueryId, RequestId};

/// Snowflake itself gives a statement up whose client has not polled for this long.
pub(super) const GONE_AFTER: Duration = Duration::from_secs(300);

/// One statement that waits, or did.
pub struct Held<A, E> {
    /// The id that its client knows it by.
    pub id: QueryId,
    pub session: SessionId,
    pub request: RequestId,
    pub asynchronous: bool,
    /// It came through the SQL API, and is asked for there.
    pub api: bool,
    /// For people: whose it is.
    pub workload: String,
    pub since: Instant,
    state: Mutex<State<A, E>>,
    changes: watch::Sender<u64>,
}

struct State<A, E> {
    phase: Phase<A, E>,
    ask: Option<AskId>,
    upstream: Option<QueryId>,
    /// Requests that wait for it now, and when the last one left.
    attending: usize,
    left: Instant,
    /// A frozen client cannot ask, and is not gone.
    frozen: bool,
}

enum Phase<A, E> {
    Waiting,
    Sending,
    Answered(A),
    Elsewhere,
    Ended(E),
}

/// What whoever asks for a statement is told.
#[derive(Debug, PartialEq, Eq)]
pub enum Told<A, E> {
    InProgress,
    /// The upstream's first answer; told once.
    Answer(A),
    /// The upstream knows it by another id: ask there.
    Elsewhere,
    Ended(E),
}

/// What became of a cancellation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    Ended,
    /// It is at the upstream, or on its way: only the upstream can cancel it.
    Sent,
    NotExecuting,
}

impl<A, E> fmt::Debug for Held<A, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Held")
            .field("id", &self.id)
            .field("session", &self.session)
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

impl<A, E: Clone> Held<A, E> {
    pub(super) fn new(new: NewHold, now: Instant) -> Self {
        let (changes, _) = watch::channel(0);
        Self {
            id: new.id,
            session: new.session,
            request: new.request,
            asynchronous: new.asynchronous,
            api: new.api,
            workload: new.workload,
            since: now,
            state: Mutex::new(State {
                phase: Phase::Waiting,
                ask: None,
                upstream: None,
                attending: 0,
                left: now,
                frozen: false,
            }),
            changes,
        }
    }

    /// Changes with every step.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// What a client is told now. The first answer is told once and then given away.
    pub fn tell(&self) -> Told<A, E> {
        let mut state = self.lock();
        match std::mem::replace(&mut state.phase, Phase::Elsewhere) {
            Phase::Answered(answer) => Told::Answer(answer),
            Phase::Elsewhere => Told::Elsewhere,
            Phase::Ended(end) => {
                state.phase = Phase::Ended(end.clone());
                Told::Ended(end)
            }
            phase @ (Phase::Waiting | Phase::Sending) => {
                state.phase = phase;
                Told::InProgress
            }
        }
    }

    /// How it ended, for those who only want to know.
    #[must_use]
    pub fn end_of(&self) -> Option<E> {
        match &self.lock().phase {
            Phase::Ended(end) => Some(end.clone()),
            Phase::Waiting | Phase::Sending | Phase::Answered(_) | Phase::Elsewhere => None,
        }
    }

    /// Whether it waits for people, or is just being sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.lock().phase, Phase::Waiting | Phase::Sending)
    }

    /// Whether the first answer, or the error instead of it, is still to be told here.
    #[must_use]
    pub fn has_answer(&self) -> bool {
        !matches!(self.lock().phase, Phase::Elsewhere)
    }

    #[must_use]
    pub fn ask(&self) -> Option<AskId> {
        self.lock().ask.clone()
    }

    /// Notes under which ask it waits.
    pub fn waits_for(&self, ask: &AskId) {
        self.lock().ask = Some(ask.clone());
        self.change();
    }

    /// The id that the upstream gave it.
    #[must_use]
    pub fn upstream(&self) -> Option<QueryId> {
        self.lock().upstream.clone()
    }

    /// Begins to send it; false when it has ended.
    #[must_use]
    pub fn send(&self) -> bool {
        self.step(|phase| match phase {
            Phase::Waiting => Ok(Phase::Sending),
            other @ (Phase::Sending | Phase::Answered(_) | Phase::Elsewhere | Phase::Ended(_)) => {
                Err(other)
            }
        })
    }

    /// Goes back to waiting: nothing was sent.
    pub fn wait_again(&self) {
        self.step(|phase| match phase {
            Phase::Sending => Ok(Phase::Waiting),
            other @ (Phase::Waiting | Phase::Answered(_) | Phase::Elsewhere | Phase::Ended(_)) => {
                Err(other)
            }
        });
    }

    /// Notes what the upstream answered to what was sent, or why there is no answer.
    pub fn sent(&self, upstream: Option<QueryId>, outcome: Result<A, E>) {
        self.lock().upstream = upstream;
        self.step(|phase| match phase {
            Phase::Sending => Ok(match outcome {
                Ok(answer) => Phase::Answered(answer),
                Err(end) => Phase::Ended(end),
            }),
            other @ (Phase::Waiting | Phase::Answered(_) | Phase::Elsewhere | Phase::Ended(_)) => {
                Err(other)
            }
        });
    }

    /// Ends it while it waits; false when it does not.
    pub fn end(&self, end: E) -> bool {
        self.step(|phase| match phase {
            Phase::Waiting => Ok(Phase::Ended(end)),
            other @ (Phase::Sending | Phase::Answered(_) | Phase::Elsewhere | Phase::Ended(_)) => {
                Err(other)
            }
        })
    }

    /// Ends it at its client's wish.
    pub fn cancel(&self, end: E) -> Cancelled {
        if self.end(end) {
            return Cancelled::Ended;
        }
        match &self.lock().phase {
            Phase::Waiting | Phase::Sending | Phase::Answered(_) | Phase::Elsewhere => {
                Cancelled::Sent
            }
            Phase::Ended(_) => Cancelled::NotExecuting,
        }
    }

    /// A request begins to wait for it.
    pub fn attend(&self) {
        self.lock().attending += 1;
        self.change();
    }

    /// A request no longer waits for it: it was answered, or its connection broke.
    pub fn leave(&self, now: Instant) {
        let mut state = self.lock();
        state.attending = state.attending.saturating_sub(1);
        state.left = now;
        drop(state);
        self.change();
    }

    /// Notes that the client is frozen, or runs again and may take its time to come back.
    pub fn freeze(&self, frozen: bool, now: Instant) {
        let mut state = self.lock();
        state.frozen = frozen;
        state.left = now;
        drop(state);
        self.change();
    }

    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.lock().frozen
    }

    /// When its client counts as gone; `None` while it does not: it asks now, cannot ask, or need
    /// not, because it left an asynchronous statement behind.
    #[must_use]
    pub fn gone_at(&self) -> Option<Instant> {
        let state = self.lock();
        let may_be_gone = state.attending == 0 && !state.frozen && !self.asynchronous;
        may_be_gone.then(|| state.left + GONE_AFTER)
    }

    /// Lets go of an answer that nobody came for; the upstream still has it.
    pub(super) fn forget_answer(&self, now: Instant) {
        let mut state = self.lock();
        let unwanted = state.attending == 0 && state.left + GONE_AFTER <= now;
        if unwanted && matches!(state.phase, Phase::Answered(_)) {
            state.phase = Phase::Elsewhere;
        }
    }

    fn step(&self, take: impl FnOnce(Phase<A, E>) -> Result<Phase<A, E>, Phase<A, E>>) -> bool {
        let mut state = self.lock();
        let phase = std::mem::replace(&mut state.phase, Phase::Elsewhere);
        let (phase, taken) = match take(phase) {
            Ok(phase) => (phase, true),
            Err(phase) => (phase, false),
        };
        state.phase = phase;
        drop(state);
        if taken {
            self.change();
        }
        taken
    }

    fn change(&self) {
        self.changes
            .send_modify(|step| *step = step.wrapping_add(1));
    }

    fn lock(&self) -> MutexGuard<'_, State<A, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
