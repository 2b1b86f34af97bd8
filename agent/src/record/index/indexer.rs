//! The daemon's thread that keeps the index. Nothing waits for it and nothing depends on it: what it
//! cannot do is told by a metric and in the log, and tried again.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use prometheus::{IntCounter, IntGauge, Registry};

use super::error::IndexError;
use super::file::Index;
use super::follow::{Follower, Progress};
use crate::config;
use crate::record::read::Identities;
use crate::telemetry::ErrorChain;

/// How long a frame may be on disk before the index has it.
const POLL: Duration = Duration::from_millis(500);
/// After a failure: a full disk is not emptied within a second.
const RETRY: Duration = Duration::from_secs(30);

/// The thread; dropped, it ends after the batch that it is at.
#[derive(Debug)]
pub struct Indexer {
    /// `None` only while this is dropped.
    alive: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone, Debug)]
struct Metrics {
    frames: IntCounter,
    failures: IntCounter,
    rebuilds: IntCounter,
    behind: IntGauge,
    working: IntGauge,
}

impl Metrics {
    fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name, help| {
            let counter = IntCounter::new(format!("snowfence_index_{name}"), help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let gauge = |name, help| {
            let gauge = IntGauge::new(format!("snowfence_index_{name}"), help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        Ok(Self {
            frames: counter(
                "frames_total",
                "Frames of the recording taken into the index",
            )?,
            failures: counter("failures_total", "Times that the index could not be kept")?,
            rebuilds: counter(
                "rebuilds_total",
                "Times that the index was begun from nothing",
            )?,
            behind: gauge(
                "behind_bytes",
                "Recorded bytes that are not in the index yet",
            )?,
            working: gauge("working", "1 if the index is kept, 0 after a failure")?,
        })
    }
}

impl Indexer {
    /// Starts the thread; `None` where no index is configured.
    ///
    /// # Errors
    /// The registry has metrics of these names, or there is no room for a thread.
    pub fn start(config: &config::Record, registry: &Registry) -> anyhow::Result<Option<Self>> {
        let Some(path) = config.index.clone() else {
            return Ok(None);
        };
        let metrics = Metrics::new(registry)?;
        let (alive, ended) = sync_channel(0);
        let keeper = Keeper {
            path,
            dir: config.dir.clone(),
            text: config.index_text,
            metrics,
            ended: Mutex::new(ended),
        };
        let thread = std::thread::Builder::new()
            .name("index".to_owned())
            .spawn(move || keeper.run())?;
        Ok(Some(Self {
            alive: Some(alive),
            thread: Some(thread),
        }))
    }
}

impl Drop for Indexer {
    fn drop(&mut self) {
        drop(self.alive.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the index's thread panicked");
        }
    }
}

/// Owned by the thread.
struct Keeper {
    path: PathBuf,
    dir: PathBuf,
    text: bool,
    metrics: Metrics,
    /// Hears nothing, until the daemon ends.
    ended: Mutex<Receiver<()>>,
}

impl Keeper {
    fn run(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return tracing::error!(%error, "the recording is not indexed"),
        };
        loop {
            let kept = runtime.block_on(self.keep());
            let Err(error) = kept else { return };
            self.metrics.failures.inc();
            self.metrics.working.set(0);
            tracing::error!(
                error = %ErrorChain(&error),
                path = %self.path.display(),
                "the index of the recording is not kept; traffic goes on"
            );
            if !self.waits(if error.wants_rebuild() { POLL } else { RETRY }) {
                return;
            }
        }
    }

    /// Follows the recording until the daemon ends.
    async fn keep(&self) -> Result<(), IndexError> {
        let (mut index, mut is_fresh) = Index::open_or_replace(&self.path, self.text).await?;
        loop {
            if is_fresh {
                self.metrics.rebuilds.inc();
            }
            match self.follow(&mut index).await {
                Ok(()) => return index.close().await,
                Err(error) if error.wants_rebuild() && !is_fresh => {
                    tracing::warn!(error = %ErrorChain(&error), "the index is made again");
                    drop(index);
                    index = Index::replace(&self.path, self.text).await?;
                    is_fresh = true;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn follow(&self, index: &mut Index) -> Result<(), IndexError> {
        let mut follower = Follower::new(self.dir.clone(), Identities::default());
        loop {
            let progress = follower.step(index).await?;
            self.metrics.working.set(1);
            let behind = follower.behind(index).await?;
            self.metrics.behind.set(super::signed(behind));
            let pause = match progress {
                Progress::Read(frames) => {
                    self.metrics.frames.inc_by(frames);
                    Duration::ZERO
                }
                Progress::UpToDate => POLL,
            };
            if !self.waits(pause) {
                return Ok(());
            }
        }
    }

    /// False if the daemon ends.
    fn waits(&self, pause: Duration) -> bool {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        match ended.recv_timeout(pause) {
            Err(RecvTimeoutError::Timeout) => true,
            Ok(()) | Err(RecvTimeoutError::Disconnected) => false,
        }
    }
}
