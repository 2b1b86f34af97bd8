//! One statement that waits, from its ask to its end: the only task that files, judges and sends.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::super::caller::Caller;
use super::super::connection::Connection;
use super::super::judge::{self, Rights};
use super::super::opening::Exchange;
use super::super::question::Question;
use super::super::refusal::{Reason, Refusal};
use super::super::running;
use super::super::services::{Services, Session};
use super::asks::Binding;
use super::metrics::Outcome;
use super::{Held, words};
use crate::access::{AccessError, Ask, AskState};
use crate::clock;
use crate::mask::Masked;
use crate::policy::{self, Judgement, Permit, Terms, Verdict};
use crate::snowflake::Operation;
use crate::telemetry::ErrorChain;

/// When the store could not be read: how soon it is asked again.
const STORE_AGAIN: Duration = Duration::from_secs(30);

/// A statement with all that it is judged by.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Case {
    pub(super) connection: Arc<Connection>,
    pub(super) services: Arc<Services>,
    pub(super) session: Arc<Session>,
    pub(super) question: Arc<Question>,
    /// Of the statement with its bindings, in hexadecimal.
    pub(super) digest: String,
    /// What an approver is shown of it.
    pub(super) text: String,
}

/// What policy says of a statement while it waits.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) terms: Terms,
    pub(super) policy_version: String,
    pub(super) message: String,
}

impl Standing {
    pub(super) fn of(hold: &policy::Hold) -> Self {
        Self {
            terms: hold.terms.clone(),
            policy_version: hold.policy_version.clone(),
            message: hold.message.clone(),
        }
    }
}

/// What is to be done with a statement that waited.
enum Next {
    /// The policies are others now: people are asked again.
    File(Standing),
    /// By the approval, or because policy allows it without one.
    Send(Option<Box<Ask>>),
    End(Refusal),
}

/// Counts a wait as over, also when its task is cancelled.
struct Driven<'a>(&'a Services);

impl<'a> Driven<'a> {
    fn new(services: &'a Services) -> Self {
        services.state.driven.send_modify(|count| *count += 1);
        Self(services)
    }
}

impl Drop for Driven<'_> {
    fn drop(&mut self) {
        let driven = &self.0.state.driven;
        driven.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl Case {
    /// Waits for the decision and does what it says.
    pub(super) async fn drive(self, held: Arc<Held>, standing: Standing, operation: Operation) {
        let services = Arc::clone(&self.services);
        let _driven = Driven::new(&services);
        services.metrics.holds.opened();
        let outcome = Box::pin(self.wait(&held, standing, operation)).await;
        let seconds = held.since.elapsed().as_secs_f64();
        services.metrics.holds.ended(outcome, seconds);
        tracing::info!(
            query = held.id.as_str(),
            ask = held.ask().map(|ask| ask.0),
            workload = held.workload,
            session = %held.session,
            outcome = outcome.label(),
            seconds,
            "a statement waits no longer for approval"
        );
    }

    async fn wait(
        &self,
        held: &Arc<Held>,
        mut standing: Standing,
        operation: Operation,
    ) -> Outcome {
        loop {
            // A decision that is dropped has sent nothing: the ask is withdrawn below.
            let next = tokio::select! {
                biased;
                refusal = ended(held) => Next::End(refusal),
                next = self.decide(held, &standing) => next,
            };
            match next {
                Next::File(changed) => standing = changed,
                Next::End(refusal) => {
                    let outcome = Outcome::of(refusal.reason());
                    held.end(refusal);
                    self.withdraw(held).await;
                    return outcome;
                }
                Next::Send(ask) => {
                    // From here on nobody else can end it; whoever was first is heard above.
                    if !held.send() {
                        continue;
                    }
                    let used = match &ask {
                        Some(ask) => self.consume(ask).await,
                        None => {
                            self.withdraw(held).await;
                            None
                        }
                    };
                    if ask.is_some() == used.is_some() {
                        return self.send(held, used, operation).await;
                    }
                    held.wait_again();
                }
            }
        }
    }

    /// Files an ask and waits until something is to be done.
    async fn decide(&self, held: &Arc<Held>, standing: &Standing) -> Next {
        let mut again = self.services.state.again.subscribe();
        let ask = match self.file(standing, Binding::Session).await {
            Ok(ask) => ask,
            Err(refusal) => return Next::End(refusal),
        };
        held.waits_for(&ask.id);
        let _frozen = match standing.terms.freeze {
            true => self.freeze(held).await,
            false => None,
        };
        loop {
            again.mark_unchanged();
            match self.look(standing, &ask).await {
                Ok(Some(next)) => return next,
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(error = %ErrorChain(&error), ask = %ask.id, "ask not read");
                }
            }
            let gone = held.gone_at();
            if gone.is_some_and(|gone| gone <= Instant::now()) {
                return Next::End(words::gone());
            }
            let mut changes = held.changes();
            let expires = tokio::time::sleep(until(ask.expires).min(STORE_AGAIN));
            // All are cancel-safe. A request that comes or goes moves the time of being gone.
            tokio::select! {
                _changed = again.changed() => {}
                _changed = changes.changed() => {}
                () = expires => {}
                () = sleep_until(gone) => {}
            }
        }
    }

    /// Judges again under the policies, grants and votes of now.
    async fn look(&self, standing: &Standing, ask: &Ask) -> Result<Option<Next>, AccessError> {
        let services = &self.services;
        let now = clock::now();
        let rights = Rights::fresh(services, &self.session, now).await?;
        let policies = services.policies.snapshot();
        let question = rights.of(self.question.view(&self.connection), false);
        let judgement = judge::statement(&policies, &question);
        let changed = match judgement.as_deref() {
            Some(Judgement::Allow { .. }) => return Ok(Some(Next::Send(None))),
            Some(Judgement::Hold { terms, message, .. }) => Standing {
                terms: terms.clone(),
                policy_version: policies.version().to_owned(),
                message: message.clone(),
            },
            Some(Judgement::Deny(denial)) => {
                let refusal = Refusal::new(Reason::DeniedByPolicy, denial.message.clone());
                return Ok(Some(Next::End(refusal)));
            }
            None => return Ok(Some(Next::End(words::unavailable()))),
        };
        if changed.policy_version != standing.policy_version
            || ask.policy_version != standing.policy_version
        {
            services.desk.withdraw(&ask.id, now).await?;
            return Ok(Some(Next::File(changed)));
        }
        let ask = services.desk.find(&ask.id).await?;
        Ok(match ask.state {
            AskState::Open if ask.expires > now => None,
            AskState::Open | AskState::Expired => Some(Next::End(words::expired(&ask))),
            AskState::Approved => Some(Next::Send(Some(Box::new(ask)))),
            AskState::Denied => Some(Next::End(words::denied(&ask))),
            // By its asker: whoever of us takes an ask back knows that nobody else waits under it.
            AskState::Withdrawn => Some(Next::End(words::withdrawn(&ask))),
            // Used by another execution of the same statement, which joined the same ask.
            AskState::Void | AskState::Used => Some(Next::File(changed)),
        })
    }

    /// Uses the approval up, once. `None` when it cannot be used: it is void by now, expired, or
    /// another execution of the same statement was first.
    async fn consume(&self, ask: &Ask) -> Option<Ask> {
        let desk = &self.services.desk;
        let used = desk.consume(&ask.id, &self.digest, clock::now()).await;
        used.inspect_err(|error| {
            tracing::warn!(error = %ErrorChain(error), ask = %ask.id, "approval not used");
        })
        .ok()
    }

    /// Sends the statement, which is judged and recorded as every other.
    async fn send(&self, held: &Arc<Held>, ask: Option<Ask>, operation: Operation) -> Outcome {
        let mut exchange = Exchange::open(&self.connection, &self.services);
        exchange.shown_as(held.id.clone());
        let outcome = Box::pin(self.perform(&mut exchange, ask.as_ref(), operation)).await;
        let upstream = exchange.query_id().cloned();
        let outcome = exchange.end(outcome);
        let label = match (&outcome, &ask) {
            (Ok(_), Some(_)) => Outcome::Approved,
            (Ok(_), None) => Outcome::Allowed,
            (Err(refusal), _) => Outcome::of(refusal.reason()),
        };
        held.sent(upstream, outcome);
        label
    }

    async fn perform(
        &self,
        exchange: &mut Exchange,
        ask: Option<&Ask>,
        operation: Operation,
    ) -> Result<Masked, Refusal> {
        self.question.resume(&self.services, &self.session).await?;
        let outcome = Box::pin(self.perform_in_turn(exchange, ask, operation)).await;
        // Refused before it was sent, it still has its turn.
        self.question.pause();
        outcome
    }

    async fn perform_in_turn(
        &self,
        exchange: &mut Exchange,
        ask: Option<&Ask>,
        operation: Operation,
    ) -> Result<Masked, Refusal> {
        let permit = self.permit(exchange, ask, operation).await?;
        let recorded = exchange.decided(permit).await?;
        Box::pin(running::perform(
            &self.connection,
            &self.services,
            Caller::Known(Arc::clone(&self.session)),
            &self.question,
            ask.is_some(),
            recorded,
            exchange,
        ))
        .await
    }

    /// Judges what is about to be sent under the policies in force now.
    async fn permit(
        &self,
        exchange: &mut Exchange,
        ask: Option<&Ask>,
        operation: Operation,
    ) -> Result<Permit, Refusal> {
        exchange.asks(&operation);
        exchange.belongs_to(&self.session);
        exchange.found(&self.question);
        let rights = Rights::fresh(&self.services, &self.session, clock::now())
            .await
            .map_err(|error| {
                tracing::error!(error = %ErrorChain(&error), "not judged again");
                words::unavailable()
            })?;
        let policies = self.services.policies.snapshot();
        let question = rights.of(self.question.view(&self.connection), ask.is_some());
        if let Some(ask) = ask {
            exchange.approved(ask);
            // A reload may have come between the look at the ask and its use.
            if ask.policy_version != policies.version() {
                return Err(Refusal::new(
                    Reason::ApprovalDenied,
                    format!(
                        "the policies changed when {} had just been approved, which makes the \
                         approval void; send the statement again",
                        ask.id
                    ),
                ));
            }
        }
        match policy::evaluate(&policies, &question, operation) {
            Verdict::Allow(permit) => Ok(permit),
            Verdict::Hold(hold) => Err(Refusal::new(Reason::DeniedByPolicy, hold.message)),
            Verdict::Deny(denial) => {
                exchange.denied(&denial);
                Err(Refusal::new(Reason::DeniedByPolicy, denial.message))
            }
        }
    }

    /// Runs a statement at once whose approval came before it.
    pub(super) async fn run_approved(
        &self,
        ask: Ask,
        operation: Operation,
    ) -> Result<Masked, Refusal> {
        let used = self.consume(&ask).await;
        let ask = used.ok_or_else(|| {
            let text = "the approval was used meanwhile; run the statement again to ask again";
            Refusal::new(Reason::ApprovalNeeded, format!("{}; {text}", ask.message))
        })?;
        let mut exchange = Exchange::open(&self.connection, &self.services);
        let outcome = Box::pin(self.perform(&mut exchange, Some(&ask), operation)).await;
        exchange.end(outcome)
    }
}

/// Waits until someone else ends it.
async fn ended(held: &Held) -> Refusal {
    let mut changes = held.changes();
    loop {
        if let Some(refusal) = held.end_of() {
            return refusal;
        }
        // We hold the sender.
        let _changed = changes.changed().await;
    }
}

async fn sleep_until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// How long it is until a time; nothing when it has passed.
fn until(time: Timestamp) -> Duration {
    Duration::try_from(time.duration_since(clock::now())).unwrap_or_default()
}
