//! The way of a request: every stage, in order, on one page.
//!
//! Order is security here. A caller is known before anything is looked up for it; what a statement
//! names is checked against its owner before policy is asked; the decision is durable before the
//! upstream sees a byte; nothing but the masking stage can open what came back.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::time::Instant;

use super::caller;
use super::connection::Connection;
use super::hold;
use super::opening::Exchange;
use super::refusal::{Asked, Reason, Refusal};
use super::reply::{self, ResponseBody};
use super::running;
use super::services::Services;
use crate::http::{self, CanonicalRequest};
use crate::mask::Masked;
use crate::policy::{self, Verdict};
use crate::snowflake::route;

/// Answers one request. The record has exactly one entry for it, also when the client goes away:
/// an exchange that is dropped ends as abandoned.
pub(super) async fn handle(
    connection: Arc<Connection>,
    services: Arc<Services>,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    let asked = Asked::of_path(request.uri().path());
    let mut exchange = Exchange::open(&connection, &services);
    let outcome = Box::pin(run(&connection, &services, request, &mut exchange)).await;
    match outcome {
        Ok(masked) => reply::masked(&services, masked, exchange),
        Err(refusal) => {
            let query_id = exchange.refused(&refusal);
            exchange.close();
            reply::refusal(&refusal, asked, &query_id)
        }
    }
}

async fn run(
    connection: &Arc<Connection>,
    services: &Arc<Services>,
    request: Request<Incoming>,
    exchange: &mut Exchange,
) -> Result<Masked, Refusal> {
    let request = canonical(connection, services, request).await?;
    let can_wait = hold::can_wait(&request);
    let operation = route::decode(&request).inspect_err(|_| exchange.cannot_read(&request.path))?;
    exchange.asks(&operation);
    let (caller, operation) =
        caller::authenticate(connection, services, &request, operation).await?;
    exchange.called_by(&caller);
    let operation = hold::translate(connection, services, &caller, operation, exchange)?;
    let decision = Instant::now();
    let (question, operation) = caller.question(connection, services, operation).await?;
    let question = Arc::new(question);
    exchange.found(&question);
    let policies = services.policies.snapshot();
    let verdict = policy::evaluate(&policies, &question.view(connection), operation);
    services
        .metrics
        .decision_seconds
        .observe(decision.elapsed().as_secs_f64());
    services.metrics.verdict(&verdict);
    let permit = match verdict {
        Verdict::Allow(permit) => permit,
        Verdict::Hold(hold) => {
            let wait = hold::wait(
                connection, services, &caller, question, hold, can_wait, exchange,
            );
            return Box::pin(wait).await;
        }
        Verdict::Deny(denial) => {
            exchange.denied(&denial);
            hold::kill(connection, services, &denial);
            return Err(Refusal::new(Reason::DeniedByPolicy, denial.message));
        }
    };
    let recorded = exchange.decided(permit).await?;
    if let Some(held) = hold::of(&caller, services, recorded.operation()) {
        question.pause();
        let attend = hold::attend(services, &held, recorded.operation(), exchange);
        return Box::pin(attend).await;
    }
    Box::pin(running::perform(
        connection, services, caller, &question, false, recorded, exchange,
    ))
    .await
}

async fn canonical(
    connection: &Connection,
    services: &Services,
    request: Request<Incoming>,
) -> Result<CanonicalRequest, Refusal> {
    let limits = services.body_limits();
    Ok(http::canonicalise(request, &connection.server_name, limits).await?)
}
