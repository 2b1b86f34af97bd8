//! What policy is asked: the facts of a statement in its session's state, and the principal's
//! standing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::connection::Connection;
use super::lookup;
use super::refusal::{Reason, Refusal};
use super::services::{Services, Session};
use crate::access::Running;
use crate::catalog::{Place, View};
use crate::clock;
use crate::policy;
use crate::session::state::{Course, Snapshot, Turn, goes_alone};
use crate::session::{Judged, Owned};
use crate::snowflake::{Operation, Query};
use crate::sql::context::NO_SESSION;
use crate::sql::{Context, Facts, SessionState};
use crate::telemetry::ErrorChain;

/// What policy is asked.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) account: String,
    pub(super) credential: String,
    pub(super) client: String,
    pub(super) judged: Option<Arc<Judged>>,
    pub(super) standing: Standing,
    /// Whether people have approved exactly this.
    pub(super) approved: bool,
    /// `None` while the statement waits for people, and once it is sent.
    pub(super) going: Mutex<Option<Going>>,
    /// The statement's request id is new.
    pub(super) fresh: bool,
    /// It came through the SQL API: there it is cancelled, too.
    pub(super) via_api: bool,
}

/// A statement that is on its way.
#[derive(Debug)]
pub(super) struct Going {
    /// The right to send with the state that was judged by.
    pub(super) turn: Turn,
    /// It counts as one that runs.
    pub(super) running: Running,
}

/// What a principal has: roles that were granted to it, and what it has used of its budgets.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    roles: Vec<String>,
    usage: policy::Usage,
}

impl Question {
    /// For an operation that goes on with what the session has: its result, its chunks.
    pub(super) fn without_facts(session: &Session) -> Self {
        Self {
            account: session.account.clone(),
            credential: session.credential.clone(),
            client: session.client.clone(),
            judged: None,
            standing: Standing::default(),
            approved: false,
            going: Mutex::default(),
            fresh: false,
            via_api: false,
        }
    }

    pub(super) fn facts(&self) -> Option<&Facts> {
        self.judged.as_ref().map(|judged| &judged.facts)
    }

    pub(super) fn view<'a>(&'a self, connection: &'a Connection) -> policy::Question<'a> {
        let judged = self.judged.as_ref();
        policy::Question {
            principal: &connection.principal,
            account: &self.account,
            credential: Some(&self.credential),
            client: &self.client,
            facts: self.facts(),
            session: judged.map_or(&NO_SESSION, |judged| &*judged.session),
            roles: &self.standing.roles,
            usage: self.standing.usage,
            approved: self.approved,
            mode: connection.mode,
            now: clock::now(),
        }
    }

    /// Lets other statements of the session go while this one waits for people.
    pub(super) fn pause(&self) {
        drop(self.take());
    }

    fn take(&self) -> Option<Going> {
        self.going().take()
    }

    fn going(&self) -> MutexGuard<'_, Option<Going>> {
        self.going.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a turn again after a wait.
    ///
    /// # Errors
    /// The session's state is not the one that was judged by, so the statement may mean something
    /// else.
    pub(super) async fn resume(
        &self,
        services: &Services,
        session: &Session,
    ) -> Result<(), Refusal> {
        let Some(judged) = self.judged.as_ref().filter(|_| self.going().is_none()) else {
            return Ok(());
        };
        let turn = take_turn(session, goes_alone(&judged.facts)).await?;
        let snapshot = session.state.snapshot(Instant::now());
        if snapshot.session != judged.session {
            return Err(Refusal::new(
                Reason::SessionBusy,
                "the session's database, schema, role or variables changed while the statement \
                 waited, so it may mean something else than what was approved; run it again",
            ));
        }
        let running = services.desk.enter(&session.key);
        *self.going() = Some(Going { turn, running });
        Ok(())
    }

    /// Begins the statement in its session; called once, before it is sent.
    pub(super) fn begin(
        &self,
        session: &Session,
        operation: &Operation,
    ) -> Option<(Course, Running)> {
        let (Operation::Query(query), Some(judged)) = (operation, &self.judged) else {
            return None;
        };
        let Going { turn, running } = self.take()?;
        let course = Course::begin(&session.state, turn, query, &judged.facts, self.fresh);
        Some((course, running))
    }
}

/// Analyses a statement in the state of its session; `None` when analysis failed, and then policy
/// refuses.
pub(super) async fn analyse(
    connection: &Connection,
    services: &Arc<Services>,
    session: &Arc<Session>,
    query: &Query,
) -> Result<Option<(Judged, Turn)>, Refusal> {
    let mut alone = false;
    let mut turn = take_turn(session, alone).await?;
    let mut sight = Sight::clear(connection, services, session, query).await;
    let Some(mut facts) = sight.look(services, query).await? else {
        return Ok(None);
    };
    if goes_alone(&facts) {
        alone = true;
        drop(turn);
        turn = take_turn(session, alone).await?;
        // Another statement may have changed the state between the turns.
        sight = Sight::clear(connection, services, session, query).await;
        let Some(found) = sight.look(services, query).await? else {
            return Ok(None);
        };
        facts = found;
    }
    let found = lookup::complete(connection, services, session, &sight, query, facts).await?;
    match found {
        Some(facts) if goes_alone(&facts) && !alone => Err(Refusal::new(
            Reason::SessionBusy,
            "what the statement does to its session changed while it was analysed; run it again",
        )),
        Some(facts) => {
            let session = Arc::clone(&sight.snapshot.session);
            Ok(Some((Judged { facts, session }, turn)))
        }
        None => Ok(None),
    }
}

/// What a statement is analysed with.
#[derive(Debug)]
pub(super) struct Sight {
    pub(super) snapshot: Snapshot,
    pub(super) view: View,
    results: Arc<Owned>,
}

impl Sight {
    /// What is known, after asking Snowflake where the session stands if that was lost. Called with
    /// a turn, so nothing changes it meanwhile.
    async fn clear(
        connection: &Connection,
        services: &Arc<Services>,
        session: &Arc<Session>,
        query: &Query,
    ) -> Self {
        let sight = Self::of(connection, services, session);
        // A question of ours would be the last query that such a statement asks for.
        let asks_for_last = query.text.to_ascii_uppercase().contains("LAST_QUERY_ID");
        let changes = sight.snapshot.changes;
        if !sight.snapshot.astray
            || asks_for_last
            || !lookup::find_session(connection, services, session, changes).await
        {
            return sight;
        }
        Self::of(connection, services, session)
    }

    fn of(connection: &Connection, services: &Services, session: &Arc<Session>) -> Self {
        let now = Instant::now();
        let snapshot = session.state.snapshot(now);
        let place = snapshot.session.role.as_ref().map(|role| Place {
            account: session.account.clone(),
            credential: session.credential.clone(),
            role: role.clone(),
        });
        let view = services
            .catalog
            .view(place, session.id, &session.state, snapshot.changes, now);
        let results = Owned {
            results: services.results.clone(),
            key: connection.key.clone(),
            account: session.account.clone(),
            last: session.state.last(),
        };
        Self {
            snapshot,
            view,
            results: Arc::new(results),
        }
    }

    /// Finds the facts with what is known now.
    pub(super) async fn look(
        &self,
        services: &Services,
        query: &Query,
    ) -> Result<Option<Facts>, Refusal> {
        let is_unknown = self.snapshot.session.quoting_unknown;
        // Where quotes may mean either, both are tried; analysis would understand neither.
        let either = |ignored: bool| {
            let mut session = SessionState::clone(&self.snapshot.session);
            session.quoted_identifiers_ignore_case ^= ignored;
            session.quoting_unknown = false;
            Arc::new(session)
        };
        let mut context = Context {
            session: match is_unknown {
                true => either(false),
                false => Arc::clone(&self.snapshot.session),
            },
            catalog: Arc::new(self.view.clone()),
            results: Arc::clone(&self.results) as Arc<dyn crate::sql::context::Results>,
        };
        let facts = services.analyst.facts(&query.text, &context).await;
        if is_unknown && query.text.contains('"') {
            context.session = either(true);
            if services.analyst.facts(&query.text, &context).await != facts {
                return Err(Refusal::new(
                    Reason::SessionBusy,
                    "the statement's quoted names mean one thing or another by \
                     QUOTED_IDENTIFIERS_IGNORE_CASE, which an earlier statement may have changed; \
                     set it with ALTER SESSION and run the statement again",
                ));
            }
        }
        Ok(facts)
    }
}

async fn take_turn(session: &Session, alone: bool) -> Result<Turn, Refusal> {
    session.state.turn(alone).await.ok_or_else(|| {
        Refusal::new(
            Reason::SessionBusy,
            "another statement of this session, which may change what names mean in it, is still \
             being answered; wait for it, or use a session of your own",
        )
    })
}

/// What the principal has used of its budgets, and its roles. A store that fails costs the roles,
/// and as nobody can say what is left of a budget it refuses.
pub(super) async fn standing(
    connection: &Connection,
    services: &Services,
    account: &str,
    running: Option<&Running>,
) -> Result<Standing, Refusal> {
    let now = clock::now();
    let key = &connection.key;
    let usage = services.desk.usage(key, now).await;
    let mut usage = usage.map_err(|error| {
        tracing::error!(error = %ErrorChain(&error), "usage not known");
        Refusal::new(
            Reason::BudgetUnknown,
            "what you have used of your budgets cannot be read, so nothing is permitted; tell the \
             operator of this host",
        )
    })?;
    // Counted before it is judged, so that of several at once each sees the others.
    usage.running = usage.running.saturating_sub(u64::from(running.is_some()));
    let roles = services.desk.roles(key, account, now).await;
    let roles = roles.unwrap_or_else(|error| {
        tracing::error!(error = %ErrorChain(&error), "roles not known");
        Vec::new()
    });
    Ok(Standing { roles, usage })
}
