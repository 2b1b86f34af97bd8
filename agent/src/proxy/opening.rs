//! One exchange as the record, the log and the metrics see it.

use std::sync::Arc;

use tokio::time::Instant;

use super::caller::{Caller, Question};
use super::connection::Connection;
use super::refusal::{Reason, Refusal};
use super::services::{Services, Session};
use crate::clock;
use crate::policy::{Denial, Permit};
use crate::record::{self, Decided, Ending, Entry, Opening, Outcome, Recorded};
use crate::snowflake::{Operation, QueryId};

/// An open exchange. Dropped open, its entry ends as abandoned.
#[derive(Debug)]
pub(super) struct Exchange {
    entry: Entry,
    services: Arc<Services>,
    started: Instant,
    operation: &'static str,
    detail: Decided,
    outcome: Outcome,
    query_id: Option<QueryId>,
    rows: Option<u64>,
}

impl Exchange {
    pub(super) fn open(connection: &Connection, services: &Arc<Services>) -> Self {
        let opening = Opening {
            time: clock::now(),
            connection: connection.id,
            server_name: Some(connection.server_name.clone()),
            caller: Some(record::Caller::from(&connection.principal)),
        };
        Self {
            entry: services.recorder.entry(opening),
            services: Arc::clone(services),
            started: Instant::now(),
            operation: "unreadable",
            detail: Decided::default(),
            outcome: Outcome::Abandoned,
            query_id: None,
            rows: None,
        }
    }

    /// The entry's number, which the upstream's `QUERY_TAG` carries.
    pub(super) const fn number(&self) -> u64 {
        self.entry.number()
    }

    pub(super) fn asks(&mut self, operation: &Operation) {
        self.operation = operation.name();
        self.detail = Decided::of(operation, clock::now());
    }

    pub(super) fn called_by(&mut self, caller: &Caller) {
        self.detail.session = caller.session().map(|session| session.id.to_string());
        self.detail.account = Some(caller.account().to_owned());
        self.detail.credential = Some(caller.credential().to_owned());
    }

    pub(super) fn belongs_to(&mut self, session: &Session) {
        self.detail.session = Some(session.id.to_string());
        self.detail.account = Some(session.account.clone());
        self.detail.credential = Some(session.credential.clone());
    }

    pub(super) fn found(&mut self, question: &Question) {
        if let Some(facts) = question.facts() {
            self.detail = std::mem::take(&mut self.detail).with_facts(facts);
        }
    }

    pub(super) fn denied(&mut self, denial: &Denial) {
        self.entry.denied(denial, std::mem::take(&mut self.detail));
    }

    /// Makes the decision durable; a recorder that cannot write refuses the request.
    pub(super) async fn decided(&mut self, permit: Permit) -> Result<Recorded, Refusal> {
        self.detail.time = clock::now();
        let detail = std::mem::take(&mut self.detail);
        self.entry.decided(permit, detail).await.map_err(|error| {
            tracing::error!(error = %crate::telemetry::ErrorChain(&error), "request not recorded");
            Refusal::new(
                Reason::RecorderFailed,
                "the decision could not be recorded, so nothing was sent to Snowflake; \
                 tell the operator of this host, and try again later",
            )
        })
    }

    /// What the upstream's answer says of itself.
    pub(super) fn returned(&mut self, query_id: Option<QueryId>, rows: Option<u64>) {
        self.services.metrics.rows.inc_by(rows.unwrap_or(0));
        self.query_id = query_id;
        self.rows = rows;
    }

    pub(super) const fn answered(&mut self) {
        self.outcome = Outcome::Answer;
    }

    /// Notes the refusal; returns the query id to show: the entry's number, when Snowflake gave none.
    pub(super) fn refused(&mut self, refusal: &Refusal) -> QueryId {
        self.outcome = Outcome::Refusal(refusal.reason().label());
        let detail = std::mem::take(&mut self.detail);
        if detail.is_known() {
            self.entry.refused(refusal.public_message(), detail);
        }
        tracing::info!(
            reason = refusal.reason().label(),
            operation = self.operation,
            entry = self.number(),
            message = refusal.public_message(),
            "request refused"
        );
        self.query_id
            .clone()
            .unwrap_or_else(|| QueryId::of_entry(self.number()))
    }

    pub(super) fn close_answered(mut self) {
        self.answered();
        self.close();
    }

    /// Writes the ending; it is synced with the next decision.
    pub(super) fn close(self) {
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
        ending.query_id = self.query_id.map(|id| id.as_str().to_owned());
        ending.rows = self.rows;
        self.entry.close_detached(&ending);
    }
}
