//! What happens because time passes: asks expire, grants end, history is forgotten.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;
use tokio::time::MissedTickBehavior;

use super::ask::AskId;
use super::asks::{self, Done};
use super::event::Event;
use super::grant::{Grant, GrantState};
use super::ledger::Ledger;
use super::state::Step;
use super::{AccessError, Desk, grants, rows, spends};
use crate::clock;
use crate::shutdown::Shutdown;
use crate::store::StoreError;
use crate::telemetry::ErrorChain;

/// How late an expiry may be told. What is over gives nothing from its very moment: whoever asks
/// compares the times.
const PERIOD: Duration = Duration::from_secs(1);

/// A grant is warned of so long before its end, or for the last tenth of a short one.
const WARNING: Duration = Duration::from_secs(300);

/// Asks that one transaction closes; the rest waits for the next sweep.
const BATCH_MAX: i64 = 1_000;

/// A quarter: as long as access reviews look back.
const HISTORY: Duration = Duration::from_secs(90 * 86_400);

/// Closed asks, and ended grants, that are kept. With statements of 64 KiB, which are rare, 1.3 GB.
const HISTORY_MAX: i64 = 20_000;

/// Twice as long as a notification is tried for.
const EVENTS_KEPT: Duration = Duration::from_secs(2 * 86_400);

/// Events that are kept, at 10 KiB at most.
const EVENTS_MAX: i64 = 20_000;

/// History is looked through so often, and after so many events: an agent that asks and withdraws
/// in a loop fills the disk no further than this.
const PURGE_EVERY: Duration = Duration::from_secs(3_600);
const PURGE_AFTER: u64 = 2_000;

impl Desk {
    /// Does what the time has come for, and tells what it did.
    ///
    /// # Errors
    /// The store fails; the next sweep tries again.
    pub async fn sweep(&self, now: Timestamp) -> Result<Vec<Event>, AccessError> {
        let ledger = &self.ledger;
        let due = ledger.live.due(now);
        let purge = ledger.purge_is_due(now, PURGE_EVERY, PURGE_AFTER);
        let work = purge
            || !due.is_empty()
            || ledger.live.is_doubted()
            || ledger.books.any_rests(now)
            || any_ask_is_due(ledger, now).await?;
        if !work {
            return Ok(Vec::new());
        }
        let (seen, books) = (due.clone(), ledger.books.clone());
        let events = ledger
            .write(move |store, done| {
                Box::pin(async move {
                    close_asks(store, now, done).await?;
                    Box::pin(close_grants(store, &due, now, done)).await?;
                    spends::write(store, &books.resting(now, false)).await?;
                    if purge {
                        forget(store, now).await?;
                    }
                    Ok(Ok(done.events().cloned().collect()))
                })
            })
            .await?;
        ledger.live.swept(&seen);
        if purge {
            ledger.purged(now);
        }
        Ok(events)
    }

    /// Sweeps until the daemon ends, and then writes the budgets down exactly.
    pub async fn keep(self, mut shutdown: Shutdown) {
        let mut period = tokio::time::interval(PERIOD);
        period.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            // Both arms are cancel-safe.
            tokio::select! {
                () = shutdown.wait() => break,
                _ = period.tick() => {}
            }
            match self.sweep(clock::now()).await {
                Ok(_events) => failing = false,
                Err(error) if !failing => {
                    failing = true;
                    let error = ErrorChain(&error);
                    tracing::error!(%error, "cannot close what is over in the store");
                }
                Err(_same) => {}
            }
        }
        if let Err(error) = self.settle(clock::now()).await {
            tracing::warn!(error = %ErrorChain(&error), "cannot write the budgets down");
        }
    }

    /// Writes down exactly what everyone has used.
    ///
    /// # Errors
    /// The store fails; what it keeps is more than what was used.
    pub async fn settle(&self, now: Timestamp) -> Result<(), AccessError> {
        let mut rest = true;
        while rest {
            let books = self.ledger.books.clone();
            rest = self
                .ledger
                .write(move |store, _done| {
                    Box::pin(async move {
                        let resting = books.resting(now, true);
                        spends::write(store, &resting).await?;
                        Ok(Ok(!resting.is_empty()))
                    })
                })
                .await?;
        }
        Ok(())
    }
}

impl Grant {
    /// From when on its end is near.
    pub(super) fn warn_from(&self) -> Option<Timestamp> {
        if self.state != GrantState::Active {
            return None;
        }
        let ahead = WARNING.min(self.duration / 10);
        let ahead = jiff::SignedDuration::try_from(ahead).ok()?;
        self.ends?.checked_sub(ahead).ok()
    }
}

async fn any_ask_is_due(ledger: &Ledger, now: Timestamp) -> Result<bool, AccessError> {
    let mut reader = ledger.reader().await?;
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT 1 FROM asks WHERE (state = 'open' AND kind IN ('role', 'statement') \
         AND expires <= $1) OR (state = 'approved' AND kind = 'statement' AND expires <= $1) \
         LIMIT 1",
    )
    .bind(now.as_microsecond())
    .fetch_optional(reader.connection())
    .await
    .map_err(StoreError::failed)?;
    reader.give_back();
    Ok(found.is_some())
}

async fn close_asks(
    connection: &mut SqliteConnection,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), AccessError> {
    let due: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM asks WHERE (state = 'open' AND kind IN ('role', 'statement') \
         AND expires <= $1) OR (state = 'approved' AND kind = 'statement' AND expires <= $1) \
         ORDER BY expires LIMIT $2",
    )
    .bind(now.as_microsecond())
    .bind(BATCH_MAX)
    .fetch_all(&mut *connection)
    .await
    .map_err(StoreError::failed)?;
    for id in due {
        let mut ask = asks::known(connection, &AskId(id)).await?;
        asks::step(connection, &mut ask, Step::Expire, now, done).await?;
    }
    Ok(())
}

async fn close_grants(
    connection: &mut SqliteConnection,
    due: &[Arc<Grant>],
    now: Timestamp,
    done: &mut Done,
) -> Result<(), AccessError> {
    for known in due {
        // As the store has it now: it may have been extended since memory was asked.
        let Some(grant) = rows::grant(connection, &known.id).await? else {
            continue;
        };
        if grant.is_overdue(now) {
            grants::end(connection, grant, now, done).await?;
        } else if grant.warn_from().is_some_and(|from| now >= from) {
            grants::warn(connection, grant, now, done).await?;
        }
    }
    Ok(())
}

/// Forgets what is older than anyone looks back, and what is too much.
async fn forget(connection: &mut SqliteConnection, now: Timestamp) -> Result<(), AccessError> {
    let before = |kept: Duration| {
        let kept = i64::try_from(kept.as_micros()).unwrap_or(i64::MAX);
        now.as_microsecond().saturating_sub(kept)
    };
    for (statement, kept, count) in [
        (FORGET_ASKS, HISTORY, HISTORY_MAX),
        (FORGET_GRANTS, HISTORY, HISTORY_MAX),
        (FORGET_EVENTS, EVENTS_KEPT, EVENTS_MAX),
    ] {
        sqlx::query(statement)
            .bind(before(kept))
            .bind(count)
            .execute(&mut *connection)
            .await
            .map_err(StoreError::failed)?;
    }
    spends::purge(connection, now).await
}

/// An approval that can still be used is no history. An ask takes its votes with it.
const FORGET_ASKS: &str = "DELETE FROM asks WHERE closed IS NOT NULL \
    AND NOT (state = 'approved' AND kind = 'statement') AND (closed < $1 OR closed <= \
    (SELECT closed FROM asks WHERE closed IS NOT NULL ORDER BY closed DESC LIMIT 1 OFFSET $2))";

const FORGET_GRANTS: &str = "DELETE FROM grants WHERE closed IS NOT NULL AND (closed < $1 \
    OR closed <= (SELECT closed FROM grants WHERE closed IS NOT NULL ORDER BY closed DESC \
    LIMIT 1 OFFSET $2))";

const FORGET_EVENTS: &str = "DELETE FROM events WHERE time < $1 \
    OR seq <= (SELECT MAX(seq) FROM events) - $2";
