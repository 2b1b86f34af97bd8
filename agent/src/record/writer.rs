//! The one thread that owns the recording, and the handle that everyone else has.
//!
//! Group commit: the thread takes everything that waits, writes it in one go, syncs once, and
//! acknowledges all of it. Waiting a little for more gains nothing: while one sync runs, the next
//! batch gathers. Only a decision waits for a sync; an ending that no decision accompanies is synced
//! within [`SYNC_IDLE`], so a crash of the host can lose an ending, never a decision.
//!
//! The first failure is the last: after a failed sync the kernel may have dropped the dirty pages,
//! so a later success would prove nothing. The thread then answers everything with the failure,
//! and nothing is forwarded until the daemon is started again.

use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

use super::chain::Digest;
use super::entry::{Entry, Opening};
use super::error::RecordError;
use super::format::file_name;
use super::metrics::Metrics;
use super::read::Header;
use super::segment::{Draft, Files, Storage, Tail, encode_header};
use crate::config;

/// Written and synced at once: at 200 MB/s a batch costs 5 ms, about one sync.
pub(super) const BATCH_BYTES_MAX: usize = 1 << 20;

/// Entries open or not yet written. Each puts at most two frames in the queue, so this also limits
/// the queue. It is above any sensible `connections_max`; past it, operations are refused.
const ENTRIES_MAX: usize = 16_384;

/// Frame bytes in the queue. Past it, decisions wait for the disk.
const QUEUE_BYTES_MAX: usize = 64 << 20;

/// How long an ending may stay unsynced.
const SYNC_IDLE: Duration = Duration::from_millis(50);

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

/// Why the writer stopped writing.
#[derive(Clone, Debug)]
struct Failure {
    operation: &'static str,
    source: Arc<io::Error>,
}

impl Failure {
    fn to_error(&self) -> RecordError {
        RecordError::Failed {
            operation: self.operation,
            source: Arc::clone(&self.source),
        }
    }
}

/// One frame on its way to the disk.
#[derive(Debug)]
struct Message {
    draft: Draft,
    durable: bool,
    done: Option<oneshot::Sender<Result<(), RecordError>>>,
    /// Given back when the frame has been dealt with.
    _slots: Slots,
}

/// The room that a frame takes in the queue.
#[derive(Debug, Default)]
struct Slots {
    _bytes: Option<OwnedSemaphorePermit>,
    _entry: Option<OwnedSemaphorePermit>,
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
        Self::start(files, &tail, host, config.segment_bytes_max).map_err(fail)
    }

    pub(super) fn start(
        storage: impl Storage + 'static,
        tail: &Tail,
        host: String,
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
            segment: file_name(self.shared.segment.load(Ordering::Relaxed)),
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

/// Owned by the thread.
struct Writer<S> {
    storage: S,
    segment: u64,
    segment_told: Arc<AtomicU64>,
    segment_bytes: u64,
    segment_bytes_max: u64,
    host: String,
    digest: Digest,
    /// Something was written that is not synced.
    dirty: bool,
    next_entry: Arc<AtomicU64>,
    metrics: Metrics,
}

impl<S: Storage> Writer<S> {
    fn run(
        mut self,
        messages: &Receiver<Message>,
        failed: &OnceLock<Failure>,
        queued: &AtomicUsize,
    ) {
        loop {
            let first = match self.dirty {
                true => messages.recv_timeout(SYNC_IDLE),
                false => messages.recv().or(Err(RecvTimeoutError::Disconnected)),
            };
            let mut batch = match first {
                Ok(message) => vec![message],
                Err(RecvTimeoutError::Timeout) => Vec::new(),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let mut bytes: usize = batch.iter().map(|message| message.draft.len()).sum();
            while !batch.is_empty() && bytes < BATCH_BYTES_MAX {
                let Ok(message) = messages.try_recv() else {
                    break;
                };
                bytes += message.draft.len();
                batch.push(message);
            }
            queued.fetch_sub(batch.len(), Ordering::Relaxed);
            let outcome = match failed.get() {
                Some(failure) => Err(failure.clone()),
                None => self.commit(&batch).inspect_err(|failure| {
                    self.dirty = false;
                    self.metrics.failures.inc();
                    // Set before anyone is answered: whoever hears of the failure, and whoever
                    // comes later, finds the recorder closed.
                    failed.get_or_init(|| failure.clone());
                }),
            };
            for message in batch {
                if let Some(done) = message.done {
                    // The operation may be gone; the frame stands all the same.
                    done.send(
                        outcome
                            .as_ref()
                            .map_or_else(|it| Err(it.to_error()), |()| Ok(())),
                    )
                    .ok();
                } else if outcome.is_err() {
                    self.metrics.lost.inc();
                }
            }
        }
        if self.dirty
            && let Err(failure) = self.sync()
        {
            tracing::error!(error = %failure.source, "cannot sync the recording at the end");
        }
    }

    /// Writes a batch, and syncs it if a frame in it must be durable; an empty batch only syncs.
    fn commit(&mut self, batch: &[Message]) -> Result<(), Failure> {
        if self.segment_bytes >= self.segment_bytes_max && !batch.is_empty() {
            self.rotate()?;
        }
        let mut bytes = Vec::new();
        let mut digest = self.digest;
        for message in batch {
            digest = message.draft.write(digest, &mut bytes);
        }
        if !bytes.is_empty() {
            self.storage.append(&bytes).map_err(failure("a write"))?;
            self.digest = digest;
            self.segment_bytes += bytes.len() as u64;
            self.dirty = true;
            self.metrics.frames.inc_by(batch.len() as u64);
            self.metrics.bytes.inc_by(bytes.len() as u64);
        }
        if batch.is_empty() || batch.iter().any(|message| message.durable) {
            self.sync()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Failure> {
        let start = Instant::now();
        self.storage.sync().map_err(failure("a sync"))?;
        self.metrics
            .sync_seconds
            .observe(start.elapsed().as_secs_f64());
        self.dirty = false;
        Ok(())
    }

    fn rotate(&mut self) -> Result<(), Failure> {
        if self.dirty {
            self.sync()?;
        }
        let header = Header {
            number: self.segment + 1,
            next_entry: self.next_entry.load(Ordering::Relaxed),
            previous: self.digest,
            host: self.host.clone(),
        };
        let (bytes, digest) = encode_header(&header);
        self.storage
            .start(header.number, &bytes)
            .map_err(failure("starting a segment"))?;
        self.segment = header.number;
        self.segment_told.store(header.number, Ordering::Relaxed);
        self.segment_bytes = bytes.len() as u64;
        self.digest = digest;
        Ok(())
    }
}

fn failure(operation: &'static str) -> impl FnOnce(io::Error) -> Failure {
    move |source| Failure {
        operation,
        source: Arc::new(source),
    }
}
