//! What the thread writes: frames, checkpoints, segments.
//!
//! A checkpoint goes into the batch that is synced next, before its sync, so no decision ever waits
//! for a sync of a checkpoint's own; signing takes some 20 microseconds. Only when nothing comes does a
//! checkpoint get a sync to itself.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;

use super::chain::Digest;
use super::error::RecordError;
use super::event::{Closing, SessionClosed};
use super::files::Storage;
use super::format::{CHECKPOINT_FRAMES_MAX, Kind};
use super::head::{Head, host_text};
use super::key::HostKey;
use super::metrics::Metrics;
use super::recover::{Gap, Tail};
use super::segment::{Beginning, Clocks, Draft, Holds, encode_header, write_checkpoint};
use super::state::{Failure, State, failure};
use super::thread::{BATCH_BYTES_MAX, Message, SYNC_IDLE, TICK};

/// How long a frame may stay without a signature behind it.
const CHECKPOINT_AGE: Duration = Duration::from_secs(1);

/// A wall clock that is off by more than this against the time since the boot was set, not slewed.
const STEP_MAX: Duration = Duration::from_secs(2);

/// How the recording is written.
pub(super) struct Setup {
    /// The host's name.
    pub(super) host: String,
    pub(super) key: HostKey,
    pub(super) boot: [u8; 16],
    pub(super) clocks: Box<dyn FnMut() -> Clocks + Send>,
    pub(super) segment_bytes_max: u64,
    pub(super) segment_age_max: Duration,
    pub(super) reserve_bytes: u64,
}

/// Owned by the thread.
pub(super) struct Writer<S> {
    pub(super) state: Arc<State>,
    pub(super) metrics: Metrics,
    setup: Setup,
    storage: S,
    segment: u64,
    segment_bytes: u64,
    segment_begun: Clocks,
    holds: Holds,
    digest: Digest,
    /// Chained, not yet written.
    out: Vec<u8>,
    /// Written, not yet synced: how much, and the uptime at the first of it.
    unsynced: usize,
    unsynced_since: u64,
    /// Frames without a checkpoint behind them, and the uptime at the first.
    unsigned: u64,
    unsigned_since: u64,
    sessions: BTreeSet<String>,
    /// When the clocks were read last.
    seen: Clocks,
    /// Somebody set the wall clock, which is yet to be told.
    stepped: Option<Gap>,
    space_seen: Option<u64>,
    /// The last checkpoint, not yet durable.
    signed: Option<Head>,
    /// The last durable checkpoint, not yet noted beside the segments.
    durable: Option<Head>,
}

impl<S: Storage> Writer<S> {
    /// Begins the segment behind `tail`, and says in it what was found there. Every start begins a
    /// segment: nothing is ever appended to what a crash may have torn.
    pub(super) fn begin(
        storage: S,
        tail: Tail,
        mut setup: Setup,
        (state, metrics): (Arc<State>, Metrics),
    ) -> Result<Self, Failure> {
        let seen = (setup.clocks)();
        state.next_entry.store(tail.next_entry, Ordering::Relaxed);
        metrics.writable.set(1);
        let mut writer = Self {
            state,
            metrics,
            setup,
            storage,
            segment: tail.segment,
            segment_bytes: 0,
            segment_begun: seen,
            holds: Holds::Beginning,
            digest: tail.digest,
            out: Vec::new(),
            unsynced: 0,
            unsynced_since: 0,
            unsigned: 0,
            unsigned_since: 0,
            sessions: tail.sessions,
            seen,
            stepped: None,
            space_seen: None,
            signed: None,
            durable: None,
        };
        writer.watch_space();
        writer.start()?;
        for gap in &tail.gaps {
            writer.push_gap(gap)?;
        }
        let closed: Vec<_> = writer.sessions.iter().cloned().collect();
        for session in closed {
            writer.push_closed(session)?;
        }
        writer.sign(false);
        writer.flush()?;
        writer.sync()?;
        writer.note();
        Ok(writer)
    }

    /// How long the thread may wait for something to write.
    pub(super) fn patience(&self) -> Duration {
        if self.unsynced > 0 {
            return SYNC_IDLE;
        }
        if self.unsigned == 0 {
            return TICK;
        }
        let waited = since(self.unsigned_since, self.seen);
        let rest = CHECKPOINT_AGE.saturating_sub(waited);
        rest.max(Duration::from_millis(1))
    }

    /// Writes a batch, and syncs it if a frame in it must be durable; an empty batch is the time for
    /// what is due.
    pub(super) fn commit(&mut self, batch: &[Message]) -> Result<(), Failure> {
        let is_full = self.segment_bytes >= self.setup.segment_bytes_max && !batch.is_empty();
        let is_old = since(self.segment_begun.uptime, self.seen) >= self.setup.segment_age_max;
        let is_over = match self.holds {
            Holds::Beginning => false,
            Holds::Upkeep => is_full,
            Holds::Events => is_full || is_old,
        };
        if is_over {
            self.rotate()?;
        }
        if let Some(gap) = self.stepped.take() {
            self.push_gap(&gap)?;
        }
        for message in batch {
            self.push(&message.draft);
        }
        let is_sync = batch.is_empty()
            || batch.iter().any(|message| message.durable)
            || self.unsynced + self.out.len() >= BATCH_BYTES_MAX
            || (self.unsynced > 0 && since(self.unsynced_since, self.seen) >= SYNC_IDLE);
        let is_due = since(self.unsigned_since, self.seen) >= CHECKPOINT_AGE;
        if is_sync && self.unsigned > 0 && is_due {
            self.sign(false);
        }
        self.flush()?;
        match is_sync {
            true => self.sync(),
            false => Ok(()),
        }
    }

    /// Signs the segment and ends it.
    pub(super) fn seal(&mut self) -> Result<(), Failure> {
        self.sign(true);
        self.flush()?;
        self.sync()
    }

    /// Notes beside the segments how far they are durable. That it fails stops nothing: what it
    /// would show is then shown less well.
    pub(super) fn note(&mut self) {
        if let Some(head) = self.durable.take()
            && let Err(error) = self.storage.note(&head)
        {
            tracing::warn!(%error, "cannot note the head of the recording");
        }
    }

    /// Reads the clocks; keeps a gap if somebody set the wall clock since they were read last.
    pub(super) fn read_clocks(&mut self) {
        let before = self.seen;
        let now = (self.setup.clocks)();
        self.seen = now;
        let passed = i128::from(now.uptime) - i128::from(before.uptime);
        let stepped = i128::from(now.time) - i128::from(before.time) - passed;
        if now.time < before.time || stepped.unsigned_abs() > STEP_MAX.as_micros() {
            self.stepped = Some(Gap {
                reason: "clock",
                detail: json!({"stepped_us": i64::try_from(stepped).unwrap_or(i64::MAX)}),
            });
        }
    }

    /// Asks for the free space at most once a tick, and before every segment.
    pub(super) fn watch_space(&mut self) {
        let now = self.seen.uptime;
        let is_fresh = self
            .space_seen
            .is_some_and(|at| Duration::from_micros(now.saturating_sub(at)) < TICK);
        if is_fresh {
            return;
        }
        self.space_seen = Some(now);
        let free = self.storage.free().unwrap_or_else(|error| {
            tracing::error!(%error, "cannot ask for the free space of the recording");
            0
        });
        let is_low = free < self.setup.reserve_bytes;
        if is_low != self.state.is_low.swap(is_low, Ordering::Relaxed) {
            let reserve = self.setup.reserve_bytes;
            match is_low {
                true => tracing::error!(free, reserve, "the recording is short of space"),
                false => tracing::info!(free, reserve, "the recording has space again"),
            }
        }
        self.state.free_bytes.store(free, Ordering::Relaxed);
        self.metrics
            .free_bytes
            .set(i64::try_from(free).unwrap_or(i64::MAX));
        self.metrics.writable.set(i64::from(!is_low));
    }

    /// The free bytes and the reserve, if there are too few.
    pub(super) fn shortage(&self) -> Option<(u64, u64)> {
        let is_low = self.state.is_low.load(Ordering::Relaxed);
        let free = self.state.free_bytes.load(Ordering::Relaxed);
        is_low.then_some((free, self.setup.reserve_bytes))
    }

    fn rotate(&mut self) -> Result<(), Failure> {
        self.seal()?;
        self.space_seen = None;
        self.watch_space();
        self.start()
    }

    /// Starts the next segment with the sessions that are open.
    fn start(&mut self) -> Result<(), Failure> {
        let number = self.segment + 1;
        let next_entry = self.next_entry();
        let header = Beginning {
            number,
            next_entry,
            previous: self.digest,
            host: &self.setup.host,
            boot: self.setup.boot,
            clocks: self.seen,
        };
        let (bytes, digest) = encode_header(&header, &self.setup.key);
        self.out = bytes;
        self.digest = digest;
        self.segment = number;
        self.segment_bytes = 0;
        self.segment_begun = self.seen;
        let carried = self.draft(
            Kind::Carried,
            next_entry,
            &json!({"sessions": self.sessions}),
        )?;
        self.push(&carried);
        self.holds = Holds::Beginning;
        self.storage
            .start(number, &self.out)
            .map_err(failure("starting a segment"))?;
        self.metrics.bytes.inc_by(self.out.len() as u64);
        self.segment_bytes = self.out.len() as u64;
        self.out.clear();
        self.state.segment.store(number, Ordering::Relaxed);
        Ok(())
    }

    fn push(&mut self, draft: &Draft) {
        self.digest = draft.write(self.digest, &mut self.out);
        self.metrics.frames.inc();
        self.holds = self.holds.max(Holds::of(draft.kind()));
        if self.unsigned == 0 {
            self.unsigned_since = self.seen.uptime;
        }
        self.unsigned += 1;
        if let Some(session) = draft.session() {
            match draft.kind() == Kind::Opened {
                true => self.sessions.insert(session.to_owned()),
                false => self.sessions.remove(session),
            };
        }
        if self.unsigned >= CHECKPOINT_FRAMES_MAX {
            self.sign(false);
        }
    }

    fn push_gap(&mut self, gap: &Gap) -> Result<(), Failure> {
        tracing::warn!(reason = gap.reason, detail = %gap.detail, "a gap in the recording");
        self.metrics.gaps.inc();
        let draft = self.draft(Kind::Gap, self.next_entry(), gap)?;
        self.push(&draft);
        Ok(())
    }

    /// Closes a session of a daemon that ended without a word.
    fn push_closed(&mut self, session: String) -> Result<(), Failure> {
        let number = self.state.next_entry.fetch_add(1, Ordering::Relaxed);
        let reason = Closing::DaemonEnded;
        let closed = SessionClosed { session, reason };
        let draft = self.draft(Kind::Closed, number, &closed)?;
        self.push(&draft.with_session(Some(closed.session)));
        if self.out.len() >= BATCH_BYTES_MAX {
            self.flush()?;
            self.sync()?;
        }
        Ok(())
    }

    /// Appends a checkpoint, as the segment's last frame or not.
    fn sign(&mut self, sealed: bool) {
        let next_entry = self.next_entry();
        let end = (self.digest, &self.setup.key);
        self.digest = write_checkpoint(next_entry, self.seen, sealed, end, &mut self.out);
        self.metrics.frames.inc();
        self.unsigned = 0;
        self.signed = Some(Head {
            host: host_text(self.setup.key.id()),
            segment: self.segment,
            next_entry,
            digest: self.digest.to_string(),
            offset: self.segment_bytes + self.out.len() as u64,
            sealed,
            sessions: self.sessions.len(),
        });
    }

    fn flush(&mut self) -> Result<(), Failure> {
        if self.out.is_empty() {
            return Ok(());
        }
        self.storage.append(&self.out).map_err(failure("a write"))?;
        if self.unsynced == 0 {
            self.unsynced_since = self.seen.uptime;
        }
        self.unsynced += self.out.len();
        self.segment_bytes += self.out.len() as u64;
        self.metrics.bytes.inc_by(self.out.len() as u64);
        self.out.clear();
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Failure> {
        if self.unsynced == 0 {
            return Ok(());
        }
        let start = Instant::now();
        self.storage.sync().map_err(failure("a sync"))?;
        let elapsed = start.elapsed();
        self.metrics.sync_seconds.observe(elapsed.as_secs_f64());
        self.unsynced = 0;
        if let Some(head) = self.signed.take() {
            self.state.set_head(head.clone());
            self.durable = Some(head);
        }
        Ok(())
    }

    /// A frame of the writer's own.
    fn draft(&self, kind: Kind, entry: u64, payload: &impl Serialize) -> Result<Draft, Failure> {
        let encode = || {
            let payload = serde_json::to_vec(payload);
            let payload = payload.map_err(|source| RecordError::Encode { source })?;
            let time = jiff::Timestamp::from_microsecond(self.seen.time).unwrap_or_default();
            Draft::new(kind, entry, time, &payload)
        };
        encode().map_err(|error| failure("encoding a frame")(std::io::Error::other(error)))
    }

    fn next_entry(&self) -> u64 {
        self.state.next_entry.load(Ordering::Relaxed)
    }
}

/// The time from an uptime to a reading of the clocks.
const fn since(uptime: u64, now: Clocks) -> Duration {
    Duration::from_micros(now.uptime.saturating_sub(uptime))
}
