//! One result chunk: fetched by us, served from the account's own host.
//!
//! Links to storage expire while a client still reads. Then we ask for the result again, as the
//! session that owns it, and go on with the fresh links: the client never notices. Each request
//! that this takes is decided and recorded like any other.

use std::sync::Arc;

use super::bounds;
use super::connection::Connection;
use super::masking;
use super::opening::Exchange;
use super::perform;
use super::question::Question;
use super::refusal::{Reason, Refusal};
use super::services::{Services, Session};
use crate::access::Spend;
use crate::mask::{self, ChunkShape, Masked};
use crate::policy::{self, Verdict};
use crate::record::{Recorded, Stage};
use crate::session::ChunkLink;
use crate::snowflake::{Operation, QueryId};
use crate::telemetry::ErrorChain;
use crate::upstream::UpstreamError;

pub(super) async fn perform(
    connection: &Connection,
    services: &Arc<Services>,
    session: &Session,
    link: &ChunkLink,
    recorded: Recorded,
) -> Result<Masked, Refusal> {
    let question = bounds::check_again(connection, services, session, &link.terms).await?;
    let planned = masking::plan_chunk(connection, services, &question, link)?;
    let operation = recorded.operation().clone();
    let fetched = services
        .upstream
        .fetch_chunk(recorded, &link.url, &link.headers)
        .await;
    let unmasked = match fetched {
        Ok(unmasked) => unmasked,
        Err(UpstreamError::ChunkExpired { .. }) => {
            let fresh = Box::pin(refresh(connection, services, session, link)).await?;
            let query = Some(&link.query_id);
            let deciding = decide(connection, services, session, operation, query);
            let (recorded, exchange) = Box::pin(deciding).await?;
            let fetched = services
                .upstream
                .fetch_chunk(recorded, &fresh.url, &fresh.headers)
                .await;
            exchange.end(fetched.map_err(Refusal::from))?
        }
        Err(error) => return Err(error.into()),
    };
    let shape = ChunkShape {
        format: link.shape.format,
        rows: link.size.rows,
        bytes_max: services.config.limits.row_bytes_max,
    };
    let masked = mask::chunk(unmasked, &planned.plan, shape).map_err(|error| {
        tracing::error!(error = %ErrorChain(&error), "chunk withheld");
        Refusal::new(Reason::Bug, "the result chunk could not be passed on")
    })?;
    let spend = Spend {
        queries: 0,
        rows: link.size.rows,
        bytes: link.size.bytes,
    };
    bounds::spend(connection, services, spend).await?;
    if planned.plan.is_clear() {
        services.metrics.masked.passed();
    }
    Ok(masked)
}

/// Asks for the result again and keeps its new links under the old capability.
async fn refresh(
    connection: &Connection,
    services: &Arc<Services>,
    session: &Session,
    link: &ChunkLink,
) -> Result<ChunkLink, Refusal> {
    let operation = Operation::Result(link.query_id.clone());
    let deciding = decide(connection, services, session, operation.clone(), None);
    let (recorded, exchange) = Box::pin(deciding).await?;
    let tag = services.query_tag(connection, Some(session), recorded.entry(), None);
    let sending = services.upstream.send(recorded, &session.upstream, &tag);
    let answer = Box::pin(sending).await;
    let admitted = answer
        .map_err(Refusal::from)
        .and_then(|unmasked| perform::admit(unmasked, &operation, None));
    let mut admitted = exchange.end(admitted)?;
    let columns = link.shape.fields.as_slice();
    let is_same = admitted.fields() == columns && admitted.summary().format() == link.shape.format;
    let chunks = admitted.take_chunks();
    // Rows of other columns were not planned for.
    chunks
        .filter(|_| is_same)
        .and_then(|set| services.chunks.refresh(link, set))
        .ok_or_else(|| {
            Refusal::new(
                Reason::ChunkUnknown,
                "the result is no longer kept; run the statement again",
            )
        })
}

/// Permits and records a request of ours, which goes on with a result; `query` names it where the
/// operation has only a capability.
pub(super) async fn decide(
    connection: &Connection,
    services: &Arc<Services>,
    session: &Session,
    operation: Operation,
    query: Option<&QueryId>,
) -> Result<(Recorded, Exchange), Refusal> {
    let mut exchange = Exchange::open(connection, services);
    exchange.asks(&operation);
    exchange.belongs_to(session);
    if let Some(query) = query {
        exchange.is_of(query);
    }
    let question = Question::without_facts(session);
    let policies = services.policies.snapshot();
    match policy::evaluate(&policies, &question.view(connection), operation) {
        Verdict::Allow(permit) => match exchange.decided(permit).await {
            Ok(recorded) => {
                exchange.begins(Stage::Upstream);
                Ok((recorded, exchange))
            }
            Err(refusal) => exchange.end(Err(refusal)),
        },
        // Chunks follow up on a statement that was judged: nothing holds them.
        Verdict::Hold(hold) => Err(Refusal::new(Reason::Bug, hold.message)),
        Verdict::Deny(denial) => {
            exchange.denied(&denial);
            exchange.end(Err(Refusal::new(Reason::DeniedByPolicy, denial.message)))
        }
    }
}
