//! The largest frames that there can be.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::tests::{judged, query};
use super::*;
use crate::config;
use crate::identity::{self, Principal, Workload};
use crate::policy::{Mode, PolicySet, Verdict};
use crate::record::format::{FRAME_LENGTH_MAX, Kind};
use crate::record::read::{Reader, segments};
use crate::record::told::Told;
use crate::record::{Ending, Opening, Outcome, Recorder, Stage};
use crate::sql::facts::{Access, Column, ObjectKind};
use crate::sql::{Effect, ObjectName};

/// Every byte of it is written as six.
fn long(bytes: usize) -> String {
    "\u{1}".repeat(bytes)
}

/// Of each list more than is recorded, and every name as long as one can be.
fn facts() -> Facts {
    let table = |number: usize| {
        let part = |it: usize| format!("\"{it}{}\"", long(250));
        let text = format!("{}.{}.{}", part(number), part(1), part(2));
        ObjectName::parse(&text).unwrap()
    };
    let tables = || (0..400).map(table);
    let names = || (0..400).map(|number| format!("{number}{}", long(1000)));
    let reads = tables().map(|it| Access::new(Effect::Read, ObjectKind::Table, it));
    let predicates = names().map(|it| Column {
        table: table(0),
        column: Some(it),
    });
    Facts {
        accesses: reads.collect(),
        predicates: predicates.collect(),
        functions: names().collect(),
        missing: tables().collect(),
        kinds: names().collect(),
        obscurity: Some(long(100_000)),
        fingerprint: "f".repeat(64),
        effects: Effect::ALL.into_iter().collect(),
        ..Facts::for_test(&[])
    }
}

/// More policies than can be named, all of which permit every read.
fn policies() -> PolicySet {
    let policy = |number: usize| {
        let id = format!("{number}-{}", "i".repeat(900));
        format!("@id(\"{id}\") permit (principal, action == Action::\"read\", resource);\n")
    };
    let text: String = (0..100).map(policy).collect();
    PolicySet::parse(&[("test.cedar", &text)]).unwrap()
}

fn opening() -> Opening {
    let path = || long(4095);
    let ancestor = identity::Ancestor {
        pid: u32::MAX,
        exe: Some(path().into()),
    };
    let workload = Workload {
        name: "w".repeat(255),
        cgroup: path(),
        unit: Some(long(255)),
        pod: Some(long(255)),
        container: Some("c".repeat(64)),
        exe: Some(path().into()),
        exe_sha256: Some("0".repeat(64)),
        comm: long(15),
        started: Some(u64::MAX),
        ancestors: vec![ancestor; 8],
        ..Workload::default()
    };
    let principal = Principal {
        workload,
        user: None,
        netns_cookie: 1,
    };
    Opening {
        server_name: Some("n".repeat(253)),
        caller: Some(Caller::from(&principal)),
        ..Opening::default()
    }
}

/// A statement of which every byte is written as six, with more bindings than are recorded.
fn operation() -> Operation {
    let binding = |number: usize| {
        let value = serde_json::to_string(&long(2000)).unwrap();
        format!("\"n{number}\":{{\"type\":\"TEXT\",\"value\":{value}}}")
    };
    let bindings: Vec<String> = (0..300).map(binding).collect();
    let bindings = format!("{{{}}}", bindings.join(","));
    query(&long(STATEMENT_BYTES_MAX + 1), &bindings)
}

fn detail(facts: &Facts) -> Decided {
    let time = jiff::Timestamp::UNIX_EPOCH;
    let approvers = vec!["p".repeat(255); 16];
    let mut detail = Decided::of(&operation(), &Arc::default(), time)
        .with_facts(facts)
        .with_ask(&AskId("a".repeat(64)), approvers);
    detail.session = Some("s".repeat(64));
    detail.account = Some("a".repeat(255));
    detail.credential = Some("c".repeat(255));
    detail
}

/// Kind and payload of every frame.
fn frames(dir: &Path) -> Vec<(Kind, Vec<u8>)> {
    let (_, path) = segments(dir).unwrap().pop().unwrap();
    let mut reader = Reader::open(fs::File::open(path).unwrap()).unwrap();
    let mut found = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        if matches!(frame.kind, Kind::Decided | Kind::Ended) {
            found.push((frame.kind, frame.payload));
        }
    }
    found
}

#[tokio::test]
async fn the_largest_frames_are_written_and_read() {
    let dir = tempfile::tempdir().unwrap();
    let config = config::Record {
        segment_bytes_max: 1 << 30,
        ..config::Record::for_test(dir.path())
    };
    let recorder = Recorder::open(&config).unwrap();
    let (policies, facts) = (policies(), facts());
    let mut ending = Ending::new(
        Outcome::Refusal("denied_by_policy"),
        jiff::Timestamp::UNIX_EPOCH,
        Duration::MAX,
    );
    ending.stages.add(Stage::Read, Duration::MAX);
    ending.error = Some(Failure::of("1", &long(10_000), &Redaction::default()));

    let Verdict::Deny(mut denial) = judged(&policies, &facts, Mode::Enforce, operation()) else {
        panic!("not denied");
    };
    denial.message = long(100_000);
    denial.policies = vec![long(1000); 1000];
    let mut entry = recorder.entry(opening());
    entry.denied(&denial, detail(&facts));
    entry.close(ending).await.unwrap();

    let Verdict::Allow(permit) = judged(&policies, &facts, Mode::Observe, operation()) else {
        panic!("not allowed");
    };
    let mut entry = recorder.entry(opening());
    let _recorded = entry.decided(permit, detail(&facts)).await.unwrap();

    let found = frames(&config.dir);
    let kinds: Vec<Kind> = found.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [Kind::Ended, Kind::Decided]);
    for (kind, payload) in &found {
        assert!(payload.len() < FRAME_LENGTH_MAX, "{kind:?}");
        let told = Told::read(*kind, payload).unwrap();
        assert_eq!(told.statement.unwrap().text.len(), STATEMENT_BYTES_MAX);
        assert_eq!(told.bindings.unwrap().cut_from, Some(300));
        assert!(!told.policies.is_empty());
        let cut = told.facts.unwrap().cut.unwrap();
        for (list, whole) in [
            ("accesses", 400),
            ("functions", 400),
            ("missing", 400),
            ("policies", 10_000),
        ] {
            assert!(cut[list].as_u64().unwrap() >= whole, "{list}: {cut}");
        }
    }
}
