//! What was judged before is judged again: when policies, grants or decisions change.
//!
//! Statements that wait listen to [`State::again`](super::services::State) themselves. Here are
//! those that run, and the sessions. A statement that has lost its right is aborted at Snowflake,
//! as an operation of ours that is decided and recorded like any other; a session whose login would
//! be denied is closed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::hold;
use super::login;
use super::refusal::{Reason, Refusal};
use super::running::{Judged, Statement};
use super::services::{Services, Session};
use super::{api, chunk};
use crate::access::AccessError;
use crate::clock;
use crate::identity::PrincipalKey;
use crate::policy::{self, Demand, Judgement, PolicySet, Usage};
use crate::record::event::Closing;
use crate::session::SessionId;
use crate::shutdown::Shutdown;
use crate::snowflake::{Abort, Operation};
use crate::telemetry::ErrorChain;

/// What a principal may at this moment, whatever it is asked about.
#[derive(Debug)]
pub(super) struct Rights {
    roles: Vec<String>,
    /// `None`: as it was when the statement was sent, which is then not counted twice.
    usage: Option<Usage>,
}

impl Rights {
    /// Those for something that has not been sent.
    ///
    /// # Errors
    /// The store fails, and nothing may be sent.
    pub(super) async fn fresh(
        services: &Services,
        session: &Session,
        now: Timestamp,
    ) -> Result<Self, AccessError> {
        Ok(Self {
            roles: roles(services, &session.key, &session.account, now).await,
            usage: Some(services.desk.usage(&session.key, now).await?),
        })
    }

    /// The same question, by these rights.
    pub(super) fn of<'a>(
        &'a self,
        question: policy::Question<'a>,
        approved: bool,
    ) -> policy::Question<'a> {
        policy::Question {
            roles: &self.roles,
            usage: self.usage.unwrap_or(question.usage),
            approved,
            ..question
        }
    }
}

/// The roles of now; without the store there are none.
async fn roles(
    services: &Services,
    key: &PrincipalKey,
    account: &str,
    now: Timestamp,
) -> Vec<String> {
    or_none(services.desk.roles(key, account, now).await)
}

fn or_none(found: Result<Vec<String>, AccessError>) -> Vec<String> {
    found.unwrap_or_else(|error| {
        tracing::error!(error = %ErrorChain(&error), "judged without roles");
        Vec::new()
    })
}

/// Judges a statement by its facts; `None` when it has none, which nobody permits.
pub(super) fn statement(
    policies: &PolicySet,
    question: &policy::Question<'_>,
) -> Option<Arc<Judgement>> {
    let facts = question.facts?;
    Some(policy::decide(policies, question, Demand::Statement(facts)))
}

/// By what each open session's login was judged.
#[derive(Debug, Default)]
pub(super) struct Logins(Mutex<HashMap<SessionId, Judged>>);

impl Logins {
    /// As many as there are sessions, which are limited.
    pub(super) fn keep(&self, session: SessionId, judged: Judged) {
        self.lock().insert(session, judged);
    }

    pub(super) fn forget(&self, session: SessionId) {
        self.lock().remove(&session);
    }

    fn list(&self) -> Vec<(SessionId, Judged)> {
        let logins = self.lock();
        logins.iter().map(|(id, it)| (*id, it.clone())).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SessionId, Judged>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Judges again whatever changes, until the daemon ends; then nothing waits any more.
pub async fn judge_again(services: Arc<Services>, mut shutdown: Shutdown) {
    let mut desk = services.desk.changes();
    let mut policies = services.policies.changes();
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    loop {
        // All arms are cancel-safe.
        let changed = tokio::select! {
            () = shutdown.wait() => break,
            changed = desk.changed() => changed.is_ok(),
            changed = policies.changed() => {
                void_old_asks(&services).await;
                changed.is_ok()
            }
            _ = sweep.tick() => false,
        };
        if changed {
            services
                .state
                .again
                .send_modify(|times| *times = times.wrapping_add(1));
            each_session(&services).await;
            each_statement(&services).await;
        } else {
            services.state.holds.sweep(tokio::time::Instant::now());
        }
    }
    hold::stop(&services).await;
}

/// What is let go of when nobody came for it is so some seconds later.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// Approvals that were asked for under other policies can be used no more.
async fn void_old_asks(services: &Services) {
    let policies = services.policies.snapshot();
    let done = services
        .desk
        .void_other_versions(policies.version(), clock::now())
        .await;
    if let Err(error) = done {
        // They are not used either: each is compared with the policies in force.
        tracing::error!(error = %ErrorChain(&error), "asks under old policies not marked as void");
    }
}

async fn each_session(services: &Arc<Services>) {
    for (id, judged) in services.state.logins.list() {
        let (now, session) = (clock::now(), &judged.session);
        // That it is open is no use of a grant.
        let found = services
            .desk
            .roles_at_hand(&session.key, &session.account, now);
        let rights = Rights {
            roles: or_none(found.await),
            usage: None,
        };
        let policies = services.policies.snapshot();
        let question = rights.of(judged.question.view(&judged.connection), false);
        let judgement = policy::decide(&policies, &question, Demand::Login);
        let Some(message) = against(&judgement) else {
            continue;
        };
        services.metrics.holds.sessions_closed.inc();
        tracing::warn!(
            session = %id,
            workload = judged.connection.principal.workload.name,
            message,
            "session closed: its login is no longer permitted"
        );
        login::close(services, id, Closing::Revoked).await;
    }
}

async fn each_statement(services: &Arc<Services>) {
    let mut roles_of: HashMap<(PrincipalKey, String), Vec<String>> = HashMap::new();
    let mut aborts = JoinSet::new();
    for statement in services.state.running.list() {
        if statement.is_lost() {
            continue;
        }
        let judged = &statement.case;
        let key = (judged.session.key.clone(), judged.session.account.clone());
        let now = clock::now();
        if !roles_of.contains_key(&key) {
            let found = roles(services, &key.0, &key.1, now).await;
            roles_of.insert(key.clone(), found);
        }
        let rights = Rights {
            roles: roles_of.get(&key).cloned().unwrap_or_default(),
            usage: None,
        };
        let policies = services.policies.snapshot();
        let question = rights.of(judged.question.view(&judged.connection), judged.approved);
        let judgement = self::statement(&policies, &question);
        let message = match judgement.as_deref() {
            Some(judgement) => against(judgement),
            None => Some("the statement was not analysed"),
        };
        if let Some(message) = message {
            while aborts.len() >= ABORTS_AT_ONCE {
                aborts.join_next().await;
            }
            let (services, message) = (Arc::clone(services), message.to_owned());
            let work = async move { revoke(&services, &statement, &message).await };
            aborts.spawn(Box::pin(work));
        }
        // A thousand of them must not keep a worker from serving.
        tokio::task::yield_now().await;
    }
    while aborts.join_next().await.is_some() {}
}

/// A reload may stop everything at once, which must not fall upon the account host together.
const ABORTS_AT_ONCE: usize = 16;

/// Why something that was allowed would not be now.
fn against(judgement: &Judgement) -> Option<&str> {
    match judgement {
        Judgement::Allow { .. } => None,
        Judgement::Hold { message, .. } => Some(message),
        Judgement::Deny(denial) => Some(&denial.message),
    }
}

/// Tells its client, and stops it at Snowflake.
async fn revoke(services: &Arc<Services>, statement: &Arc<Statement>, message: &str) {
    let text =
        format!("the statement was stopped while it ran, because its right ended: {message}");
    if !statement.lose(Refusal::new(Reason::RightLost, text)) {
        return;
    }
    services.metrics.holds.statements_stopped.inc();
    tracing::warn!(
        session = %statement.session,
        workload = statement.case.connection.principal.workload.name,
        message,
        "statement stopped: it is no longer permitted"
    );
    // Its refusal says so in the log and the record; one that has ended is as good as stopped.
    drop(Box::pin(abort(services, statement)).await);
}

/// Cancels a statement at Snowflake: an operation of ours.
///
/// # Errors
/// It was not recorded, or Snowflake could not be reached.
pub(super) async fn abort(
    services: &Arc<Services>,
    statement: &Arc<Statement>,
) -> Result<(), Refusal> {
    let Judged {
        connection,
        session,
        ..
    } = &statement.case;
    let handle = services.state.running.query_of(statement);
    let operation = match handle.filter(|_| statement.case.question.via_api) {
        Some(handle) => Operation::ApiCancel(handle),
        None => Operation::Abort(Abort::Request(statement.request.clone())),
    };
    let decided = chunk::decide(connection, services, session, operation, None);
    let (recorded, exchange) = Box::pin(decided).await?;
    let sending = api::send(services, session, recorded, "");
    let sent = Box::pin(sending).await;
    exchange.end(sent.map(drop).map_err(Refusal::from))
}
