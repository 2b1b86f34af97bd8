//! Storage that fails at each single call, and a queue that is full.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use super::disk::{Disk, Operation};
use super::*;
use crate::record::recover::Tail;

/// Sessions, decisions and endings over several segments; says which decisions were acknowledged, and
/// what was said when one was not.
async fn work(recorder: &Recorder, disk: &Disk) -> (Vec<u64>, Option<RecordError>) {
    let (mut acknowledged, mut refused) = (Vec::new(), None);
    for round in 0..12 {
        // A checkpoint is due every other time.
        disk.pass(Duration::from_millis(600));
        let session = format!("s{round}");
        let opened = recorder.event(&opened(&session)).await;
        let mut entry = recorder.entry(Opening::default());
        let permit = Permit::for_test(query("select 7"));
        match entry.decided(permit, Decided::default()).await {
            Ok(recorded) => {
                assert!(refused.is_none(), "acknowledged after a failure");
                acknowledged.push(recorded.entry());
                let durable = disk.durable();
                let there = durable
                    .iter()
                    .any(|seen| seen.kind == Kind::Decided && seen.entry == recorded.entry());
                assert!(there, "acknowledged, not durable");
            }
            Err(error) => refused = Some(error),
        }
        if let Ok(number) = opened {
            let durable = disk.durable();
            let there = |seen: &Seen| seen.kind == Kind::Opened && seen.entry == number;
            assert!(durable.iter().any(there), "an event was not durable");
        }
        entry.close(ending(Outcome::Answer)).await.ok();
        recorder.event(&closed(&session)).await.ok();
    }
    (acknowledged, refused)
}

#[tokio::test]
async fn after_any_failure_nothing_is_acknowledged() {
    let whole = Disk::default();
    let recorder = whole.recorder(700);
    let (acknowledged, refused) = work(&recorder, &whole).await;
    drop(recorder);
    assert_eq!(acknowledged.len(), 12);
    assert!(refused.is_none(), "{refused:?}");
    let calls = whole.inside().calls;
    assert!(whole.inside().segments.len() > 4 && calls > 100, "{calls}");

    let mut seen = Vec::new();
    for fail_at in 1..=calls {
        let disk = Disk::default();
        disk.inside().fail_at = Some(fail_at);
        let started = Recorder::start(disk.clone(), Tail::nothing(), disk.setup(700));
        let (recorder, failure) = match started {
            Ok(recorder) => (Some(recorder), None),
            Err(failure) => (None, Some(failure.to_error())),
        };
        let refused = match &recorder {
            Some(recorder) => work(recorder, &disk).await.1,
            None => failure,
        };
        let status = recorder.as_ref().map(Recorder::status);
        drop(recorder);
        let failed = disk.inside().failed;
        seen.extend(failed);
        let said = match failed {
            Some(Operation::Start) => "starting a segment failed",
            Some(Operation::Append) => "a write failed",
            Some(Operation::Sync) => "a sync failed",
            // The disk is asked for what stops nothing; timing may also spare a call.
            Some(Operation::Free | Operation::Note) | None => {
                assert!(refused.is_none(), "at {fail_at}: {refused:?}");
                continue;
            }
        };
        let after = disk.inside().after.clone();
        let written = |operation: &Operation| {
            matches!(
                operation,
                Operation::Start | Operation::Append | Operation::Sync
            )
        };
        assert!(!after.iter().any(written), "at {fail_at}: {after:?}");
        // The last calls are those of the shutdown, which nobody waits for.
        if let Some(refused) = refused {
            let message = refused.to_string();
            assert!(message.contains(said), "at {fail_at}: {message}");
            assert!(status.is_none_or(|status| status.failure.is_some()));
        } else {
            assert!(fail_at + 12 > calls, "nobody heard of call {fail_at}");
        }
    }
    for operation in [
        Operation::Start,
        Operation::Append,
        Operation::Sync,
        Operation::Free,
        Operation::Note,
    ] {
        assert!(seen.contains(&operation), "{operation:?} never failed");
    }
}

#[tokio::test]
async fn decisions_made_together_share_a_sync() {
    let (gate, waits): (SyncSender<()>, _) = sync_channel(64);
    let disk = Disk::default();
    let recorder = disk.recorder(u64::MAX);
    let before = disk.inside().syncs;
    disk.gate(waits);
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
    let syncs = disk.inside().syncs - before;
    assert!(syncs < 8, "64 decisions took {syncs} syncs");
}

#[test]
fn an_entry_without_room_is_neither_recorded_nor_permitted() {
    let recorder = Disk::default().recorder(700);
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
