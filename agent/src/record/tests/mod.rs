//! What the recorder promises, on real files and on storage that fails on purpose.

mod chain;
mod disk;
mod entries;
mod faults;
mod files;
mod killed;
mod recovery;
mod upkeep;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::format::Kind;
use super::key::HostKey;
use super::read::{Reader, segments};
use super::{Decided, Ending, Opening, Outcome, RecordError, Recorder};
use crate::config;
use crate::policy::Permit;
use crate::record::event::{Closing, Event, SessionClosed, SessionOpened, What};
use crate::snowflake::{Operation, Query};

fn config(dir: &Path, segment_bytes_max: u64) -> config::Record {
    config::Record {
        segment_bytes_max,
        ..config::Record::for_test(dir)
    }
}

fn query(text: &str) -> Operation {
    Operation::Query(Box::new(Query::for_test("r-1", text)))
}

fn ending(outcome: Outcome) -> Ending {
    Ending::new(
        outcome,
        jiff::Timestamp::UNIX_EPOCH,
        Duration::from_micros(7),
    )
}

async fn answer(recorder: &Recorder, text: &str) -> Result<(), RecordError> {
    let mut entry = recorder.entry(Opening {
        connection: 3,
        ..Opening::default()
    });
    let recorded = entry
        .decided(Permit::for_test(query(text)), Decided::default())
        .await?;
    assert_eq!(
        recorded.entry(),
        entry.number(),
        "the proof names the entry"
    );
    entry.close(ending(Outcome::Answer)).await
}

fn event(what: What) -> Event {
    let time = jiff::Timestamp::UNIX_EPOCH;
    Event { time, what }
}

fn opened(session: &str) -> Event {
    event(What::SessionOpened(Box::new(SessionOpened {
        session: session.to_owned(),
        account: "acct".to_owned(),
        credential: "key".to_owned(),
        client: "test".to_owned(),
        snowflake_session: 1,
        login: 1,
        caller: crate::record::Caller::default(),
    })))
}

fn closed(session: &str) -> Event {
    let session = session.to_owned();
    let reason = Closing::Logout;
    event(What::SessionClosed(SessionClosed { session, reason }))
}

/// A frame as tests look at it.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    segment: u64,
    kind: Kind,
    entry: u64,
    /// Null for checkpoints.
    payload: Value,
    sealed: bool,
}

impl Seen {
    fn session(&self) -> &str {
        self.payload["session"].as_str().unwrap()
    }
}

/// Every whole frame of a segment.
fn read(input: impl Read) -> Vec<Seen> {
    let mut reader = Reader::open(input).unwrap();
    let segment = reader.header().number;
    let mut found = Vec::new();
    while let Ok(Some(frame)) = reader.next_frame() {
        let is_checkpoint = frame.kind == Kind::Checkpoint;
        found.push(Seen {
            segment,
            kind: frame.kind,
            entry: frame.entry,
            payload: match is_checkpoint {
                true => Value::Null,
                false => serde_json::from_slice(&frame.payload).unwrap(),
            },
            sealed: is_checkpoint && frame.payload[8] == 1,
        });
    }
    found
}

/// Every frame of a recording.
fn all(dir: &Path) -> Vec<Seen> {
    let segments = segments(dir).unwrap().into_iter();
    segments
        .flat_map(|(_number, path)| read(fs::File::open(path).unwrap()))
        .collect()
}

/// The frames that tell of something: neither checkpoints nor what is carried.
fn frames(dir: &Path) -> Vec<Seen> {
    let mut found = all(dir);
    found.retain(|seen| !matches!(seen.kind, Kind::Checkpoint | Kind::Carried));
    found
}

/// The frames of one kind.
fn of(dir: &Path, kind: Kind) -> Vec<Seen> {
    let mut found = all(dir);
    found.retain(|seen| seen.kind == kind);
    found
}

fn a_key() -> HostKey {
    HostKey::generate().unwrap()
}
