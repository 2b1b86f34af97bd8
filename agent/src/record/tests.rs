//! What the recorder promises, on real files and on storage that fails on purpose.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::{any, prop, prop_assert, proptest};
use serde_json::Value;

use super::chain::Digest;
use super::format::{Kind, Packing, file_name};
use super::key::HostKey;
use super::read::{Reader, Summary, segments, verify};
use super::segment::{Beginning, Clocks, Draft, Storage, Tail, encode_header};
use super::{Decided, Ending, Opening, Outcome, RecordError, Recorder, read};
use crate::config;
use crate::policy::{Denial, Permit};
use crate::snowflake::{Operation, Query};

fn config(dir: &Path, segment_bytes_max: u64) -> config::Record {
    config::Record {
        segment_bytes_max,
        ..config::Record::for_test(dir)
    }
}

fn named() -> (String, HostKey) {
    ("host".to_owned(), HostKey::generate().unwrap())
}

fn query(text: &str) -> Operation {
    Operation::Query(Box::new(Query::for_test("r-1", text)))
}

fn ending(outcome: Outcome) -> Ending {
    Ending::new(
        outcome,
        jiff::Timestamp::UNIX_EPOCH,
        Duration::from_micros(7),
    )
}

async fn answer(recorder: &Recorder, text: &str) -> Result<(), RecordError> {
    let mut entry = recorder.entry(Opening {
        connection: 3,
        ..Opening::default()
    });
    let recorded = entry
        .decided(Permit::for_test(query(text)), Decided::default())
        .await?;
    assert_eq!(
        recorded.entry(),
        entry.number(),
        "the proof names the entry"
    );
    entry.close(ending(Outcome::Answer)).await
}

/// Every frame of a recording: segment, kind, entry and payload.
fn frames(dir: &Path) -> Vec<(u64, Kind, u64, Value)> {
    let mut found = Vec::new();
    for (number, path) in segments(dir).unwrap() {
        let mut reader = Reader::open(fs::File::open(path).unwrap()).unwrap();
        while let Some(frame) = reader.next_frame().unwrap() {
            let payload = serde_json::from_slice(&frame.payload).unwrap();
            found.push((number, frame.kind, frame.entry, payload));
        }
    }
    found
}

#[tokio::test]
async fn a_decision_is_on_disk_before_it_has_an_effect() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), 1 << 20);
    let recorder = Recorder::open(&config).unwrap();
    let mut entry = recorder.entry(Opening::default());
    let permit = Permit::for_test(query("select 1"));
    let _recorded = entry.decided(permit, Decided::default()).await.unwrap();
    let found = frames(&config.dir);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].1, found[0].2), (Kind::Decided, 1));
    assert_eq!(found[0].3["statement"]["text"], "select 1");
    assert_eq!(found[0].3["operation"], "query");
    assert_eq!(found[0].3["verdict"], "allow");
    assert_eq!(found[0].3["policies"], serde_json::json!(["test"]));
    entry.close(ending(Outcome::Answer)).await.unwrap();
    assert_eq!(
        frames(&config.dir)[1].3,
        serde_json::json!({"outcome":"answer","duration_us":7})
    );
}

#[tokio::test]
async fn a_denied_operation_has_one_frame_with_everything() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), 1 << 20);
    let recorder = Recorder::open(&config).unwrap();
    let mut entry = recorder.entry(Opening {
        connection: 9,
        ..Opening::default()
    });
    let denial = Denial {
        policies: vec!["no-writes".to_owned()],
        policy_version: "v".to_owned(),
        message: "no".to_owned(),
        kill: false,
        accesses: Arc::default(),
    };
    let about = Decided::of(
        &query("drop table t"),
        &Arc::default(),
        jiff::Timestamp::UNIX_EPOCH,
    );
    entry.denied(&denial, about);
    entry
        .close(ending(Outcome::Refusal("denied")))
        .await
        .unwrap();
    let found = frames(&config.dir);
    assert_eq!(found.len(), 1);
    let frame = &found[0].3;
    assert_eq!(
        (&frame["outcome"], &frame["reason"]),
        (&"refusal".into(), &"denied".into())
    );
    assert_eq!(
        (&frame["verdict"], &frame["connection"]),
        (&"deny".into(), &9.into())
    );
    assert_eq!(frame["statement"]["text"], "drop table t");
}

#[tokio::test]
async fn an_operation_refused_before_a_decision_is_told_in_its_one_frame() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), 1 << 20);
    let recorder = Recorder::open(&config).unwrap();
    let mut entry = recorder.entry(Opening::default());
    let mut about = Decided::of(
        &query("select 1"),
        &Arc::default(),
        jiff::Timestamp::UNIX_EPOCH,
    );
    about.session = Some("s1".to_owned());
    entry.undecided(about);
    let refused = ending(Outcome::Refusal("foreign_query"));
    entry.close(refused).await.unwrap();
    let found = frames(&config.dir);
    assert_eq!(found.len(), 1);
    let frame = &found[0].3;
    assert_eq!(frame["reason"], "foreign_query");
    assert_eq!(frame["statement"]["text"], "select 1");
    assert_eq!(frame["session"], "s1");
    assert_eq!(frame.get("verdict"), None);
}

#[tokio::test]
async fn a_dropped_entry_ends_as_abandoned() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), 1 << 20);
    let recorder = Recorder::open(&config).unwrap();
    drop(recorder.entry(Opening::default()));
    answer(&recorder, "select 2").await.unwrap();
    let found = frames(&config.dir);
    assert_eq!(found[0].3["outcome"], "abandoned");
    assert_eq!(found.len(), 3, "abandoned, decided, ended");
}

#[tokio::test]
async fn segments_rotate_and_a_restart_continues_the_chain() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), 1_000);
    for _ in 0..2 {
        let recorder = Recorder::open(&config).unwrap();
        for _ in 0..10 {
            answer(&recorder, "select 3").await.unwrap();
        }
        drop(recorder);
    }
    let summary = verify(&config.dir).unwrap();
    assert!(summary.segments > 4, "{summary:?}");
    assert_eq!(summary.frames, 40);
    let mut entries: Vec<u64> = frames(&config.dir).iter().map(|frame| frame.2).collect();
    entries.dedup();
    assert_eq!(
        entries,
        (1..=20).collect::<Vec<_>>(),
        "numbers go on after a restart"
    );
}

#[test]
fn what_was_queued_is_written_before_the_recorder_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), 1 << 20);
    let recorder = Recorder::open(&config).unwrap();
    for _ in 0..100 {
        let entry = recorder.entry(Opening::default());
        entry.close_detached(&ending(Outcome::Abandoned));
    }
    drop(recorder);
    assert_eq!(frames(&config.dir).len(), 100);
}

#[tokio::test]
async fn a_second_writer_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), 1_000);
    let _first = Recorder::open(&config).unwrap();
    assert!(matches!(
        Recorder::open(&config),
        Err(RecordError::Busy { .. })
    ));
}

#[tokio::test]
async fn files_and_directory_are_ours_alone() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), 1_000);
    let recorder = Recorder::open(&config).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&config.dir), 0o700);
    for (_, path) in segments(&config.dir).unwrap() {
        assert_eq!(mode(&path), 0o600);
    }
    drop(recorder);
    fs::set_permissions(&config.dir, fs::Permissions::from_mode(0o750)).unwrap();
    assert!(matches!(
        Recorder::open(&config),
        Err(RecordError::Exposed { mode: 0o750, .. })
    ));
}

#[tokio::test]
async fn a_link_in_place_of_a_segment_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), 1_000);
    drop(Recorder::open(&config).unwrap());
    let victim = dir.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, config.dir.join(file_name(2, Packing::Plain))).unwrap();
    assert!(matches!(
        Recorder::open(&config),
        Err(RecordError::Open { .. })
    ));
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}

#[tokio::test]
async fn a_torn_tail_is_set_aside_and_the_chain_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), 1 << 20);
    let recorder = Recorder::open(&config).unwrap();
    answer(&recorder, "select 4").await.unwrap();
    drop(recorder);
    let path = segments(&config.dir).unwrap().pop().unwrap().1;
    let whole = fs::read(&path).unwrap();
    let mut torn = whole.clone();
    torn.extend_from_slice(&whole[whole.len() - 100..]);
    fs::write(&path, &torn).unwrap();
    let recorder = Recorder::open(&config).unwrap();
    assert_eq!(fs::read(&path).unwrap(), whole);
    assert_eq!(
        fs::read(path.with_extension("torn")).unwrap(),
        whole[whole.len() - 100..]
    );
    answer(&recorder, "select 5").await.unwrap();
    assert_eq!(verify(&config.dir).unwrap().frames, 4);
}

#[tokio::test]
async fn a_segment_without_a_whole_header_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), 1 << 20);
    drop(Recorder::open(&config).unwrap());
    fs::write(config.dir.join(file_name(2, Packing::Plain)), b"SNOW").unwrap();
    let recorder = Recorder::open(&config).unwrap();
    answer(&recorder, "select 6").await.unwrap();
    assert_eq!(verify(&config.dir).unwrap().segments, 2);
}

#[tokio::test]
async fn damage_longer_than_a_batch_stops_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), u64::MAX);
    let recorder = Recorder::open(&config).unwrap();
    for _ in 0..11 {
        answer(&recorder, &"x".repeat(1 << 20)).await.unwrap();
    }
    drop(recorder);
    let path = segments(&config.dir).unwrap().pop().unwrap().1;
    let mut bytes = fs::read(&path).unwrap();
    bytes[500] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(
        Recorder::open(&config),
        Err(RecordError::Damaged { .. })
    ));
    assert_eq!(fs::read(&path).unwrap(), bytes, "nothing was cut");
}

/// Storage in memory that fails at the n-th call, and only there.
#[derive(Default)]
struct Faulty {
    calls: usize,
    fail_at: Option<usize>,
    /// What would survive a power cut.
    synced: Arc<AtomicUsize>,
    written: usize,
    syncs: Arc<AtomicUsize>,
    /// When there, a sync waits for a token.
    gate: Option<Receiver<()>>,
}

impl Faulty {
    fn call(&mut self) -> io::Result<()> {
        self.calls += 1;
        match self.fail_at {
            Some(at) if at == self.calls => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }
}

impl Storage for Faulty {
    fn start(&mut self, _number: u64, _header: &[u8]) -> io::Result<()> {
        self.call()
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.call()?;
        self.written += bytes.len();
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if let Some(gate) = &self.gate {
            gate.recv().ok();
        }
        self.call()?;
        self.syncs.fetch_add(1, Ordering::SeqCst);
        self.synced.store(self.written, Ordering::SeqCst);
        Ok(())
    }
}

const FRESH: Tail = Tail {
    segment: 0,
    digest: Digest::ZERO,
    next_entry: 1,
    torn_bytes: 0,
};

#[tokio::test]
async fn after_any_failure_nothing_is_acknowledged() {
    // Twelve calls cover two rotations; a failure at each one must close the recorder for good.
    for fail_at in 2..14 {
        let synced = Arc::new(AtomicUsize::new(0));
        let fail_at = Some(fail_at);
        let storage = Faulty {
            fail_at,
            synced: Arc::clone(&synced),
            ..Faulty::default()
        };
        let recorder = Recorder::start(storage, &FRESH, named(), 700).unwrap();
        let mut failed = false;
        for _ in 0..12 {
            let mut entry = recorder.entry(Opening::default());
            let permit = Permit::for_test(query("select 7"));
            let before = synced.load(Ordering::SeqCst);
            let outcome = entry.decided(permit, Decided::default()).await;
            let closed = entry.close(ending(Outcome::Answer)).await;
            match outcome {
                Ok(_) => {
                    assert!(!failed, "a decision was acknowledged after a failure");
                    assert!(
                        synced.load(Ordering::SeqCst) > before,
                        "acknowledged, not durable"
                    );
                }
                Err(error) => {
                    failed = true;
                    assert!(matches!(error, RecordError::Failed { .. }), "{error:?}");
                    assert!(
                        matches!(closed, Err(RecordError::Failed { .. })),
                        "{closed:?}"
                    );
                }
            }
            failed |= closed.is_err();
        }
        assert!(failed, "the failure at call {fail_at:?} was not seen");
        assert!(recorder.status().failure.is_some());
    }
}

#[tokio::test]
async fn decisions_made_together_share_a_sync() {
    let (gate, waits): (SyncSender<()>, _) = sync_channel(64);
    let syncs = Arc::new(AtomicUsize::new(0));
    let storage = Faulty {
        syncs: Arc::clone(&syncs),
        gate: Some(waits),
        ..Faulty::default()
    };
    let recorder = Recorder::start(storage, &FRESH, named(), u64::MAX).unwrap();
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (recorder, acknowledged) = (recorder.clone(), Arc::clone(&acknowledged));
        tasks.spawn(async move {
            let mut entry = recorder.entry(Opening::default());
            let permit = Permit::for_test(query("select 8"));
            let _recorded = entry.decided(permit, Decided::default()).await.unwrap();
            acknowledged.fetch_add(1, Ordering::SeqCst);
        });
    }
    while recorder.status().open < 64 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        acknowledged.load(Ordering::SeqCst),
        0,
        "no sync has run yet"
    );
    drop(gate);
    while let Some(joined) = tasks.join_next().await {
        joined.unwrap();
    }
    let syncs = syncs.load(Ordering::SeqCst);
    assert!(syncs < 8, "64 decisions took {syncs} syncs");
}

#[test]
fn an_entry_without_room_is_neither_recorded_nor_permitted() {
    let recorder = Recorder::start(Faulty::default(), &FRESH, named(), 700).unwrap();
    let open: Vec<_> = (0..16_384)
        .map(|_| recorder.entry(Opening::default()))
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut late = recorder.entry(Opening::default());
    let permit = Permit::for_test(query("select 9"));
    let outcome = runtime.block_on(late.decided(permit, Decided::default()));
    assert!(matches!(outcome, Err(RecordError::Full)), "{outcome:?}");
    drop(open);
}

fn beginning(number: u64, previous: Digest) -> Beginning<'static> {
    Beginning {
        number,
        next_entry: 1,
        previous,
        host: "host",
        boot: [0; 16],
        clocks: Clocks { time: 0, uptime: 0 },
    }
}

/// A segment with these payloads, and the digest that the next one would carry.
fn segment(payloads: &[Vec<u8>]) -> (Vec<u8>, Vec<usize>, Digest) {
    let key = HostKey::generate().unwrap();
    let (mut bytes, mut digest) = encode_header(&beginning(1, Digest::ZERO), &key);
    let mut starts = Vec::new();
    for (entry, payload) in (1..).zip(payloads) {
        starts.push(bytes.len());
        let draft = Draft::new(Kind::Decided, entry, jiff::Timestamp::UNIX_EPOCH, payload).unwrap();
        digest = draft.write(digest, &mut bytes);
    }
    starts.push(bytes.len());
    (bytes, starts, digest)
}

/// Writes `bytes` as segment 1 before a good segment 2 and verifies both.
fn verdict(bytes: &[u8], digest: Digest) -> Result<Summary, read::VerifyError> {
    let dir = tempfile::tempdir().unwrap();
    let path = |number| dir.path().join(file_name(number, Packing::Plain));
    fs::write(path(1), bytes).unwrap();
    let key = HostKey::generate().unwrap();
    fs::write(path(2), encode_header(&beginning(2, digest), &key).0).unwrap();
    verify(dir.path())
}

proptest! {
    #[test]
    fn any_change_is_found(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 2..6),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
        change in 0..4,
    ) {
        let (good, starts, digest) = segment(&payloads);
        assert_eq!(verdict(&good, digest).unwrap().frames, payloads.len() as u64);
        let frame = at.index(payloads.len() - 1);
        let (first, second, third) = (starts[frame], starts[frame + 1], starts[frame + 2]);
        let mut bad = good.clone();
        match change {
            0 => bad[at.index(good.len())] ^= 1 << bit,
            1 => bad.truncate(at.index(good.len())),
            2 => drop(bad.drain(first..second)),
            _ => {
                let swapped = [&good[second..third], &good[first..second]].concat();
                bad[first..third].copy_from_slice(&swapped);
            }
        }
        prop_assert!(verdict(&bad, digest).is_err(), "change {change} went unseen");
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (good, ..) = segment(&[]);
        for input in [bytes.clone(), [good, bytes].concat()] {
            if let Ok(mut reader) = Reader::open(input.as_slice()) {
                while let Ok(Some(_)) = reader.next_frame() {}
            }
        }
    }
}

#[test]
fn metrics_have_their_names() {
    let recorder = Recorder::start(Faulty::default(), &FRESH, named(), 700).unwrap();
    let registry = prometheus::Registry::new();
    recorder.metrics().register(&registry).unwrap();
    let names = Mutex::new(Vec::new());
    for family in registry.gather() {
        names.lock().unwrap().push(family.name().to_owned());
    }
    assert_eq!(
        names.into_inner().unwrap(),
        [
            "snowfence_record_bytes_total",
            "snowfence_record_failures_total",
            "snowfence_record_frames_total",
            "snowfence_record_lost_total",
            "snowfence_record_sync_seconds",
            "snowfence_record_torn_bytes_total",
        ]
    );
}
