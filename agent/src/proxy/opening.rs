//! One exchange as the record, the log and the metrics see it.

use std::sync::Arc;

use tokio::time::Instant;

use super::caller::Caller;
use super::connection::Connection;
use super::question::Question;
use super::refusal::{Asked, Reason, Refusal};
use super::services::{Services, Session};
use crate::access::{Ask, AskId};
use crate::clock;
use crate::policy::{Denial, Hold, Permit};
use crate::record::told::Table;
use crate::record::{
    self, Decided, Ending, Entry, Failure, Masked, Opening, Outcome, RecordError, Recorded,
    Redaction, Stage, Stages,
};
use crate::session::SessionId;
use crate::snowflake::{Operation, QueryId};

/// An open exchange. Dropped before it has an outcome, it ends as abandoned.
#[derive(Debug)]
pub(super) struct Exchange {
    /// `None` once it has ended.
    entry: Option<Entry>,
    number: u64,
    services: Arc<Services>,
    started: Instant,
    /// The stage that the operation is in, and since when.
    stage: Option<(Stage, Instant)>,
    stages: Stages,
    operation: &'static str,
    workload: Option<String>,
    operator: Option<String>,
    session: Option<String>,
    account: Option<String>,
    /// What is known of the operation, until a decision takes it.
    detail: Option<Decided>,
    outcome: Outcome,
    message: Option<String>,
    failure: Option<Failure>,
    query_id: Option<QueryId>,
    rows: Option<u64>,
    bytes: Option<u64>,
    masked: Masked,
    table: Option<Table>,
    /// The id by which the client knows the query, when it is not the upstream's.
    shown: Option<QueryId>,
    /// The answer says that the query still runs.
    in_progress: bool,
    /// The session that the exchange opened.
    opened: Option<SessionId>,
}

impl Exchange {
    pub(super) fn open(connection: &Connection, services: &Arc<Services>) -> Self {
        let opening = Opening {
            time: clock::now(),
            connection: connection.id,
            server_name: Some(connection.server_name.clone()),
            caller: Some(record::Caller::from(&connection.principal)),
        };
        let workload = Some(connection.principal.workload.name.clone());
        Self::with(opening, workload, services)
    }

    /// Opens one that is part of what an operator wants, under a number like a connection's.
    pub(super) fn open_errand(number: u64, host: &str, services: &Arc<Services>) -> Self {
        let opening = Opening {
            time: clock::now(),
            connection: number,
            server_name: Some(host.to_owned()),
            caller: None,
        };
        Self::with(opening, None, services)
    }

    fn with(opening: Opening, workload: Option<String>, services: &Arc<Services>) -> Self {
        let entry = services.recorder.entry(opening);
        let started = Instant::now();
        Self {
            number: entry.number(),
            entry: Some(entry),
            services: Arc::clone(services),
            started,
            stage: Some((Stage::Read, started)),
            stages: Stages::default(),
            operation: "unreadable",
            workload,
            operator: None,
            session: None,
            account: None,
            detail: None,
            outcome: Outcome::Abandoned,
            message: None,
            failure: None,
            query_id: None,
            rows: None,
            bytes: None,
            masked: Masked::default(),
            table: None,
            shown: None,
            in_progress: false,
            opened: None,
        }
    }

    /// Notes that the operation comes to a stage.
    pub(super) fn begins(&mut self, stage: Stage) {
        self.leaves();
        self.stage = Some((stage, Instant::now()));
    }

    /// Notes that it leaves the stage that it is in.
    fn leaves(&mut self) {
        if let Some((stage, since)) = self.stage.take() {
            self.stages.add(stage, since.elapsed());
        }
    }

    pub(super) fn asks(&mut self, operation: &Operation) {
        self.begins(Stage::Authenticate);
        self.operation = operation.name();
        self.detail = Some(Decided::of(operation, &self.redaction(), clock::now()));
    }

    /// Notes a request of ours, made because of a client's.
    pub(super) fn asks_for_us(&mut self, purpose: &'static str, operation: &Operation) {
        self.begins(Stage::Authenticate);
        self.operation = purpose;
        let redaction = self.redaction();
        self.detail = Some(Decided::ours(purpose, operation, &redaction, clock::now()));
    }

    /// What is not recorded, by the labels that are in force and as configured.
    fn redaction(&self) -> Arc<Redaction> {
        let policies = self.services.policies.snapshot();
        let masks = self
            .services
            .masker
            .masks(policies.labels(), policies.version());
        let literals = self.services.config.record.literals;
        Arc::new(Redaction::new(Arc::clone(masks.redactions()), literals))
    }

    /// Notes where a request went that is no operation. A path to a chunk is a secret.
    pub(super) fn cannot_read(&mut self, path: &str) {
        if Asked::of_path(path) != Asked::Chunk {
            let redaction = self.redaction();
            self.detail = Some(Decided::unreadable(&redaction.told(path), clock::now()));
        }
    }

    pub(super) fn called_by(&mut self, caller: &Caller) {
        let session = caller.session().map(|session| session.id.to_string());
        self.is_about(session, caller.account(), caller.credential());
        if let Caller::Fetcher(_, link) = caller {
            self.is_of(&link.query_id);
        }
        self.begins(Stage::Analyse);
    }

    /// Notes the query whose result is fetched by a capability.
    pub(super) fn is_of(&mut self, query: &QueryId) {
        self.detail.get_or_insert_default().is_of(query);
    }

    pub(super) fn belongs_to(&mut self, session: &Session) {
        let id = Some(session.id.to_string());
        self.is_about(id, &session.account, &session.credential);
        self.begins(Stage::Decide);
    }

    /// Notes for whom it is made, and with what.
    pub(super) fn is_for(&mut self, operator: &str, account: &str, credential: &str) {
        self.is_about(None, account, credential);
        self.operator = Some(operator.to_owned());
        let detail = self.detail.get_or_insert_default();
        detail.operator.clone_from(&self.operator);
    }

    fn is_about(&mut self, session: Option<String>, account: &str, credential: &str) {
        self.session.clone_from(&session);
        self.account = Some(account.to_owned());
        let detail = self.detail.get_or_insert_default();
        detail.session = session;
        detail.account = Some(account.to_owned());
        detail.credential = Some(credential.to_owned());
    }

    pub(super) fn found(&mut self, question: &Question) {
        if let Some(facts) = question.facts() {
            self.detail = self.detail.take().map(|detail| detail.with_facts(facts));
        }
        self.begins(Stage::Decide);
    }

    pub(super) fn denied(&mut self, denial: &Denial) {
        if let Some(entry) = &mut self.entry {
            entry.denied(denial, self.detail.take().unwrap_or_default());
        }
    }

    /// Notes that people must decide, and under which ask.
    pub(super) fn held(&mut self, hold: &Hold, ask: Option<&AskId>) {
        let detail = self.detail.take().unwrap_or_default();
        let detail = match ask {
            Some(ask) => detail.with_ask(ask, Vec::new()),
            None => detail,
        };
        if let Some(entry) = &mut self.entry {
            entry.held(hold, detail);
        }
    }

    /// Notes who approved what is decided next.
    pub(super) fn approved(&mut self, ask: &Ask) {
        let approvers = ask.votes.iter().filter(|vote| vote.approves);
        let approvers = approvers.map(|vote| vote.person.clone()).collect();
        let detail = self.detail.take().unwrap_or_default();
        self.detail = Some(detail.with_ask(&ask.id, approvers));
    }

    /// Notes by which id the client knows the query.
    pub(super) fn shown_as(&mut self, id: QueryId) {
        self.shown = Some(id);
    }

    pub(super) const fn shown(&self) -> Option<&QueryId> {
        self.shown.as_ref()
    }

    /// Notes whether the answer leaves the query running.
    pub(super) const fn progresses(&mut self, in_progress: bool) {
        self.in_progress = in_progress;
    }

    pub(super) const fn in_progress(&self) -> bool {
        self.in_progress
    }

    /// The id that the upstream gave the query.
    pub(super) const fn query_id(&self) -> Option<&QueryId> {
        self.query_id.as_ref()
    }

    pub(super) const fn opened(&mut self, session: SessionId) {
        self.opened = Some(session);
    }

    pub(super) const fn opened_session(&self) -> Option<SessionId> {
        self.opened
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// Makes the decision durable; a recorder that cannot write refuses the request.
    pub(super) async fn decided(&mut self, permit: Permit) -> Result<Recorded, Refusal> {
        let mut detail = self.detail.take().unwrap_or_default();
        detail.time = clock::now();
        self.begins(Stage::Record);
        let decided = match &mut self.entry {
            Some(entry) => entry.decided(permit, detail).await,
            None => Err(RecordError::Decided),
        };
        self.leaves();
        decided.map_err(|error| {
            tracing::error!(error = %crate::telemetry::ErrorChain(&error), "request not recorded");
            Refusal::new(
                Reason::RecorderFailed,
                "the decision could not be recorded, so nothing was sent to Snowflake; \
                 tell the operator of this host, and try again later",
            )
        })
    }

    /// What the upstream's answer says of itself.
    pub(super) fn returned(&mut self, query_id: Option<QueryId>, rows: Option<u64>, bytes: u64) {
        self.begins(Stage::Mask);
        self.services.metrics.rows.inc_by(rows.unwrap_or(0));
        self.query_id = query_id;
        self.rows = rows;
        self.bytes = Some(bytes);
    }

    /// What of a result is handed out, whose rows were counted with its first answer.
    pub(super) fn hands_out(&mut self, query: &QueryId, rows: u64, bytes: u64) {
        self.begins(Stage::Mask);
        self.query_id = Some(query.clone());
        self.rows = Some(rows);
        self.bytes = Some(bytes);
    }

    /// Notes the upstream's error, code and message, if there is one: as the client gets it, but
    /// worded as for someone who may see nothing.
    pub(super) fn failed(&mut self, failure: Option<(String, String)>) {
        self.failure = failure.map(|(code, text)| Failure::of(&code, &text, &self.redaction()));
    }

    /// What was masked of the answer, and what was shown.
    pub(super) fn masked(&mut self, masked: Masked) {
        self.masked = masked;
    }

    /// The first rows of the answer, as they are recorded.
    pub(super) fn sampled(&mut self, table: Option<Table>) {
        self.table = table;
    }

    pub(super) const fn answered(&mut self) {
        self.outcome = Outcome::Answer;
    }

    /// Notes the refusal; returns the query id to show: the entry's number, when Snowflake gave none.
    pub(super) fn refused(&mut self, refusal: &Refusal) -> QueryId {
        self.outcome = Outcome::Refusal(refusal.reason().label());
        let message = refusal.public_message();
        let is_login = self.operation == "login";
        let code = refusal.code_told(is_login);
        self.failure = Some(Failure::of(code, &message, &self.redaction()));
        self.message = Some(message);
        let known = self.shown.as_ref().or(self.query_id.as_ref());
        known
            .cloned()
            .unwrap_or_else(|| QueryId::of_entry(self.number))
    }

    /// Ends an exchange that is part of another one, and hands its outcome on.
    pub(super) fn end<T>(mut self, outcome: Result<T, Refusal>) -> Result<T, Refusal> {
        match &outcome {
            Ok(_) => self.answered(),
            Err(refusal) => {
                self.refused(refusal);
            }
        }
        self.close();
        outcome
    }

    /// Ends the exchange.
    pub(super) fn close(self) {
        drop(self);
    }

    /// Writes the ending, which is synced with the next decision, the request's one line in the
    /// log, and its counts.
    fn finish(&mut self, mut entry: Entry) {
        self.leaves();
        let duration = self.started.elapsed();
        let outcome = match self.outcome {
            Outcome::Answer => "answer",
            Outcome::Refusal(reason) => reason,
            Outcome::Abandoned => "abandoned",
        };
        self.services
            .metrics
            .request(self.operation, outcome, duration.as_secs_f64());
        let mut ending = Ending::new(self.outcome, clock::now(), duration);
        ending.query_id = self.query_id.take().map(|id| id.as_str().to_owned());
        ending.rows = self.rows;
        ending.bytes = self.bytes;
        ending.masked = std::mem::take(&mut self.masked);
        ending.table = self.table.take();
        ending.stages = self.stages;
        ending.error = self.failure.take();
        tracing::info!(
            target: "access",
            operation = self.operation,
            outcome,
            workload = self.workload,
            operator = self.operator,
            account = self.account,
            session = self.session,
            entry = self.number,
            duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
            query_id = ending.query_id,
            rows = ending.rows,
            reason = self.message,
        );
        if let Some(detail) = self.detail.take() {
            entry.undecided(detail);
        }
        entry.close_detached(&ending);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.finish(entry);
        }
    }
}
