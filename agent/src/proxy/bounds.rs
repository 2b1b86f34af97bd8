//! What a permit bounds, held to: rows, time and budgets; and what an answer means for its session.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::connection::Connection;
use super::question::{self, Question};
use super::refusal::{Reason, Refusal};
use super::services::{Services, Session};
use super::{api, chunk};
use crate::access::{Running, Spend};
use crate::catalog::{Change, Extent};
use crate::clock;
use crate::mask::outputs;
use crate::policy::{self, Demand, Judgement};
use crate::session::state::{Answer, Course};
use crate::session::{Judged, Place, Terms};
use crate::snowflake::{Abort, Operation, QueryId, result};
use crate::sql::facts::{Effect, Facts, ObjectKind, SessionChange};
use crate::telemetry::ErrorChain;
use crate::upstream::UpstreamError;

/// Snowflake ends a statement at its limit by itself, and says so better than we can.
const GRACE: Duration = Duration::from_secs(5);

/// What holds for the result of an operation: a statement's by its permit, a poll's by the statement
/// that it asks about.
pub(super) fn terms(
    services: &Services,
    operation: &Operation,
    question: &Question,
    approved: bool,
    limits: policy::Limits,
) -> Terms {
    match operation {
        Operation::Query(_) => Terms {
            judged: question.judged.clone(),
            limits,
            deadline: limits
                .timeout
                .map(|timeout| Instant::now() + timeout + GRACE),
            approved,
            running: None,
            place: Place::Whole,
        },
        Operation::Result(id) | Operation::ApiResult { handle: id, .. } => {
            services.results.terms(id)
        }
        Operation::Login(_)
        | Operation::Renew
        | Operation::Heartbeat
        | Operation::Close
        | Operation::Abort(_)
        | Operation::Monitor(_)
        | Operation::Telemetry
        | Operation::Chunk { .. }
        | Operation::ApiCancel(_) => Terms::default(),
    }
}

/// Waits for an answer as long as the statement may run; then ends the statement.
pub(super) async fn in_time<T>(
    connection: &Connection,
    services: &Arc<Services>,
    session: &Session,
    operation: &Operation,
    terms: &Terms,
    work: impl Future<Output = Result<T, UpstreamError>>,
) -> Result<T, Refusal> {
    let Some(deadline) = terms.deadline else {
        return Ok(work.await?);
    };
    // A statement that ended in time may be asked about later.
    let deadline = deadline.max(Instant::now() + GRACE);
    if let Ok(answer) = timeout_at(deadline, work).await {
        return Ok(answer?);
    }
    Box::pin(abort(connection, services, session, operation)).await;
    Err(Refusal::new(
        Reason::StatementTimeout,
        format!(
            "the statement ran longer than the {} s that policy gives it (`@timeout`) and was \
             ended; make it smaller, or ask the owner of the policies for more",
            terms.limits.timeout.unwrap_or_default().as_secs()
        ),
    ))
}

/// Ends a statement at Snowflake: a request of ours, decided and recorded like any other.
async fn abort(
    connection: &Connection,
    services: &Arc<Services>,
    session: &Session,
    operation: &Operation,
) {
    let abort = match operation {
        Operation::Query(query) => Operation::Abort(Abort::Request(query.request_id.clone())),
        Operation::Result(id) => Operation::Abort(Abort::Query(id.clone())),
        Operation::ApiResult { handle, .. } => Operation::ApiCancel(handle.clone()),
        Operation::Login(_)
        | Operation::Renew
        | Operation::Heartbeat
        | Operation::Close
        | Operation::Abort(_)
        | Operation::Monitor(_)
        | Operation::Telemetry
        | Operation::Chunk { .. }
        | Operation::ApiCancel(_) => return,
    };
    let deciding = chunk::decide(connection, services, session, abort, None);
    let decided = Box::pin(deciding).await;
    let Ok((recorded, exchange)) = decided else {
        return;
    };
    let tag = services.query_tag(connection, Some(session), recorded.entry(), None);
    let sending = api::send(services, session, recorded, &tag);
    let ended = Box::pin(sending).await;
    // Its own limit at Snowflake ends the statement if this did not.
    drop(exchange.end(ended.map_err(Refusal::from)));
}

/// Refuses a result with more rows than the permit allows: cut short it would look whole.
pub(super) fn check_rows(terms: &Terms, summary: &result::Admitted) -> Result<(), Refusal> {
    match (terms.limits.max_rows, summary.rows) {
        (Some(max), Some(rows)) if rows > max => Err(Refusal::new(
            Reason::ResultTooLarge,
            format!(
                "the result has more than the {max} rows that policy gives you (`@max_rows`), so \
                 none of it is passed on; add a LIMIT of at most {max}, aggregate, or ask the owner \
                 of the policies for more"
            ),
        )),
        (Some(_) | None, _) => Ok(()),
    }
}

/// Notes what a statement may do to its session and to what is known of objects. Called before it
/// is sent.
pub(super) fn begin(
    services: &Services,
    session: &Session,
    operation: &Operation,
    question: &Question,
) -> Begun {
    let going = question.begin(session, operation);
    let extents = question.facts().map(Extent::of).unwrap_or_default();
    let change = (!extents.is_empty()).then(|| services.catalog.change(&session.account, extents));
    if let Some(facts) = question.facts() {
        note_created(session, facts);
        let copies = &services.state.copies;
        copies.note(&session.account, outputs::lasting_writes(facts));
    }
    Begun { going, change }
}

/// What a statement that was sent may be changing.
#[derive(Debug)]
pub(super) struct Begun {
    going: Option<(Course, Running)>,
    change: Option<Change>,
}

/// A table that a session makes may be a temporary one, which hides another's from it alone.
fn note_created(session: &Session, facts: &Facts) {
    for access in &facts.accesses {
        let object = &access.object;
        if access.effect == Effect::Create && object.kind == ObjectKind::Table {
            let name = object.name.as_ref().filter(|name| name.parts().len() == 3);
            session.state.created(name);
        }
    }
    if facts.session_changes.contains(&SessionChange::Unknown) {
        session.state.created(None);
    }
}

impl Begun {
    /// Takes over what an answer says about its session and its statement.
    pub(super) fn answered(
        self,
        services: &Services,
        session: &Session,
        operation: &Operation,
        judged: Option<&Judged>,
        (summary, seen): (&result::Admitted, bool),
    ) {
        let answer = Answer {
            query: summary.query_id.as_ref(),
            seen,
            success: summary.success,
            in_progress: summary.in_progress.is_some(),
            said: &summary.session_changes,
        };
        let Self { going, change } = self;
        if let Some((course, running)) = going {
            course.answered(&answer);
            if let (true, Some(id)) = (answer.in_progress, answer.query) {
                services.results.runs(id, running);
            }
        }
        if let (Some(change), true, Some(id)) = (change, answer.in_progress, answer.query) {
            change.goes_on_as(id, Instant::now());
        }
        if answer.in_progress {
            return;
        }
        if let Operation::Result(id) | Operation::ApiResult { handle: id, .. } = operation {
            session.state.polled(id, &answer);
            services.catalog.ended(id);
            services.results.ended(id);
        }
        let named = judged.filter(|_| answer.success);
        for id in named.iter().flat_map(|judged| &judged.facts.named_results) {
            if let Some(id) = QueryId::parse(id) {
                session.state.read_result_of(&id);
                services.catalog.ended(&id);
            }
        }
    }
}

/// Counts what an answer costs its principal. What cannot be counted is not passed on.
pub(super) async fn spend(
    connection: &Connection,
    services: &Services,
    spend: Spend,
) -> Result<(), Refusal> {
    let counted = services
        .desk
        .spend(&connection.key, spend, clock::now())
        .await;
    counted.map_err(|error| {
        tracing::error!(error = %ErrorChain(&error), "use of a budget not counted");
        Refusal::new(
            Reason::BudgetUnknown,
            "what this takes of your budgets could not be noted, so it is withheld; tell the \
             operator of this host",
        )
    })
}

/// What an answer takes of the budgets, its chunks not counted.
pub(super) fn cost(operation: &Operation, is_first: bool, summary: &result::Admitted) -> Spend {
    Spend {
        queries: u64::from(operation.query().is_some() && is_first),
        rows: summary.inline_rows(),
        bytes: summary.body_bytes(),
    }
}

/// Judges a statement again before another chunk or partition of its result goes out: a budget may
/// be used up, a grant or a policy gone. Returns the question as it stands now.
pub(super) async fn check_again(
    connection: &Connection,
    services: &Services,
    session: &Session,
    terms: &Terms,
) -> Result<Question, Refusal> {
    let Some(judged) = &terms.judged else {
        return Err(Refusal::new(
            Reason::ChunkUnknown,
            "how this result was permitted is no longer known; run the statement again",
        ));
    };
    let mut question = Question::without_facts(session);
    question.judged = Some(Arc::clone(judged));
    question.approved = terms.approved;
    question.standing = question::standing(connection, services, &session.account, None).await?;
    let policies = services.policies.snapshot();
    let demand = Demand::Statement(&judged.facts);
    let message = match &*policy::decide(&policies, &question.view(connection), demand) {
        Judgement::Allow { .. } => return Ok(question),
        Judgement::Hold { message, .. } => message.clone(),
        Judgement::Deny(denial) => denial.message.clone(),
    };
    Err(Refusal::new(
        Reason::DeniedByPolicy,
        format!("the rest of the result is withheld: {message}"),
    ))
}
