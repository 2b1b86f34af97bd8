//! The other end of the socket: what commands use to ask and decide.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Uri};
use http_body_util::Full;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::labels::PATIENCE as IMPORT_PATIENCE;
use super::shapes::{Failure, NewExtension, NewRevocation, NewVote};
use super::{ImportedLabels, Me, NewLabels, NewRoleAsk, NewRoleGrant, Offer};
use crate::access::{Ask, AskId, Grant, GrantId};
use crate::local::AskError;
use crate::local::client::exchange;

/// The desk answers in milliseconds; a user directory behind a network may take seconds.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why something is not done.
#[derive(Debug, Error)]
pub enum ClientError {
    #[error("cannot ask the daemon")]
    Ask(#[source] AskError),
    #[error("`{0}` is not an id")]
    Id(String),
    #[error("the request cannot be written")]
    Write(#[source] serde_json::Error),
    /// The daemon said no, and why.
    #[error("{message}")]
    Refused { code: String, message: String },
}

/// Asks one daemon.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    #[must_use]
    pub fn new(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
        }
    }

    pub async fn me(&self) -> Result<Me, ClientError> {
        self.get("/v1/me", Duration::ZERO).await
    }

    pub async fn roles(&self) -> Result<Vec<Offer>, ClientError> {
        self.get("/v1/roles", Duration::ZERO).await
    }

    pub async fn ask(&self, ask: &NewRoleAsk) -> Result<Ask, ClientError> {
        self.post("/v1/asks", ask).await
    }

    pub async fn asks(&self, open_only: bool) -> Result<Vec<Ask>, ClientError> {
        let path = format!("/v1/asks?open={open_only}");
        self.get(&path, Duration::ZERO).await
    }

    /// Finds an ask, as soon as it is decided or `wait` is over.
    pub async fn find(&self, id: &AskId, wait: Duration) -> Result<Ask, ClientError> {
        let path = format!("/v1/asks/{id}?wait={}", wait.as_secs());
        self.get(&path, wait).await
    }

    pub async fn vote(
        &self,
        id: &AskId,
        approves: bool,
        note: Option<String>,
    ) -> Result<Ask, ClientError> {
        let vote = NewVote { approves, note };
        self.post(&format!("/v1/asks/{id}/votes"), &vote).await
    }

    pub async fn withdraw(&self, id: &AskId) -> Result<Ask, ClientError> {
        self.post(&format!("/v1/asks/{id}/withdraw"), &()).await
    }

    pub async fn grants(&self, live_only: bool) -> Result<Vec<Grant>, ClientError> {
        let path = format!("/v1/grants?live={live_only}");
        self.get(&path, Duration::ZERO).await
    }

    pub async fn grant(&self, grant: &NewRoleGrant) -> Result<Grant, ClientError> {
        self.post("/v1/grants", grant).await
    }

    pub async fn revoke(&self, id: &GrantId, reason: Option<String>) -> Result<Grant, ClientError> {
        let path = format!("/v1/grants/{id}/revoke");
        self.post(&path, &NewRevocation { reason }).await
    }

    pub async fn extend(&self, id: &GrantId, by: Duration) -> Result<Grant, ClientError> {
        let by_seconds = by.as_secs();
        let path = format!("/v1/grants/{id}/extend");
        self.post(&path, &NewExtension { by_seconds }).await
    }

    pub async fn import_labels(&self, labels: &NewLabels) -> Result<ImportedLabels, ClientError> {
        let body = serde_json::to_vec(labels).map_err(ClientError::Write)?;
        let path = "/v1/labels/import";
        self.send(Method::POST, path, body.into(), IMPORT_PATIENCE)
            .await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, wait: Duration) -> Result<T, ClientError> {
        self.send(Method::GET, path, Bytes::new(), PATIENCE + wait)
            .await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(ClientError::Write)?;
        self.send(Method::POST, path, body.into(), PATIENCE).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        patience: Duration,
    ) -> Result<T, ClientError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() =
            Uri::try_from(path).map_err(|_error| ClientError::Id(path.to_owned()))?;
        let exchanged = exchange(&self.socket, request, patience).await;
        let (status, body) = exchanged.map_err(ClientError::Ask)?;
        let format = |error| ClientError::Ask(AskError::Format(error));
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(format);
        }
        let Failure { code, message } = serde_json::from_slice(&body).map_err(format)?;
        Err(ClientError::Refused { code, message })
    }
}
