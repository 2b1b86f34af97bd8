//! Does what was decided and recorded, each operation in its way.

use std::sync::Arc;

use tokio::time::Instant;

use super::bounds;
use super::caller::{self, Caller};
use super::connection::Connection;
use super::opening::Exchange;
use super::question::Question;
use super::refusal::{Reason, Refusal};
use super::services::{Services, Session};
use super::{api, chunk, login, masking};
use crate::mask::{self, Admitted, MaskError, Masked};
use crate::record::event::Closing;
use crate::record::{Recorded, Stage};
use crate::session::{Place, Terms};
use crate::snowflake::chunk::Capability;
use crate::snowflake::login::ClientTokens;
use crate::snowflake::result::api::Shape;
use crate::snowflake::result::{self, Asked, ResultError};
use crate::snowflake::{Operation, Query, QueryId, error, renew};
use crate::telemetry::ErrorChain;

pub(super) async fn perform(
    connection: &Connection,
    services: &Arc<Services>,
    caller: Caller,
    question: &Question,
    approved: bool,
    recorded: Recorded,
    exchange: &mut Exchange,
) -> Result<Masked, Refusal> {
    let session = match caller {
        Caller::Newcomer(newcomer) => {
            exchange.begins(Stage::Upstream);
            let login = login::perform(connection, services, *newcomer, recorded);
            let (session, masked) = Box::pin(login).await?;
            exchange.opened(session);
            return Ok(masked);
        }
        Caller::Fetcher(session, link) => {
            exchange.begins(Stage::Upstream);
            let work = chunk::perform(connection, services, &session, &link, recorded);
            let masked = Box::pin(work).await?;
            exchange.hands_out(&link.query_id, link.size.rows, link.size.bytes);
            return Ok(masked);
        }
        Caller::Known(session) => session,
    };
    match recorded.operation() {
        Operation::Heartbeat => {
            // The upstream session is kept alive by its own renewals, not by the client's beat.
            Ok(mask::ours(error::done()))
        }
        Operation::Telemetry => Ok(mask::ours(error::done())),
        Operation::Renew => renewed(services, &session),
        Operation::Close => {
            login::close(services, session.id, Closing::Logout).await;
            Ok(mask::ours(error::done()))
        }
        Operation::Query(_)
        | Operation::Result(_)
        | Operation::Abort(_)
        | Operation::Monitor(_)
        | Operation::ApiResult { .. }
        | Operation::ApiCancel(_) => {
            Box::pin(forward(
                connection, services, &session, question, approved, recorded, exchange,
            ))
            .await
        }
        Operation::Login(_) | Operation::Chunk { .. } => Err(Refusal::new(
            Reason::Bug,
            "the operation does not fit its caller",
        )),
    }
}

async fn forward(
    connection: &Connection,
    services: &Arc<Services>,
    session: &Session,
    question: &Question,
    approved: bool,
    recorded: Recorded,
    exchange: &mut Exchange,
) -> Result<Masked, Refusal> {
    let terms = bounds::terms(
        services,
        recorded.operation(),
        question,
        approved,
        recorded.limits(),
    );
    let operation = recorded.operation().clone();
    let tag = query_tag(connection, services, session, &recorded);
    let begun = bounds::begin(services, session, &operation, question);
    let shape = api::shape(services, &operation)?;
    if shape.is_some() {
        bounds::check_again(connection, services, session, &terms).await?;
    }
    exchange.begins(Stage::Upstream);
    let sending = api::send(services, session, recorded, &tag);
    let waiting = bounds::in_time(connection, services, session, &operation, &terms, sending);
    let unmasked = Box::pin(waiting).await?;
    let announced = shape.as_deref().map(|it| &it.shape);
    let mut admitted = admit(unmasked, &operation, announced)?;
    let summary = admitted.summary();
    let id = summary.query_id.as_ref();
    let seen = id.is_some_and(|id| services.results.knows(id));
    own(connection, services, session, &operation, &terms, summary)?;
    let judged = question.judged.as_deref();
    begun.answered(services, session, &operation, judged, (summary, seen));
    exchange.returned(id.cloned(), summary.rows, summary.body_bytes());
    exchange.progresses(summary.in_progress.is_some());
    bounds::check_rows(&terms, summary)?;
    let cost = bounds::cost(&operation, question.fresh, summary);
    bounds::spend(connection, services, cost).await?;
    let chunks = admitted.take_chunks();
    let id = admitted.summary().query_id.clone();
    let about = masking::about(services, &operation, id.as_ref(), &terms);
    let planned = masking::plan(connection, services, session, &about, &admitted).await?;
    match &shape {
        // Like a chunk, it goes on where the beginning of its result stopped.
        Some(partitioned) => planned.goes_on(&partitioned.digest)?,
        None => api::keep_shape(services, admitted.summary(), &planned),
    }
    let format = admitted.summary().format();
    let limits = masking::limits(services);
    let (mut ready, table) = masking::apply(admitted, &planned, limits).await?;
    let masked = planned.outcome(ready.tally());
    services.metrics.masked.answer(&masked);
    exchange.masked(masked);
    exchange.failed(planned.failure(&ready));
    let tokens = match (chunks, id) {
        (None, _) => None,
        (Some(set), Some(id)) => {
            let (key, now) = (&connection.key, Instant::now());
            let kept = (&about, planned.shape(format));
            let kept = services.chunks.keep(key, session.id, &id, kept, set, now);
            Some(kept.ok_or_else(|| Refusal::new(Reason::Bug, "no randomness for a capability"))?)
        }
        (Some(_), None) => return Err(bad_answer(&MaskError::Kind)),
    };
    let capability = tokens.as_ref().map(|tokens| Capability {
        host: &connection.server_name,
        path_token: tokens.path.as_str(),
        header_value: tokens.header.as_str(),
    });
    if let Some(id) = exchange.shown() {
        ready.call(id).map_err(|error| bad_answer(&error))?;
    }
    let released = ready.release(capability.as_ref());
    let masked = released.map_err(|error| bad_answer(&error))?;
    exchange.sampled(table);
    Ok(masked)
}

/// The tag that ties the statement upstream to its entry.
fn query_tag(
    connection: &Connection,
    services: &Services,
    session: &Session,
    recorded: &Recorded,
) -> String {
    let own = recorded.operation().query().and_then(Query::own_tag);
    services.query_tag(connection, Some(session), recorded.entry(), own.as_deref())
}

/// What the client asks about, in the terms of the answer.
fn asked(operation: &Operation) -> Asked<'_> {
    match operation {
        Operation::Query(query) => Asked::Query {
            asynchronous: query.asynchronous,
        },
        Operation::Monitor(id) => Asked::Monitor(id),
        Operation::Abort(_) => Asked::Abort,
        Operation::Result(_)
        | Operation::Login(_)
        | Operation::Renew
        | Operation::Heartbeat
        | Operation::Close
        | Operation::Telemetry
        | Operation::Chunk { .. }
        | Operation::ApiResult { .. }
        | Operation::ApiCancel(_) => Asked::Result,
    }
}

pub(super) fn admit(
    unmasked: crate::upstream::Unmasked,
    operation: &Operation,
    shape: Option<&Shape>,
) -> Result<Admitted, Refusal> {
    let admitted = if operation.is_api() {
        mask::admit_api(unmasked, api::asked(operation, shape))
    } else {
        mask::admit(unmasked, asked(operation))
    };
    let admitted = admitted.map_err(|error| match error {
        MaskError::Answer(ResultError::FileTransfer) => caller::file_transfer(),
        MaskError::Answer(_)
        | MaskError::Foreign
        | MaskError::Kind
        | MaskError::Columns
        | MaskError::Rows(_)
        | MaskError::RowCount { .. } => bad_answer(&error),
    })?;
    let summary = admitted.summary();
    if answers(operation, summary.query_id.as_ref()) {
        Ok(admitted)
    } else {
        Err(bad_answer(&MaskError::Foreign))
    }
}

/// Whether an answer is about what was asked for: another result than the one that was permitted
/// may be another principal's.
fn answers(operation: &Operation, answered: Option<&QueryId>) -> bool {
    match operation {
        Operation::Result(asked)
        | Operation::ApiResult { handle: asked, .. }
        | Operation::ApiCancel(asked) => answered.is_none_or(|id| id == asked),
        Operation::Query(_)
        | Operation::Login(_)
        | Operation::Renew
        | Operation::Heartbeat
        | Operation::Close
        | Operation::Abort(_)
        | Operation::Monitor(_)
        | Operation::Telemetry
        | Operation::Chunk { .. } => true,
    }
}

/// Notes whose results an answer speaks of: those of the statement that was sent. An answer with
/// another principal's result is withheld: whoever sends a request id of another session's, which
/// may share its Snowflake user, must not be handed what that session asked for.
fn own(
    connection: &Connection,
    services: &Services,
    session: &Session,
    operation: &Operation,
    terms: &Terms,
    summary: &result::Admitted,
) -> Result<(), Refusal> {
    let (key, account, now) = (&connection.key, &session.account, Instant::now());
    for id in made(operation, summary) {
        let place = place(id, terms, summary);
        let terms = Terms {
            place,
            ..terms.clone()
        };
        if !services.results.own(id, key, account, &terms, now) {
            return Err(bad_answer(&MaskError::Foreign));
        }
    }
    if let (Operation::Query(query), Some(id)) = (operation, &summary.query_id) {
        session.requests.ran_as(&query.request_id, id);
    }
    Ok(())
}

/// Which of the text's results an id is that of.
fn place(id: &QueryId, terms: &Terms, summary: &result::Admitted) -> Place {
    let children = &summary.child_ids;
    let Some(at) = children.iter().position(|child| child == id) else {
        return terms.place;
    };
    let judged = terms.judged.as_ref();
    // One for each statement, in their order; or else nobody can say which is whose.
    let fits = judged.is_some_and(|judged| judged.facts.parts.len() == children.len());
    Place::Part(fits.then_some(at))
}

/// The ids of results that the operation made: of the statement itself, and of the statements in
/// it, which the answer to a poll may be the first to name. No other answer gives a claim to
/// anything, whatever ids it has.
fn made<'a>(operation: &Operation, summary: &'a result::Admitted) -> Vec<&'a QueryId> {
    match operation {
        Operation::Query(_) => summary.query_id.iter().chain(&summary.child_ids).collect(),
        Operation::Result(_) | Operation::ApiResult { .. } => summary.child_ids.iter().collect(),
        Operation::Login(_)
        | Operation::Renew
        | Operation::Heartbeat
        | Operation::Close
        | Operation::Abort(_)
        | Operation::Monitor(_)
        | Operation::Telemetry
        | Operation::Chunk { .. }
        | Operation::ApiCancel(_) => Vec::new(),
    }
}

pub(super) fn bad_answer(error: &MaskError) -> Refusal {
    tracing::warn!(error = %ErrorChain(error), "upstream answer refused");
    Refusal::new(
        Reason::UpstreamAnswer,
        "Snowflake's answer could not be checked and was withheld; the statement may have run",
    )
}

fn renewed(services: &Services, session: &Session) -> Result<Masked, Refusal> {
    let tokens = services
        .sessions
        .renew(session.id, Instant::now())
        .map_err(caller::token_refusal)?;
    let tokens = ClientTokens {
        session_token: tokens.session.as_str(),
        master_token: tokens.master.as_str(),
        validity: tokens.session_validity,
        master_validity: tokens.master_validity,
    };
    Ok(mask::ours(renew::client_answer(
        &tokens,
        session.snowflake_id,
    )))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::snowflake::Abort;

    const OWN: &str = "01b00000-0000-0000-0000-000000000001";
    const OTHER: &str = "01b00000-0000-0000-0000-000000000002";

    fn id(text: &str) -> QueryId {
        QueryId::parse(text).unwrap()
    }

    /// What is owned after `answer` to `operation`.
    #[track_caller]
    fn check(operation: &Operation, answer: String, expected: &[&str]) {
        let asked = asked(operation);
        let summary = result::admit(&Bytes::from(answer), asked).unwrap();
        let made: Vec<&str> = made(operation, &summary)
            .into_iter()
            .map(QueryId::as_str)
            .collect();
        assert_eq!(made, expected, "{}", operation.name());
    }

    #[test]
    fn only_the_answer_to_a_statement_gives_a_claim_to_its_id() {
        let failure = format!(r#"{{"data":{{"queryId":"{OTHER}"}},"code":"604","success":false}}"#);
        for operation in [
            Operation::Result(id(OWN)),
            Operation::Monitor(id(OWN)),
            Operation::Abort(Abort::Query(id(OWN))),
        ] {
            check(&operation, failure.clone(), &[]);
        }
        let children = format!(
            r#"{{"data":{{"queryId":"{OWN}","rowset":[],"total":0,"returned":0,
                "resultIds":"{OTHER}"}},"success":true}}"#
        );
        check(&Operation::Result(id(OWN)), children, &[OTHER]);
    }

    #[test]
    fn a_result_must_be_the_one_that_was_asked_for() {
        let operation = Operation::Result(id(OWN));
        assert!(answers(&operation, Some(&id(OWN))));
        assert!(answers(&operation, None));
        assert!(!answers(&operation, Some(&id(OTHER))));
    }
}
