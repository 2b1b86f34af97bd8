//! Real drivers, each with one statement that waits for a person: all of them bear it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tests::cgroup::Place;
use tests::process::Process;
use tests::{layout, wait};

use crate::suite::{PASSWORD, PLACEHOLDER, Rules, Stage};

/// Every driver that can wait.
const DRIVERS: [&str; 6] = ["py48", "py52", "node", "adbc", "jdbc", "rust"];

/// Those without a limit of their own: snowflake-connector-rs gives up after 300 s.
const PATIENT: [&str; 5] = ["py48", "py52", "node", "adbc", "jdbc"];

/// The case that is run: rows with types, in the format of each driver.
const CASE: &str = "seed";

/// Reading takes an approval.
const POLICY: &str = r#"
@id("free")
permit (principal, action in [Action::"login", Action::"control", Action::"approve",
    Action::"operate"], resource);
@id("reads") @approvals("1") @wait("2h")
permit (principal, action in [Action::"observe"], resource) when { context.approved };
"#;

/// What one driver did while it waited.
#[derive(Debug)]
struct Waited {
    polls: usize,
    /// The longest time that one poll was kept, and that lay between two.
    longest_poll: f64,
    longest_gap: f64,
    seconds: f64,
}

/// One driver at work.
struct Run {
    driver: &'static str,
    out: PathBuf,
    process: Process,
}

#[test]
fn every_driver_waits_through_several_polls() {
    let waited = hold(
        "held",
        &DRIVERS,
        Duration::from_secs(12),
        Duration::from_secs(2),
    );
    for (driver, waited) in &waited {
        assert!(waited.polls >= 3, "{driver}: {waited:?}");
        assert!(waited.longest_poll < 4.0, "{driver}: {waited:?}");
    }
}

/// The real thing: `SNOWFENCE_HOLD_SECONDS` says how long, an hour by default.
#[test]
#[ignore = "takes an hour: cargo test -p tests --features ebpf --test conformance -- --ignored --nocapture an_hour"]
fn every_patient_driver_waits_for_an_hour() {
    let given = std::env::var("SNOWFENCE_HOLD_SECONDS").ok();
    let seconds = given.map_or(3600, |text| text.parse().unwrap());
    let poll = Duration::from_secs(40);
    let waited = hold("held-long", &PATIENT, Duration::from_secs(seconds), poll);
    for (driver, waited) in &waited {
        assert!(waited.longest_poll < 45.0, "{driver}: {waited:?}");
        assert!(
            waited.seconds + 60.0 > seconds as f64,
            "{driver}: {waited:?}"
        );
    }
}

/// All drivers wait side by side for so long, and then get their rows.
#[track_caller]
fn hold(
    name: &str,
    drivers: &[&'static str],
    length: Duration,
    poll: Duration,
) -> BTreeMap<&'static str, Waited> {
    let more = format!("[limits]\nhold_poll = \"{}s\"", poll.as_secs());
    let rules = Rules {
        policy: POLICY,
        labels: "",
        more: &more,
        warehouse: "",
    };
    let stage = Stage::new(name, drivers, rules);
    let direct: BTreeMap<_, _> = drivers
        .iter()
        .map(|driver| (*driver, direct(&stage, driver)))
        .collect();
    let limit = length + SLACK;
    let mut runs: Vec<Run> = drivers
        .iter()
        .map(|driver| start(&stage, driver, limit))
        .collect();
    let asks = await_asks(&stage, &mut runs);
    let begin = SystemTime::now();
    wait::until("the time to pass", limit, || {
        let passed = begin.elapsed()? >= length;
        for run in &mut runs {
            assert!(run.process.is_running(), "{}", failure(&stage, run));
        }
        Ok(passed.then_some(()))
    })
    .unwrap();
    for ask in asks.values() {
        person(&stage, &["approve", ask["id"].as_str().unwrap()]);
    }
    for run in &mut runs {
        let ended = wait::until("the driver", SLACK, || {
            Ok((!run.process.is_running()).then_some(()))
        });
        assert!(ended.is_ok(), "{}", failure(&stage, run));
        let line = case(&run.out);
        assert_eq!(line, direct[run.driver], "{}", failure(&stage, run));
        assert_eq!(line["ok"], json!(true));
    }
    let log = stage.daemon.log();
    let waited: BTreeMap<_, _> = drivers
        .iter()
        .map(|driver| (*driver, waited(&log, driver, &asks[driver])))
        .collect();
    println!("{}", table(&waited));
    waited
}

/// What the driver says of the case without us.
fn direct(stage: &Stage, driver: &str) -> Value {
    let out = stage
        .environment
        .dir()
        .join(format!("{driver}-direct.jsonl"));
    let client = stage.environment.outside(layout::warehouse_python());
    let suite = stage.suite(driver, client, PASSWORD, &out);
    let output = suite.args(["--only", CASE]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    case(&out)
}

fn start(stage: &Stage, driver: &'static str, limit: Duration) -> Run {
    let out = stage.environment.dir().join(format!("{driver}.jsonl"));
    // In a cgroup of its own: that is how its ask is told from the others.
    let child = stage.environment.tree().path(Place::Agents).join(driver);
    fs::create_dir_all(&child).unwrap();
    let shell = stage.environment.inside("/bin/sh");
    let client = shell
        .args(["-c", "echo $$ > \"$0\"; exec \"$@\""])
        .arg(child.join("cgroup.procs"))
        .arg(layout::warehouse_python());
    let suite = stage.suite(driver, client, PLACEHOLDER, &out);
    let limit = (limit + SLACK).as_secs().to_string();
    let suite = suite.args(["--only", CASE, "--limit", &limit]);
    Run {
        driver,
        out,
        process: suite.start(driver).unwrap(),
    }
}

/// The ask of each driver, once all have asked.
fn await_asks(stage: &Stage, runs: &mut [Run]) -> BTreeMap<&'static str, Value> {
    let found = wait::until("the asks", SLACK, || {
        for run in runs.iter_mut() {
            assert!(run.process.is_running(), "{}", failure(stage, run));
        }
        let asks = person(stage, &["asks"]);
        let asks = asks.as_array().cloned().unwrap_or_default();
        Ok((asks.len() == runs.len()).then_some(asks))
    });
    let asks = found.unwrap_or_else(|error| panic!("{error}: {}", stage.daemon.log()));
    runs.iter()
        .map(|Run { driver, .. }| {
            let is_its = |ask: &&Value| {
                let anchor = ask["asker"]["anchor"].as_str().unwrap_or_default();
                anchor.ends_with(&format!("/{driver}"))
            };
            let of = asks.iter().find(is_its);
            let ask = of.unwrap_or_else(|| panic!("no ask of {driver}: {asks:#?}"));
            (*driver, ask.clone())
        })
        .collect()
}

/// The case's line in a file of results.
#[track_caller]
fn case(out: &PathBuf) -> Value {
    let text = fs::read_to_string(out).unwrap();
    let mut lines = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let line = lines.find(|line| line["case"] == CASE);
    line.unwrap_or_else(|| panic!("no case in {text}"))
}

/// Reads the access log: when each request about the statement began and how long it was kept.
#[track_caller]
fn waited(log: &str, driver: &str, ask: &Value) -> Waited {
    let session = ask["subject"]["session"].as_str().unwrap();
    let session = session.rsplit('-').next().unwrap();
    let mut polls: Vec<(f64, f64)> = Vec::new();
    for line in log.lines() {
        let Ok(line) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let of = line["target"] == "access" && line["session"] == session;
        let about = matches!(line["operation"].as_str(), Some("query" | "result"));
        if of && about && line["outcome"] == "answer" {
            let time: jiff::Timestamp = line["timestamp"].as_str().unwrap().parse().unwrap();
            let end = time.as_microsecond() as f64 / 1e6;
            let kept = line["duration_us"].as_f64().unwrap() / 1e6;
            polls.push((end - kept, end));
        }
    }
    polls.sort_by(|one, other| one.0.total_cmp(&other.0));
    assert!(!polls.is_empty(), "{driver} never asked");
    let gaps = polls.windows(2).map(|pair| pair[1].0 - pair[0].1);
    let longest = |values: Vec<f64>| values.into_iter().fold(0.0, f64::max);
    Waited {
        polls: polls.len(),
        longest_poll: longest(polls.iter().map(|(begin, end)| end - begin).collect()),
        longest_gap: longest(gaps.collect()),
        seconds: polls[polls.len() - 1].1 - polls[0].0,
    }
}

fn table(waited: &BTreeMap<&str, Waited>) -> String {
    let mut text = String::from("driver   polls  longest poll  longest gap  waited\n");
    for (driver, it) in waited {
        writeln!(
            text,
            "{driver:7} {:6} {:11.1} s {:10.2} s {:6.0} s",
            it.polls, it.longest_poll, it.longest_gap, it.seconds
        )
        .unwrap();
    }
    text
}

/// What a person on the host says with the command line.
#[track_caller]
fn person(stage: &Stage, arguments: &[&str]) -> Value {
    let client = stage.environment.outside(layout::snowfence());
    let client = client.args(arguments).arg("--json").arg("--config");
    let output = client.arg(&stage.daemon.files().config).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

fn failure(stage: &Stage, run: &Run) -> String {
    format!(
        "{}: {}\n{}\n{}",
        run.driver,
        run.process.log(),
        fs::read_to_string(&run.out).unwrap_or_default(),
        stage.daemon.log()
    )
}

/// For six drivers to start and to end on two busy cores.
const SLACK: Duration = Duration::from_secs(150);
