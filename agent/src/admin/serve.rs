//! Accepts on both doors until told to stop.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use nix::unistd::{Uid, geteuid};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{sleep, timeout};

use super::Admin;
use super::routes::{self, Door};
use crate::telemetry::ErrorChain;

/// Some scrapers, or some operators: for each door its own, so that whoever reaches the port cannot
/// shut operators out. Further connections wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 64;
/// A connection is for a few questions; a scraper that keeps it alive opens another one.
const CONNECTION_LIFETIME: Duration = Duration::from_secs(60);
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// hyper's least is 8 KiB; a request here has no body and a few headers.
const BUFFER_BYTES_MAX: usize = 16 << 10;
/// accept fails when descriptors run out: wait for some to be closed instead of spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stopped` resolves or its sender is dropped.
pub(super) async fn run(
    socket: UnixListener,
    port: Option<TcpListener>,
    admin: Admin,
    stopped: oneshot::Receiver<()>,
) {
    let admin = Arc::new(admin);
    // Both loops hold no state between two accepts: dropping them at any await loses nothing.
    tokio::select! {
        _ = stopped => {}
        ended = serve_socket(socket, Arc::clone(&admin)) => report(ended),
        ended = serve_port(port, admin) => report(ended),
    }
}

fn report(ended: io::Result<Infallible>) {
    let Err(error) = ended;
    tracing::error!(error = %ErrorChain(&error), "the admin endpoints ended");
}

async fn serve_socket(socket: UnixListener, admin: Arc<Admin>) -> io::Result<Infallible> {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let socket = tokio::net::UnixListener::from_std(socket)?;
    loop {
        let Some(slot) = slot(&slots).await else {
            continue;
        };
        let stream = match socket.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                pause(&error).await;
                continue;
            }
        };
        // Kept by the kernel since connect(2): it cannot be handed on or forged.
        match stream.peer_cred() {
            Ok(peer) if is_operator(peer.uid()) => {
                tokio::spawn(converse(stream, Door::Socket, Arc::clone(&admin), slot));
            }
            Ok(peer) => tracing::warn!(uid = peer.uid(), "admin peer refused"),
            Err(error) => tracing::warn!(error = %ErrorChain(&error), "admin peer unknown"),
        }
    }
}

async fn serve_port(port: Option<TcpListener>, admin: Arc<Admin>) -> io::Result<Infallible> {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let Some(port) = port else {
        return std::future::pending().await;
    };
    let port = tokio::net::TcpListener::from_std(port)?;
    loop {
        let Some(slot) = slot(&slots).await else {
            continue;
        };
        match port.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(converse(stream, Door::Port, Arc::clone(&admin), slot));
            }
            Err(error) => pause(&error).await,
        }
    }
}

async fn slot(slots: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    Arc::clone(slots).acquire_owned().await.ok()
}

async fn pause(error: &io::Error) {
    tracing::warn!(error = %ErrorChain(error), "cannot accept an admin connection");
    sleep(ACCEPT_PAUSE).await;
}

async fn converse<S>(stream: S, door: Door, admin: Arc<Admin>, slot: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = routes::answer(door, &admin, &request);
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    // How a question ended matters only to the one who asked.
    if let Ok(Err(error)) = timeout(CONNECTION_LIFETIME, connection).await {
        tracing::debug!(error = %ErrorChain(&error), "admin connection ended");
    }
    drop(slot);
}

/// Whether the user of a peer may operate the daemon.
fn is_operator(peer: u32) -> bool {
    let peer = Uid::from_raw(peer);
    peer.is_root() || peer == geteuid()
}

#[cfg(test)]
mod tests {
    use nix::unistd::geteuid;

    use super::is_operator;

    #[test]
    fn only_root_and_our_own_user_operate() {
        assert!(is_operator(0));
        assert!(is_operator(geteuid().as_raw()));
        assert!(!is_operator(65_534));
        assert!(!is_operator(u32::MAX));
    }
}
