//! Who asks, with what right to ask at all, and what policy has to be asked about it.

use std::sync::{Arc, Mutex};

use tokio::time::Instant;

use super::api;
use super::connection::Connection;
use super::question::{self, Going, Question, Standing};
use super::refusal::{Reason, Refusal};
use super::services::{Services, Session};
use crate::config::{Account, Credential};
use crate::http::CanonicalRequest;
use crate::mask::literal;
use crate::session::{self, Admission, ChunkLink, TokenError};
use crate::snowflake::chunk::CHUNK_HEADER;
use crate::snowflake::{Abort, Operation, Query, QueryId};
use crate::sql::{Facts, SessionState};

/// Who is behind a request.
#[derive(Debug)]
pub(super) enum Caller {
    /// Someone who logs in, and the credential that the login will use.
    Newcomer(Box<Newcomer>),
    /// Someone with a session.
    Known(Arc<Session>),
    /// Someone with the capability for a chunk of their session's.
    Fetcher(Arc<Session>, Box<ChunkLink>),
}

impl Caller {
    pub(super) const fn session(&self) -> Option<&Arc<Session>> {
        match self {
            Self::Known(session) | Self::Fetcher(session, _) => Some(session),
            Self::Newcomer(_) => None,
        }
    }

    pub(super) fn account(&self) -> &str {
        match self {
            Self::Known(session) | Self::Fetcher(session, _) => &session.account,
            Self::Newcomer(newcomer) => &newcomer.account.name,
        }
    }

    pub(super) fn credential(&self) -> &str {
        match self {
            Self::Known(session) | Self::Fetcher(session, _) => &session.credential,
            Self::Newcomer(newcomer) => &newcomer.credential.name,
        }
    }

    /// The client's application id, as it said at login.
    fn client<'a>(&'a self, operation: &'a Operation) -> &'a str {
        match (self, operation) {
            (Self::Known(session) | Self::Fetcher(session, _), _) => &session.client,
            (Self::Newcomer(_), Operation::Login(login)) => &login.client_app_id,
            (Self::Newcomer(_), _) => "",
        }
    }

    /// Finds out what the operation needs. Operations on results are judged by who owns the
    /// result; only a login and a statement are for policy to judge.
    pub(super) async fn question(
        &self,
        connection: &Connection,
        services: &Arc<Services>,
        operation: Operation,
    ) -> Result<(Question, Operation), Refusal> {
        let (mut judged, mut going, mut fresh) = (None, None, false);
        let mut operation = operation;
        if let (Operation::Query(query), Self::Known(session)) = (&mut operation, self) {
            let admitted = admit(session, query)?;
            match admitted {
                Admitted::Run { first } => {
                    fresh = first;
                    // The SQL API runs it a second time unless it is told.
                    query.retry_count = query.retry_count.max(u32::from(!first));
                    let found = question::analyse(connection, services, session, query).await?;
                    // Without facts policy refuses.
                    if let Some((found, taken)) = found {
                        check_statement(&found.facts, connection, services, session)?;
                        check_masks(services, query, &found.facts)?;
                        check_meaning(session, query, &found.session)?;
                        judged = Some(Arc::new(found));
                        let running = services.desk.enter(&connection.key);
                        going = Some(Going {
                            turn: taken,
                            running,
                        });
                    }
                }
                Admitted::Result(id) => operation = Operation::Result(id),
            }
        }
        self.check_ownership(connection, services, &operation)?;
        // Only these two are for policy to judge.
        let standing = match &operation {
            Operation::Login(_) | Operation::Query(_) => {
                let running = going.as_ref().map(|going: &Going| &going.running);
                question::standing(connection, services, self.account(), running).await?
            }
            Operation::Renew
            | Operation::Heartbeat
            | Operation::Close
            | Operation::Result(_)
            | Operation::Abort(_)
            | Operation::Monitor(_)
            | Operation::Telemetry
            | Operation::Chunk { .. }
            | Operation::ApiResult { .. }
            | Operation::ApiCancel(_) => Standing::default(),
        };
        let question = Question {
            account: self.account().to_owned(),
            credential: self.credential().to_owned(),
            client: self.client(&operation).to_owned(),
            judged,
            standing,
            approved: false,
            going: Mutex::new(going),
            fresh,
            via_api: operation.is_api(),
        };
        Ok((question, operation))
    }

    fn check_ownership(
        &self,
        connection: &Connection,
        services: &Services,
        operation: &Operation,
    ) -> Result<(), Refusal> {
        match operation {
            Operation::Result(id)
            | Operation::Monitor(id)
            | Operation::Abort(Abort::Query(id))
            | Operation::ApiResult { handle: id, .. }
            | Operation::ApiCancel(id) => {
                if services
                    .results
                    .may_use(id, &connection.key, self.account())
                {
                    Ok(())
                } else {
                    Err(foreign_query(id.as_str()))
                }
            }
            Operation::Abort(Abort::Request(request)) => match self {
                Self::Known(session) if session.requests.contains(request) => Ok(()),
                Self::Known(_) | Self::Fetcher(..) | Self::Newcomer(_) => Err(Refusal::new(
                    Reason::NotExecuting,
                    "no statement of this session has this request id, so there is nothing to \
                     cancel",
                )),
            },
            Operation::Login(_)
            | Operation::Renew
            | Operation::Heartbeat
            | Operation::Close
            | Operation::Query(_)
            | Operation::Telemetry
            | Operation::Chunk { .. } => Ok(()),
        }
    }
}

/// Someone without a session.
#[derive(Debug)]
pub(super) struct Newcomer {
    pub account: Account,
    pub credential: Credential,
}

/// Finds the caller of an operation, and settles what a login will use.
pub(super) async fn authenticate(
    connection: &Arc<Connection>,
    services: &Arc<Services>,
    request: &CanonicalRequest,
    operation: Operation,
) -> Result<(Caller, Operation), Refusal> {
    let account = connection.account.as_ref().ok_or_else(|| {
        Refusal::new(
            Reason::UnknownAccount,
            format!(
                "no [[account]] of this host has the host name `{}`; ask its operator to add it",
                connection.server_name
            ),
        )
    })?;
    if operation.is_api() {
        return Box::pin(api::enter(
            connection, services, account, request, operation,
        ))
        .await;
    }
    if let Operation::Login(login) = operation {
        let credential = choose_credential(account, services, login.user.as_deref())?;
        let newcomer = Newcomer {
            account: account.clone(),
            credential,
        };
        return Ok((
            Caller::Newcomer(Box::new(newcomer)),
            Operation::Login(login),
        ));
    }
    let now = Instant::now();
    if let Operation::Chunk { capability, index } = &operation {
        let header = request.header(CHUNK_HEADER).unwrap_or_default();
        let link = services
            .chunks
            .link(capability, header, *index, &connection.key, now);
        let fetcher = link.and_then(|link| {
            let session = services.sessions.by_id(link.session)?;
            (session.account == account.name).then_some(Caller::Fetcher(session, Box::new(link)))
        });
        return Ok((fetcher.ok_or_else(unknown_chunk)?, operation));
    }
    let token = request
        .authorization
        .as_deref()
        .and_then(session::parse_authorization)
        .ok_or_else(|| token_refusal(TokenError::Unknown))?;
    let found = if matches!(operation, Operation::Renew) {
        services
            .sessions
            .by_master_token(token, &connection.key, now)
    } else {
        services
            .sessions
            .by_session_token(token, &connection.key, now)
    };
    let session = found.map_err(token_refusal)?;
    if session.account == account.name {
        Ok((Caller::Known(session), operation))
    } else {
        Err(token_refusal(TokenError::Foreign))
    }
}

pub(super) fn choose_credential(
    account: &Account,
    services: &Services,
    user: Option<&str>,
) -> Result<Credential, Refusal> {
    let of_account = |name: &str| {
        services
            .credentials
            .get(name)
            .filter(|credential| credential.account == account.name)
    };
    let named = user.and_then(of_account);
    let default = account.default_credential.as_deref().and_then(of_account);
    named.or(default).cloned().ok_or_else(|| {
        Refusal::new(
            Reason::CredentialUnknown,
            format!(
                "account `{}` has no default credential, and the user name names none of its \
                 credentials; log in with the name of a credential as the user",
                account.name
            ),
        )
    })
}

/// What a statement's request id stands for.
enum Admitted {
    Run { first: bool },
    Result(QueryId),
}

/// Notes a statement under its request id.
fn admit(session: &Session, query: &Query) -> Result<Admitted, Refusal> {
    match session.requests.admit(query) {
        Admission::First => Ok(Admitted::Run { first: true }),
        Admission::Retry => Ok(Admitted::Run { first: false }),
        Admission::Refetch(id) => Ok(Admitted::Result(id)),
        Admission::Conflict => Err(Refusal::new(
            Reason::RequestIdReused,
            "the request id was used before with another statement; send a new one",
        )),
    }
}

fn check_statement(
    facts: &Facts,
    connection: &Connection,
    services: &Services,
    session: &Session,
) -> Result<(), Refusal> {
    if facts.file_transfer {
        return Err(file_transfer());
    }
    if facts.hides_result {
        return Err(Refusal::new(
            Reason::ForeignQuery,
            "the statement names an earlier result by something else than its query id or \
             LAST_QUERY_ID(), so whose it is cannot be checked; write the id as a literal",
        ));
    }
    for name in &facts.named_results {
        let owned = QueryId::parse(name).is_some_and(|id| {
            services
                .results
                .may_use(&id, &connection.key, &session.account)
        });
        if !owned {
            return Err(foreign_query(name));
        }
    }
    Ok(())
}

/// Snowflake answers a request id that it knows with the result of what was sent first: that must be
/// what is judged and masked.
fn check_meaning(
    session: &Session,
    query: &Query,
    state: &Arc<SessionState>,
) -> Result<(), Refusal> {
    if session.requests.means_the_same(&query.request_id, state) {
        return Ok(());
    }
    Err(Refusal::new(
        Reason::RequestIdReused,
        "the session changed since this request was first sent, so its result may be that of \
         another statement; send the statement with a new request id",
    ))
}

/// A program that reads a row, changes it and writes it back must not write the masks that it read.
fn check_masks(services: &Services, query: &Query, facts: &Facts) -> Result<(), Refusal> {
    // Where nothing is masked, what looks like a mask is none.
    if services.policies.snapshot().labels().is_empty() {
        return Ok(());
    }
    let bindings = query.bindings.as_deref();
    match literal::write_back(&query.text, bindings, facts) {
        Some(refused) => Err(Refusal::new(Reason::MaskWritten, refused.to_string())),
        None => Ok(()),
    }
}

pub(super) fn file_transfer() -> Refusal {
    Refusal::new(
        Reason::FileTransfer,
        "PUT and GET move files past every check and are refused on this host; use INSERT with \
         binds, or ask a person to load the file",
    )
}

fn foreign_query(id: &str) -> Refusal {
    Refusal::new(
        Reason::ForeignQuery,
        format!("the query id `{id}` is not one of a statement that you ran; run your own"),
    )
}

fn unknown_chunk() -> Refusal {
    Refusal::new(
        Reason::ChunkUnknown,
        "this result chunk is not yours, or is no longer kept",
    )
}

pub(super) fn token_refusal(error: TokenError) -> Refusal {
    match error {
        TokenError::Expired => Refusal::new(Reason::TokenExpired, "the session token has expired"),
        TokenError::Foreign => Refusal::new(
            Reason::ForeignToken,
            "this session belongs to another workload; log in with your own connection",
        ),
        TokenError::MasterExpired => Refusal::new(
            Reason::MasterExpired,
            "the session's last token has expired; connect again",
        ),
        TokenError::Unknown => Refusal::new(
            Reason::TokenUnknown,
            "the session no longer exists; connect again",
        ),
    }
}
