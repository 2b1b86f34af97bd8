//! The one thread that owns the files.
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
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use super::chain::Digest;
use super::error::RecordError;
use super::key::HostKey;
use super::metrics::Metrics;
use super::segment::{Beginning, Clocks, Draft, Storage, encode_header, write_checkpoint};

/// Written and synced at once: at 200 MB/s a batch costs 5 ms, about one sync.
pub(super) const BATCH_BYTES_MAX: usize = 1 << 20;

/// How long an ending may stay unsynced.
const SYNC_IDLE: Duration = Duration::from_millis(50);

/// Why the writer stopped writing.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) operation: &'static str,
    pub(super) source: Arc<io::Error>,
}

impl Failure {
    pub(super) fn to_error(&self) -> RecordError {
        RecordError::Failed {
            operation: self.operation,
            source: Arc::clone(&self.source),
        }
    }
}

/// One frame on its way to the disk.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) draft: Draft,
    pub(super) durable: bool,
    pub(super) done: Option<oneshot::Sender<Result<(), RecordError>>>,
    /// Given back when the frame has been dealt with.
    pub(super) _slots: Slots,
}

/// The room that a frame takes in the queue.
#[derive(Debug, Default)]
pub(super) struct Slots {
    pub(super) _bytes: Option<OwnedSemaphorePermit>,
    pub(super) _entry: Option<OwnedSemaphorePermit>,
}

/// Owned by the thread.
pub(super) struct Writer<S> {
    pub(super) storage: S,
    pub(super) segment: u64,
    pub(super) segment_told: Arc<AtomicU64>,
    pub(super) segment_bytes: u64,
    pub(super) segment_bytes_max: u64,
    pub(super) host: String,
    pub(super) key: HostKey,
    pub(super) boot: [u8; 16],
    pub(super) digest: Digest,
    /// Something was written that is not synced.
    pub(super) dirty: bool,
    pub(super) next_entry: Arc<AtomicU64>,
    pub(super) metrics: Metrics,
}

impl<S: Storage> Writer<S> {
    pub(super) fn run(
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
        let is_good = failed.get().is_none();
        if is_good && let Err(failure) = self.seal() {
            tracing::error!(error = %failure.source, "cannot seal the recording at the end");
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

    /// Signs the segment and ends it.
    fn seal(&mut self) -> Result<(), Failure> {
        let next_entry = self.next_entry.load(Ordering::Relaxed);
        let (end, mut bytes) = ((self.digest, &self.key), Vec::new());
        let digest = write_checkpoint(next_entry, Clocks::read(), true, end, &mut bytes);
        self.storage.append(&bytes).map_err(failure("a write"))?;
        self.digest = digest;
        self.sync()
    }

    pub(super) fn rotate(&mut self) -> Result<(), Failure> {
        if self.segment_bytes > 0 {
            self.seal()?;
        }
        let number = self.segment + 1;
        let header = Beginning {
            number,
            next_entry: self.next_entry.load(Ordering::Relaxed),
            previous: self.digest,
            host: &self.host,
            boot: self.boot,
            clocks: Clocks::read(),
        };
        let (bytes, digest) = encode_header(&header, &self.key);
        self.storage
            .start(number, &bytes)
            .map_err(failure("starting a segment"))?;
        self.segment = number;
        self.segment_told.store(number, Ordering::Relaxed);
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
