//! Connections that are kept for the next request.
//!
//! One bounded list for all endpoints, newest last: what is taken is what was used last, and what
//! is thrown away when the list is full is what was used least lately. How many connections are in
//! use is bounded by the callers: each client connection has one request under way.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use super::connect::{ConnectError, Connector, Endpoint};

/// A few dozen agents poll one account host in turn; more would be memory and descriptors.
const IDLE_MAX: usize = 128;

/// Below the time after which load balancers in front of web services close on their own (60 s),
/// so that a request seldom meets a connection that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) type Sender = SendRequest<Full<Bytes>>;

/// Idle connections, and the way to new ones; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    connector: Connector,
    idle: Arc<Mutex<VecDeque<Idle>>>,
}

#[derive(Debug)]
struct Idle {
    endpoint: Endpoint,
    sender: Sender,
    since: Instant,
}

impl Pool {
    pub(super) fn new(connector: Connector) -> Self {
        Self {
            connector,
            idle: Arc::default(),
        }
    }

    /// A connection that can take a request: an idle one, or a new one.
    pub(super) async fn take(&self, endpoint: &Endpoint) -> Result<Sender, ConnectError> {
        if let Some(sender) = self.take_idle(endpoint) {
            return Ok(sender);
        }
        // Boxed: the rare way is the large one.
        Box::pin(connect(&self.connector, endpoint)).await
    }

    /// Keeps the connection once its answer has been read to the end; drops it if it never is.
    pub(super) fn give_back(&self, endpoint: Endpoint, mut sender: Sender) {
        let idle = Arc::clone(&self.idle);
        // Ends when the body was read, was dropped (which closes the connection), or was silent
        // for too long.
        drop(tokio::spawn(async move {
            if sender.ready().await.is_ok() {
                let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
                forget_old(&mut idle);
                if idle.len() >= IDLE_MAX {
                    idle.pop_front();
                }
                idle.push_back(Idle {
                    endpoint,
                    sender,
                    since: Instant::now(),
                });
            }
        }));
    }

    fn take_idle(&self, endpoint: &Endpoint) -> Option<Sender> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        forget_old(&mut idle);
        let index = idle.iter().rposition(|idle| &idle.endpoint == endpoint)?;
        idle.remove(index).map(|idle| idle.sender)
    }
}

/// Opens one connection and starts the task that drives it.
pub(crate) async fn connect(
    connector: &Connector,
    endpoint: &Endpoint,
) -> Result<Sender, ConnectError> {
    let stream = connector.connect(endpoint).await?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(ConnectError::Http)?;
    // How it ends is told to whoever waits for an answer.
    drop(tokio::spawn(connection));
    Ok(sender)
}

/// Drops what was closed meanwhile or is too old; the list is in the order of `since`.
fn forget_old(idle: &mut VecDeque<Idle>) {
    idle.retain(|idle| idle.sender.is_ready() && idle.since.elapsed() < IDLE_TIMEOUT);
}
