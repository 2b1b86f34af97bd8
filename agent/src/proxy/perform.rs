//! Does what was decided and recorded, each operation in its way.

use std::sync::Arc;

use tokio::time::Instant;

use super::caller::{self, Caller};
use super::connection::Connection;
use super::opening::Exchange;
use super::refusal::{Reason, Refusal};
use super::services::{Services, Session};
use super::{chunk, login};
use crate::mask::{self, Admitted, MaskError, Masked};
use crate::record::Recorded;
use crate::session::TokenError;
use crate::snowflake::chunk::Capability;
use crate::snowflake::login::ClientTokens;
use crate::snowflake::result::{Asked, ResultError};
use crate::snowflake::{Operation, Query, error, renew};
use crate::telemetry::ErrorChain;

pub(super) async fn perform(
    connection: &Connection,
    services: &Arc<Services>,
    caller: Caller,
    recorded: Recorded,
    exchange: &mut Exchange,
) -> Result<Masked, Refusal> {
    let session = match caller {
        Caller::Newcomer(newcomer) => {
            return Box::pin(login::perform(connection, services, *newcomer, recorded)).await;
        }
        Caller::Fetcher(session, link) => {
            return Box::pin(chunk::perform(
                connection, services, &session, &link, recorded,
            ))
            .await;
        }
        Caller::Known(session) => session,
    };
    match recorded.operation() {
        Operation::Heartbeat => {
            // The upstream session is kept alive by its own renewals, not by the client's beat.
            Ok(mask::ours(error::done()))
        }
        Operation::Telemetry => Ok(mask::ours(error::done())),
        Operation::Renew { .. } => renewed(services, &session),
        Operation::Close => {
            login::close(services, session.id).await;
            Ok(mask::ours(error::done()))
        }
        Operation::Query(_)
        | Operation::Result(_)
        | Operation::Abort(_)
        | Operation::Monitor(_) => {
            forward(connection, services, &session, recorded, exchange).await
        }
        Operation::Login(_) | Operation::Chunk { .. } => Err(Refusal::new(
            Reason::Bug,
            "the operation does not fit its caller",
        )),
    }
}

async fn forward(
    connection: &Connection,
    services: &Services,
    session: &Session,
    recorded: Recorded,
    exchange: &mut Exchange,
) -> Result<Masked, Refusal> {
    let operation = recorded.operation().clone();
    let client_tag = operation.query().and_then(Query::own_tag);
    let number = recorded.entry();
    let tag = services.query_tag(connection, Some(session), number, client_tag.as_deref());
    let unmasked = services
        .upstream
        .send(recorded, &session.upstream, &tag)
        .await?;
    let mut admitted = admit(unmasked, &operation)?;
    own(connection, services, session, &operation, &admitted);
    let summary = admitted.summary();
    exchange.returned(summary.query_id.clone(), summary.rows);
    let tokens = match (admitted.take_chunks(), admitted.summary().query_id.clone()) {
        (None, _) => None,
        (Some(set), Some(id)) => {
            let kept = services
                .chunks
                .keep(&connection.key, session.id, &id, set, Instant::now());
            Some(kept.ok_or_else(|| Refusal::new(Reason::Bug, "no randomness for a capability"))?)
        }
        (Some(_), None) => return Err(bad_answer(&MaskError::Kind)),
    };
    let capability = tokens.as_ref().map(|tokens| Capability {
        host: &connection.server_name,
        path_token: tokens.path.as_str(),
        header_value: tokens.header.as_str(),
    });
    admitted
        .release(capability.as_ref())
        .map_err(|error| bad_answer(&error))
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
        | Operation::Renew { .. }
        | Operation::Heartbeat
        | Operation::Close
        | Operation::Telemetry
        | Operation::Chunk { .. } => Asked::Result,
    }
}

pub(super) fn admit(
    unmasked: crate::upstream::Unmasked,
    operation: &Operation,
) -> Result<Admitted, Refusal> {
    mask::admit(unmasked, asked(operation)).map_err(|error| match error {
        MaskError::Answer(ResultError::FileTransfer) => caller::file_transfer(),
        MaskError::Answer(_) | MaskError::Kind => bad_answer(&error),
    })
}

/// Every id in the answer belongs to whoever asked: results of one's own statements.
fn own(
    connection: &Connection,
    services: &Services,
    session: &Session,
    operation: &Operation,
    admitted: &Admitted,
) {
    let summary = admitted.summary();
    if let (Operation::Query(query), Some(id)) = (operation, &summary.query_id) {
        session.requests.ran_as(&query.request_id, id);
    }
    let now = Instant::now();
    for id in summary.query_id.iter().chain(&summary.child_ids) {
        services
            .results
            .own(id, &connection.key, &session.account, now);
    }
}

fn bad_answer(error: &MaskError) -> Refusal {
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
        .map_err(|error: TokenError| Refusal::new(Reason::TokenUnknown, error.to_string()))?;
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
