//! The other end of the Unix socket: what commands use to ask the daemon.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::Status;

/// A daemon that works answers in milliseconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Thousands of counters fit.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Why the daemon could not be asked.
#[derive(Debug, Error)]
pub enum AskError {
    #[error("no daemon answers at `{}` (is `snowfence run` running?)", path.display())]
    Connect {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the daemon did not answer in time")]
    Timeout,
    #[error("the connection to the daemon failed")]
    Http(#[source] hyper::Error),
    #[error("the answer of the daemon could not be read")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the daemon answered {0}")]
    Status(StatusCode),
    #[error("the daemon's answer is of another version")]
    Format(#[source] serde_json::Error),
}

/// Asks the daemon at `socket` for its status.
pub async fn status(socket: &Path) -> Result<Status, AskError> {
    let body = timeout(ANSWER_TIMEOUT, get(socket, "/v1/status")).await;
    let body = body.ok().ok_or(AskError::Timeout)??;
    serde_json::from_slice(&body).map_err(AskError::Format)
}

async fn get(socket: &Path, path: &str) -> Result<Bytes, AskError> {
    let stream = UnixStream::connect(socket)
        .await
        .map_err(|source| AskError::Connect {
            path: socket.to_owned(),
            source,
        })?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(AskError::Http)?;
    // Ends with the sender.
    tokio::spawn(connection);
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = http::Uri::try_from(path).unwrap_or_default();
    request.headers_mut().insert(
        http::header::HOST,
        http::HeaderValue::from_static("snowfence"),
    );
    let answer = sender.send_request(request).await.map_err(AskError::Http)?;
    if answer.status() != StatusCode::OK {
        return Err(AskError::Status(answer.status()));
    }
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX);
    Ok(body.collect().await.map_err(AskError::Body)?.to_bytes())
}
