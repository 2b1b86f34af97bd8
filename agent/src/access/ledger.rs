//! The one way into the store: a transaction, then what follows from it in memory.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use prometheus::{IntCounterVec, Opts};
use sqlx::sqlite::SqliteConnection;
use tokio::sync::watch;

use super::AccessError;
use super::asks::Done;
use super::budget::Books;
use super::event::{Event, EventKind};
use super::grants;
use super::live::Live;
use super::rows;
use super::settle;
use super::witness::{self, Operator, Witness};
use crate::store::{Reader, Store, StoreError};
use crate::telemetry::ErrorChain;

/// What runs in a transaction. The outer error takes everything back; the inner one is an answer
/// that is committed with the rest, as when a vote finds that the ask has expired.
pub(super) type Work<'c, T> =
    Pin<Box<dyn Future<Output = Result<Result<T, AccessError>, AccessError>> + Send + 'c>>;

/// The store and what memory holds of it.
#[derive(Debug)]
pub(super) struct Ledger {
    store: Store,
    /// Sees everything before it is committed.
    pub(super) witness: Arc<dyn Witness>,
    pub(super) live: Live,
    pub(super) books: Books,
    history: Mutex<History>,
    /// Events, by kind.
    pub(super) happened: IntCounterVec,
    changes: watch::Sender<u64>,
    /// Ticks when something is in the outbox.
    written: watch::Sender<u64>,
}

/// When history was looked through, and what came since.
#[derive(Debug, Default)]
struct History {
    purged: Option<Timestamp>,
    events: u64,
}

impl Ledger {
    pub(super) async fn open(path: &Path, witness: Arc<dyn Witness>) -> Result<Self, AccessError> {
        let ledger = Self {
            store: Store::open(path).await?,
            witness,
            live: Live::default(),
            books: Books::default(),
            history: Mutex::default(),
            happened: happened()?,
            changes: watch::Sender::new(0),
            written: watch::Sender::new(0),
        };
        let mut reader = ledger.reader().await?;
        ledger
            .live
            .replace(&grants::all_live(reader.connection()).await?);
        ledger.books.read(reader.connection()).await?;
        reader.give_back();
        let mut turn = ledger.store.turn().await?;
        settle::settle(turn.connection(), &*ledger.witness).await?;
        turn.commit().await?;
        drop(turn);
        Ok(ledger)
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(super) fn written(&self) -> watch::Receiver<u64> {
        self.written.subscribe()
    }

    pub(super) async fn reader(&self) -> Result<Reader, AccessError> {
        Ok(self.store.reader().await?)
    }

    /// Runs `work` in a transaction that is durable when this returns, as is what the witness saw.
    ///
    /// It runs to its end even when the caller goes away: a commit whose outcome nobody takes over
    /// would leave memory with a grant that the store has revoked.
    pub(super) async fn write<T, F>(self: &Arc<Self>, work: F) -> Result<T, AccessError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection, &'c mut Done) -> Work<'c, T> + Send + 'static,
    {
        self.write_by(None, work).await
    }

    /// Does the same for a person who does it.
    pub(super) async fn write_by<T, F>(
        self: &Arc<Self>,
        operator: Option<Operator>,
        work: F,
    ) -> Result<T, AccessError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection, &'c mut Done) -> Work<'c, T> + Send + 'static,
    {
        let ledger = Arc::clone(self);
        let running = tokio::spawn(async move { ledger.run(operator, work).await });
        running.await.unwrap_or_else(|_ended| {
            self.live.doubt();
            Err(StoreError::Ended.into())
        })
    }

    async fn run<T, F>(&self, operator: Option<Operator>, work: F) -> Result<T, AccessError>
    where
        F: for<'c> FnOnce(&'c mut SqliteConnection, &'c mut Done) -> Work<'c, T> + Send,
    {
        let mut turn = self.store.turn().await?;
        if (turn.is_fresh() || self.live.is_doubted())
            && let Err(error) = self.believe(turn.connection()).await
        {
            turn.abandon().await;
            return Err(error);
        }
        let mut done = Done::default();
        match work(turn.connection(), &mut done).await {
            Ok(answer) => {
                let shown = self.show(turn.connection(), &done, operator.as_ref());
                let seen = match shown.await {
                    Ok(seen) => seen,
                    Err(error) => {
                        turn.abandon().await;
                        return Err(error);
                    }
                };
                if let Err(error) = turn.commit().await {
                    self.live.doubt();
                    self.tick();
                    // What a failed commit left open must not keep others from the file.
                    turn.abandon().await;
                    let why = ErrorChain(&error).to_string();
                    witness::take_back(&*self.witness, seen, why).await;
                    return Err(error.into());
                }
                self.live.apply(&done.grants);
                self.books.committed(&done.reservations);
                self.tell(&done);
                answer
            }
            Err(error) => {
                turn.abandon().await;
                Err(error)
            }
        }
    }

    /// Has the witness make durable what is about to be committed; the numbers of its frames.
    async fn show(
        &self,
        connection: &mut SqliteConnection,
        done: &Done,
        operator: Option<&Operator>,
    ) -> Result<Vec<u64>, AccessError> {
        if done.sights.is_empty() {
            return Ok(Vec::new());
        }
        let frames = witness::frames(&done.sights, operator, &*self.witness);
        let (seen, error) = match self.witness.see(frames).await {
            Ok(seen) => {
                let last = seen.last().copied().unwrap_or_default();
                match settle::committed_up_to(connection, last).await {
                    Ok(()) => return Ok(seen),
                    Err(error) => (seen, error),
                }
            }
            Err(source) => {
                let maybe = source.frames.clone();
                (maybe, AccessError::NotRecorded { source })
            }
        };
        let why = ErrorChain(&error).to_string();
        witness::take_back(&*self.witness, seen, why).await;
        Err(error)
    }

    /// Makes memory what the store says.
    async fn believe(&self, connection: &mut SqliteConnection) -> Result<(), AccessError> {
        self.live.replace(&grants::all_live(connection).await?);
        self.tick();
        Ok(())
    }

    /// Reads the store again when memory is not to be believed.
    pub(super) async fn reload(self: &Arc<Self>) -> Result<(), AccessError> {
        self.write(|_store, _done| Box::pin(async { Ok(Ok(())) }))
            .await
    }

    pub(super) fn purge_is_due(&self, now: Timestamp, every: Duration, after: u64) -> bool {
        let history = self.history();
        let next = history.purged.map(|purged| rows::after(purged, every));
        next.is_none_or(|next| now >= next) || history.events >= after
    }

    pub(super) fn purged(&self, now: Timestamp) {
        *self.history() = History {
            purged: Some(now),
            events: 0,
        };
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, done: &Done) {
        let mut history = self.history();
        history.events = history.events.saturating_add(done.sights.len() as u64);
        drop(history);
        for event in done.events() {
            let kind = event.kind.name();
            self.happened.with_label_values(&[kind]).inc();
            event.log();
        }
        if !done.sights.is_empty() {
            self.written
                .send_modify(|count| *count = count.wrapping_add(1));
        }
        if done.events().any(|event| event.kind.alters_verdicts()) {
            self.tick();
        }
    }

    pub(super) fn tick(&self) {
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// Every kind is there from the start: an alert on a rate needs the zero before the first one.
fn happened() -> Result<IntCounterVec, StoreError> {
    let about = Opts::new(
        "snowfence_access_events_total",
        "What happened to asks and grants, by kind.",
    );
    let happened = IntCounterVec::new(about, &["kind"])
        .map_err(|_error| StoreError::Nonsense { what: "a metric" })?;
    for kind in EventKind::ALL {
        happened.with_label_values(&[kind.name()]).reset();
    }
    Ok(happened)
}

impl EventKind {
    /// True when what was judged before may be judged differently after it.
    const fn alters_verdicts(self) -> bool {
        match self {
            Self::AskApproved
            | Self::AskDenied
            | Self::AskExpired
            | Self::AskWithdrawn
            | Self::AskVoid
            | Self::AskUsed
            | Self::BreakGlass
            | Self::GrantGiven
            | Self::GrantExtended
            | Self::GrantEnded
            | Self::GrantRevoked
            | Self::GrantUnused => true,
            // A grant gives its role from the moment that it is given, used or not.
            Self::AskOpened | Self::AskVoted | Self::GrantActivated | Self::GrantEnding => false,
        }
    }
}

impl Event {
    fn log(&self) {
        let ask = self.ask.as_ref().map(|ask| ask.id.0.as_str());
        let grant = self.grant.as_ref().map(|grant| grant.id.0.as_str());
        let workload = match (&self.ask, &self.grant) {
            (Some(ask), _) => Some(ask.asker.workload.as_str()),
            (None, Some(grant)) => Some(grant.workload.as_str()),
            (None, None) => None,
        };
        let kind = self.kind.name();
        if self.kind == EventKind::BreakGlass {
            tracing::warn!(event = kind, ask, grant, workload, "access changed");
        } else {
            tracing::info!(event = kind, ask, grant, workload, "access changed");
        }
    }
}
