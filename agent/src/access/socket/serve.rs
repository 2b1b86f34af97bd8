//! Accepts until the daemon ends. Each connection is identified when it is accepted.

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::Counter;
use super::labels;
use super::routes;
use crate::identity::{self, Peer};
use crate::local::{BindError, Open, Socket};
use crate::shutdown::Shutdown;
use crate::telemetry::ErrorChain;

/// For one request and its answer: an import of labels takes the longest.
const CONNECTION_LIFETIME: Duration = labels::PATIENCE;
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// hyper's least is 8 KiB; a request here has a few headers.
const BUFFER_BYTES_MAX: usize = 16 << 10;
/// accept fails when descriptors run out: wait for some to be closed instead of spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The socket, before anyone is answered.
#[derive(Debug)]
pub struct Bound(Socket);

/// Binds the socket; peers that connect wait until it is served.
///
/// # Errors
/// Another daemon has it, or it cannot be opened.
pub fn bind(path: &Path) -> Result<Bound, BindError> {
    Socket::bind(path, Open::ToEveryone).map(Bound)
}

impl Bound {
    /// Serves the socket until the daemon ends, and removes it then.
    ///
    /// # Errors
    /// The runtime does not take the socket.
    pub fn serve(
        self,
        counter: Arc<Counter>,
        mut shutdown: Shutdown,
    ) -> io::Result<JoinHandle<()>> {
        let (listener, remove) = self.0.split();
        let listener = UnixListener::from_std(listener)?;
        Ok(tokio::spawn(async move {
            loop {
                // Both arms are cancel-safe: a connection that is not accepted stays in the queue.
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = shutdown.wait() => break,
                };
                match accepted {
                    Ok((stream, _)) => welcome(stream, &counter, &shutdown),
                    Err(error) => {
                        tracing::warn!(error = %ErrorChain(&error), "cannot accept at the socket");
                        sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
            drop(remove);
        }))
    }
}

/// Identifies a peer before anything that it sends is read: the longer that takes, the more can
/// have become of its process. What is read of it are a few lines of `/proc`.
fn welcome(stream: UnixStream, counter: &Arc<Counter>, shutdown: &Shutdown) {
    let peer = match identity::peer::peer(&stream) {
        Ok(peer) => peer,
        Err(error) => {
            tracing::warn!(error = %ErrorChain(&error), "peer of the access socket unknown");
            return;
        }
    };
    let Some(room) = counter.limits.take(counter.side(&peer), peer.uid) else {
        tracing::warn!(
            uid = peer.uid,
            tgid = peer.tgid,
            "no room for another access request"
        );
        return turn_away(stream);
    };
    let counter = Arc::clone(counter);
    let mut shutdown = shutdown.clone();
    tokio::spawn(async move {
        // Dropping a conversation at any await loses nothing that was promised: what the desk has
        // written is written.
        tokio::select! {
            () = converse(stream, peer, counter) => {}
            () = shutdown.wait() => {}
        }
        drop(room);
    });
}

/// Tells why, without waiting for the request: there is no room to wait in.
fn turn_away(stream: UnixStream) {
    // Whoever does not get it finds the connection closed.
    if let Ok(mut stream) = stream.into_std() {
        drop(stream.write_all(TOO_MANY));
    }
}

const TOO_MANY: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nconnection: close\r\n\
    content-type: application/json\r\ncontent-length: 91\r\n\r\n\
    {\"code\":\"too_many\",\"message\":\"too many requests of this user; wait a moment and try again\"}";

/// Answers one request.
async fn converse(stream: UnixStream, peer: Peer, counter: Arc<Counter>) {
    let service = service_fn(|request: Request<Incoming>| {
        let (peer, counter) = (peer.clone(), Arc::clone(&counter));
        async move { Ok::<_, Infallible>(routes::answer(&counter, peer, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(BUFFER_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    if let Ok(Err(error)) = timeout(CONNECTION_LIFETIME, connection).await {
        tracing::debug!(error = %ErrorChain(&error), "access connection ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::socket::shapes::Failure;

    #[test]
    fn who_is_turned_away_gets_a_whole_answer() {
        let text = std::str::from_utf8(TOO_MANY).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let length = format!("content-length: {}", body.len());
        assert!(head.ends_with(&length), "{length}");
        let failure: Failure = serde_json::from_str(body).unwrap();
        assert_eq!(failure.code, "too_many");
    }
}
