//! One operation in the recording, from its opening to its one ending.
//! What it says of the operation is in [`super::about`].

mod ending;

use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;

use super::about::{Caller, Decided, policies};
use super::error::RecordError;
use super::format::Kind;
use super::proof::Recorded;
use super::segment::Draft;
use super::writer::Recorder;
use crate::policy::{Denial, Hold, Permit};

pub use ending::{Ending, Masked, Outcome};

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

#[cfg(test)]
mod tests;
