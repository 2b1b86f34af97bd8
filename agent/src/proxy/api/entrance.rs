//! The sessions that stand behind requests of the SQL API.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::super::caller::{Caller, Newcomer};
use super::super::connection::Connection;
use super::super::opening::Exchange;
use super::super::refusal::{Reason, Refusal};
use super::super::services::{Services, Session};
use super::super::{hold, login, running};
use crate::identity::PrincipalKey;
use crate::policy::{self, Verdict};
use crate::record::event::Closing;
use crate::session::SessionId;
use crate::snowflake::{Login, Operation};

/// A session of ours lives for four hours without a renewal: one that is used is renewed once an
/// hour, so one that is idle ends after three to four.
const RENEW_EVERY: Duration = Duration::from_secs(3600);
/// Sessions are limited where all are; this bounds what is remembered of logins that failed.
const DOORS_MAX: usize = 4096;
/// What such a login calls itself, to Snowflake and to policies (`context.client`).
const CLIENT: &str = "SQLAPI";

/// For whom a session is kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Door {
    pub(super) key: PrincipalKey,
    pub(super) host: String,
    pub(super) credential: String,
    pub(super) role: Option<String>,
}

#[derive(Debug)]
pub(super) struct Inside {
    session: SessionId,
    renewed: Instant,
}

/// Locked while its session is opened, so that several first requests make one login.
pub(super) type Slot = Arc<tokio::sync::Mutex<Option<Inside>>>;

/// The sessions that stand behind requests of the SQL API.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Entrances(Mutex<HashMap<Door, Slot>>);

impl Entrances {
    pub(super) fn slot(&self, door: Door, services: &Services) -> Result<Slot, Refusal> {
        let mut doors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if doors.len() >= DOORS_MAX && !doors.contains_key(&door) {
            doors.retain(|_, slot| {
                let Ok(inside) = slot.try_lock() else {
                    return true;
                };
                let session = inside.as_ref().map(|inside| inside.session);
                session.is_some_and(|id| services.sessions.by_id(id).is_some())
            });
            if doors.len() >= DOORS_MAX {
                return Err(Refusal::new(
                    Reason::LimitReached,
                    "the limit of sessions behind the SQL API is reached; try again later",
                ));
            }
        }
        Ok(Arc::clone(doors.entry(door).or_default()))
    }

    /// The role of any session that is open for the same principal and credential: results are the
    /// user's, whatever the role.
    pub(super) fn open_role(&self, door: &Door) -> Option<Option<String>> {
        let doors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |other: &Door| {
            (&other.key, &other.host, &other.credential)
                == (&door.key, &door.host, &door.credential)
        };
        doors
            .iter()
            .filter(|(other, _)| is_same(other))
            .find(|(_, slot)| slot.try_lock().is_ok_and(|inside| inside.is_some()))
            .map(|(other, _)| other.role.clone())
    }
}

/// The session of a slot, opened if it is not there, or no more.
pub(super) async fn session(
    connection: &Arc<Connection>,
    services: &Arc<Services>,
    newcomer: Newcomer,
    role: Option<String>,
    slot: &Slot,
) -> Result<Arc<Session>, Refusal> {
    let mut slot = slot.lock().await;
    let now = Instant::now();
    if let Some(inside) = slot.as_mut()
        && let Some(session) = services.sessions.by_id(inside.session)
    {
        if !session.upstream.is_lost() {
            if now.duration_since(inside.renewed) >= RENEW_EVERY {
                // Nobody has its tokens: only their time matters.
                drop(services.sessions.renew(session.id, now));
                inside.renewed = now;
            }
            return Ok(session);
        }
        login::close(services, session.id, Closing::Lost).await;
    }
    *slot = None;
    let session = log_in(connection, services, newcomer, role).await?;
    *slot = Some(Inside {
        session: session.id,
        renewed: now,
    });
    Ok(session)
}

/// Logs in for a request: an operation of its own, judged and recorded like a client's.
async fn log_in(
    connection: &Arc<Connection>,
    services: &Arc<Services>,
    newcomer: Newcomer,
    role: Option<String>,
) -> Result<Arc<Session>, Refusal> {
    let operation = Operation::Login(Box::new(Login {
        user: Some(newcomer.credential.name.clone()),
        role,
        ..Login::of_ours(CLIENT)
    }));
    let mut exchange = Exchange::open(connection, services);
    exchange.asks(&operation);
    let caller = Caller::Newcomer(Box::new(newcomer));
    exchange.called_by(&caller);
    let outcome = Box::pin(open(connection, services, caller, operation, &mut exchange)).await;
    exchange.end(outcome)
}

async fn open(
    connection: &Arc<Connection>,
    services: &Arc<Services>,
    caller: Caller,
    operation: Operation,
    exchange: &mut Exchange,
) -> Result<Arc<Session>, Refusal> {
    let (question, operation) = caller.question(connection, services, operation).await?;
    let question = Arc::new(question);
    let policies = services.policies.snapshot();
    let verdict = policy::evaluate(&policies, &question.view(connection), operation);
    services.metrics.verdict(&verdict);
    let permit = match verdict {
        Verdict::Allow(permit) => permit,
        Verdict::Hold(hold) => {
            exchange.held(&hold, None);
            let text = format!("{}; nobody can be asked about a login", hold.message);
            return Err(Refusal::new(Reason::ApprovalNeeded, text));
        }
        Verdict::Deny(denial) => {
            exchange.denied(&denial);
            hold::kill(connection, services, &denial);
            return Err(Refusal::new(Reason::DeniedByPolicy, denial.message));
        }
    };
    let recorded = exchange.decided(permit).await?;
    // The answer has our tokens, which nobody gets: the session is found by whose it is.
    let work = running::perform(
        connection, services, caller, &question, false, recorded, exchange,
    );
    drop(Box::pin(work).await?);
    exchange
        .opened_session()
        .and_then(|id| services.sessions.by_id(id))
        .ok_or_else(|| {
            Refusal::new(
                Reason::UpstreamSessionLost,
                "the session behind the SQL API was closed at once; try again",
            )
        })
}
