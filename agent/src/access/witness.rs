//! Who sees what is done at the desk, before it is done.
//!
//! Nothing is committed to the store that the witness has not made durable. It sees the events that
//! receivers are told, with three differences: a vote that decides is an event of its own, before what
//! it decides; values that detectors find in a statement are hidden; and the digest that binds an
//! approval is left out, because from it and the text around it a short value could be found by trying.

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value;

use super::ask::{Ask, Subject, Vote};
use super::event::{EVENT_STATEMENT_BYTES_MAX, Event, EventKind};
use super::grant::Grant;
use super::rows::cut;
use super::settle;
use crate::clock;
use crate::record::event::{Access, NotCommitted, OperatorAction};
use crate::record::{self, Recorder, Unrecorded, What};
use crate::telemetry::ErrorChain;

/// What a witness does with events: their numbers once they are durable.
pub type Seeing<'w> = Pin<Box<dyn Future<Output = Result<Vec<u64>, Unrecorded>> + Send + 'w>>;

/// Sees what is about to be done.
pub trait Witness: fmt::Debug + Send + Sync {
    /// Makes events durable, in their order. When that fails, nothing of it is done.
    fn see(&self, events: Vec<record::Event>) -> Seeing<'_>;

    /// Writes down, without waiting, what has no effect to wait for.
    fn note(&self, event: record::Event);

    /// The numbers of events above this one that are recorded and not marked as not done.
    fn unmarked_after(&self, number: u64) -> Vec<u64>;

    /// The text of a statement without the values that are not to be kept.
    fn hide(&self, statement: &str) -> String;

    /// What a person or a program wrote, or a message or name, without such values.
    fn tell(&self, text: &str) -> String;
}

/// Hides the values of a statement, by the labels in force.
pub type Hide = dyn Fn(&str) -> String + Send + Sync;

/// The recording as the witness.
pub struct Recording {
    recorder: Recorder,
    dir: PathBuf,
    hide: Arc<Hide>,
    tell: Arc<Hide>,
}

impl Recording {
    #[must_use]
    pub fn new(recorder: Recorder, dir: &Path, hide: Arc<Hide>) -> Self {
        Self {
            recorder,
            dir: dir.to_path_buf(),
            tell: Arc::clone(&hide),
            hide,
        }
    }

    /// Hides values otherwise in what is no statement.
    #[must_use]
    pub fn telling(self, tell: Arc<Hide>) -> Self {
        Self { tell, ..self }
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Recording").finish_non_exhaustive()
    }
}

impl Witness for Recording {
    fn see(&self, events: Vec<record::Event>) -> Seeing<'_> {
        Box::pin(async move { self.recorder.events(&events).await })
    }

    fn note(&self, event: record::Event) {
        self.recorder.event_detached(&event);
    }

    fn unmarked_after(&self, number: u64) -> Vec<u64> {
        settle::unmarked_after(&self.dir, number)
    }

    fn hide(&self, statement: &str) -> String {
        (self.hide)(statement)
    }

    fn tell(&self, text: &str) -> String {
        (self.tell)(text)
    }
}

/// A person who does something at the desk that is no vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    pub name: String,
    pub uid: u32,
}

/// An event with what the witness needs of it besides.
#[derive(Clone, Debug)]
pub(super) struct Sight {
    pub(super) event: Event,
    /// The statement that an ask is about, as the store has it: hidden before it is cut, because of
    /// half a value nothing is found.
    pub(super) statement: Option<String>,
}

/// What is recorded of the events of one transaction: votes first, because the rest follows from
/// them.
pub(super) fn frames(
    sights: &[Sight],
    operator: Option<&Operator>,
    witness: &dyn Witness,
) -> Vec<record::Event> {
    let (mut votes, mut rest) = (Vec::new(), Vec::new());
    for Sight { event, statement } in sights {
        let ask = event.ask.as_ref();
        let shown = ask.map(|it| shown(it, statement.as_deref(), witness));
        let frame = |what| record::Event {
            time: event.time,
            what,
        };
        if let Some(vote) = deciding_vote(event) {
            let access = access(
                EventKind::AskVoted,
                shown.clone(),
                Some(vote),
                None,
                witness,
            );
            votes.push(frame(What::Vote(Box::new(access))));
        }
        let access = access(event.kind, shown, None, event.grant.as_ref(), witness);
        match event.kind {
            EventKind::AskVoted => {}
            EventKind::AskOpened
            | EventKind::AskApproved
            | EventKind::AskDenied
            | EventKind::AskExpired
            | EventKind::AskWithdrawn
            | EventKind::AskVoid
            | EventKind::AskUsed
            | EventKind::BreakGlass => rest.push(frame(What::Ask(Box::new(access)))),
            EventKind::GrantGiven
            | EventKind::GrantActivated
            | EventKind::GrantExtended
            | EventKind::GrantEnding
            | EventKind::GrantEnded
            | EventKind::GrantRevoked
            | EventKind::GrantUnused => {
                let access = Access {
                    operator: operator.map(|it| it.name.clone()),
                    uid: operator.map(|it| it.uid),
                    ..access
                };
                rest.push(frame(What::Grant(Box::new(access))));
            }
        }
    }
    votes.append(&mut rest);
    votes
}

/// The vote of an event: of one that decides it is the ask's last.
fn deciding_vote(event: &Event) -> Option<&Vote> {
    match event.kind {
        EventKind::AskVoted => event.vote.as_ref(),
        EventKind::AskApproved | EventKind::AskDenied => event.ask.as_ref()?.votes.last(),
        EventKind::AskOpened
        | EventKind::AskExpired
        | EventKind::AskWithdrawn
        | EventKind::AskVoid
        | EventKind::AskUsed
        | EventKind::BreakGlass
        | EventKind::GrantGiven
        | EventKind::GrantActivated
        | EventKind::GrantExtended
        | EventKind::GrantEnding
        | EventKind::GrantEnded
        | EventKind::GrantRevoked
        | EventKind::GrantUnused => None,
    }
}

fn access(
    kind: EventKind,
    ask: Option<Value>,
    vote: Option<&Vote>,
    grant: Option<&Grant>,
    witness: &dyn Witness,
) -> Access {
    Access {
        event: kind.name(),
        ask,
        vote: vote.and_then(|it| told(it, witness)),
        grant: grant.and_then(|it| told(it, witness)),
        operator: None,
        uid: None,
    }
}

fn shown(ask: &Ask, statement: Option<&str>, witness: &dyn Witness) -> Value {
    let mut ask = ask.clone();
    if let Subject::Statement(held) = &mut ask.subject {
        let hidden = witness.hide(statement.unwrap_or(&held.text));
        held.text = cut(&hidden, EVENT_STATEMENT_BYTES_MAX);
    }
    let mut shown = told(&ask, witness).unwrap_or_default();
    if let Some(Value::Object(subject)) = shown.get_mut("subject") {
        subject.remove("digest");
    }
    shown
}

/// The fields that people or programs write as they like, and those that name what a statement names.
const FREE: [&str; 5] = ["reason", "note", "message", "ended_by", "objects"];

/// As JSON, without values in texts that are free.
fn told(what: &impl serde::Serialize, witness: &dyn Witness) -> Option<Value> {
    let mut value = serde_json::to_value(what).ok()?;
    tell_free(&mut value, witness);
    Some(value)
}

/// What it descends is our own, and a few levels deep.
fn tell_free(value: &mut Value, witness: &dyn Witness) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match FREE.contains(&name.as_str()) {
                    true => tell_all(field, witness),
                    false => tell_free(field, witness),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|it| tell_free(it, witness)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn tell_all(value: &mut Value, witness: &dyn Witness) {
    match value {
        Value::String(text) => *text = witness.tell(text),
        Value::Array(items) => items.iter_mut().for_each(|it| tell_all(it, witness)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {}
    }
}

/// Marks in the recording what did not happen. Where that cannot be written either, the recorder has
/// failed, and the last thing that it has is not to be believed.
pub(super) async fn take_back(witness: &dyn Witness, frames: Vec<u64>, error: String) {
    if frames.is_empty() {
        return;
    }
    tracing::error!(?frames, error, "recorded, but not done");
    let mark = record::Event {
        time: clock::now(),
        what: What::NotCommitted(NotCommitted::new(frames, error)),
    };
    if let Err(error) = witness.see(vec![mark]).await {
        let error = ErrorChain(&error);
        tracing::error!(%error, "cannot mark in the recording what was not done");
    }
}

/// What a person had the daemon do, or wanted to.
pub(super) fn operated(action: OperatorAction) -> record::Event {
    record::Event {
        time: clock::now(),
        what: What::Operator(action),
    }
}

/// Sees everything and keeps nothing, for tests of other things.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct Blind;

#[cfg(test)]
impl Witness for Blind {
    fn see(&self, events: Vec<record::Event>) -> Seeing<'_> {
        Box::pin(async move { Ok((0..events.len() as u64).collect()) })
    }

    fn note(&self, _event: record::Event) {}

    fn unmarked_after(&self, _number: u64) -> Vec<u64> {
        Vec::new()
    }

    fn hide(&self, statement: &str) -> String {
        statement.to_owned()
    }

    fn tell(&self, text: &str) -> String {
        text.to_owned()
    }
}
