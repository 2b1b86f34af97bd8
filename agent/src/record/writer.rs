//! The handle to the recording that everyone has; [`super::thread`] has the files.

use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::entry::{Entry, Opening};
use super::error::RecordError;
use super::event::Event;
use super::format::{Packing, file_name};
use super::key::HostKey;
use super::metrics::Metrics;
use super::segment::{Draft, Files, Storage, Tail};
use super::thread::{Failure, Message, Slots, Writer};
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
}

#[derive(Debug)]
struct Shared {
    /// `None` only while this is dropped.
    queue: Option<Sender<Message>>,
    thread: Option<JoinHandle<()>>,
    /// The number of the segment that is written to.
    segment: Arc<AtomicU64>,
    next_entry: Arc<AtomicU64>,
    queued: Arc<AtomicUsize>,
    entries: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    failure: Arc<OnceLock<Failure>>,
    metrics: Metrics,
}

impl Recorder {
    /// Opens the recording and starts its writer.
    ///
    /// # Errors
    /// When the directory is not ours alone, is written by someone else, or ends in damage.
    pub fn open(config: &config::Record) -> Result<Self, RecordError> {
        let fail = |source| RecordError::Open {
            path: config.dir.clone(),
            source,
        };
        let (files, tail) = Files::open(&config.dir)?;
        let host = nix::unistd::gethostname().map_err(|errno| fail(errno.into()))?;
        let host = host.to_string_lossy().into_owned();
        let key = HostKey::open_or_create(&config.key_file)?;
        Self::start(files, &tail, (host, key), config.segment_bytes_max).map_err(fail)
    }

    pub(super) fn start(
        storage: impl Storage + 'static,
        tail: &Tail,
        (host, key): (String, HostKey),
        segment_bytes_max: u64,
    ) -> io::Result<Self> {
        let metrics = Metrics::new().map_err(io::Error::other)?;
        metrics.torn_bytes.inc_by(tail.torn_bytes);
        let (queue, messages) = channel();
        let mut shared = Shared {
            queue: Some(queue),
            thread: None,
            segment: Arc::default(),
            next_entry: Arc::new(AtomicU64::new(tail.next_entry)),
            queued: Arc::default(),
            entries: Arc::new(Semaphore::new(ENTRIES_MAX)),
            bytes: Arc::new(Semaphore::new(QUEUE_BYTES_MAX)),
            failure: Arc::default(),
            metrics,
        };
        let mut writer = Writer {
            storage,
            segment: tail.segment,
            segment_told: Arc::clone(&shared.segment),
            segment_bytes: 0,
            segment_bytes_max,
            host,
            key,
            boot: boot_id(),
            digest: tail.digest,
            dirty: false,
            next_entry: Arc::clone(&shared.next_entry),
            metrics: shared.metrics.clone(),
        };
        // Every start begins a segment: nothing is ever appended to what a crash may have torn.
        writer
            .rotate()
            .map_err(|failure| io::Error::other(failure.source))?;
        let (failure, queued) = (Arc::clone(&shared.failure), Arc::clone(&shared.queued));
        let thread = std::thread::Builder::new()
            .name("record".to_owned())
            .spawn(move || writer.run(&messages, &failure, &queued))?;
        shared.thread = Some(thread);
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Opens an entry. It must be closed; dropped open, it is recorded as abandoned.
    pub fn entry(&self, opening: Opening) -> Entry {
        let number = self.shared.next_entry.fetch_add(1, Ordering::Relaxed);
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
        let number = self.shared.next_entry.fetch_add(1, Ordering::Relaxed);
        let payload = serde_json::to_vec(&event.what);
        let payload = payload.map_err(|source| RecordError::Encode { source })?;
        let draft = Draft::new(event.what.kind(), number, event.time, &payload)?;
        Ok((number, draft))
    }

    /// Frames that wait for the disk.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.shared.queued.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            queued: self.queued(),
            open: ENTRIES_MAX.saturating_sub(self.shared.entries.available_permits()),
            next_entry: self.shared.next_entry.load(Ordering::Relaxed),
            segment: file_name(self.shared.segment.load(Ordering::Relaxed), Packing::Plain),
            failure: self
                .shared
                .failure
                .get()
                .map(|it| format!("{}: {}", it.operation, it.source)),
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
        let room = u32::try_from(draft.len()).or(Err(RecordError::Large))?;
        let bytes = Arc::clone(&self.shared.bytes)
            .acquire_many_owned(room)
            .await;
        let bytes = bytes.or(Err(RecordError::Stopped))?;
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
        outcome.await.or(Err(RecordError::Stopped))?
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
        if let Some(failure) = self.shared.failure.get() {
            return Err(failure.to_error());
        }
        self.shared.queued.fetch_add(1, Ordering::Relaxed);
        let queue = self.shared.queue.as_ref().ok_or(RecordError::Stopped)?;
        queue.send(message).or(Err(RecordError::Stopped))
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
