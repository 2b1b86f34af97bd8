//! One operation in the recording, from its opening to its one ending.
//! What it says of the operation is in [`super::about`].

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;

use super::about::{Caller, Decided, Failure, policies};
use super::error::RecordError;
use super::format::Kind;
use super::proof::Recorded;
use super::segment::Draft;
use super::stages::Stages;
use super::told::Table;
use super::writer::Recorder;
use crate::policy::{Denial, Hold, Permit};

/// What is known when an operation, or a connection that never becomes one, begins.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Opening {
    #[serde(skip)]
    pub time: jiff::Timestamp,
    pub connection: u64,
    /// The name that the client's hello asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<Caller>,
}

#[derive(Clone, Debug, Serialize)]
struct Decision {
    verdict: &'static str,
    policies: Vec<String>,
    policy_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// What the permit bounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_seconds: Option<u64>,
    /// In a scope that only observes: the denial that was due.
    #[serde(skip_serializing_if = "Option::is_none")]
    observed: Option<Observed>,
    #[serde(flatten)]
    about: Decided,
}

#[derive(Clone, Debug, Serialize)]
struct Observed {
    policies: Vec<String>,
    message: String,
}

impl Observed {
    fn of(denial: &Denial, about: &Decided) -> Self {
        Self {
            policies: policies(&denial.policies),
            message: about.message(&denial.message),
        }
    }
}

/// How an operation ended.
#[derive(Clone, Debug, Serialize)]
pub struct Ending {
    #[serde(skip)]
    pub time: jiff::Timestamp,
    #[serde(flatten)]
    pub outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    #[serde(flatten)]
    pub masked: Masked,
    /// The first rows of the answer, as masked for the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<Table>,
    #[serde(serialize_with = "microseconds", rename = "duration_us")]
    pub duration: Duration,
    #[serde(skip_serializing_if = "Stages::is_empty")]
    pub stages: Stages,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

/// What masking did to an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Masked {
    /// The answer has a result, however many rows.
    #[serde(skip)]
    pub is_result: bool,
    /// Nothing of it had to be looked at.
    #[serde(skip)]
    pub is_clear: bool,
    /// Cells that were masked, by label.
    #[serde(rename = "masked", skip_serializing_if = "BTreeMap::is_empty")]
    pub cells: BTreeMap<String, u64>,
    /// Labels that this principal sees where others would not.
    #[serde(rename = "unmasked", skip_serializing_if = "Vec::is_empty")]
    pub shown: Vec<String>,
    /// The policies that say so.
    #[serde(rename = "unmasked_by", skip_serializing_if = "Vec::is_empty")]
    pub shown_by: Vec<String>,
}

/// What the client got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome", content = "reason")]
pub enum Outcome {
    /// The upstream's answer, whatever it said.
    Answer,
    /// Ours instead, for this reason of `proxy::Refusal`'s closed set.
    Refusal(&'static str),
    /// Nothing that we know of: the connection, or we, went away.
    Abandoned,
}

impl Ending {
    /// An ending that is all outcome.
    #[must_use]
    pub fn new(outcome: Outcome, time: jiff::Timestamp, duration: Duration) -> Self {
        Self {
            time,
            outcome,
            query_id: None,
            rows: None,
            bytes: None,
            masked: Masked::default(),
            table: None,
            duration,
            stages: Stages::default(),
            error: None,
        }
    }

    /// The same, but that columns and rows are left out, and why.
    fn without_rows(&self, cut: &str) -> Self {
        let table = self.table.as_ref().map(|table| Table {
            of: table.of,
            cut: Some(cut.to_owned()),
            ..Table::default()
        });
        Self {
            table,
            ..self.clone()
        }
    }
}

/// An open entry. Dropped open, it is recorded as abandoned, without waiting.
#[derive(Debug)]
#[must_use]
pub struct Entry {
    recorder: Recorder,
    number: u64,
    /// Room in the recorder until the ending is written; `None` when there was none, and then
    /// nothing of this entry is recorded or permitted.
    slot: Option<OwnedSemaphorePermit>,
    /// `None` once a decided frame carries it.
    opening: Option<Opening>,
    opened: jiff::Timestamp,
    decision: Option<Box<Decision>>,
    /// What was asked, when it was refused before anyone decided.
    undecided: Option<Box<Decided>>,
    ended: bool,
}

#[derive(Serialize)]
struct DecidedFrame<'a> {
    #[serde(flatten)]
    opening: &'a Opening,
    #[serde(flatten)]
    decision: &'a Decision,
}

#[derive(Serialize)]
struct EndedFrame<'a> {
    #[serde(flatten)]
    ending: &'a Ending,
    #[serde(flatten)]
    opening: Option<&'a Opening>,
    #[serde(flatten)]
    decision: Option<&'a Decision>,
    #[serde(flatten)]
    undecided: Option<&'a Decided>,
}

impl Entry {
    pub(super) const fn new(
        recorder: Recorder,
        number: u64,
        slot: Option<OwnedSemaphorePermit>,
        opening: Opening,
    ) -> Self {
        let opened = opening.time;
        Self {
            recorder,
            number,
            slot,
            opening: Some(opening),
            opened,
            decision: None,
            undecided: None,
            ended: false,
        }
    }

    /// The entry's number in the recording.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Writes the decision; returns once it is on disk.
    ///
    /// What is recorded of the operation is taken from the permit, not from `detail`. Cancelled while
    /// it waits, the frame may be on disk or not, and nothing is forwarded either way.
    ///
    /// # Errors
    /// When the decision may not be durable: nothing may be forwarded.
    pub async fn decided(
        &mut self,
        permit: Permit,
        mut detail: Decided,
    ) -> Result<Recorded, RecordError> {
        if self.slot.is_none() {
            return Err(RecordError::Full);
        }
        let opening = self.opening.as_ref().ok_or(RecordError::Decided)?;
        detail.describe(permit.operation());
        detail.decide(permit.accesses());
        let time = detail.time;
        let decision = Decision {
            verdict: "allow",
            policies: policies(permit.policies()),
            policy_version: permit.policy_version().to_owned(),
            message: None,
            max_rows: permit.limits().max_rows,
            timeout_seconds: permit.limits().timeout.map(|timeout| timeout.as_secs()),
            observed: permit.observed().map(|it| Observed::of(it, &detail)),
            about: detail,
        };
        let frame = DecidedFrame {
            opening,
            decision: &decision,
        };
        let draft = draft(Kind::Decided, self.number, time, &frame)?;
        self.recorder.write(draft, true, None).await?;
        self.opening = None;
        Ok(Recorded::new(permit, self.number))
    }

    /// Keeps a denial for the ended frame, which is then the entry's only one.
    pub fn denied(&mut self, denial: &Denial, mut detail: Decided) {
        detail.decide(&denial.accesses);
        self.decision = Some(Box::new(Decision {
            verdict: "deny",
            policies: policies(&denial.policies),
            policy_version: denial.policy_version.clone(),
            message: Some(detail.message(&denial.message)),
            max_rows: None,
            timeout_seconds: None,
            observed: None,
            about: detail,
        }));
    }

    /// Keeps that people must decide for the ended frame, which is then the entry's only one: what
    /// they decide is an entry of its own.
    pub fn held(&mut self, hold: &Hold, mut detail: Decided) {
        detail.decide(&hold.accesses);
        self.decision = Some(Box::new(Decision {
            verdict: "hold",
            policies: policies(&hold.policies),
            policy_version: hold.policy_version.clone(),
            message: Some(detail.message(&hold.message)),
            max_rows: None,
            timeout_seconds: None,
            observed: None,
            about: detail,
        }));
    }

    /// Keeps what was asked for the ended frame, when nothing was decided about it.
    pub fn undecided(&mut self, detail: Decided) {
        let is_open = self.opening.is_some() && self.decision.is_none();
        self.undecided = is_open.then(|| Box::new(detail));
    }

    /// Ends the entry; returns once the frame is written, though not yet synced.
    ///
    /// # Errors
    /// When the ending is not recorded.
    pub async fn close(mut self, ending: Ending) -> Result<(), RecordError> {
        let written = self.write_end(&ending).await;
        written.inspect_err(|_| self.recorder.lose())
    }

    async fn write_end(&mut self, ending: &Ending) -> Result<(), RecordError> {
        let draft = self.ended_draft(ending);
        // Cancelled while it waits for room, the entry is still open, and is recorded as abandoned.
        let room = match &draft {
            Ok(draft) => self.recorder.room(draft).await,
            Err(_) => Err(RecordError::Large),
        };
        self.ended = true;
        let slot = self.slot.take().ok_or(RecordError::Full)?;
        let queued = self.recorder.queue_in(draft?, false, (room?, Some(slot)))?;
        queued.await.or(Err(RecordError::Stopped))?
    }

    /// Ends the entry without waiting: for paths that cannot, and for `Drop`.
    pub fn close_detached(mut self, ending: &Ending) {
        self.end_detached(ending);
    }

    fn end_detached(&mut self, ending: &Ending) {
        self.ended = true;
        let slot = self.slot.take().ok_or(RecordError::Full);
        let written = slot.and_then(|slot| {
            let mut draft = self.ended_draft(ending)?;
            if ending.table.is_some() && !self.recorder.has_room_for_rows(draft.len()) {
                draft = self.ended_draft(&ending.without_rows("queue"))?;
            }
            self.recorder.write_detached(draft, slot)
        });
        if written.is_err() {
            self.recorder.lose();
        }
    }

    fn ended_draft(&self, ending: &Ending) -> Result<Draft, RecordError> {
        let frame = EndedFrame {
            ending,
            opening: self.opening.as_ref(),
            decision: self.decision.as_deref(),
            undecided: self.undecided.as_deref(),
        };
        let draft = draft(Kind::Ended, self.number, ending.time, &frame);
        match draft {
            // How it ended matters more than what was seen.
            Err(RecordError::Large)
                if ending.table.as_ref().is_some_and(|it| !it.rows.is_empty()) =>
            {
                self.ended_draft(&ending.without_rows("bytes"))
            }
            draft => draft,
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.ended {
            let time = jiff::Timestamp::now();
            let duration = time
                .duration_since(self.opened)
                .try_into()
                .unwrap_or_default();
            self.end_detached(&Ending::new(Outcome::Abandoned, time, duration));
        }
    }
}

fn draft(
    kind: Kind,
    entry: u64,
    time: jiff::Timestamp,
    payload: &impl Serialize,
) -> Result<Draft, RecordError> {
    let payload = serde_json::to_vec(payload).map_err(|source| RecordError::Encode { source })?;
    Draft::new(kind, entry, time, &payload)
}

fn microseconds<S: serde::Serializer>(value: &Duration, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_u64(u64::try_from(value.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;

    use super::super::read::{Reader, segments};
    use super::super::told::{Cell, Told};
    use super::*;
    use crate::config;

    fn ending(text: &str) -> Ending {
        let time = jiff::Timestamp::UNIX_EPOCH;
        let table = Table {
            rows: vec![vec![Cell::Clear(text.to_owned())]],
            of: 1,
            ..Table::default()
        };
        Ending {
            table: Some(table),
            ..Ending::new(Outcome::Answer, time, Duration::ZERO)
        }
    }

    /// Rows and why there are not more, of each ending.
    fn recorded(dir: &Path) -> Vec<(usize, Option<String>)> {
        let mut recorded = Vec::new();
        for (_, path) in segments(dir).unwrap() {
            let mut reader = Reader::open(File::open(path).unwrap()).unwrap();
            while let Some(frame) = reader.next_frame().unwrap() {
                let told = Told::read(frame.kind, &frame.payload).unwrap();
                if let Some(table) = told.table {
                    assert_eq!((told.outcome.as_deref(), table.of), (Some("answer"), 1));
                    recorded.push((table.rows.len(), table.cut));
                }
            }
        }
        recorded
    }

    #[tokio::test]
    async fn an_ending_is_recorded_without_its_rows_where_they_do_not_fit() {
        let dir = tempfile::tempdir().unwrap();
        let config = config::Record::for_test(dir.path());
        let recorder = Recorder::open(&config).unwrap();
        let large = "x".repeat(9 << 20);
        let entry = || recorder.entry(Opening::default());
        entry().close_detached(&ending("x"));
        entry().close_detached(&ending(&large));
        entry().close(ending(&large)).await.unwrap();
        entry().close(ending("x")).await.unwrap();
        drop(recorder);
        let bytes = (0, Some("bytes".to_owned()));
        let expected = [(1, None), bytes.clone(), bytes, (1, None)];
        assert_eq!(recorded(&config.dir), expected);
    }

    #[tokio::test]
    async fn an_entry_whose_end_is_given_up_while_it_waits_ends_as_abandoned() {
        let dir = tempfile::tempdir().unwrap();
        let config = config::Record::for_test(dir.path());
        let recorder = Recorder::open(&config).unwrap();
        let halves = [
            recorder.take_half_of_the_room(),
            recorder.take_half_of_the_room(),
        ];
        let entry = recorder.entry(Opening::default());
        let closing = tokio::spawn(entry.close(ending("x")));
        // It is polled once, and waits.
        tokio::task::yield_now().await;
        drop(halves);
        closing.abort();
        let cancelled = closing.await.unwrap_err();
        assert!(cancelled.is_cancelled());
        drop(recorder);
        let mut outcomes = Vec::new();
        for (_, path) in segments(&config.dir).unwrap() {
            let mut reader = Reader::open(File::open(path).unwrap()).unwrap();
            while let Some(frame) = reader.next_frame().unwrap() {
                let told = Told::read(frame.kind, &frame.payload).unwrap();
                outcomes.extend((frame.kind == Kind::Ended).then_some(told.outcome));
            }
        }
        assert_eq!(outcomes, [Some("abandoned".to_owned())]);
    }

    #[test]
    fn rows_are_the_first_to_be_left_out_of_a_full_queue() {
        let dir = tempfile::tempdir().unwrap();
        let config = config::Record::for_test(dir.path());
        let recorder = Recorder::open(&config).unwrap();
        let entry = || recorder.entry(Opening::default());
        let half = recorder.take_half_of_the_room();
        entry().close_detached(&ending("x"));
        drop(half);
        entry().close_detached(&ending("x"));
        drop(recorder);
        let expected = [(0, Some("queue".to_owned())), (1, None)];
        assert_eq!(recorded(&config.dir), expected);
    }
}
