//! `kill -9` of the daemon at random moments, again and again, while drivers ask: whatever reached the
//! warehouse was recorded before.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tests::process::Process;
use tests::record::{Frame, Kind, frames};
use tests::{Daemon, layout, wait};

use crate::bench::Bench;

/// How often the daemon is killed; 10 times when not set.
const KILLS: &str = "SNOWFENCE_TEST_DAEMON_KILLS";

/// In every statement of the load, and in nothing else.
const MARK: &str = " as load_";

/// Stock connectors that ask one statement after the other, each of them once, and log in again
/// whenever they are told to. Ends when the file appears, and tells how many were answered.
const LOAD: &str = r#"
import itertools, pathlib, sys, threading, time
import snowflake.connector
from snowflake.connector.backoff_policies import linear_backoff
ended, who = pathlib.Path(sys.argv[1]), sys.argv[2]
answered = [0] * 3
# A daemon is away for a second, not for a minute.
backoff = linear_backoff(factor=0, base=0.05, cap=0.05, enable_jitter=False)
def load(number):
    numbers = itertools.count()
    while not ended.exists():
        connection = None
        try:
            connection = snowflake.connector.connect(
                account="testorg-testacct", user="agent", password="x", backoff_policy=backoff,
                login_timeout=60, network_timeout=10)
            cursor = connection.cursor()
            while not ended.exists():
                text = f"select {number} as load_{who}_{number}_{next(numbers)}_"
                assert cursor.execute(text).fetchall() == [(number,)]
                answered[number] += 1
        except snowflake.connector.errors.Error:
            threading.Event().wait(0.02)
        finally:
            if connection and ended.exists():
                connection.close()
threads = [threading.Thread(target=load, args=(number,)) for number in range(len(answered))]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("answered", sum(answered))
"#;

#[test]
fn what_the_warehouse_saw_is_recorded_whenever_the_daemon_is_killed() {
    let kills: u64 = std::env::var(KILLS).map_or(10, |text| text.parse().unwrap());
    let mut bench = Bench::new("kills");
    let ended = bench.environment.dir().join("ended");
    let mut loads = ["load-a", "load-b"].map(|name| {
        let load = bench.python(LOAD).arg(&ended).arg(name.replace('-', "_"));
        load.start(name).unwrap()
    });
    let mut heard = Heard::new(&bench);
    heard.wait(20, &bench, &mut loads);

    let mut random = u64::from(std::process::id());
    let mut next = |end: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % end
    };
    for kill in 1..=kills {
        wait::pass(Duration::from_micros(next(100_000)));
        bench.daemon.process().kill().unwrap();
        // Some do not even live until they are ready.
        if next(8) == 0 {
            let mut daemon = Daemon::restart_unready(&bench.environment).unwrap();
            wait::pass(Duration::from_micros(next(1_000_000)));
            daemon.kill().unwrap();
        }
        bench.daemon = Daemon::restart(&bench.environment).unwrap();
        heard.wait(1 + next(20), &bench, &mut loads);
        if kill % 50 == 0 {
            println!("killed {kill} times");
        }
    }

    fs::write(&ended, "").unwrap();
    for load in &mut loads {
        let done = wait::until("the load", LIMIT, || Ok((!load.is_running()).then_some(())));
        assert!(done.is_ok(), "{}", load.log());
        println!("{}", load.log());
        assert!(load.log().starts_with("answered "), "{}", load.log());
    }
    assert!(bench.daemon.process().stop().unwrap().success());
    check(&bench, kills);
}

/// What the warehouse heard of the load so far.
struct Heard(BufReader<File>);

impl Heard {
    fn new(bench: &Bench) -> Self {
        let log = bench.environment.dir().join("warehouse/received.jsonl");
        Self(BufReader::new(File::open(log).unwrap()))
    }

    /// Waits until it hears so many statements more: the daemon works, and is under load.
    #[track_caller]
    fn wait(&mut self, mut count: u64, bench: &Bench, loads: &mut [Process]) {
        let mut line = String::new();
        let heard = wait::until("statements", LIMIT, || {
            assert!(loads.iter_mut().all(Process::is_running), "the load ended");
            while self.0.read_line(&mut line).unwrap() > 0 {
                // What is written in part goes on where it ended.
                if line.ends_with('\n') {
                    count = count.saturating_sub(u64::from(line.contains(MARK)));
                    line.clear();
                }
            }
            Ok((count == 0).then_some(()))
        });
        assert!(heard.is_ok(), "{}", bench.daemon.log());
    }
}

#[track_caller]
fn check(bench: &Bench, kills: u64) {
    let record = &bench.daemon.files().record;
    let frames = frames(record).unwrap();
    let decided = texts(frames.iter().filter_map(|frame| {
        let text = frame.payload.pointer("/statement/text");
        text.filter(|_| frame.kind == Kind::Decided)?.as_str()
    }));
    let received = bench.warehouse.received().unwrap();
    let received = texts(received.iter().filter_map(|row| {
        let text = row["body"]["sqlText"].as_str();
        text.filter(|_| row["path"] == "/queries/v1/query-request")
    }));
    let missing: Vec<_> = received
        .iter()
        .filter(|(text, times)| decided.get(*text).unwrap_or(&0) < times)
        .collect();
    let sessions = sessions(&frames);
    let unclosed = sessions.values().filter(|closed| **closed != 1).count();
    println!(
        "{kills} kills: the warehouse received {} statements, {} are decided, {} missing; {} sessions, \
         {unclosed} not closed exactly once",
        received.len(),
        decided.len(),
        missing.len(),
        sessions.len(),
    );
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(unclosed, 0, "{sessions:?}");
    // Each life of the daemon had at least one login or statement, and so had every driver.
    assert!(received.len() as u64 >= kills && sessions.len() as u64 >= kills);
    verify(bench, record);
}

/// How often there is each statement of the load.
fn texts<'a>(texts: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for text in texts.filter(|text| text.contains(MARK)) {
        *counts.entry(text).or_default() += 1;
    }
    counts
}

/// How often each session that was opened is closed.
#[track_caller]
fn sessions(frames: &[Frame]) -> BTreeMap<&str, usize> {
    let mut sessions = BTreeMap::new();
    for frame in frames {
        let Some(name) = frame.payload.get("session").and_then(Value::as_str) else {
            continue;
        };
        if frame.kind == Kind::Opened {
            assert_eq!(sessions.insert(name, 0), None, "{name} opened twice");
        } else if frame.kind == Kind::Closed {
            *sessions.get_mut(name).unwrap() += 1;
        }
    }
    sessions
}

/// The command that an auditor runs.
#[track_caller]
fn verify(bench: &Bench, record: &Path) {
    let key = bench.daemon.files().host_key.with_extension("pub");
    let client = bench.environment.outside(layout::snowfence()).arg("verify");
    let client = client.arg(record).arg("--key").arg(key).limit(LIMIT);
    let output = client.output().unwrap();
    println!("{}", output.stdout);
    assert!(output.status.success(), "{output:?}");
}

/// A driver that logs in on a busy machine, and a recording of a thousand lives.
const LIMIT: Duration = Duration::from_secs(120);
