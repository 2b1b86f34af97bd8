//! The one thread that owns the files.
//!
//! Group commit: the thread takes everything that waits, writes it in one go, syncs once, and
//! acknowledges all of it. Waiting a little for more gains nothing: while one sync runs, the next
//! batch gathers. Only a decision waits for a sync; an ending that no decision accompanies is synced
//! within [`SYNC_IDLE`], so a crash of the host can lose an ending, never a decision.
//!
//! The first failure is the last: after a failed sync the kernel may have dropped the dirty pages,
//! so a later success would prove nothing. The thread then answers everything with the failure,
//! and nothing is forwarded until the daemon is started again. Too little space is no failure: while
//! the file system has less than its reserve, decisions are refused, and what ends something is
//! written; once there is space, decisions pass again.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::commit::Writer;
use super::error::RecordError;
use super::files::Storage;
use super::format::Kind;
use super::segment::Draft;

/// Written and synced at once: at 200 MB/s a batch costs 5 ms, about one sync.
pub(super) const BATCH_BYTES_MAX: usize = 1 << 20;

/// How long an ending may stay unsynced.
pub(super) const SYNC_IDLE: Duration = Duration::from_millis(50);

/// How often the thread looks at the disk and the clocks when nothing else wakes it.
pub(super) const TICK: Duration = Duration::from_secs(1);

/// One frame on its way to the disk.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) draft: Draft,
    pub(super) durable: bool,
    pub(super) done: Option<oneshot::Sender<Result<(), RecordError>>>,
    /// Given back when the frame has been dealt with.
    pub(super) _slots: Slots,
}

impl Message {
    /// Lets go of a frame; true if someone waited for that.
    fn answer(self, outcome: Result<(), RecordError>) -> bool {
        // The operation may be gone; the frame stands all the same.
        self.done.map(|done| done.send(outcome).ok()).is_some()
    }
}

/// The room that a frame takes in the queue.
#[derive(Debug, Default)]
pub(super) struct Slots {
    pub(super) _bytes: Option<OwnedSemaphorePermit>,
    pub(super) _entry: Option<OwnedSemaphorePermit>,
}

impl<S: Storage> Writer<S> {
    /// Writes what comes until nobody is left who could send.
    pub(super) fn run(mut self, messages: &Receiver<Message>) {
        loop {
            let mut batch = match messages.recv_timeout(self.patience()) {
                Ok(first) => gather(first, messages),
                Err(RecvTimeoutError::Timeout) => Vec::new(),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            self.state.queued.fetch_sub(batch.len(), Ordering::Relaxed);
            self.turn(&mut batch);
        }
        self.turn(&mut Vec::new());
        if self.state.failure.get().is_none() {
            match self.seal() {
                Ok(()) => self.note(),
                Err(failure) => tracing::error!(
                    operation = failure.operation,
                    error = %failure.source,
                    "cannot seal the recording at the end"
                ),
            }
        }
    }

    /// Deals with a batch; an empty one means that nothing came for a while.
    pub(super) fn turn(&mut self, batch: &mut Vec<Message>) {
        if let Some(failure) = self.state.failure.get().cloned() {
            for message in batch.drain(..) {
                if !message.answer(Err(failure.to_error())) {
                    self.metrics.lost.inc();
                }
            }
            return;
        }
        self.read_clocks();
        self.watch_space();
        if let Some((free, reserve)) = self.shortage() {
            let decided = |message: &mut Message| message.draft.kind() == Kind::Decided;
            for message in batch.extract_if(.., decided) {
                self.metrics.refused.inc();
                message.answer(Err(RecordError::Reserve { free, reserve }));
            }
        }
        let outcome = self.commit(batch).inspect_err(|failure| {
            self.metrics.failures.inc();
            self.metrics.writable.set(0);
            // Set before anyone is answered: whoever hears of the failure, and whoever comes later,
            // finds the recorder closed.
            self.state.failure.get_or_init(|| failure.clone());
        });
        for message in batch.drain(..) {
            let answer = outcome.as_ref().map_err(|it| it.to_error()).copied();
            if !message.answer(answer) && outcome.is_err() {
                self.metrics.lost.inc();
            }
        }
        self.note();
    }
}

/// Takes what waits, up to a batch.
fn gather(first: Message, messages: &Receiver<Message>) -> Vec<Message> {
    let mut bytes = first.draft.len();
    let mut batch = vec![first];
    while bytes < BATCH_BYTES_MAX {
        let Ok(message) = messages.try_recv() else {
            break;
        };
        bytes += message.draft.len();
        batch.push(message);
    }
    batch
}
