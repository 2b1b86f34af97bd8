//! What the index takes from frames. Pure.
//!
//! Only the fields of [`crate::record::told::Told`] that are indexed are read, under the same names:
//! reading all of them, with the rows of results, would take longer than writing the index.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::sums::widen;
use crate::record::format::Kind;
use crate::record::read::Frame;

/// The decision about an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Allow,
    Hold,
    Deny,
}

impl Verdict {
    pub const ALL: [Self; 3] = [Self::Allow, Self::Hold, Self::Deny];

    /// The word in the recording.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Hold => "hold",
            Self::Deny => "deny",
        }
    }

    /// The number in the index.
    pub(super) const fn code(self) -> i64 {
        match self {
            Self::Allow => 1,
            Self::Hold => 2,
            Self::Deny => 3,
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == word)
    }

    pub(super) fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.code() == code)
    }
}

/// What is indexed of a payload.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Seen {
    connection: Option<u64>,
    caller: Option<SeenCaller>,
    session: Option<String>,
    account: Option<String>,
    credential: Option<String>,
    operation: Option<String>,
    statement: Option<SeenStatement>,
    facts: Option<SeenFacts>,
    verdict: Option<String>,
    outcome: Option<String>,
    reason: Option<String>,
    rows: Option<u64>,
    bytes: Option<u64>,
    masked: BTreeMap<String, u64>,
    duration_us: Option<u64>,
    client: Option<String>,
    login: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SeenCaller {
    workload: String,
    user: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SeenStatement {
    text: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SeenFacts {
    accesses: Vec<SeenAccess>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SeenAccess {
    #[serde(rename = "type")]
    kind: String,
    object: Option<String>,
}

/// What the frames of one batch say of one entry.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// The entry's first frame is in this batch.
    pub(super) begins: bool,
    /// When it ended, if that is in this batch.
    pub(super) ended: Option<i64>,
    pub(super) time: i64,
    pub(super) session: Option<String>,
    pub(super) account: Option<String>,
    pub(super) workload: Option<String>,
    pub(super) user: Option<String>,
    pub(super) operation: Option<String>,
    pub(super) verdict: Option<Verdict>,
    /// 1 answer, 2 refusal, 3 abandoned.
    pub(super) outcome: Option<i64>,
    pub(super) reason: Option<String>,
    pub(super) rows: Option<u64>,
    pub(super) bytes: Option<u64>,
    pub(super) duration: Option<i64>,
    pub(super) masked: BTreeMap<String, u64>,
    pub(super) statement: Option<String>,
    /// Sorted, each once.
    pub(super) objects: Vec<String>,
}

/// What the frames of one batch say of one session, but for its entries.
#[derive(Debug, Default)]
pub(super) struct SessionRow {
    pub(super) account: Option<String>,
    pub(super) credential: Option<String>,
    pub(super) workload: Option<String>,
    pub(super) user: Option<String>,
    pub(super) client: Option<String>,
    pub(super) login: Option<u64>,
    pub(super) opened: Option<i64>,
    pub(super) closed: Option<i64>,
    /// First and last of what told of it: a clock that was set back puts them in another order.
    pub(super) times: Option<(i64, i64)>,
    pub(super) reason: Option<String>,
}

impl SessionRow {
    /// The first frame that tells something of the session is believed.
    fn describe(&mut self, seen: &Seen) {
        let first = |known: &mut Option<String>, told: Option<&String>| {
            if known.is_none() {
                *known = told.cloned();
            }
        };
        first(&mut self.account, seen.account.as_ref());
        first(&mut self.credential, seen.credential.as_ref());
        let caller = seen.caller.as_ref();
        first(&mut self.workload, caller.map(|it| &it.workload));
        first(&mut self.user, caller.and_then(|it| it.user.as_ref()));
    }
}

/// Frames of one transaction: enough that its cost is shared, and less than a tenth of a second.
const FRAMES_MAX: u64 = 4_096;
/// Payload bytes of one transaction, all of which may be held in memory.
const BYTES_MAX: usize = 16 << 20;

/// Frames of one segment, on their way into the index together.
#[derive(Debug, Default)]
pub struct Batch {
    pub(super) entries: BTreeMap<u64, Row>,
    pub(super) sessions: BTreeMap<String, SessionRow>,
    pub(super) frames: u64,
    pub(super) bytes: usize,
    /// The numbers of entries and events, and their times.
    pub(super) numbers: Option<(u64, u64)>,
    pub(super) times: Option<(i64, i64)>,
    /// Frames whose payload is none that we know.
    pub(super) unread: u64,
}

impl Batch {
    /// Takes what is indexed from a frame.
    pub fn add(&mut self, frame: &Frame) {
        self.frames += 1;
        self.bytes += frame.payload.len();
        let time = frame.time_microseconds.div_euclid(1000);
        let seen = match frame.kind {
            Kind::Decided | Kind::Ended | Kind::Opened | Kind::Closed => {
                serde_json::from_slice::<Seen>(&frame.payload)
            }
            Kind::Ask
            | Kind::Vote
            | Kind::Grant
            | Kind::Policy
            | Kind::Operator
            | Kind::Canary
            | Kind::Gap
            | Kind::Checkpoint
            | Kind::Carried
            | Kind::Archived
            | Kind::Pruned => return,
        };
        let Ok(seen) = seen else {
            self.unread += 1;
            return;
        };
        let (low, high) = self.numbers.unwrap_or((frame.entry, frame.entry));
        self.numbers = Some((low.min(frame.entry), high.max(frame.entry)));
        let (low, high) = self.times.unwrap_or((time, time));
        self.times = Some((low.min(time), high.max(time)));
        if frame.kind == Kind::Opened || frame.kind == Kind::Closed {
            self.session(seen, time, frame.kind == Kind::Opened);
        } else {
            self.entry(frame.entry, seen, time, frame.kind == Kind::Ended);
        }
    }

    /// True if a further frame should wait for the next batch.
    pub(super) const fn is_full(&self) -> bool {
        self.frames >= FRAMES_MAX || self.bytes >= BYTES_MAX
    }

    fn session(&mut self, seen: Seen, time: i64, opens: bool) {
        let Some(name) = &seen.session else { return };
        let session = self.sessions.entry(name.clone()).or_default();
        widen(&mut session.times, time);
        if opens {
            session.opened.get_or_insert(time);
            session.login = session.login.or(seen.login);
            session.client = session.client.take().or_else(|| seen.client.clone());
            session.describe(&seen);
        } else {
            session.closed.get_or_insert(time);
            session.reason = session.reason.take().or(seen.reason);
        }
    }

    fn entry(&mut self, number: u64, seen: Seen, time: i64, ends: bool) {
        let row = self.entries.entry(number).or_default();
        // Every frame that begins an entry tells the connection.
        if !ends || seen.connection.is_some() {
            if let Some(name) = &seen.session {
                let session = self.sessions.entry(name.clone()).or_default();
                session.describe(&seen);
            }
            row.begins = true;
            row.time = time;
            row.session = seen.session;
            row.account = seen.account;
            row.operation = seen.operation;
            row.verdict = seen.verdict.as_deref().and_then(Verdict::parse);
            if let Some(caller) = seen.caller {
                row.workload = Some(caller.workload);
                row.user = caller.user;
            }
            row.statement = seen.statement.map(|it| it.text);
            row.objects = tables(seen.facts.unwrap_or_default());
        }
        if ends {
            if !row.begins {
                row.time = time;
            }
            row.ended = Some(time);
            row.outcome = outcome(seen.outcome.as_deref());
            row.reason = seen.reason;
            row.rows = seen.rows;
            row.bytes = seen.bytes;
            row.duration = seen.duration_us.map(bucket);
            row.masked = seen.masked;
        }
    }
}

fn tables(facts: SeenFacts) -> Vec<String> {
    let tables = facts.accesses.into_iter().filter(|it| it.kind == "Table");
    let mut names: Vec<String> = tables.filter_map(|it| it.object).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn outcome(word: Option<&str>) -> Option<i64> {
    let words = ["answer", "refusal", "abandoned"];
    let at = words.iter().position(|it| Some(*it) == word)?;
    i64::try_from(at + 1).ok()
}

/// The word for what [`outcome`] gave.
pub(super) fn outcome_name(code: i64) -> Option<&'static str> {
    match code {
        1 => Some("answer"),
        2 => Some("refusal"),
        3 => Some("abandoned"),
        _unknown => None,
    }
}

/// Durations are kept to an eighth of their power of two, so that they can be counted: 0 to 15 µs
/// exactly, above that within 6 %.
pub(super) fn bucket(microseconds: u64) -> i64 {
    let Some(power) = microseconds.checked_ilog2().filter(|it| *it > 3) else {
        return super::signed(microseconds);
    };
    let eighth = (microseconds >> (power - 3)) & 7;
    i64::from(power - 2) * 8 + super::signed(eighth)
}

/// The middle of a bucket, in microseconds.
pub(super) fn unbucket(bucket: i64) -> u64 {
    let bucket = super::unsigned(bucket);
    if bucket < 16 {
        return bucket;
    }
    let power = bucket / 8 + 2;
    let width = 1_u64.checked_shl(u32::try_from(power - 3).unwrap_or(u32::MAX));
    let width = width.unwrap_or(u64::MAX / 16);
    (8 + bucket % 8).saturating_mul(width) + width / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_kept_within_six_percent() {
        let mut last = -1;
        for microseconds in (0..5_000).chain([1 << 20, (1 << 40) + 12_345, 1 << 62]) {
            let kept = bucket(microseconds);
            assert!(kept >= last, "{microseconds}");
            last = kept;
            let back = unbucket(kept);
            let error = back.abs_diff(microseconds);
            assert!(error * 16 <= microseconds, "{microseconds} became {back}");
        }
    }
}
