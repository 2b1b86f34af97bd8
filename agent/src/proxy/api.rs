//! The SQL API: requests without a session, each with all that it means.
//!
//! Its client proves itself with nothing: what it sends as a token is a placeholder, and who it is
//! the kernel has said. The first use of a credential logs in with it, which policy judges like every
//! login; that session stays, for those of the same principal alone. It says what names mean where a
//! statement says nothing, it is asked about objects, and it counts and ends as others do. The
//! statements themselves go to the SQL API of the account, which knows no session: each sees the
//! session as it began, and leaves nothing behind in it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::time::Instant;

use super::caller::{self, Caller, Newcomer};
use super::connection::Connection;
use super::hold;
use super::login;
use super::opening::Exchange;
use super::refusal::{Reason, Refusal};
use super::running;
use super::services::{Services, Session};
use crate::config::{Account, Credential, CredentialKind};
use crate::http::CanonicalRequest;
use crate::identity::PrincipalKey;
use crate::policy::{self, Verdict};
use crate::record::Recorded;
use crate::session::{SessionId, statement_digest};
use crate::snowflake::api::named_user;
use crate::snowflake::request::derived_id;
use crate::snowflake::result;
use crate::snowflake::result::api::{Asked, Shape};
use crate::snowflake::{Api, Login, Operation, Query, RequestId, Via};
use crate::sql::SessionState;
use crate::telemetry::ErrorChain;
use crate::upstream::{self, Unmasked, UpstreamError};

/// A session of ours lives for four hours without a renewal: one that is used is renewed once an
/// hour, so one that is idle ends after three to four.
const RENEW_EVERY: Duration = Duration::from_secs(3600);
/// Sessions are limited where all are; this bounds what is remembered of logins that failed.
const DOORS_MAX: usize = 4096;
/// What such a login calls itself, to Snowflake and to policies (`context.client`).
const CLIENT: &str = "SQLAPI";
/// The schema of a database that is named without one, as `USE DATABASE` has it.
const PUBLIC: &str = "PUBLIC";
/// What decides about names, and may not be taken by the SQL API.
const NAMING: [&str; 2] = ["QUOTED_IDENTIFIERS_IGNORE_CASE", "SEARCH_PATH"];

/// For whom a session is kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Door {
    key: PrincipalKey,
    host: String,
    credential: String,
    role: Option<String>,
}

#[derive(Debug)]
struct Inside {
    session: SessionId,
    renewed: Instant,
}

/// Locked while its session is opened, so that several first requests make one login.
type Slot = Arc<tokio::sync::Mutex<Option<Inside>>>;

/// The sessions that stand behind requests of the SQL API.
#[derive(Debug, Default)]
pub(super) struct Entrances(Mutex<HashMap<Door, Slot>>);

impl Entrances {
    fn slot(&self, door: Door, services: &Services) -> Result<Slot, Refusal> {
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
    fn open_role(&self, door: &Door) -> Option<Option<String>> {
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

/// Finds the session behind a request, or opens it, and settles what the statement will be run with.
pub(super) async fn enter(
    connection: &Arc<Connection>,
    services: &Arc<Services>,
    account: &Account,
    request: &CanonicalRequest,
    operation: Operation,
) -> Result<(Caller, Operation), Refusal> {
    let credential = credential(services, account, request)?;
    let mut door = Door {
        key: connection.key.clone(),
        host: connection.server_name.clone(),
        credential: credential.name.clone(),
        role: None,
    };
    let entrances = &services.state.entrances;
    if let Some(Via::Api(api)) = operation.query().map(|query| &query.via) {
        door.role.clone_from(&api.role);
    } else {
        door.role = entrances.open_role(&door).flatten();
    }
    let role = door.role.clone();
    let slot = entrances.slot(door, services)?;
    let newcomer = Newcomer {
        account: account.clone(),
        credential: credential.clone(),
    };
    let opening = session(connection, services, newcomer, role, &slot);
    let session = Box::pin(opening).await?;
    let Operation::Query(mut query) = operation else {
        return Ok((Caller::Known(session), operation));
    };
    if query.request_id.0.is_empty() {
        query.request_id = RequestId(upstream::request_id(&connection.server_name)?);
    }
    let known = session.state.snapshot(Instant::now()).session;
    let state = settle(&mut query, &known, &credential);
    name(&mut query, &session);
    let view = session.for_statement(state);
    Ok((Caller::Known(Arc::new(view)), Operation::Query(query)))
}

/// The credential that the request will use: the one that its placeholder names, or the account's.
fn credential(
    services: &Services,
    account: &Account,
    request: &CanonicalRequest,
) -> Result<Credential, Refusal> {
    let authorization = request.authorization.as_deref().unwrap_or_default();
    let is_bearer = authorization
        .get(..7)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer "));
    let kind = request.header("x-snowflake-authorization-token-type");
    let is_kind = kind
        .is_none_or(|kind| matches!(kind, "KEYPAIR_JWT" | "OAUTH" | "PROGRAMMATIC_ACCESS_TOKEN"));
    if !is_bearer || !is_kind {
        return Err(Refusal::new(
            Reason::BadRequest,
            "the SQL API wants `Authorization: Bearer <token>`, and a token type that it knows or \
             none; any token will do, because Snowfence puts its own in its place",
        ));
    }
    // In a key-pair token names are in upper case.
    let user = named_user(authorization).map(|user| {
        let is_known = services.credentials.get(&user).is_some();
        if is_known { user } else { user.to_lowercase() }
    });
    let credential = caller::choose_credential(account, services, user.as_deref())?;
    let refuse = |text: &str| {
        let text = format!("credential `{}` {text}", credential.name);
        Refusal::new(Reason::CredentialUnavailable, text)
    };
    match &credential.kind {
        CredentialKind::KeyPair { .. }
        | CredentialKind::ProgrammaticAccessToken { .. }
        | CredentialKind::OauthClientCredentials { .. } => {}
        CredentialKind::Password { .. } => {
            return Err(refuse(
                "is a password, which Snowflake's SQL API does not take: use a driver, or ask the \
                 operator of this host for a key pair or a programmatic access token",
            ));
        }
    }
    let mut parameters = credential.session_parameters.keys();
    if parameters.any(|name| NAMING.iter().any(|it| it.eq_ignore_ascii_case(name))) {
        return Err(refuse(
            "sets how names are read, which the SQL API may not do: use a driver",
        ));
    }
    Ok(credential)
}

async fn session(
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
        login::close(services, session.id).await;
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
        account: None,
        database: None,
        schema: None,
        warehouse: None,
        role,
        client_app_id: CLIENT.to_owned(),
        client_app_version: env!("CARGO_PKG_VERSION").to_owned(),
        client_environment: RawValue::from_string("{}".to_owned())
            .unwrap_or_else(|_never| RawValue::NULL.to_owned()),
        session_parameters: Vec::new(),
        authenticator: "SNOWFLAKE".to_owned(),
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

/// Settles by what a statement is judged and with what it is sent, which is the same: where the
/// client says nothing, the session does, and nothing is left to a default of the service.
fn settle(query: &mut Query, session: &SessionState, credential: &Credential) -> SessionState {
    let mut state = session.clone();
    if let Via::Api(api) = &mut query.via {
        let asked = std::mem::take(api);
        if asked.database.is_some() && asked.database != state.database {
            state.database = asked.database;
            state.schema = Some(PUBLIC.to_owned());
        }
        if asked.schema.is_some() {
            state.schema = asked.schema;
        }
        // The configuration's choice first: a warehouse costs.
        if credential.warehouse.is_none() && asked.warehouse.is_some() {
            state.warehouse = asked.warehouse;
        }
        *api = Api {
            database: state.database.clone(),
            schema: state.schema.clone(),
            warehouse: state.warehouse.clone(),
            // The session was opened with it.
            role: state.role.clone().or(asked.role),
            seconds_max: asked.seconds_max,
            request_key: String::new(),
        };
    }
    for (name, value) in &credential.session_parameters {
        let name = name.to_ascii_uppercase();
        let Ok(value) = serde_json::value::to_raw_value(value) else {
            continue;
        };
        query.parameters.retain(|(other, _)| *other != name);
        query.parameters.push((name, value));
    }
    state
}

/// Names a statement at Snowflake, where a request id with `retry` gives whoever shares the user the
/// result of what was first sent under it. So the id is made of whose it is and of the statement:
/// the same statement of the same principal has the same one, also after a restart, and no other has.
fn name(query: &mut Query, session: &Session) {
    let digest = statement_digest(query).to_hex();
    let PrincipalKey {
        workload,
        anchor,
        user,
        // It is another after every boot, and so is every process.
        netns_cookie: _,
    } = &session.key;
    let parts = [
        workload.as_str(),
        anchor,
        user.as_deref().unwrap_or_default(),
        &session.account,
        &session.credential,
        &query.request_id.0,
        &digest,
    ];
    let key = derived_id("sql api", &parts.join("\0"));
    if let Via::Api(api) = &mut query.via {
        api.request_key = key;
    }
}

/// Sends an operation the way that it came.
pub(super) async fn send(
    services: &Services,
    session: &Session,
    recorded: Recorded,
    query_tag: &str,
) -> Result<Unmasked, UpstreamError> {
    if !recorded.operation().is_api() {
        let sending = services
            .upstream
            .send(recorded, &session.upstream, query_tag);
        return Box::pin(sending).await;
    }
    let proof = services.credentials.proof(&session.credential).await;
    let proof = proof.map_err(|error| {
        tracing::error!(error = %ErrorChain(&error), "credential not available");
        UpstreamError::NoBearer {
            credential: session.credential.clone(),
        }
    })?;
    let sending = services
        .upstream
        .send_api(recorded, &session.upstream, &proof, query_tag);
    Box::pin(sending).await
}

/// By what a later partition is read.
pub(super) fn shape(
    services: &Services,
    operation: &Operation,
) -> Result<Option<Arc<Shape>>, Refusal> {
    let Operation::ApiResult {
        handle,
        partition: number @ 1..,
    } = operation
    else {
        return Ok(None);
    };
    let shape = services.state.shapes.get(handle).ok_or_else(|| {
        Refusal::new(
            Reason::ChunkUnknown,
            "what columns this result has is not known; get it without `partition` first",
        )
    })?;
    let count = shape.rows.len();
    if usize::try_from(*number).is_ok_and(|number| number < count) {
        return Ok(Some(shape));
    }
    Err(Refusal::new(
        Reason::ChunkUnknown,
        format!(
            "the result has the partitions 0 to {}",
            count.saturating_sub(1)
        ),
    ))
}

/// Remembers by what the later partitions of a result are read. Called once its beginning may leave.
pub(super) fn keep_shape(services: &Services, summary: &result::Admitted) {
    if let (Some(id), Some(shape)) = (&summary.query_id, summary.shape()) {
        services.state.shapes.keep(id, shape);
    }
}

/// What the client asks about, in the terms of the answer.
pub(super) const fn asked<'a>(operation: &Operation, shape: Option<&'a Shape>) -> Asked<'a> {
    if let (Operation::ApiResult { partition, .. }, Some(shape)) = (operation, shape) {
        return Asked::Partition(shape, *partition);
    }
    if matches!(operation, Operation::ApiCancel(_)) {
        Asked::Cancel
    } else {
        Asked::Result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> SessionState {
        SessionState {
            database: Some("SALES".to_owned()),
            schema: Some("RAW".to_owned()),
            warehouse: Some("WH".to_owned()),
            role: Some("ANALYST".to_owned()),
            ..SessionState::default()
        }
    }

    fn credential(warehouse: Option<&str>) -> Credential {
        Credential {
            name: "c".to_owned(),
            account: "a".to_owned(),
            user: None,
            kind: CredentialKind::ProgrammaticAccessToken {
                token: crate::config::SecretSource::File("/x".into()),
            },
            role: None,
            roles: Vec::new(),
            warehouse: warehouse.map(str::to_owned),
            database: None,
            schema: None,
            session_parameters: [("timezone".to_owned(), "UTC".to_owned())].into(),
        }
    }

    /// Database, schema, warehouse and role as they are sent; as they are judged they are the same.
    #[track_caller]
    fn check(asked: Api, warehouse: Option<&str>, expected: [&str; 4]) {
        let mut query = Query::for_test("r", "select 1");
        query.via = Via::Api(asked);
        query.parameters = vec![("TIMEZONE".to_owned(), RawValue::NULL.to_owned())];
        let state = settle(&mut query, &session(), &credential(warehouse));
        let Via::Api(sent) = &query.via else {
            panic!("it came through the SQL API");
        };
        let of = |name: &Option<String>| name.clone().unwrap_or_default();
        let sent = [&sent.database, &sent.schema, &sent.warehouse, &sent.role].map(of);
        assert_eq!(sent, expected);
        let judged = [
            &state.database,
            &state.schema,
            &state.warehouse,
            &state.role,
        ]
        .map(of);
        assert_eq!(judged, expected);
        let [(name, value)] = query.parameters.as_slice() else {
            panic!("the configuration's value is the only one");
        };
        assert_eq!((name.as_str(), value.get()), ("TIMEZONE", "\"UTC\""));
    }

    #[test]
    fn what_is_sent_is_what_is_judged_and_leaves_nothing_to_a_default() {
        let name = |name: &str| Some(name.to_owned());
        check(Api::default(), None, ["SALES", "RAW", "WH", "ANALYST"]);
        let other = Api {
            database: name("HR"),
            warehouse: name("BIG"),
            ..Api::default()
        };
        check(other.clone(), None, ["HR", "PUBLIC", "BIG", "ANALYST"]);
        check(other.clone(), Some("WH"), ["HR", "PUBLIC", "WH", "ANALYST"]);
        let with_schema = Api {
            schema: name("PAY"),
            ..other
        };
        check(with_schema, None, ["HR", "PAY", "BIG", "ANALYST"]);
        let same = Api {
            database: name("SALES"),
            ..Api::default()
        };
        check(same, None, ["SALES", "RAW", "WH", "ANALYST"]);
    }
}
