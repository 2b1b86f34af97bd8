//! Policies come into force with the recording, or not at all.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::config;
use crate::record::format::Kind;
use crate::record::read::said;

const ONE: &str = "@id(\"one\") permit (principal, action, resource);";
const TWO: &str = "@id(\"two\") permit (principal, action, resource);";

struct Place {
    dir: tempfile::TempDir,
    recorder: Recorder,
    store: Store,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let policies = dir.path().join("policies");
        fs::create_dir(&policies).unwrap();
        fs::write(policies.join("p.cedar"), ONE).unwrap();
        let config = config::Record::for_test(dir.path());
        Self {
            recorder: Recorder::open(&config).unwrap(),
            store: Store::open(&policies).unwrap(),
            dir,
        }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.path().join("policies").join(name), text).unwrap();
    }

    /// Closes the recording and reads it.
    fn frames(self) -> Vec<(Kind, Value)> {
        let Self { dir, recorder, .. } = self;
        drop(recorder);
        said(&dir.path().join("record"))
    }
}

fn file(name: &str, text: &str) -> Value {
    let digest = blake3::hash(text.as_bytes()).to_hex().to_string();
    json!({"name": name, "digest": digest})
}

#[tokio::test]
async fn what_is_in_force_from_when_on_is_recorded_file_by_file() {
    let place = Place::new();
    let first = place.store.snapshot();
    begin(&place.recorder, &first).await.unwrap();
    let labels = "[[label]]\nname = \"pii.email\"\nmethod = \"redact\"\ndetectors = [\"email\"]\n";
    place.write("p.cedar", TWO);
    place.write("labels.toml", labels);
    let second = renew(&place.recorder, &place.store).await.unwrap();
    place.write("p.cedar", "permit (");
    let failed = renew(&place.recorder, &place.store).await;
    assert!(matches!(failed, Err(ReloadError::Load(_))));
    assert_eq!(place.store.snapshot().version(), second.version());

    let frames = place.frames();
    let loaded = |policies: &PolicySet, files: Value| {
        let payload = json!({
            "outcome": "loaded", "policy_version": policies.version(), "files": files,
        });
        (Kind::Policy, payload)
    };
    let reload = |outcome: &str| {
        let payload = json!({"action": "reload", "operator": "signal", "outcome": outcome});
        (Kind::Operator, payload)
    };
    assert_eq!(frames[0], loaded(&first, json!([file("p.cedar", ONE)])));
    assert_eq!(frames[1], reload("done"));
    let files = json!([file("labels.toml", labels), file("p.cedar", TWO)]);
    assert_eq!(frames[2], loaded(&second, files));
    assert_eq!(frames[3], reload("failed"));
    let (kind, rejected) = &frames[4];
    assert_eq!(*kind, Kind::Policy);
    assert_eq!(rejected["outcome"], "rejected");
    assert_eq!(rejected["policy_version"], second.version());
    let message = rejected["message"].as_str().unwrap();
    assert!(message.contains("p.cedar:1:"), "{message}");
}

#[tokio::test]
async fn policies_that_cannot_be_recorded_do_not_come_into_force() {
    let place = Place::new();
    let before = place.store.snapshot();
    // More events than the queue has room for stand for a recorder that cannot write.
    place.write("p.cedar", TWO);
    let full: Vec<_> = (0..20_000)
        .map(|_| place.recorder.entry(crate::record::Opening::default()))
        .collect();
    let failed = renew(&place.recorder, &place.store).await;
    assert!(matches!(failed, Err(ReloadError::NotRecorded(_))));
    assert_eq!(place.store.snapshot().version(), before.version());
    let why = place.store.rejected().unwrap();
    assert!(why.contains("cannot be recorded"), "{why}");

    drop(full);
    // The endings of those that were open are written one by one.
    let wait = event(What::Operator(action("wait", "done", None)));
    while place.recorder.event(&wait).await.is_err() {
        tokio::task::yield_now().await;
    }
    let after = renew(&place.recorder, &place.store).await.unwrap();
    assert_ne!(after.version(), before.version());
    assert_eq!(place.store.rejected(), None);
}

#[tokio::test]
async fn start_and_stop_are_recorded_with_what_is_enforced() {
    let place = Place::new();
    let text = "[[scope]]\ncgroup = \"/agents.slice\"\n[[account]]\nname = \"a\"\n\
                hosts = [\"a.snowflakecomputing.com\"]\ndefault_credential = \"c\"\n\
                [[credential]]\nname = \"c\"\naccount = \"a\"\nkind = \"password\"\nuser = \"u\"\n\
                password = { file = \"/p\" }\n";
    let source = |_: &Path| Ok(text.to_owned());
    let config = config::load("snowfence.toml".as_ref(), &source).unwrap();
    started(&place.recorder, &config).await.unwrap();
    stopped(&place.recorder).await;
    let frames = place.frames();
    let [(Kind::Operator, start), (Kind::Operator, stop)] = frames.as_slice() else {
        panic!("{frames:?}")
    };
    assert_eq!(
        (&start["action"], &start["outcome"]),
        (&json!("start"), &json!("done"))
    );
    assert_eq!(start["uid"], geteuid().as_raw());
    let message = start["message"].as_str().unwrap();
    let digest = blake3::hash(config::show(&config).as_bytes()).to_hex();
    assert!(message.contains("/agents.slice"), "{message}");
    assert!(message.contains(digest.as_str()), "{message}");
    assert_eq!(
        *stop,
        json!({"action": "stop", "operator": "signal", "outcome": "done"})
    );
}
