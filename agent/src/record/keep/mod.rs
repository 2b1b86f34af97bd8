//! What becomes of segments that are closed: packed, shipped, and in the end deleted.
//!
//! ```text
//! closed ─pack─► packed ─archived frame─► ─ship─► in the store ─retention─► pruned frame ─► deleted
//! ```
//!
//! The segment that is written is never touched. Nothing is deleted before what takes its place is
//! durable: the plain file after the packed one was read back and recorded, a packed one after the
//! store confirmed it and the deletion is recorded. Failures are tried again for ever.

mod ageing;
mod disk;
mod metrics;
mod notice;
mod pack;
mod retention;
mod ship;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{Mutex, Notify, oneshot};

use self::ageing::Clock;
use self::disk::{Content, Disk, Real};
use self::metrics::Reason;
use self::notice::{Told, WAIT_FIRST, jittered};
use self::pack::Packer;
use self::retention::{Closed, Rules};
use self::ship::{Around, Shipper};
use super::event::{Archived, Event, Pruned, What};
use super::format::{Packing, parse_file_name};
use super::read::{SegmentFile, SourceError, list};
use super::{RecordError, Recorder};
use crate::clock;
use crate::config;
use crate::shutdown::Shutdown;

pub use metrics::Metrics;
pub use pack::PackError;
pub use ship::ShipError;

/// How often it is looked whether a segment was closed: an atomic load.
const POLL: Duration = Duration::from_secs(1);
/// How often age is looked at when nothing else happens.
const ROUND: Duration = Duration::from_secs(60);
/// Below what serves traffic.
const NICENESS: i32 = 10;

/// Why closed segments stay as they are.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    #[error("cannot look at the segments")]
    List(#[from] SourceError),
    #[error("cannot pack a segment")]
    Pack(#[from] PackError),
    #[error("cannot ship segments")]
    Ship(#[from] ShipError),
    #[error("cannot record what becomes of a segment")]
    Record(#[from] RecordError),
    #[error("cannot delete `{}`", path.display())]
    Delete {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

impl KeepError {
    fn reason(&self, otherwise: Reason) -> Reason {
        match self {
            Self::Ship(error) => error.reason(),
            Self::Pack(_) => Reason::Pack,
            Self::Delete { .. } => Reason::Prune,
            Self::List(_) | Self::Record(_) => otherwise,
        }
    }
}

/// Keeps the closed segments of one recording.
#[derive(Debug)]
pub struct Keeper {
    dir: PathBuf,
    recorder: Recorder,
    packer: Packer,
    shipper: Option<Shipper>,
    rules: Rules,
    reserve_bytes: u64,
    disk: Arc<dyn Disk>,
    metrics: Metrics,
    clock: Clock,
    /// Packing and deleting take turns.
    files: Mutex<()>,
    packed: Notify,
}

impl Keeper {
    /// Reads what shipping needs; `systemd` is the directory of its credentials.
    ///
    /// # Errors
    /// A secret or a root cannot be read.
    pub fn open(
        config: &config::Record,
        recorder: Recorder,
        systemd: Option<&Path>,
    ) -> Result<Self, KeepError> {
        let disk: Arc<dyn Disk> = Arc::new(Real);
        let around = Around {
            dir: config.dir.clone(),
            host: host(),
            key_file: config.key_file.clone(),
            disk: Arc::clone(&disk),
            metrics: recorder.metrics().keep.clone(),
        };
        let ship = config.ship.as_ref();
        let shipper = ship.map(|ship| Shipper::open(ship, systemd, around));
        Self::new(config, recorder, shipper.transpose()?, disk)
    }

    fn new(
        config: &config::Record,
        recorder: Recorder,
        shipper: Option<Shipper>,
        disk: Arc<dyn Disk>,
    ) -> Result<Self, KeepError> {
        let packer = Packer::new(
            &config.dir,
            config.compression_level,
            &config.encrypt_to,
            Arc::clone(&disk),
        )?;
        Ok(Self {
            dir: config.dir.clone(),
            packer,
            rules: Rules {
                age_max: config.keep_age_max,
                bytes_max: config.keep_bytes_max,
                after_shipping: shipper.is_some(),
            },
            shipper,
            reserve_bytes: config.reserve_bytes,
            disk,
            metrics: recorder.metrics().keep.clone(),
            recorder,
            clock: Clock::begin(),
            files: Mutex::default(),
            packed: Notify::new(),
        })
    }

    /// Keeps until the daemon ends. It may end in the midst of anything.
    pub async fn run(self, mut shutdown: Shutdown) {
        tokio::select! {
            () = shutdown.wait() => {}
            // Shipping must not wait for packing, nor packing for a store that does not answer.
            never = async { tokio::join!(self.keep_packing(), self.keep_shipping()) } => match never {},
        }
    }

    async fn keep_packing(&self) -> std::convert::Infallible {
        let mut told = Told::new("closed segments stay as they are");
        let mut wait = WAIT_FIRST;
        loop {
            let present = self.present();
            let packed = self.pack().await;
            told.tell(packed.as_ref().err());
            match packed {
                Ok(()) => {
                    wait = WAIT_FIRST;
                    while self.present() == present {
                        tokio::time::sleep(POLL).await;
                    }
                }
                Err(error) => {
                    self.metrics.fail(error.reason(Reason::Pack));
                    tokio::time::sleep(jittered(&mut wait)).await;
                }
            }
        }
    }

    async fn keep_shipping(&self) -> std::convert::Infallible {
        let mut told = Told::new("closed segments are not shipped");
        let mut told_prune = Told::new("closed segments are not deleted");
        let mut told_full = Told::new("the disk is below its reserve");
        let mut wait = WAIT_FIRST;
        loop {
            let shipped = self.ship().await;
            told.tell(shipped.as_ref().err());
            let pruned = self.prune(&mut told_full).await;
            told_prune.tell(pruned.as_ref().err());
            let failures = [
                shipped.as_ref().err().map(|it| it.reason(Reason::Local)),
                pruned.as_ref().err().map(|it| it.reason(Reason::Prune)),
            ];
            for reason in failures.into_iter().flatten() {
                self.metrics.fail(reason);
            }
            if shipped.is_ok() && pruned.is_ok() {
                wait = WAIT_FIRST;
                // Cancel-safe: a notice that is not waited for is kept.
                tokio::time::timeout(ROUND, self.packed.notified())
                    .await
                    .ok();
            } else {
                tokio::time::sleep(jittered(&mut wait)).await;
            }
        }
    }

    /// The number of the segment that is written.
    fn present(&self) -> u64 {
        let status = self.recorder.status();
        parse_file_name(&status.segment).map_or(0, |(number, _plain)| number)
    }

    fn closed(&self) -> Result<Vec<SegmentFile>, KeepError> {
        let present = self.present();
        let mut segments = list(&self.dir)?;
        segments.retain(|segment| segment.number < present);
        Ok(segments)
    }

    /// Packs every closed segment that is plain, and records what it became.
    async fn pack(&self) -> Result<(), KeepError> {
        let mut plain = self.closed()?;
        plain.retain(|segment| segment.packing == Packing::Plain);
        self.metrics.unpacked.set(gauge(plain.len()));
        if self.recorder.status().failure.is_some() {
            // What it becomes could not be recorded; the recorder tells why.
            return Ok(());
        }
        let _turn = self.files.lock().await;
        let clean = self.packer.clean();
        clean.map_err(|source| PackError::Write {
            path: self.dir.clone(),
            source,
        })?;
        for segment in plain {
            if !segment.path.exists() {
                continue;
            }
            let (path, content) = self.pack_one(segment.number).await?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let what = What::Archived(Archived {
                segment: segment.number,
                file: name.into_owned(),
                bytes: content.bytes,
                sha256: content.sha256,
            });
            let time = clock::now();
            self.recorder.event(&Event { time, what }).await?;
            self.packer.finish(segment.number)?;
            self.metrics.packed.inc();
            self.metrics.unpacked.dec();
            self.packed.notify_one();
        }
        Ok(())
    }

    async fn pack_one(&self, number: u64) -> Result<(PathBuf, Content), KeepError> {
        let (done, outcome) = oneshot::channel();
        let packer = self.packer.clone();
        let thread = std::thread::Builder::new().name("keep".to_owned());
        let started = thread.spawn(move || {
            if let Err(error) = rustix::process::nice(NICENESS) {
                tracing::debug!(%error, "segments are packed at the usual priority");
            }
            // Nobody waits any more when the daemon ends: the next start begins anew.
            done.send(packer.pack(number)).ok();
        });
        let stopped = |source| PackError::Thread { source };
        drop(started.map_err(stopped)?);
        let packed = outcome.await.map_err(std::io::Error::other);
        Ok(packed.map_err(stopped)??)
    }

    async fn ship(&self) -> Result<(), KeepError> {
        let Some(shipper) = &self.shipper else {
            return Ok(());
        };
        self.tell_backlog(shipper)?;
        let shipped = shipper.ship(&self.closed()?).await;
        self.tell_backlog(shipper)?;
        shipped?;
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        self.metrics.last_success.set(now.as_secs_f64());
        Ok(())
    }

    fn tell_backlog(&self, shipper: &Shipper) -> Result<(), KeepError> {
        let mut left = self.closed()?;
        left.retain(|segment| !shipper.is_shipped(segment.number));
        let looked: Vec<(u64, Duration)> = left.iter().filter_map(|it| self.measure(it)).collect();
        let bytes = looked.iter().map(|(bytes, _age)| bytes).sum::<u64>();
        let oldest = looked.iter().map(|(_bytes, age)| *age).max();
        self.metrics.backlog.set(gauge(left.len()));
        self.metrics
            .backlog_bytes
            .set(i64::try_from(bytes).unwrap_or(i64::MAX));
        let oldest = oldest.unwrap_or_default().as_secs_f64();
        self.metrics.backlog_seconds.set(oldest);
        Ok(())
    }

    /// Deletes what the rules say, after that is recorded.
    async fn prune(&self, told_full: &mut Told) -> Result<(), KeepError> {
        if self.recorder.status().failure.is_some() {
            return Ok(());
        }
        let _turn = self.files.lock().await;
        let segments = self.closed()?;
        let closed: Vec<Closed> = segments.iter().filter_map(|it| self.look(it)).collect();
        let choice = retention::choose(&closed, self.open_bytes(), self.rules);
        told_full.warn(self.blocked_while_full(&choice.blocked));
        let mut delete = Vec::new();
        for segment in segments
            .iter()
            .filter(|it| choice.delete.contains(&it.number))
        {
            if let Some(shipper) = &self.shipper
                && !shipper.confirm(segment).await?
            {
                break;
            }
            delete.push(segment);
        }
        let (Some(first), Some(last)) = (delete.first(), delete.last()) else {
            return Ok(());
        };
        let what = What::Pruned(Pruned {
            first: first.number,
            last: last.number,
            message: self.rules.to_string(),
        });
        let time = clock::now();
        self.recorder.event(&Event { time, what }).await?;
        for segment in &delete {
            let failed = |source| KeepError::Delete {
                path: segment.path.clone(),
                source,
            };
            self.disk.remove(&segment.path).map_err(failed)?;
            // The next one goes only when this one is gone for good: no gaps after a crash.
            self.disk.sync_dir(&self.dir).map_err(failed)?;
            self.metrics.pruned.inc();
        }
        tracing::info!(
            first = first.number,
            last = last.number,
            "segments deleted by retention"
        );
        Ok(())
    }

    fn look(&self, segment: &SegmentFile) -> Option<Closed> {
        let (bytes, age) = self.measure(segment)?;
        let shipper = self.shipper.as_ref();
        Some(Closed {
            number: segment.number,
            bytes,
            age,
            shipped: shipper.is_some_and(|it| it.is_shipped(segment.number)),
        })
    }

    /// Bytes, and the time since it was closed.
    fn measure(&self, segment: &SegmentFile) -> Option<(u64, Duration)> {
        let metadata = segment.path.metadata().ok()?;
        let age = ageing::age(metadata.modified().ok()?, self.clock.now());
        Some((metadata.len(), age))
    }

    fn open_bytes(&self) -> u64 {
        let path = self.dir.join(self.recorder.status().segment);
        path.metadata().map_or(0, |metadata| metadata.len())
    }

    /// When the disk is almost full: what shipping keeps from being deleted.
    fn blocked_while_full(&self, blocked: &[u64]) -> Option<String> {
        let (first, last) = (blocked.first()?, blocked.last()?);
        let free = nix::sys::statvfs::statvfs(&self.dir).ok()?;
        let free = free.blocks_available().saturating_mul(free.fragment_size());
        let text = || format!("segments {first} to {last} could be deleted if they were shipped");
        (free < self.reserve_bytes).then(text)
    }
}

fn host() -> String {
    let name = nix::unistd::gethostname().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
