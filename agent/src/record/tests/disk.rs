//! A disk in memory that fails where a test wants it to.

use std::io;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Duration, Recorder, Seen, a_key, read};
use crate::record::commit::{Setup, Writer};
use crate::record::files::Storage;
use crate::record::head::Head;
use crate::record::metrics::Metrics;
use crate::record::recover::Tail;
use crate::record::segment::Clocks;

/// What a disk is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Start,
    Append,
    Sync,
    Free,
    Note,
}

/// The state of the disk.
#[derive(Debug)]
pub(super) struct Inside {
    pub(super) calls: usize,
    /// The call that fails, and only that one.
    pub(super) fail_at: Option<usize>,
    pub(super) failed: Option<Operation>,
    /// Calls that came after the one that failed.
    pub(super) after: Vec<Operation>,
    pub(super) segments: Vec<Vec<u8>>,
    /// How much of the last segment would survive a power cut.
    pub(super) durable: usize,
    pub(super) syncs: usize,
    pub(super) free: u64,
    pub(super) heads: Vec<Head>,
    pub(super) clocks: Clocks,
    gate: Option<Receiver<()>>,
}

/// A handle to the disk, and to the clocks of its machine.
#[derive(Clone, Debug)]
pub(super) struct Disk(Arc<Mutex<Inside>>);

impl Default for Disk {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Inside {
            calls: 0,
            fail_at: None,
            failed: None,
            after: Vec::new(),
            segments: Vec::new(),
            durable: 0,
            syncs: 0,
            free: 1 << 30,
            heads: Vec::new(),
            clocks: Clocks {
                time: 1_000_000_000_000_000,
                uptime: 1_000_000_000,
            },
            gate: None,
        })))
    }
}

impl Disk {
    pub(super) fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap()
    }

    /// Every sync waits for a token, or for the end of them.
    pub(super) fn gate(&self, gate: Receiver<()>) {
        self.inside().gate = Some(gate);
    }

    pub(super) fn setup(&self, segment_bytes_max: u64) -> Setup {
        let disk = self.clone();
        Setup {
            host: "host".to_owned(),
            key: a_key(),
            boot: [0; 16],
            clocks: Box::new(move || disk.inside().clocks),
            segment_bytes_max,
            segment_age_max: Duration::from_secs(3600),
            reserve_bytes: 0,
        }
    }

    pub(super) fn recorder(&self, segment_bytes_max: u64) -> Recorder {
        let setup = self.setup(segment_bytes_max);
        Recorder::start(self.clone(), Tail::nothing(), setup).unwrap()
    }

    /// A writer without its thread: the test says when it does what.
    pub(super) fn writer(&self, setup: Setup) -> Writer<Self> {
        let told = (Arc::default(), Metrics::new().unwrap());
        Writer::begin(self.clone(), Tail::nothing(), setup, told).unwrap()
    }

    /// Lets time pass, as both clocks see it.
    pub(super) fn pass(&self, time: Duration) {
        let clocks = &mut self.inside().clocks;
        let microseconds = u64::try_from(time.as_micros()).unwrap();
        clocks.uptime += microseconds;
        clocks.time += i64::try_from(microseconds).unwrap();
    }

    /// The frames that would survive a power cut.
    pub(super) fn durable(&self) -> Vec<Seen> {
        let inside = self.inside();
        let Some((last, whole)) = inside.segments.split_last() else {
            return Vec::new();
        };
        let whole = whole.iter().flat_map(|bytes| read(bytes.as_slice()));
        whole.chain(read(&last[..inside.durable])).collect()
    }
}

impl Inside {
    fn call(&mut self, operation: Operation) -> io::Result<()> {
        self.calls += 1;
        if self.failed.is_some() {
            self.after.push(operation);
        }
        if self.fail_at == Some(self.calls) {
            self.failed = Some(operation);
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

impl Storage for Disk {
    fn start(&mut self, _number: u64, bytes: &[u8]) -> io::Result<()> {
        let mut inside = self.inside();
        inside.call(Operation::Start)?;
        inside.segments.push(bytes.to_vec());
        inside.durable = bytes.len();
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut inside = self.inside();
        inside.call(Operation::Append)?;
        inside.segments.last_mut().unwrap().extend(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let gate = self.inside().gate.take();
        if let Some(gate) = gate {
            gate.recv().ok();
            self.gate(gate);
        }
        let mut inside = self.inside();
        inside.call(Operation::Sync)?;
        inside.syncs += 1;
        inside.durable = inside.segments.last().unwrap().len();
        Ok(())
    }

    fn free(&mut self) -> io::Result<u64> {
        let mut inside = self.inside();
        inside.call(Operation::Free)?;
        Ok(inside.free)
    }

    fn note(&mut self, head: &Head) -> io::Result<()> {
        let mut inside = self.inside();
        inside.call(Operation::Note)?;
        inside.heads.push(head.clone());
        Ok(())
    }
}
