//! Rows and position move together, also when the process is killed.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::json;

use super::recording::Recording;
use super::{dump, rebuilt};
use crate::record::index::{Follower, Index, Progress};
use crate::record::read::Identities;

const DIR: &str = "SNOWFENCE_TEST_INDEX_DIR";

/// The process that is killed: it tells each batch that it has written.
#[tokio::test]
#[ignore = "is started, and killed, by the test below"]
async fn indexes_until_it_is_killed() {
    let Some(dir) = std::env::var_os(DIR).map(PathBuf::from) else {
        return;
    };
    let mut index = Index::open(&dir.join("index.db"), true, true)
        .await
        .unwrap();
    let mut follower = Follower::new(dir.join("record"), Identities::default());
    while let Progress::Read(_) = follower.step(&mut index).await.unwrap() {
        println!("batch");
    }
    println!("done");
}

#[tokio::test]
async fn a_killed_indexer_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let segments = dir.path().join("record");
    std::fs::create_dir(&segments).unwrap();
    let mut recording = Recording::new();
    recording.open("s1", "etl");
    for at in 0..12_000 {
        let number = recording.allow("s1", "etl", &format!("select {}", at % 700), "A.B.C");
        recording.end(number, at, &json!({"pii.email": 1}));
        if at % 5_000 == 4_999 {
            recording.rotate();
        }
    }
    recording.write_all_to(&segments);
    let mut kills = 0;
    // Each start may write at least the batch after which it is killed, so this ends.
    loop {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture"])
            .arg("record::index::tests::killed::indexes_until_it_is_killed")
            .env(DIR, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.find_map(|line| {
            let line = line.ok()?;
            ["batch", "done"]
                .into_iter()
                .find(|word| line.ends_with(word))
        });
        child.kill().unwrap();
        child.wait().unwrap();
        match line {
            Some("batch") => kills += 1,
            Some(_) => break,
            None => panic!("the indexer ended without a word"),
        }
    }
    assert!(kills >= 3, "{kills}");
    let mut index = Index::open(&dir.path().join("index.db"), true, true)
        .await
        .unwrap();
    let made = dump(&mut rebuilt(&segments).await).await;
    assert_eq!(dump(&mut index).await, made);
}
