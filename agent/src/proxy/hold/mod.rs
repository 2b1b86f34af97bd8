//! A statement waits for people, and its driver waits with it.
//!
//! ```text
//! verdict Hold ─► ask filed ─► driver polls, gets "in progress" ─┬─ approved ─► judged again ─►
//!                    ▲                                           │   recorded ─► upstream
//!                    └── void: the policies are others now ◄─────┼─ denied, expired ─► error
//!                                                                └─ cancelled, gone ─► withdrawn
//! ```
//!
//! One task owns a statement while it waits ([`case`]); requests come and go and only look at it.
//! Its client knows it by an id of ours for good: [`names`] puts the upstream's in its place
//! wherever the client names it, and the answers are given back under ours.

mod asks;
mod case;
mod freezer;
mod metrics;
mod names;
mod still;
mod words;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::caller::Caller;
use super::connection::Connection;
use super::judge;
use super::opening::Exchange;
use super::question::Question;
use super::refusal::{Reason, Refusal};
use super::services::{Services, Session};
use crate::access::AskState;
use crate::http::CanonicalRequest;
use crate::mask::{self, Masked};
use crate::policy::{self, Denial};
use crate::record::Stage;
use crate::session::{self, Cancelled, NewHold, Terms, Told, statement_digest};
use crate::snowflake::progress::{self, Standing};
use crate::snowflake::{Abort, Operation, Query, QueryId, Via, api};
use crate::telemetry::ErrorChain;

pub(super) use case::Case;
pub(super) use freezer::Freezer;
pub(super) use metrics::Metrics;
pub(super) use names::translate;

/// A statement that waits, with its first answer or why there is none.
pub(super) type Held = session::Held<Masked, Refusal>;
pub(super) type Holds = session::Holds<Masked, Refusal>;

/// Whether a client can be made to wait by answers in progress. Every client of the SQL API can: the
/// status 202 is part of it.
///
/// The Rust crate `snowflake-api` cannot: it does not know them. Everyone else, known or not, is
/// taken to be able to, because a driver that is not would fail on Snowflake's own ones too.
pub(super) fn can_wait(request: &CanonicalRequest) -> bool {
    let agent = request.header("user-agent").unwrap_or_default();
    !agent.starts_with("Rust/") || request.path.starts_with("/api/")
}

/// Answers a statement that people must decide about.
pub(super) async fn wait(
    connection: &Arc<Connection>,
    services: &Arc<Services>,
    caller: &Caller,
    question: Arc<Question>,
    hold: policy::Hold,
    can_wait: bool,
    exchange: &mut Exchange,
) -> Result<Masked, Refusal> {
    // The session's other statements do not wait for people.
    question.pause();
    let (Caller::Known(session), Some(query)) = (caller, hold.operation().query().cloned()) else {
        exchange.held(&hold, None);
        return Err(Refusal::new(
            Reason::ApprovalNeeded,
            format!("{}; nobody can be asked about a login", hold.message),
        ));
    };
    let case = Case {
        connection: Arc::clone(connection),
        services: Arc::clone(services),
        session: Arc::clone(session),
        question,
        digest: statement_digest(&query).to_hex().to_string(),
        text: words::shown(&query.text),
    };
    if !can_wait {
        return Box::pin(without_waiting(case, hold, exchange)).await;
    }
    let api = matches!(query.via, Via::Api(_));
    let new = NewHold {
        id: QueryId::of_entry(exchange.number()),
        session: session.id,
        request: query.request_id.clone(),
        asynchronous: query.asynchronous,
        api,
        workload: connection.principal.workload.name.clone(),
    };
    let now = Instant::now();
    let opened = services.state.holds.open(new, now);
    let (held, is_new) = opened.map_err(|full| {
        Refusal::new(
            Reason::LimitReached,
            format!("{full}; wait until some of them are decided, or cancel them"),
        )
    })?;
    if is_new {
        // An id of ours is nobody's yet.
        let owned = services.results.own(
            &held.id,
            &connection.key,
            &session.account,
            &Terms::default(),
            now,
        );
        if !owned {
            return Err(Refusal::new(Reason::Bug, "the query id is taken"));
        }
        let kept = Arc::clone(&held);
        let standing = case::Standing::of(&hold);
        let operation = Operation::Query(Box::new(query.clone()));
        tokio::spawn(case.drive(kept, standing, operation));
    }
    let operation = Operation::Query(Box::new(query));
    let answer = Box::pin(attend(services, &held, &operation, exchange)).await;
    exchange.held(&hold, held.ask().as_ref());
    answer
}

/// Asks for someone whose driver cannot wait: they come again when people have decided.
///
/// Such a driver's program ends with the denial, and its next run has another session. So the ask
/// is bound to the principal and the account instead; all else is as for those who wait: the exact
/// statement, once, under the same policies.
async fn without_waiting(
    case: Case,
    hold: policy::Hold,
    exchange: &mut Exchange,
) -> Result<Masked, Refusal> {
    let standing = case::Standing::of(&hold);
    let ask = case.file(&standing, asks::Binding::Principal).await?;
    exchange.held(&hold, Some(&ask.id));
    if ask.state == AskState::Approved && ask.policy_version == standing.policy_version {
        return Box::pin(case.run_approved(ask, hold.into_operation())).await;
    }
    case.services.metrics.holds.cannot_wait();
    Err(words::come_again(&standing.message, &ask))
}

/// The statement that an operation is about, when it waits here or its first answer does.
pub(super) fn of(caller: &Caller, services: &Services, operation: &Operation) -> Option<Arc<Held>> {
    let session = caller.session()?;
    let holds = &services.state.holds;
    match operation {
        Operation::Query(query) => holds.by_request(session.id, &query.request_id),
        Operation::Result(id)
        | Operation::Monitor(id)
        | Operation::Abort(Abort::Query(id))
        | Operation::ApiResult { handle: id, .. }
        | Operation::ApiCancel(id) => holds.by_id(id),
        Operation::Abort(Abort::Request(request)) => {
            let held = holds.by_request(session.id, request);
            // The upstream knows it by the same request id.
            held.filter(|held| held.upstream().is_none())
        }
        Operation::Login(_)
        | Operation::Renew
        | Operation::Heartbeat
        | Operation::Close
        | Operation::Telemetry
        | Operation::Chunk { .. } => None,
    }
}

/// Answers an operation on a statement that waits here.
pub(super) async fn attend(
    services: &Arc<Services>,
    held: &Arc<Held>,
    operation: &Operation,
    exchange: &mut Exchange,
) -> Result<Masked, Refusal> {
    exchange.begins(Stage::Hold);
    exchange.shown_as(held.id.clone());
    // Its first answer is in the form of the way that it came.
    if held.api != operation.is_api() {
        return Err(words::other_way(held.api));
    }
    match operation {
        Operation::Monitor(_) => Ok(mask::ours(monitored(held))),
        Operation::Abort(_) | Operation::ApiCancel(_) => Box::pin(cancel(services, held)).await,
        // Until the first answer was fetched there is no other.
        Operation::ApiResult { partition: 1.., .. } => Ok(in_progress(held)),
        Operation::Query(query) => poll(services, held, is_detached(query)).await,
        Operation::Result(_)
        | Operation::ApiResult { partition: 0, .. }
        | Operation::Login(_)
        | Operation::Renew
        | Operation::Heartbeat
        | Operation::Close
        | Operation::Telemetry
        | Operation::Chunk { .. } => poll(services, held, false).await,
    }
}

/// Whoever sends an asynchronous statement waits for its id and no longer.
fn is_detached(query: &Query) -> bool {
    query.asynchronous
}

/// Keeps a request waiting, for as long as a driver bears, for the statement's next step.
async fn poll(services: &Services, held: &Arc<Held>, is_detached: bool) -> Result<Masked, Refusal> {
    let _attending = Attending::new(held);
    let until = Instant::now() + services.config.limits.hold_poll;
    let mut changes = held.changes();
    loop {
        let told = held.tell();
        let is_asked = is_detached && held.ask().is_some();
        match told {
            Told::Answer(answer) => return Ok(answer),
            Told::Ended(refusal) => return Err(refusal),
            // The next poll is translated and goes there.
            Told::Elsewhere if held.upstream().is_some() => return Ok(in_progress(held)),
            Told::Elsewhere => {
                return Err(Refusal::new(
                    Reason::NotExecuting,
                    "the statement's answer had no query id and was handed out already",
                ));
            }
            Told::InProgress if is_asked => return Ok(in_progress(held)),
            Told::InProgress => {}
        }
        // Cancel-safe; `held` has the sender, so a change is one.
        tokio::select! {
            _changed = changes.changed() => {}
            () = tokio::time::sleep_until(until) => return Ok(in_progress(held)),
        }
    }
}

fn in_progress(held: &Held) -> Masked {
    let hint = words::hint(held.ask().as_ref());
    if held.api {
        return mask::ours_api(202, api::in_progress(&held.id, &hint));
    }
    mask::ours(progress::in_progress(&held.id, held.asynchronous, &hint))
}

fn monitored(held: &Held) -> Vec<u8> {
    let Some(refusal) = held.end_of() else {
        return progress::monitored(&held.id, Standing::Waiting);
    };
    let (code, _) = refusal.code();
    let message = refusal.public_message();
    let message = &message;
    progress::monitored(&held.id, Standing::Failed { code, message })
}

async fn cancel(services: &Arc<Services>, held: &Arc<Held>) -> Result<Masked, Refusal> {
    let done = || match held.api {
        true => mask::ours_api(200, api::cancelled(&held.id)),
        false => mask::ours(crate::snowflake::error::done()),
    };
    match held.cancel(words::cancelled()) {
        Cancelled::Ended => Ok(done()),
        Cancelled::Sent => {
            let session = services.sessions.by_id(held.session);
            let running = services
                .state
                .running
                .list()
                .into_iter()
                .find(|it| it.session == held.session && it.request == held.request);
            let (Some(_), Some(statement)) = (session, running) else {
                return Err(words::not_executing());
            };
            Box::pin(judge::abort(services, &statement)).await?;
            Ok(done())
        }
        Cancelled::NotExecuting => Err(words::not_executing()),
    }
}

/// Ends the workload of a statement that policy denies, where policy says so.
pub(super) fn kill(connection: &Connection, services: &Services, denial: &Denial) {
    if !denial.kill {
        return;
    }
    let workload = &connection.principal.workload;
    match services.state.freezer.kill(&workload.anchor) {
        Ok(()) => {
            services.metrics.holds.killed();
            tracing::warn!(
                workload = workload.name,
                cgroup = workload.anchor,
                policies = ?denial.policies,
                "workload killed, as policy says"
            );
        }
        Err(error) => {
            tracing::error!(error = %ErrorChain(&error), "workload not killed");
        }
    }
}

/// Ends what waits in a session that is no more.
pub(super) fn forget(services: &Services, session: session::SessionId) {
    for held in services.state.holds.open_ones() {
        if held.session == session {
            held.end(words::session_closed());
        }
    }
}

/// Ends everything that waits, and returns once nobody is frozen and no ask is left open.
pub(super) async fn stop(services: &Services) {
    for held in services.state.holds.open_ones() {
        held.end(words::stopping());
    }
    let mut driven = services.state.driven.subscribe();
    let over = driven.wait_for(|count| *count == 0);
    if tokio::time::timeout(STOP_LIMIT, over).await.is_err() {
        tracing::warn!("statements were still being sent when the daemon stopped");
    }
}

/// What is not over by then waits for the upstream, whose answer nobody would get.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// A request waits, until it is answered or its connection breaks.
struct Attending(Arc<Held>);

impl Attending {
    fn new(held: &Arc<Held>) -> Self {
        held.attend();
        Self(Arc::clone(held))
    }
}

impl Drop for Attending {
    fn drop(&mut self) {
        self.0.leave(Instant::now());
    }
}

/// What the session of an ask is called: ids of sessions begin anew with every start.
fn session_name(services: &Services, session: &Session) -> String {
    format!("{}-{}", services.state.start, session.id)
}
