//! Which request is answered where, and with what.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::Counter;
use super::caller::{Caller, CallerError};
use super::refused::Refused;
use super::shapes::{Failure, Me, NewExtension, NewLabels, NewRevocation, NewRoleGrant};
use crate::access::{AskId, GrantId};
use crate::identity::Peer;
use crate::telemetry::ErrorChain;

type Answer = Response<Full<Bytes>>;

/// The longest reason, escaped, with a name or two.
const BODY_BYTES_MAX: usize = 64 << 10;
/// A local process has its few lines ready.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// An id is some ten characters; a longer one is not ours, and is not repeated in a log.
const ID_BYTES_MAX: usize = 64;
/// Below the lifetime of a connection; whoever wants to wait longer asks again.
const WAIT_MAX: u64 = 60;

/// Answers one request.
pub(super) async fn answer(counter: &Counter, peer: Peer, request: Request<Incoming>) -> Answer {
    let caller = match counter.caller(peer).await {
        Ok(caller) => caller,
        Err(error) => {
            tracing::warn!(
                target: "access-desk",
                error = %ErrorChain(&error),
                "access request not identified"
            );
            return refuse(&unidentified(&error));
        }
    };
    match route(counter, &caller, request).await {
        Ok(answer) => answer,
        Err(refused) => {
            tracing::info!(
                target: "access-desk",
                caller = %caller,
                code = refused.code,
                message = refused.message,
                "access request refused"
            );
            refuse(&refused)
        }
    }
}

fn unidentified(error: &CallerError) -> Refused {
    Refused::unidentified(format!("who you are is not known: {error}"))
}

async fn route(
    counter: &Counter,
    caller: &Caller,
    request: Request<Incoming>,
) -> Result<Answer, Refused> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let query = Query::parse(head.uri.query().unwrap_or_default())?;
    match (&head.method, segments.as_slice()) {
        (&Method::GET, ["v1", "me"]) => ok(&Me::from(caller)),
        (&Method::GET, ["v1", "roles"]) => ok(&counter.list_roles(caller)?),
        (&Method::POST, ["v1", "asks"]) => {
            let asked = counter.ask_for_role(caller, read(body).await?).await?;
            respond(StatusCode::CREATED, &asked)
        }
        (&Method::GET, ["v1", "asks"]) => ok(&counter.list_asks(caller, query.only).await?),
        (&Method::GET, ["v1", "asks", id]) => {
            let wait = Duration::from_secs(query.wait);
            ok(&counter.show_ask(caller, &ask_id(id)?, wait).await?)
        }
        (&Method::POST, ["v1", "asks", id, "votes"]) => {
            let (id, vote) = (ask_id(id)?, read(body).await?);
            let voted = counter.vote(caller, &id, vote).await;
            ok(&counter.refusing(caller, "vote", &id.0, voted)?)
        }
        (&Method::POST, ["v1", "asks", id, "withdraw"]) => {
            ok(&counter.withdraw(caller, &ask_id(id)?).await?)
        }
        (&Method::GET, ["v1", "grants"]) => ok(&counter.list_grants(caller, query.only).await?),
        (&Method::POST, ["v1", "grants"]) => {
            let new: NewRoleGrant = read(body).await?;
            let object = format!("{} to {}", new.role, new.workload);
            let granted = counter.give_grant(caller, new).await;
            let granted = counter.refusing(caller, "grant", &object, granted)?;
            respond(StatusCode::CREATED, &granted)
        }
        (&Method::POST, ["v1", "grants", id, "revoke"]) => {
            let NewRevocation { reason } = read(body).await?;
            let id = grant_id(id)?;
            let revoked = counter.revoke_grant(caller, &id, reason).await;
            ok(&counter.refusing(caller, "revoke", &id.0, revoked)?)
        }
        (&Method::POST, ["v1", "grants", id, "extend"]) => {
            let NewExtension { by_seconds } = read(body).await?;
            let (id, by) = (grant_id(id)?, Duration::from_secs(by_seconds));
            let extended = counter.extend_grant(caller, &id, by).await;
            ok(&counter.refusing(caller, "extend", &id.0, extended)?)
        }
        (&Method::POST, ["v1", "labels", "import"]) => {
            let new: NewLabels = read(body).await?;
            let account = new.account.clone();
            let imported = counter.import_labels(caller, new).await;
            let imported = counter.refusing(caller, IMPORT, &account, imported)?;
            // The one thing here that leaves no grant and no vote behind.
            counter.done(caller, IMPORT, &account).await?;
            ok(&imported)
        }
        _ => Err(Refused::no_such_route()),
    }
}

/// The name of an import of labels in the recording.
const IMPORT: &str = "labels import";

/// What a query can say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Query {
    /// Asks that are open, grants that count.
    only: bool,
    /// Seconds.
    wait: u64,
}

impl Query {
    fn parse(text: &str) -> Result<Self, Refused> {
        let mut query = Self::default();
        for (key, value) in form_urlencoded::parse(text.as_bytes()) {
            let wrong = || Refused::bad_request(format!("the query says nothing with `{key}`"));
            match &*key {
                "open" | "live" => query.only = value.parse().ok().ok_or_else(wrong)?,
                "wait" => {
                    let wait: u64 = value.parse().ok().ok_or_else(wrong)?;
                    query.wait = wait.min(WAIT_MAX);
                }
                _ => return Err(wrong()),
            }
        }
        Ok(query)
    }
}

async fn read<T: DeserializeOwned>(body: Incoming) -> Result<T, Refused> {
    let body = Limited::new(body, BODY_BYTES_MAX).collect();
    let body = timeout(BODY_TIMEOUT, body).await;
    let body = body
        .ok()
        .ok_or_else(|| Refused::bad_request("the body of the request did not come"))?;
    let too_large =
        || Refused::too_large(format!("the body is larger than {BODY_BYTES_MAX} bytes"));
    let body = body.ok().ok_or_else(too_large)?;
    serde_json::from_slice(&body.to_bytes())
        .map_err(|error| Refused::bad_request(format!("the body cannot be read: {error}")))
}

fn ask_id(id: &str) -> Result<AskId, Refused> {
    plain(id).map(AskId)
}

fn grant_id(id: &str) -> Result<GrantId, Refused> {
    plain(id).map(GrantId)
}

fn plain(id: &str) -> Result<String, Refused> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if id.len() <= ID_BYTES_MAX && id.bytes().all(is_plain) {
        Ok(id.to_owned())
    } else {
        Err(Refused::bad_request("no id looks like this"))
    }
}

fn ok(body: &impl Serialize) -> Result<Answer, Refused> {
    respond(StatusCode::OK, body)
}

fn respond(status: StatusCode, body: &impl Serialize) -> Result<Answer, Refused> {
    let body = serde_json::to_vec(body)
        .map_err(|_error| Refused::failed("the answer cannot be written"))?;
    Ok(json(status, body))
}

fn refuse(refused: &Refused) -> Answer {
    let failure = Failure {
        code: refused.code.to_owned(),
        message: refused.message.clone(),
    };
    json(
        refused.status,
        serde_json::to_vec(&failure).unwrap_or_default(),
    )
}

fn json(status: StatusCode, body: Vec<u8>) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_says_what_it_knows() {
        let parsed = Query::parse("open=true&wait=9999");
        let expected = Query {
            only: true,
            wait: WAIT_MAX,
        };
        assert_eq!(parsed, Ok(expected));
        assert_eq!(Query::parse(""), Ok(Query::default()));
        for wrong in ["open", "open=1", "wait=-1", "wait=", "x=1"] {
            assert!(Query::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_id_is_plain() {
        assert_eq!(plain("ask-7k3m9q2f").as_deref(), Ok("ask-7k3m9q2f"));
        for wrong in ["ask%20", "ask\u{1b}", &"a".repeat(65)] {
            assert!(plain(wrong).is_err(), "{wrong}");
        }
    }
}
