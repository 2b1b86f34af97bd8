//! The SQL API: requests without a session, each with all that it means.
//!
//! Its client proves itself with nothing: what it sends as a token is a placeholder, and who it is
//! the kernel has said. The first use of a credential logs in with it, which policy judges like every
//! login; that session stays, for those of the same principal alone. It says what names mean where a
//! statement says nothing, it is asked about objects, and it counts and ends as others do. The
//! statements themselves go to the SQL API of the account, which knows no session: each sees the
//! session as it began, and leaves nothing behind in it.

mod entrance;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::time::Instant;

use self::entrance::Door;
pub(super) use self::entrance::Entrances;
use super::caller::{self, Caller, Newcomer};
use super::connection::Connection;
use super::masking::Planned;
use super::refusal::{Reason, Refusal};
use super::services::{Services, Session};
use crate::config::{Account, Credential, CredentialKind};
use crate::http::CanonicalRequest;
use crate::identity::PrincipalKey;
use crate::record::Recorded;
use crate::session::{Partitioned, statement_digest};
use crate::snowflake::api::named_user;
use crate::snowflake::request::derived_id;
use crate::snowflake::result;
use crate::snowflake::result::api::{Asked, Shape};
use crate::snowflake::{Api, Operation, Query, RequestId, Via};
use crate::sql::SessionState;
use crate::telemetry::ErrorChain;
use crate::upstream::{self, Unmasked, UpstreamError};

/// The schema of a database that is named without one, as `USE DATABASE` has it.
const PUBLIC: &str = "PUBLIC";
/// What decides about names, and may not be taken by the SQL API.
const NAMING: [&str; 2] = ["QUOTED_IDENTIFIERS_IGNORE_CASE", "SEARCH_PATH"];

/// Finds the session behind a request, or opens it, and settles what the statement will be run with.
pub(in crate::proxy) async fn enter(
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
    let opening = entrance::session(connection, services, newcomer, role, &slot);
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
pub(in crate::proxy) async fn send(
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
pub(in crate::proxy) fn shape(
    services: &Services,
    operation: &Operation,
) -> Result<Option<Arc<Partitioned>>, Refusal> {
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
    let count = shape.shape.rows.len();
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

/// Remembers by what the later partitions of a result are read, and what was done to its beginning.
/// Called once that may leave.
pub(in crate::proxy) fn keep_shape(
    services: &Services,
    summary: &result::Admitted,
    planned: &Planned,
) {
    if let (Some(id), Some(shape)) = (&summary.query_id, summary.shape()) {
        let digest = planned.digest();
        services
            .state
            .shapes
            .keep(id, Partitioned { shape, digest });
    }
}

/// What the client asks about, in the terms of the answer.
pub(in crate::proxy) const fn asked<'a>(
    operation: &Operation,
    shape: Option<&'a Shape>,
) -> Asked<'a> {
    if let (Operation::ApiResult { partition, .. }, Some(shape)) = (operation, shape) {
        return Asked::Partition(shape, *partition);
    }
    if matches!(operation, Operation::ApiCancel(_)) {
        Asked::Cancel
    } else {
        Asked::Result
    }
}
