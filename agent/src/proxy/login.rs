//! A login: the placeholder came in, the real credential goes out, tokens of ours come back.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::caller::Newcomer;
use super::connection::Connection;
use super::refusal::{Reason, Refusal};
use super::services::Services;
use crate::clock;
use crate::config::Credential;
use crate::credential::Proof;
use crate::mask::{self, Masked};
use crate::record::event::{Closing, SessionOpened};
use crate::record::{self, Event, Recorded, What};
use crate::session::{self, NewSession, OpenError, SessionId, Tokens};
use crate::snowflake::Operation;
use crate::snowflake::login::{ClientTokens, LoginAnswer, client_answer};
use crate::snowflake::result::SessionChanges;
use crate::sql::SessionState;
use crate::telemetry::ErrorChain;
use crate::upstream::Target;

pub(super) async fn perform(
    connection: &Connection,
    services: &Arc<Services>,
    newcomer: Newcomer,
    recorded: Recorded,
) -> Result<(SessionId, Masked), Refusal> {
    let Newcomer {
        account,
        credential,
    } = newcomer;
    services
        .sessions
        .check_room(&connection.key)
        .map_err(no_room)?;
    let proof = proof(services, &credential).await?;
    let target = Target {
        // The host that the client asked for: another of the account's may not be at this address.
        host: connection.server_name.clone(),
        address: Some(connection.original),
        account_name: account.name.clone(),
    };
    let Operation::Login(login) = recorded.operation() else {
        return Err(Refusal::new(Reason::Bug, "only a login opens a session"));
    };
    let client = login.client_app_id.clone();
    let entry = recorded.entry();
    let tag = services.query_tag(connection, None, entry, None);
    let (upstream, answer) = services
        .upstream
        .login(recorded, &target, &credential, &proof, &tag)
        .await?;
    // Only now is it proven that the address is Snowflake's: the certificate was verified.
    services.learn(connection.original.ip());
    let state = begun(&answer, &credential);
    let new = NewSession {
        key: connection.key.clone(),
        account: account.name,
        credential: credential.name,
        client,
        snowflake_id: answer.session_id,
        state,
        upstream: upstream.clone(),
    };
    let (session, tokens) = match services.sessions.open(new, Instant::now()) {
        Ok(opened) => opened,
        Err(error) => {
            // Another login took the room meanwhile: nobody else knows of this one at Snowflake.
            services.upstream.logout(&upstream).await;
            return Err(no_room(error));
        }
    };
    let opened = SessionOpened {
        session: session.id.to_string(),
        account: session.account.clone(),
        credential: session.credential.clone(),
        client: session.client.clone(),
        snowflake_session: session.snowflake_id,
        login: entry,
        caller: record::Caller::from(&connection.principal),
    };
    admit(services, session.id, opened).await?;
    tracing::info!(
        session = %session.id,
        workload = connection.principal.workload.name,
        account = session.account,
        credential = session.credential,
        "session opened"
    );
    Ok((session.id, told(&answer, &tokens)))
}

/// Makes the beginning of a session durable before anyone gets its tokens; a session of which that
/// cannot be recorded is ended again on both sides.
///
/// It goes on when its caller goes away: nobody has the tokens then, and the end is recorded too.
async fn admit(
    services: &Arc<Services>,
    id: SessionId,
    opened: SessionOpened,
) -> Result<(), Refusal> {
    let (told, answer) = oneshot::channel();
    let keeper = Arc::clone(services);
    tokio::spawn(async move {
        let event = Event {
            time: clock::now(),
            what: What::SessionOpened(Box::new(opened)),
        };
        let services = keeper;
        let admitted = match services.recorder.event(&event).await {
            Ok(_number) if services.sessions.recorded(id, Closing::Shutdown) => Ok(()),
            Ok(_number) => Err(Refusal::new(
                Reason::UpstreamSessionLost,
                "the session was closed at once, because Snowfence stops; log in again",
            )),
            Err(error) => {
                tracing::error!(error = %ErrorChain(&error), "session not recorded");
                close(&services, id, Closing::Lost).await;
                Err(not_recorded())
            }
        };
        if told.send(admitted).is_err() {
            close(&services, id, Closing::Expired).await;
        }
    });
    answer.await.unwrap_or_else(|_ended| Err(not_recorded()))
}

fn not_recorded() -> Refusal {
    Refusal::new(
        Reason::RecorderFailed,
        "the session could not be recorded, so it was closed again; tell the operator of this host, \
         and try again later",
    )
}

/// What a credential proves itself with.
pub(super) async fn proof(services: &Services, credential: &Credential) -> Result<Proof, Refusal> {
    let proof = services.credentials.proof(&credential.name).await;
    proof.map_err(|error| {
        tracing::error!(error = %ErrorChain(&error), "credential not available");
        Refusal::new(
            Reason::CredentialUnavailable,
            format!(
                "credential `{}` has nothing to prove itself with: its secret cannot be had, or \
                 was not accepted; the operator of this host finds the cause in Snowfence's log",
                credential.name
            ),
        )
    })
}

/// What the client is told: our tokens in the place of Snowflake's.
fn told(answer: &LoginAnswer, tokens: &Tokens) -> Masked {
    let tokens = ClientTokens {
        session_token: tokens.session.as_str(),
        master_token: tokens.master.as_str(),
        validity: tokens.session_validity,
        master_validity: tokens.master_validity,
    };
    mask::ours(client_answer(answer, &tokens))
}

/// What names mean in a session that begins. The answer says it; where it is silent on a parameter,
/// what the configuration asked for holds.
fn begun(answer: &LoginAnswer, credential: &Credential) -> SessionState {
    let names = SessionChanges {
        database: answer.database.clone(),
        schema: answer.schema.clone(),
        warehouse: answer.warehouse.clone(),
        role: answer.role.clone(),
    };
    let text = |value: &'_ str| value.trim_matches('"').to_owned();
    let configured = credential.session_parameters.iter();
    let parameters: Vec<(&str, String)> = configured
        .map(|(name, value)| (name.as_str(), value.clone()))
        .chain(
            answer
                .parameters
                .iter()
                .map(|(name, value)| (name.as_str(), text(value.get()))),
        )
        .collect();
    session::at_login(
        &names,
        parameters
            .iter()
            .map(|(name, value)| (*name, value.as_str())),
    )
}

fn no_room(error: OpenError) -> Refusal {
    Refusal::new(
        Reason::LimitReached,
        format!("no further session can be opened: {error}; close sessions that are not used"),
    )
}

/// Ends a session on both sides.
pub(super) async fn close(services: &Services, id: SessionId, closing: Closing) {
    if let Some(session) = services.sessions.close(id, closing) {
        services.forget(id);
        services.upstream.logout(&session.upstream).await;
    }
}
