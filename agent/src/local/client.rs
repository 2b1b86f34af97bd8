//! The other end of a Unix socket: what commands use to ask the daemon.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::UnixStream;
use tokio::time::timeout;

/// Thousands of counters, hundreds of asks, and the labels of a hundred thousand columns fit.
const ANSWER_BYTES_MAX: usize = 64 << 20;

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

/// Sends one request to the daemon at `socket`, and reads the whole answer.
pub(crate) async fn exchange(
    socket: &Path,
    request: Request<Full<Bytes>>,
    patience: Duration,
) -> Result<(StatusCode, Bytes), AskError> {
    let answer = timeout(patience, send(socket, request)).await;
    answer.ok().ok_or(AskError::Timeout)?
}

async fn send(
    socket: &Path,
    mut request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), AskError> {
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
    let host = HeaderValue::from_static("snowfence");
    request.headers_mut().insert(http::header::HOST, host);
    let answer = sender.send_request(request).await.map_err(AskError::Http)?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX);
    let body = body.collect().await.map_err(AskError::Body)?.to_bytes();
    Ok((status, body))
}
