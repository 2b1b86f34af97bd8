//! One operation is one entry.

use std::sync::{Arc, Mutex};

use super::disk::Disk;
use super::*;
use crate::policy::Denial;

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
    assert_eq!((found[0].kind, found[0].entry), (Kind::Decided, 1));
    assert_eq!(found[0].payload["statement"]["text"], "select 1");
    assert_eq!(found[0].payload["operation"], "query");
    assert_eq!(found[0].payload["verdict"], "allow");
    assert_eq!(found[0].payload["policies"], serde_json::json!(["test"]));
    entry.close(ending(Outcome::Answer)).await.unwrap();
    assert_eq!(
        frames(&config.dir)[1].payload,
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
    let frame = &found[0].payload;
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
    let frame = &found[0].payload;
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
    assert_eq!(found[0].payload["outcome"], "abandoned");
    assert_eq!(found.len(), 3, "abandoned, decided, ended");
}

#[test]
fn metrics_have_their_names() {
    let recorder = Disk::default().recorder(700);
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
            "snowfence_record_free_bytes",
            "snowfence_record_gaps_total",
            "snowfence_record_lost_total",
            "snowfence_record_packed_total",
            "snowfence_record_pruned_total",
            "snowfence_record_refused_total",
            "snowfence_record_ship_backlog",
            "snowfence_record_ship_backlog_bytes",
            "snowfence_record_ship_backlog_seconds",
            "snowfence_record_ship_last_success_seconds",
            "snowfence_record_shipped_bytes_total",
            "snowfence_record_shipped_total",
            "snowfence_record_sync_seconds",
            "snowfence_record_torn_bytes_total",
            "snowfence_record_unpacked",
            "snowfence_record_writable",
        ]
    );
}
