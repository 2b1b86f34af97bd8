//! A recorder that is killed at any moment has every decision that it acknowledged.
//!
//! The test starts its own binary again as a child, which records from many producers and writes to a
//! pipe what was acknowledged to it; the parent kills it by its id and looks into the recording.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use super::*;
use crate::record::verify::check as verify;

/// How often the child is killed; 40 times when not set.
const KILLS: &str = "SNOWFENCE_TEST_RECORD_KILLS";
/// Where the child records; what tells it that it is the child.
const DIR: &str = "SNOWFENCE_TEST_RECORD_DIR";
const CHILD: &str = "record::tests::killed::the_child_records_until_it_is_killed";
const PRODUCERS: usize = 16;
/// Small, so that many kills come while a segment ends.
const SEGMENT_BYTES: u64 = 24 << 10;

#[test]
fn every_acknowledged_decision_survives_a_kill() {
    let kills: u64 = std::env::var(KILLS).map_or(40, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), SEGMENT_BYTES);
    let mut seed = u64::from(std::process::id());
    let mut acknowledged = BTreeSet::new();
    for _ in 0..kills {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        // Some before the recording is even open, some after many segments.
        let lines = (seed >> 33) % 700;
        let before = acknowledged.len();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([CHILD, "--exact", "--nocapture", "--test-threads=1"])
            .env(DIR, dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut read = 0;
        while read < lines
            && let Some(line) = told.next()
        {
            let line = line.unwrap();
            read += 1;
            let new = line
                .parse()
                .is_ok_and(|entry: u64| acknowledged.insert(entry));
            assert!(new, "a number is acknowledged once: {line}");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said and we had not read yet counts as well; the last line may be cut short.
        let rest: Vec<String> = told.map_while(Result::ok).collect();
        let whole = rest.len().saturating_sub(1);
        for line in &rest[..whole] {
            acknowledged.insert(line.parse().unwrap());
        }
        assert!(
            lines == 0 || acknowledged.len() > before,
            "the child worked"
        );
    }
    drop(Recorder::open(&config).unwrap());
    check(&config, &acknowledged);
}

#[track_caller]
fn check(config: &config::Record, acknowledged: &BTreeSet<u64>) {
    let summary = verify(&config.dir).unwrap();
    let (mut decided, mut sessions) = (BTreeSet::new(), BTreeMap::new());
    for seen in all(&config.dir) {
        if seen.kind == Kind::Decided {
            assert!(decided.insert(seen.entry), "{} twice", seen.entry);
        } else if seen.kind == Kind::Opened {
            let before = sessions.insert(seen.session().to_owned(), 0);
            assert_eq!(before, None, "{} opened twice", seen.session());
        } else if seen.kind == Kind::Closed {
            *sessions.get_mut(seen.session()).unwrap() += 1;
        }
    }
    let missing = acknowledged.difference(&decided).count();
    let unclosed = sessions.values().filter(|closed| **closed != 1).count();
    println!(
        "{} acknowledged, {} decided, {} segments, {} sessions, {missing} missing, {unclosed} not \
         closed exactly once",
        acknowledged.len(),
        decided.len(),
        summary.segments,
        sessions.len(),
    );
    assert_eq!((missing, unclosed), (0, 0));
    assert!(!acknowledged.is_empty() && !sessions.is_empty());
}

/// Does nothing unless it is the child of the test above.
#[tokio::test]
async fn the_child_records_until_it_is_killed() {
    let Some(dir) = std::env::var_os(DIR) else {
        return;
    };
    let config = config(Path::new(&dir), SEGMENT_BYTES);
    let recorder = Recorder::open(&config).unwrap();
    let pipe = Arc::new(Mutex::new(std::io::stderr()));
    let mut producers = tokio::task::JoinSet::new();
    for _ in 0..PRODUCERS {
        producers.spawn(produce(recorder.clone(), Arc::clone(&pipe)));
    }
    producers.join_all().await;
}

async fn produce(recorder: Recorder, pipe: Arc<Mutex<std::io::Stderr>>) {
    loop {
        let mut session = None;
        for _ in 0..5 {
            let mut entry = recorder.entry(Opening::default());
            let permit = Permit::for_test(query("select 1"));
            let recorded = entry.decided(permit, Decided::default()).await.unwrap();
            let line = format!("{}\n", recorded.entry());
            pipe.lock().unwrap().write_all(line.as_bytes()).unwrap();
            if session.is_none() {
                let name = format!("s{}", recorded.entry());
                recorder.event(&opened(&name)).await.unwrap();
                session = Some(name);
            }
            entry.close(ending(Outcome::Answer)).await.unwrap();
        }
        recorder.event_detached(&closed(&session.unwrap()));
    }
}
