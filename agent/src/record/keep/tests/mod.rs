//! Nothing is lost: whatever fails, and wherever the daemon ends.

mod double;
mod packing;
mod shipping;

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use age::secrecy::ExposeSecret as _;
use tempfile::TempDir;

use super::disk::{Disk, Real};
use super::*;
use crate::config::Record;
use crate::record::event::OperatorAction;
use crate::record::format::Kind;
use crate::record::read::{Identities, Reader, open};
use crate::record::told::Told as Payload;

/// Two events of three kilobytes fill a segment; what the keeper records does not.
const SEGMENT_BYTES: u64 = 6_000;

/// A recording with some closed segments.
struct Recording {
    _dir: TempDir,
    config: Record,
    identities: Identities,
    /// What the closed segments held when they were plain.
    before: BTreeMap<u64, Vec<u8>>,
}

impl Recording {
    async fn new(is_encrypted: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Record::for_test(dir.path());
        config.segment_bytes_max = SEGMENT_BYTES;
        let identity = age::x25519::Identity::generate();
        let path = dir.path().join("identity");
        std::fs::write(&path, identity.to_string().expose_secret()).unwrap();
        if is_encrypted {
            config.encrypt_to = vec![identity.to_public().to_string()];
        }
        let mut recording = Self {
            config,
            identities: Identities::read(&[path]).unwrap(),
            before: BTreeMap::new(),
            _dir: dir,
        };
        let recorder = recording.recorder();
        for number in 0..5 {
            recorder.event(&event(number)).await.unwrap();
        }
        drop(recorder);
        recording.before = recording.contents();
        assert!(recording.before.len() >= 3);
        recording
    }

    /// The daemon starts: everything before is closed.
    fn recorder(&self) -> Recorder {
        Recorder::open(&self.config).unwrap()
    }

    fn contents(&self) -> BTreeMap<u64, Vec<u8>> {
        let read = |segment: SegmentFile| {
            let mut bytes = Vec::new();
            let mut input = open(&segment, &self.identities).unwrap();
            input.read_to_end(&mut bytes).unwrap();
            (segment.number, bytes)
        };
        list(&self.config.dir)
            .unwrap()
            .into_iter()
            .map(read)
            .collect()
    }

    fn assert_nothing_is_lost(&self) {
        let now = self.contents();
        for (number, bytes) in &self.before {
            assert!(now.get(number) == Some(bytes), "segment {number}");
        }
    }

    fn names(&self) -> Vec<String> {
        let files = std::fs::read_dir(&self.config.dir).unwrap();
        let mut names: Vec<_> = files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// The payloads of one kind, in order.
    fn told(&self, kind: Kind) -> Vec<Payload> {
        let mut told = Vec::new();
        for (_number, bytes) in self.contents() {
            let mut reader = Reader::open(&*bytes).unwrap();
            while let Some(frame) = reader.next_frame().unwrap() {
                if frame.kind == kind {
                    told.push(Payload::read(kind, &frame.payload).unwrap());
                }
            }
        }
        told
    }

    fn keeper(&self, recorder: &Recorder, disk: Arc<dyn Disk>) -> Keeper {
        Keeper::new(&self.config, recorder.clone(), None, disk).unwrap()
    }
}

fn event(number: u32) -> Event {
    // Not all the same: there must be something to compress, and something to tell apart.
    let digests = (0..46).map(|at| blake3::hash(format!("{number} {at}").as_bytes()).to_string());
    Event {
        time: clock::now(),
        what: What::Operator(OperatorAction {
            action: "test".to_owned(),
            operator: "tester".to_owned(),
            uid: None,
            object: None,
            outcome: "done",
            message: Some(digests.collect()),
        }),
    }
}

/// The machine stops after so many steps.
#[derive(Debug)]
struct Stopping {
    left: AtomicUsize,
}

impl Stopping {
    fn after(steps: usize) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicUsize::new(steps),
        })
    }
}

impl Disk for Stopping {
    fn step(&self) -> io::Result<()> {
        let step = |left: usize| left.checked_sub(1);
        match self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, step)
        {
            Ok(_left) => Ok(()),
            Err(_none) => Err(io::Error::other("stopped")),
        }
    }
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().unwrap().permissions().mode() & 0o777
}

fn real() -> Arc<dyn Disk> {
    Arc::new(Real)
}
