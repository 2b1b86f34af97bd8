//! Shipping to a store that fails, and deleting what is shipped.

use object_store::path::Path as Key;
use object_store::{ObjectStoreExt as _, PutPayload};

use super::double::{Double, Fault};
use super::*;
use crate::record::keep::ship::Remote;
use crate::record::key::public_path;

/// So small that every segment has parts, or so large that none has.
const PARTS: [usize; 2] = [2_500, 1 << 20];

fn shipper(
    recording: &Recording,
    recorder: &Recorder,
    store: &Arc<Double>,
    part: usize,
) -> Shipper {
    let around = Around {
        dir: recording.config.dir.clone(),
        host: "host".to_owned(),
        key_file: recording.config.key_file.clone(),
        disk: real(),
        metrics: recorder.metrics().keep.clone(),
    };
    Shipper::to(Remote::of(Arc::clone(store), part), around)
}

fn keeper(recording: &Recording, recorder: &Recorder, store: &Arc<Double>, part: usize) -> Keeper {
    let shipper = shipper(recording, recorder, store, part);
    let shipper = Some(shipper);
    Keeper::new(&recording.config, recorder.clone(), shipper, real()).unwrap()
}

fn key(name: &str) -> Key {
    Key::from(format!("prefix/host/{name}"))
}

async fn stored(store: &Double, name: &str) -> Option<Vec<u8>> {
    let found = store.inner.get(&key(name)).await.ok()?;
    Some(found.bytes().await.unwrap().to_vec())
}

/// What is not here is there, as it was here; returns how many are there.
async fn assert_each_is_somewhere(recording: &Recording, store: &Double) -> usize {
    let here = recording.contents();
    let mut there = 0;
    for (number, bytes) in &recording.before {
        let packed = stored(store, &format!("{number:016}.sfr.zst")).await;
        let unpacked = packed.and_then(|packed| zstd::decode_all(&*packed).ok());
        there += usize::from(unpacked.as_ref() == Some(bytes));
        let is_here = here.get(number) == Some(bytes);
        assert!(is_here || unpacked.as_ref() == Some(bytes), "{number}");
    }
    there
}

/// Packs, ships and deletes with one fault; then starts again and does the rest.
async fn survive(fault: Fault, part: usize) -> Vec<&'static str> {
    let mut recording = Recording::new(false).await;
    recording.config.keep_bytes_max = Some(1);
    let store = Arc::new(Double::new(fault));
    let recorder = recording.recorder();
    let first = keeper(&recording, &recorder, &store, part);
    first.pack().await.unwrap();
    for _ in 0..3 {
        let shipped = first.ship().await;
        first.prune(&mut Told::new("full")).await.ok();
        assert_each_is_somewhere(&recording, &store).await;
        if shipped.is_ok() {
            break;
        }
    }
    drop((first, recorder));
    let operations = store.operations.lock().unwrap().clone();

    *store.fault.lock().unwrap() = Fault::None;
    let recorder = recording.recorder();
    let second = keeper(&recording, &recorder, &store, part);
    second.pack().await.unwrap();
    second.ship().await.unwrap();
    second.prune(&mut Told::new("full")).await.unwrap();
    let there = assert_each_is_somewhere(&recording, &store).await;
    assert_eq!(there, recording.before.len(), "{fault:?}");
    assert_eq!(recorder.metrics().keep.backlog(), (0, 0));
    let here = recording.contents();
    assert!(
        recording.before.keys().all(|it| !here.contains_key(it)),
        "{fault:?}"
    );
    let uploads = store.uploads.lock().unwrap().clone();
    assert!(uploads.is_empty(), "{fault:?}: {uploads:?}");
    assert!(!recording.names().contains(&"uploading".to_owned()));
    let host = std::fs::read(public_path(&recording.config.key_file)).unwrap();
    assert_eq!(stored(&store, "host.pub").await, Some(host));
    operations
}

#[tokio::test]
async fn whichever_operation_fails_nothing_is_lost_and_no_parts_stay_behind() {
    for part in PARTS {
        let all = Box::pin(survive(Fault::None, part)).await;
        assert!(all.contains(&if part < 5_000 { "part" } else { "put" }));
        for at in 0..all.len() {
            Box::pin(survive(Fault::Before(at), part)).await;
            Box::pin(survive(Fault::After(at), part)).await;
            Box::pin(survive(Fault::Gone(at), part)).await;
        }
    }
}

#[tokio::test]
async fn what_is_there_with_other_contents_is_told_and_left_and_keeps_the_rest_here() {
    for part in PARTS {
        let mut recording = Recording::new(false).await;
        recording.config.keep_bytes_max = Some(1);
        let store = Arc::new(Double::new(Fault::None));
        let recorder = recording.recorder();
        let keeper = keeper(&recording, &recorder, &store, part);
        keeper.pack().await.unwrap();
        let name = "0000000000000002.sfr.zst";
        let length = recording.config.dir.join(name).metadata().unwrap().len();
        let other = vec![7; usize::try_from(length).unwrap()];
        let payload = PutPayload::from(other.clone());
        store.inner.put(&key(name), payload).await.unwrap();

        let error = keeper.ship().await.unwrap_err();
        assert_eq!(error.reason(Reason::Local), Reason::Conflict, "{error}");
        keeper.prune(&mut Told::new("full")).await.unwrap();
        assert_eq!(stored(&store, name).await, Some(other));
        let there = assert_each_is_somewhere(&recording, &store).await;
        assert_eq!(there, recording.before.len() - 1);
        let left: Vec<u64> = recording.contents().into_keys().collect();
        let all_but_first = recording.before.keys().skip(1);
        assert!(
            all_but_first.into_iter().all(|it| left.contains(it)),
            "{left:?}"
        );
        assert!(!left.contains(&1));
        assert_eq!(recorder.metrics().keep.backlog().0, 1);
    }
}

#[tokio::test]
async fn what_is_there_is_known_again_and_not_sent_again() {
    for part in PARTS {
        let recording = Recording::new(false).await;
        let store = Arc::new(Double::new(Fault::None));
        let recorder = recording.recorder();
        let first = keeper(&recording, &recorder, &store, part);
        first.pack().await.unwrap();
        first.ship().await.unwrap();
        std::fs::remove_file(recording.config.dir.join("shipped")).unwrap();
        store.operations.lock().unwrap().clear();
        let second = keeper(&recording, &recorder, &store, part);
        second.ship().await.unwrap();
        let operations = store.operations.lock().unwrap().clone();
        assert!(
            operations.iter().all(|it| ["head", "get"].contains(it)),
            "{operations:?}"
        );
        assert!(operations.contains(&"get"), "it is read, not believed");
        assert_eq!(recorder.metrics().keep.backlog(), (0, 0));
    }
}

#[tokio::test]
async fn beside_another_host_of_the_same_name_nothing_is_shipped() {
    let recording = Recording::new(false).await;
    let store = Arc::new(Double::new(Fault::None));
    let recorder = recording.recorder();
    let keeper = keeper(&recording, &recorder, &store, PARTS[1]);
    keeper.pack().await.unwrap();
    let other = PutPayload::from("another key");
    store.inner.put(&key("host.pub"), other).await.unwrap();
    let error = keeper.ship().await.unwrap_err();
    assert_eq!(error.reason(Reason::Local), Reason::Conflict, "{error}");
    assert_eq!(stored(&store, "0000000000000001.sfr.zst").await, None);
}

#[tokio::test]
async fn what_vanished_from_the_store_is_not_deleted_here() {
    let mut recording = Recording::new(false).await;
    recording.config.keep_bytes_max = Some(1);
    let store = Arc::new(Double::new(Fault::None));
    let recorder = recording.recorder();
    let keeper = keeper(&recording, &recorder, &store, PARTS[1]);
    keeper.pack().await.unwrap();
    keeper.ship().await.unwrap();
    let name = "0000000000000001.sfr.zst";
    store.inner.delete(&key(name)).await.unwrap();
    keeper.prune(&mut Told::new("full")).await.unwrap();
    recording.assert_nothing_is_lost();
    keeper.ship().await.unwrap();
    assert!(stored(&store, name).await.is_some(), "it is shipped again");
}
