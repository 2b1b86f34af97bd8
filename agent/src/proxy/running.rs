//! A statement is sent and watched: when it loses its right, its client is told and it is stopped.

use std::sync::Arc;

use super::caller::Caller;
use super::connection::Connection;
use super::opening::Exchange;
use super::perform;
use super::question::Question;
use super::refusal::{Reason, Refusal};
use super::services::{Services, Session};
use crate::mask::Masked;
use crate::record::Recorded;
use crate::session;
use crate::snowflake::Operation;

/// What a statement or a login was judged by, to be judged again.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    pub(super) connection: Arc<Connection>,
    pub(super) session: Arc<Session>,
    pub(super) question: Arc<Question>,
    /// Whether people approved it.
    pub(super) approved: bool,
}

pub(super) type Statement = session::Statement<Judged, Refusal>;
pub(super) type Running = session::Running<Judged, Refusal>;

/// Does what was decided and recorded; a statement is watched until its last answer.
pub(super) async fn perform(
    connection: &Arc<Connection>,
    services: &Arc<Services>,
    caller: Caller,
    question: &Arc<Question>,
    approved: bool,
    recorded: Recorded,
    exchange: &mut Exchange,
) -> Result<Masked, Refusal> {
    let judged = |session: &Arc<Session>| Judged {
        connection: Arc::clone(connection),
        session: Arc::clone(session),
        question: Arc::clone(question),
        approved,
    };
    let statement = match (&caller, recorded.operation()) {
        (Caller::Known(session), Operation::Query(query)) => {
            let running = &services.state.running;
            let started = running.start(session.id, &query.request_id, judged(session));
            Some(started.map_err(|full| {
                let text = format!("{full}; fetch or cancel what was sent before");
                Refusal::new(Reason::LimitReached, text)
            })?)
        }
        (Caller::Known(_), Operation::Result(id) | Operation::ApiResult { handle: id, .. }) => {
            services.state.running.by_query(id)
        }
        _ => None,
    };
    let work = perform::perform(
        connection, services, caller, question, approved, recorded, exchange,
    );
    let Some(statement) = statement else {
        let masked = Box::pin(work).await?;
        if let Some(session) = exchange
            .opened_session()
            .and_then(|id| services.sessions.by_id(id))
        {
            services.state.logins.keep(session.id, judged(&session));
            // Closed meanwhile, it has been forgotten already.
            if services.sessions.by_id(session.id).is_none() {
                services.state.logins.forget(session.id);
            }
        }
        return Ok(masked);
    };
    // Dropped, the work is an exchange with the upstream whose answer nobody reads: it is stopped.
    let outcome = tokio::select! {
        biased;
        refusal = session::lost(statement.loss()) => Err(refusal),
        outcome = Box::pin(work) => outcome,
    };
    settle(services, &statement, exchange, &outcome);
    outcome
}

/// Goes on watching what still runs.
fn settle(
    services: &Services,
    statement: &Statement,
    exchange: &Exchange,
    outcome: &Result<Masked, Refusal>,
) {
    let running = &services.state.running;
    match (outcome, exchange.query_id()) {
        (Ok(_), Some(id)) if exchange.in_progress() => running.runs_as(statement, id),
        // No answer is no end: the driver sends it again, and it may well run.
        (Err(refusal), _) if is_unanswered(refusal.reason()) => {}
        (Ok(_) | Err(_), _) => running.end(statement),
    }
}

/// Whether the upstream may still be running what it gave no answer to.
fn is_unanswered(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::UpstreamAnswer | Reason::UpstreamTimeout | Reason::UpstreamUnreachable
    )
}
