//! The directory and what is in it.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use serde_json::json;

use super::*;
use crate::record::format::{Packing, file_name};
use crate::record::verify::check as verify;

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
    assert_eq!(frames(&config.dir).len(), 40);
    let mut entries: Vec<u64> = frames(&config.dir)
        .iter()
        .map(|frame| frame.entry)
        .collect();
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
    verify(&config.dir).unwrap();
    let told = frames(&config.dir);
    let kinds: Vec<Kind> = told.iter().map(|seen| seen.kind).collect();
    let (decided, ended) = (Kind::Decided, Kind::Ended);
    assert_eq!(kinds, [decided, ended, Kind::Gap, decided, ended]);
    let gap = json!({"segment": 1, "bytes": 100, "kept_in": "0000000000000001.torn"});
    assert_eq!(told[2].payload, json!({"reason": "torn", "detail": gap}));
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
