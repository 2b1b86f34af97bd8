//! Checkpoints, rotation, the clocks and the reserve, with the thread's turns taken by hand.

use serde_json::json;
use tokio::sync::oneshot::{self, Receiver};

use super::disk::Disk;
use super::*;
use crate::record::commit::{Setup, Writer};
use crate::record::segment::Draft;
use crate::record::thread::{Message, Slots};

type Answer = Receiver<Result<(), RecordError>>;

fn message(kind: Kind, entry: u64, durable: bool) -> (Message, Answer) {
    let (done, answer) = oneshot::channel();
    let draft = Draft::new(kind, entry, jiff::Timestamp::UNIX_EPOCH, b"{}").unwrap();
    let message = Message {
        draft,
        durable,
        done: Some(done),
        _slots: Slots::default(),
    };
    (message, answer)
}

/// One turn with a frame of `kind`; what its sender is told.
fn turn(writer: &mut Writer<Disk>, kind: Kind, durable: bool) -> Result<(), RecordError> {
    let (message, mut answer) = message(kind, 1, durable);
    writer.turn(&mut vec![message]);
    answer.try_recv().unwrap()
}

fn idle(writer: &mut Writer<Disk>) {
    writer.turn(&mut Vec::new());
}

fn kinds(disk: &Disk) -> Vec<Kind> {
    disk.durable().iter().map(|seen| seen.kind).collect()
}

fn last(disk: &Disk) -> Kind {
    *kinds(disk).last().unwrap()
}

#[test]
fn a_checkpoint_comes_with_a_decision_once_a_second_has_passed() {
    let disk = Disk::default();
    let mut writer = disk.writer(disk.setup(u64::MAX));
    turn(&mut writer, Kind::Decided, true).unwrap();
    assert_eq!(last(&disk), Kind::Decided);
    disk.pass(Duration::from_millis(999));
    turn(&mut writer, Kind::Decided, true).unwrap();
    assert_eq!(last(&disk), Kind::Decided);
    disk.pass(Duration::from_millis(1));
    let syncs = disk.inside().syncs;
    turn(&mut writer, Kind::Decided, true).unwrap();
    assert_eq!(last(&disk), Kind::Checkpoint);
    assert_eq!(disk.inside().syncs, syncs + 1, "it has no sync of its own");
}

#[test]
fn a_checkpoint_comes_by_itself_when_nothing_else_does() {
    let disk = Disk::default();
    let mut writer = disk.writer(disk.setup(u64::MAX));
    turn(&mut writer, Kind::Decided, true).unwrap();
    assert!(writer.patience() <= Duration::from_secs(1));
    disk.pass(Duration::from_secs(1));
    idle(&mut writer);
    assert_eq!(last(&disk), Kind::Checkpoint);
    let frames = kinds(&disk).len();
    let syncs = disk.inside().syncs;
    disk.pass(Duration::from_secs(10));
    idle(&mut writer);
    assert_eq!(
        kinds(&disk).len(),
        frames,
        "nothing came that needs a signature"
    );
    assert_eq!(disk.inside().syncs, syncs);
    let head = disk.inside().heads.last().cloned().unwrap();
    assert_eq!(head.offset, disk.inside().durable as u64);
    assert_eq!(writer.state.head(), Some(head));
}

#[test]
fn no_more_frames_than_the_format_allows_go_unsigned() {
    let disk = Disk::default();
    let mut writer = disk.writer(disk.setup(u64::MAX));
    let batch = (1..=10_000).map(|entry| message(Kind::Ended, entry, true).0);
    writer.turn(&mut batch.collect());
    let mut unsigned = 0;
    for kind in kinds(&disk) {
        unsigned = if kind == Kind::Checkpoint {
            0
        } else {
            unsigned + 1
        };
        assert!(unsigned <= 4096, "{unsigned} frames without a signature");
    }
    assert!(kinds(&disk).len() > 10_000);
}

#[test]
fn endings_that_keep_coming_are_synced_all_the_same() {
    let disk = Disk::default();
    let mut writer = disk.writer(disk.setup(u64::MAX));
    let syncs = disk.inside().syncs;
    for _ in 0..10 {
        disk.pass(Duration::from_millis(10));
        turn(&mut writer, Kind::Ended, false).unwrap();
    }
    assert_eq!(disk.inside().syncs, syncs + 1, "50 ms are over once");
}

#[test]
fn a_segment_ends_by_age_but_not_one_that_says_nothing() {
    let disk = Disk::default();
    let mut writer = disk.writer(disk.setup(u64::MAX));
    for _ in 0..3 {
        disk.pass(Duration::from_secs(3600));
        idle(&mut writer);
    }
    assert_eq!(disk.inside().segments.len(), 1);
    turn(&mut writer, Kind::Ended, false).unwrap();
    idle(&mut writer);
    let found = disk.durable();
    assert_eq!(disk.inside().segments.len(), 2);
    let seals: Vec<u64> = found
        .iter()
        .filter(|seen| seen.sealed)
        .map(|seen| seen.segment)
        .collect();
    assert_eq!(seals, [1]);
}

#[test]
fn what_became_of_older_segments_ends_no_segment_by_age() {
    let disk = Disk::default();
    let mut writer = disk.writer(disk.setup(u64::MAX));
    for kind in [Kind::Archived, Kind::Pruned] {
        turn(&mut writer, kind, true).unwrap();
        for _ in 0..3 {
            disk.pass(Duration::from_secs(3600));
            idle(&mut writer);
        }
        assert_eq!(disk.inside().segments.len(), 1, "{kind:?}");
    }
    turn(&mut writer, Kind::Operator, true).unwrap();
    idle(&mut writer);
    assert_eq!(disk.inside().segments.len(), 2, "what they follow does");
}

#[test]
fn what_became_of_older_segments_fills_a_segment() {
    let disk = Disk::default();
    let mut writer = disk.writer(disk.setup(1));
    turn(&mut writer, Kind::Archived, true).unwrap();
    assert_eq!(disk.inside().segments.len(), 1, "it had no frame yet");
    turn(&mut writer, Kind::Archived, true).unwrap();
    assert_eq!(disk.inside().segments.len(), 2);
}

#[tokio::test]
async fn every_segment_begins_with_the_sessions_that_are_open() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), 1);
    let recorder = Recorder::open(&config).unwrap();
    recorder.event(&opened("s1")).await.unwrap();
    recorder.event(&opened("s2")).await.unwrap();
    recorder.event_detached(&closed("s1"));
    recorder.event(&closed("s2")).await.unwrap();
    drop(recorder);
    let carried = of(&config.dir, Kind::Carried);
    let carried: Vec<_> = carried
        .iter()
        .map(|seen| seen.payload["sessions"].clone())
        .collect();
    let (none, both) = (json!([]), json!(["s1", "s2"]));
    assert_eq!(carried[..3], [none, json!(["s1"]), both]);
    for (at, seen) in all(&config.dir).iter().enumerate() {
        let is_first = at == 0 || all(&config.dir)[at - 1].segment != seen.segment;
        assert_eq!(is_first, seen.kind == Kind::Carried, "{seen:?}");
    }
}

#[test]
fn a_clock_that_was_set_is_told_and_one_that_drifts_is_not() {
    let disk = Disk::default();
    let mut writer = disk.writer(disk.setup(u64::MAX));
    let steps = [
        (-1, true),
        (1_999_999, false),
        (2_000_001, true),
        (-3_600_000_000, true),
        (0, false),
    ];
    let mut told = Vec::new();
    for (step, is_told) in steps {
        disk.inside().clocks.time += step;
        turn(&mut writer, Kind::Decided, true).unwrap();
        if is_told {
            told.push(json!({"reason": "clock", "detail": {"stepped_us": step}}));
        }
        let gaps = disk.durable().into_iter();
        let gaps = gaps.filter(|seen| seen.kind == Kind::Gap);
        let gaps: Vec<_> = gaps.map(|seen| seen.payload).collect();
        assert_eq!(gaps, told, "after {step}");
    }
}

#[test]
fn below_the_reserve_decisions_are_refused_until_there_is_space() {
    let disk = Disk::default();
    let setup = Setup {
        reserve_bytes: 1000,
        ..disk.setup(1)
    };
    let mut writer = disk.writer(setup);
    turn(&mut writer, Kind::Decided, true).unwrap();
    disk.inside().free = 999;
    disk.pass(Duration::from_secs(1));
    let error = turn(&mut writer, Kind::Decided, true).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the file system of the recording has 999 bytes free, less than its reserve of 1000; free \
         space there, or lower `reserve_bytes`"
    );
    assert_eq!(writer.metrics.writable.get(), 0);
    assert_eq!(writer.metrics.free_bytes.get(), 999);
    let segments = disk.inside().segments.len();
    for kind in [Kind::Ended, Kind::Closed, Kind::Operator] {
        turn(&mut writer, kind, true).unwrap();
        assert!(kinds(&disk).contains(&kind), "{kind:?}");
    }
    assert!(
        disk.inside().segments.len() > segments,
        "segments still end"
    );
    disk.inside().free = 1000;
    disk.pass(Duration::from_secs(1));
    idle(&mut writer);
    assert_eq!(writer.metrics.writable.get(), 1, "nothing needs to come");
    turn(&mut writer, Kind::Decided, true).unwrap();
    let decided = kinds(&disk)
        .into_iter()
        .filter(|kind| *kind == Kind::Decided);
    assert_eq!(decided.count(), 2, "what was refused is not there");
}

#[test]
fn a_disk_that_does_not_tell_its_space_is_taken_for_full() {
    let disk = Disk::default();
    let setup = Setup {
        reserve_bytes: 1000,
        ..disk.setup(u64::MAX)
    };
    let mut writer = disk.writer(setup);
    disk.pass(Duration::from_secs(1));
    let next = disk.inside().calls + 1;
    disk.inside().fail_at = Some(next);
    let error = turn(&mut writer, Kind::Decided, true).unwrap_err();
    assert!(
        matches!(error, RecordError::Reserve { free: 0, .. }),
        "{error}"
    );
    disk.pass(Duration::from_secs(1));
    turn(&mut writer, Kind::Decided, true).unwrap();
}

#[tokio::test]
async fn the_status_shows_host_and_head() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), 1 << 20);
    let recorder = Recorder::open(&config).unwrap();
    let status = recorder.status();
    assert_eq!(status.host.len(), 64);
    assert!(status.free_bytes > 0 && !status.is_low);
    let head = status.head.unwrap();
    assert_eq!((head.segment, head.next_entry, head.sealed), (1, 1, false));
    drop(recorder);
    let noted = fs::read(config.dir.join("head")).unwrap();
    let noted: crate::record::Head = serde_json::from_slice(&noted).unwrap();
    assert!(noted.sealed, "{noted:?}");
    let summary = crate::record::verify::check(&config.dir).unwrap();
    assert_eq!(noted.digest, summary.digest.to_string());
}
