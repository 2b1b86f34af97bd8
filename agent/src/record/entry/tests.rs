//! An ending whose rows do not fit.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::config;
use crate::record::read::{Reader, segments};
use crate::record::told::{Cell, Table, Told};

fn ending(text: &str) -> Ending {
    let time = jiff::Timestamp::UNIX_EPOCH;
    let table = Table {
        rows: vec![vec![Cell::Clear(text.to_owned())]],
        of: 1,
        ..Table::default()
    };
    Ending {
        table: Some(table),
        ..Ending::new(Outcome::Answer, time, Duration::ZERO)
    }
}

/// Rows and why there are not more, of each ending.
fn recorded(dir: &Path) -> Vec<(usize, Option<String>)> {
    let mut recorded = Vec::new();
    for (_, path) in segments(dir).unwrap() {
        let mut reader = Reader::open(File::open(path).unwrap()).unwrap();
        while let Some(frame) = reader.next_frame().unwrap() {
            let told = Told::read(frame.kind, &frame.payload).unwrap();
            if let Some(table) = told.table {
                assert_eq!((told.outcome.as_deref(), table.of), (Some("answer"), 1));
                recorded.push((table.rows.len(), table.cut));
            }
        }
    }
    recorded
}

#[tokio::test]
async fn an_ending_is_recorded_without_its_rows_where_they_do_not_fit() {
    let dir = tempfile::tempdir().unwrap();
    let config = config::Record::for_test(dir.path());
    let recorder = Recorder::open(&config).unwrap();
    let large = "x".repeat(9 << 20);
    let entry = || recorder.entry(Opening::default());
    entry().close_detached(&ending("x"));
    entry().close_detached(&ending(&large));
    entry().close(ending(&large)).await.unwrap();
    entry().close(ending("x")).await.unwrap();
    drop(recorder);
    let bytes = (0, Some("bytes".to_owned()));
    let expected = [(1, None), bytes.clone(), bytes, (1, None)];
    assert_eq!(recorded(&config.dir), expected);
}

#[test]
fn rows_are_the_first_to_be_left_out_of_a_full_queue() {
    let dir = tempfile::tempdir().unwrap();
    let config = config::Record::for_test(dir.path());
    let recorder = Recorder::open(&config).unwrap();
    let entry = || recorder.entry(Opening::default());
    let half = recorder.take_half_of_the_room();
    entry().close_detached(&ending("x"));
    drop(half);
    entry().close_detached(&ending("x"));
    drop(recorder);
    let expected = [(0, Some("queue".to_owned())), (1, None)];
    assert_eq!(recorded(&config.dir), expected);
}

#[tokio::test]
async fn an_entry_whose_end_is_given_up_while_it_waits_ends_as_abandoned() {
    let dir = tempfile::tempdir().unwrap();
    let config = config::Record::for_test(dir.path());
    let recorder = Recorder::open(&config).unwrap();
    let halves = [
        recorder.take_half_of_the_room(),
        recorder.take_half_of_the_room(),
    ];
    let entry = recorder.entry(Opening::default());
    let closing = tokio::spawn(entry.close(ending("x")));
    // It is polled once, and waits.
    tokio::task::yield_now().await;
    drop(halves);
    closing.abort();
    let cancelled = closing.await.unwrap_err();
    assert!(cancelled.is_cancelled());
    drop(recorder);
    let mut outcomes = Vec::new();
    for (_, path) in segments(&config.dir).unwrap() {
        let mut reader = Reader::open(File::open(path).unwrap()).unwrap();
        while let Some(frame) = reader.next_frame().unwrap() {
            let told = Told::read(frame.kind, &frame.payload).unwrap();
            outcomes.extend((frame.kind == Kind::Ended).then_some(told.outcome));
        }
    }
    assert_eq!(outcomes, [Some("abandoned".to_owned())]);
}
