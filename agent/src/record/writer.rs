//! The handle to the recording that everyone has; [`super::thread`] has the files.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::checkpoint::HostId;
use super::commit::{Setup, Writer};
use super::entry::{Entry, Opening};
use super::error::{RecordError, Unrecorded};
use super::event::{Event, What};
use super::files::{Files, Storage};
use super::format::{Packing, file_name};
use super::head::{Head, host_text};
use super::key::HostKey;
use super::metrics::Metrics;
use super::recover::{Tail, recover};
use super::segment::{Clocks, Draft};
use super::state::{Failure, State, failure};
use super::thread::{Message, Slots};
use crate::config;

/// Entries open or not yet written. Each puts at most two frames in the queue, so this also limits
/// the queue. It is above any sensible `connections_max`; past it, operations are refused.
const ENTRIES_MAX: usize = 16_384;

/// Frame bytes in the queue. Past it, decisions wait for the disk.
const QUEUE_BYTES_MAX: usize = 64 << 20;

/// Records what is decided and how it ends.
#[derive(Clone, Debug)]
pub struct Recorder {
    shared: Arc<Shared>,
}

/// What an operator wants to know of the recorder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Frames that wait for the disk.
    pub queued: usize,
    /// Entries that are open or not yet written.
    pub open: usize,
    /// The entry number that comes next.
    pub next_entry: u64,
    /// The file that is written to.
    pub segment: String,
    /// What failed, if the recorder no longer writes.
    pub failure: Option<String>,
    /// Whose recording it is: the host's public key in hexadecimal.
    pub host: String,
    /// The last durable checkpoint.
    pub head: Option<Head>,
    /// Free bytes of the file system, as seen within the last seconds.
    pub free_bytes: u64,
    /// There is less than the reserve, so decisions are refused until there is more.
    pub is_low: bool,
}

#[derive(Debug)]
struct Shared {
    /// `None` only while this is dropped.
    queue: Option<Sender<Message>>,
    thread: Option<JoinHandle<()>>,
    host: HostId,
    state: Arc<State>,
    entries: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    metrics: Metrics,
}

impl Recorder {
    /// Opens the recording and starts its writer. What an end without a word left behind is recorded
    /// when this returns: gaps, and the end of every session.
    ///
    /// # Errors
    /// When the directory is not ours alone, is written by someone else, was signed by another host,
    /// ends in damage, or cannot be written.
    pub fn open(config: &config::Record) -> Result<Self, RecordError> {
        let fail = |source| RecordError::Open {
            path: config.dir.clone(),
            source,
        };
        let files = Files::open(&config.dir)?;
        let key = HostKey::open_or_create(&config.key_file)?;
        let tail = recover(&config.dir, key.id())?;
        let host = nix::unistd::gethostname().map_err(|errno| fail(errno.into()))?;
        let setup = Setup {
            host: host.to_string_lossy().into_owned(),
            key,
            boot: boot_id(),
            clocks: Box::new(Clocks::read),
            segment_bytes_max: config.segment_bytes_max,
            segment_age_max: config.segment_age_max,
            reserve_bytes: config.reserve_bytes,
        };
        Self::start(files, tail, setup).map_err(|failure| RecordError::Begin {
            path: config.dir.clone(),
            operation: failure.operation,
            source: failure.source,
        })
    }

    pub(super) fn start(
        storage: impl Storage + 'static,
        tail: Tail,
        setup: Setup,
    ) -> Result<Self, Failure> {
        let metrics = Metrics::new();
        let metrics =
            metrics.map_err(|error| failure("naming metrics")(io::Error::other(error)))?;
        metrics.torn_bytes.inc_by(tail.torn_bytes);
        let (queue, messages) = channel();
        let mut shared = Shared {
            queue: Some(queue),
            thread: None,
            host: setup.key.id(),
            state: Arc::default(),
            entries: Arc::new(Semaphore::new(ENTRIES_MAX)),
            bytes: Arc::new(Semaphore::new(QUEUE_BYTES_MAX)),
            metrics,
        };
        let told = (Arc::clone(&shared.state), shared.metrics.clone());
        let writer = Writer::begin(storage, tail, setup, told)?;
        let thread = std::thread::Builder::new()
            .name("record".to_owned())
            .spawn(move || writer.run(&messages))
            .map_err(failure("starting the thread"))?;
        shared.thread = Some(thread);
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Opens an entry. It must be closed; dropped open, it is recorded as abandoned.
    pub fn entry(&self, opening: Opening) -> Entry {
        let number = self.shared.state.next_entry.fetch_add(1, Ordering::Relaxed);
        let slot = Arc::clone(&self.shared.entries).try_acquire_owned().ok();
        Entry::new(self.clone(), number, slot, opening)
    }

    /// Records an event; returns its number once it is durable.
    ///
    /// # Errors
    /// When it may not be: what it tells of must not take effect.
    pub async fn event(&self, event: &Event) -> Result<u64, RecordError> {
        let slot = Arc::clone(&self.shared.entries).try_acquire_owned();
        let slot = slot.map_err(|_full| RecordError::Full)?;
        let (number, draft) = self.event_draft(event)?;
        self.write(draft, true, Some(slot)).await?;
        Ok(number)
    }

    /// Records events in their order; returns their numbers once all of them are durable.
    ///
    /// # Errors
    /// When they may not be: none of what they tell of may take effect. Some may be on disk all the
    /// same, and the error has their numbers.
    pub async fn events(&self, events: &[Event]) -> Result<Vec<u64>, Unrecorded> {
        let none = |source| Unrecorded {
            source,
            frames: Vec::new(),
        };
        let room = u32::try_from(events.len()).map_err(|_many| none(RecordError::Full))?;
        let slots = Arc::clone(&self.shared.entries).try_acquire_many_owned(room);
        let mut slots = slots.map_err(|_full| none(RecordError::Full))?;
        let drafts: Result<Vec<_>, _> = events.iter().map(|it| self.event_draft(it)).collect();
        let (mut frames, mut writing) = (Vec::new(), Vec::new());
        for (number, draft) in drafts.map_err(none)? {
            match self.queue(draft, true, slots.split(1)).await {
                Ok(written) => writing.push(written),
                Err(source) => return Err(Unrecorded { source, frames }),
            }
            frames.push(number);
        }
        for written in writing {
            let written = written.await.or(Err(RecordError::Stopped));
            if let Err(source) = written.flatten() {
                return Err(Unrecorded { source, frames });
            }
        }
        Ok(frames)
    }

    /// Records, without waiting, an event that nothing can stop any more. What cannot be recorded is
    /// counted as lost.
    pub fn event_detached(&self, event: &Event) {
        let slot = Arc::clone(&self.shared.entries).try_acquire_owned();
        let written = slot.map_err(|_full| RecordError::Full).and_then(|slot| {
            let (_number, draft) = self.event_draft(event)?;
            self.write_detached(draft, slot)
        });
        if written.is_err() {
            self.lose();
        }
    }

    fn event_draft(&self, event: &Event) -> Result<(u64, Draft), RecordError> {
        let next = &self.shared.state.next_entry;
        let number = match event.what {
            // The number of a gap is that of what comes next.
            What::NotCommitted(_) => next.load(Ordering::Relaxed),
            What::SessionOpened(_)
            | What::SessionClosed(_)
            | What::Ask(_)
            | What::Vote(_)
            | What::Grant(_)
            | What::Policy(_)
            | What::Operator(_)
            | What::Archived(_)
            | What::Pruned(_) => next.fetch_add(1, Ordering::Relaxed),
        };
        let payload = serde_json::to_vec(&event.what);
        let payload = payload.map_err(|source| RecordError::Encode { source })?;
        let draft = Draft::new(event.what.kind(), number, event.time, &payload)?;
        Ok((number, draft.with_session(session(&event.what))))
    }

    /// Frames that wait for the disk.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.shared.state.queued.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn status(&self) -> Status {
        let state = &self.shared.state;
        let failure = state.failure.get();
        Status {
            queued: self.queued(),
            open: ENTRIES_MAX.saturating_sub(self.shared.entries.available_permits()),
            next_entry: state.next_entry.load(Ordering::Relaxed),
            segment: file_name(state.segment.load(Ordering::Relaxed), Packing::Plain),
            failure: failure.map(|it| format!("{}: {}", it.operation, it.source)),
            host: host_text(self.shared.host),
            head: state.head(),
            free_bytes: state.free_bytes.load(Ordering::Relaxed),
            is_low: state.is_low.load(Ordering::Relaxed),
        }
    }

    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// Queues a frame and waits until it is written, or durable.
    pub(super) async fn write(
        &self,
        draft: Draft,
        durable: bool,
        entry: Option<OwnedSemaphorePermit>,
    ) -> Result<(), RecordError> {
        let outcome = self.queue(draft, durable, entry).await?;
        outcome.await.or(Err(RecordError::Stopped))?
    }

    /// Queues a frame as soon as there is room for its bytes.
    async fn queue(
        &self,
        draft: Draft,
        durable: bool,
        entry: Option<OwnedSemaphorePermit>,
    ) -> Result<oneshot::Receiver<Result<(), RecordError>>, RecordError> {
        let room = self.room(&draft).await?;
        self.queue_in(draft, durable, (room, entry))
    }

    /// Waits until there is room for the bytes of a frame.
    pub(super) async fn room(&self, draft: &Draft) -> Result<OwnedSemaphorePermit, RecordError> {
        let room = u32::try_from(draft.len()).or(Err(RecordError::Large))?;
        let bytes = Arc::clone(&self.shared.bytes);
        let bytes = bytes.acquire_many_owned(room).await;
        bytes.or(Err(RecordError::Stopped))
    }

    /// Queues a frame where there is room for it.
    pub(super) fn queue_in(
        &self,
        draft: Draft,
        durable: bool,
        (bytes, entry): (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>),
    ) -> Result<oneshot::Receiver<Result<(), RecordError>>, RecordError> {
        let (done, outcome) = oneshot::channel();
        let slots = Slots {
            _bytes: Some(bytes),
            _entry: entry,
        };
        self.send(Message {
            draft,
            durable,
            done: Some(done),
            _slots: slots,
        })?;
        Ok(outcome)
    }

    /// Whether a frame with rows of a result leaves room enough for those that must be written: rows
    /// are the first to be left out.
    pub(super) fn has_room_for_rows(&self, bytes: usize) -> bool {
        let kept_free = QUEUE_BYTES_MAX / 2;
        self.shared.bytes.available_permits() >= bytes.saturating_add(kept_free)
    }

    #[cfg(test)]
    pub(super) fn take_half_of_the_room(&self) -> OwnedSemaphorePermit {
        let half = u32::try_from(QUEUE_BYTES_MAX / 2).unwrap();
        let bytes = Arc::clone(&self.shared.bytes);
        bytes.try_acquire_many_owned(half).unwrap()
    }

    /// Queues a frame without waiting; refuses when there is no room for its bytes.
    pub(super) fn write_detached(
        &self,
        draft: Draft,
        entry: OwnedSemaphorePermit,
    ) -> Result<(), RecordError> {
        let room = u32::try_from(draft.len()).or(Err(RecordError::Large))?;
        let bytes = Arc::clone(&self.shared.bytes).try_acquire_many_owned(room);
        let slots = Slots {
            _bytes: Some(bytes.or(Err(RecordError::Full))?),
            _entry: Some(entry),
        };
        self.send(Message {
            draft,
            durable: false,
            done: None,
            _slots: slots,
        })
    }

    /// Counts an ending that nobody will find in the recording.
    pub(super) fn lose(&self) {
        self.shared.metrics.lost.inc();
    }

    fn send(&self, message: Message) -> Result<(), RecordError> {
        if let Some(failure) = self.shared.state.failure.get() {
            return Err(failure.to_error());
        }
        self.shared.state.queued.fetch_add(1, Ordering::Relaxed);
        let queue = self.shared.queue.as_ref().ok_or(RecordError::Stopped)?;
        queue.send(message).or(Err(RecordError::Stopped))
    }
}

/// The session that an event opens or closes.
fn session(what: &What) -> Option<String> {
    match what {
        What::SessionOpened(opened) => Some(opened.session.clone()),
        What::SessionClosed(closed) => Some(closed.session.clone()),
        What::Ask(_)
        | What::Vote(_)
        | What::Grant(_)
        | What::Policy(_)
        | What::Operator(_)
        | What::NotCommitted(_)
        | What::Archived(_)
        | What::Pruned(_) => None,
    }
}

/// All zeros where the kernel does not say.
fn boot_id() -> [u8; 16] {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    u128::from_str_radix(&digits, 16)
        .unwrap_or_default()
        .to_be_bytes()
}

/// Waits for the thread, which writes what it was given: without this the process could end first,
/// and the endings of its last operations with it.
impl Drop for Shared {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the recorder's thread panicked");
        }
    }
}
