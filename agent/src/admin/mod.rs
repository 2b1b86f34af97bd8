//! For operators: status over a Unix socket, metrics and health over TCP.
//!
//! Runs on one thread with a runtime of its own and shares no lock with the data path, so that a
//! busy proxy can be looked at and a slow scraper holds up nobody.
//!
//! ```text
//! admin.sock      GET /v1/status /metrics /health   peer must be root or the daemon's user
//! 127.0.0.1:9464  GET            /metrics /health   no user, no id, no SQL in them
//! ```
#![forbid(unsafe_code)]

pub mod client;
mod routes;
mod serve;
mod status;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use prometheus::Registry;
use thiserror::Error;
use tokio::sync::oneshot;

use crate::config;
use crate::local::{BindError, Open, Socket};

pub use status::{
    HeadStatus, HoldStatus, LinkStatus, PolicyStatus, RecorderStatus, ScopeStatus, Status,
    UnshippedStatus,
};

/// What operators may see. It can answer, and reach nothing else.
#[derive(Clone)]
pub struct Admin {
    pub registry: Registry,
    /// Called for every question; must not wait.
    pub status: Arc<dyn Fn() -> Status + Send + Sync>,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

/// Why the admin endpoints could not be opened.
#[derive(Debug, Error)]
pub enum AdminError {
    #[error("cannot have the admin socket")]
    Socket(#[source] BindError),
    #[error("cannot open the metrics port {address}")]
    Metrics {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("cannot start the admin thread")]
    Thread(#[source] io::Error),
}

/// The running thread. Dropping it ends the thread without waiting for it.
#[derive(Debug)]
pub struct AdminThread {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    metrics: Option<SocketAddr>,
}

impl AdminThread {
    /// Where metrics are served, with the port that port 0 became.
    #[must_use]
    pub const fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// Ends the thread, removes the socket, and waits until both are done.
    pub fn shutdown(mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in it has been printed, and there is nothing left that it could harm.
            drop(thread.join());
        }
    }
}

/// Opens socket and port, and serves them from a thread of their own.
///
/// # Errors
///
/// When another daemon has the socket, or one of the two cannot be opened.
pub fn start(config: &config::Admin, admin: Admin) -> Result<AdminThread, AdminError> {
    let socket = Socket::bind(&config.socket, Open::ToOwner).map_err(AdminError::Socket)?;
    let (socket, remove) = socket.split();
    let port = config.metrics.map(open_port).transpose()?;
    let metrics = port.as_ref().and_then(|port| port.local_addr().ok());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(AdminError::Thread)?;
    let (stop, stopped) = oneshot::channel();
    let thread = thread::Builder::new()
        .name("admin".to_owned())
        .spawn(move || {
            runtime.block_on(serve::run(socket, port, admin, stopped));
            drop(remove);
        })
        .map_err(AdminError::Thread)?;
    Ok(AdminThread {
        stop: Some(stop),
        thread: Some(thread),
        metrics,
    })
}

fn open_port(address: SocketAddr) -> Result<TcpListener, AdminError> {
    let open = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    open().map_err(|source| AdminError::Metrics { address, source })
}

#[cfg(test)]
mod tests;
