//! Reads a client's hello without answering it.
//!
//! The bytes are consumed and replayed from memory ([`Prefixed`]). Peeking at the socket's queue
//! would leave it readable, and a peer that sends half a hello would keep a task spinning.

mod parse;
mod records;
#[cfg(test)]
mod tests;

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::Prefixed;
use records::Records;

/// What a client says before anyone has answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// A valid DNS name in lower case without a trailing dot. `None` when the client names no
    /// server, or gives an address, which RFC 6066 section 3 does not allow as a name.
    pub server_name: Option<String>,
    /// Application protocols in the client's order.
    pub alpn: Vec<Vec<u8>>,
    /// Whether an encrypted hello came along. Browsers also send a random one (GREASE) that cannot
    /// be told from a real one; the name above is then the *outer* name.
    pub encrypted_client_hello: bool,
}

/// Why there is no [`Hello`].
#[derive(Debug, thiserror::Error)]
pub enum HelloError {
    #[error("the client does not speak TLS")]
    NotTls { looks_like_http: bool },
    #[error("the client closed the connection {received} bytes into its hello")]
    Truncated { received: usize },
    #[error("the client did not finish its hello in time")]
    Timeout { received: usize },
    #[error("the client's hello is longer than {} bytes", HELLO_BYTES_MAX)]
    TooLong,
    #[error("the client's hello is malformed: {rule}")]
    Malformed { rule: &'static str },
    #[error("cannot read the client's hello")]
    Read(#[source] io::Error),
}

/// A connection whose first bytes were read: they are replayed to whoever gets the stream next,
/// whatever the outcome.
#[derive(Debug)]
#[must_use]
pub struct Peeked<S> {
    pub stream: Prefixed<S>,
    pub outcome: Result<Hello, HelloError>,
}

/// Reads one hello. The timeout is for the whole of it, so that a byte now and then buys no time.
pub async fn peek<S: AsyncRead + Unpin>(mut stream: S, timeout: Duration) -> Peeked<S> {
    let mut received = BytesMut::new();
    let outcome = match tokio::time::timeout(timeout, read(&mut stream, &mut received)).await {
        Ok(outcome) => outcome,
        Err(_elapsed) => Err(HelloError::Timeout {
            received: received.len(),
        }),
    };
    // A slice of the read buffer would keep all of its capacity alive.
    let prefix = Bytes::copy_from_slice(&received);
    Peeked {
        stream: Prefixed::new(prefix, stream),
        outcome,
    }
}

async fn read<S: AsyncRead + Unpin>(
    stream: &mut S,
    received: &mut BytesMut,
) -> Result<Hello, HelloError> {
    let mut records = Records::default();
    loop {
        if let Some(message) = records.advance(received)? {
            return parse::client_hello(message);
        }
        let room = HELLO_BYTES_MAX.saturating_sub(received.len());
        if room == 0 {
            return Err(HelloError::TooLong);
        }
        received.reserve(READ_BYTES.min(room));
        let count = (&mut *stream)
            .take(room as u64)
            .read_buf(received)
            .await
            .map_err(HelloError::Read)?;
        if count == 0 {
            return Err(HelloError::Truncated {
                received: received.len(),
            });
        }
    }
}

/// Real hellos take 284 to 1935 bytes; post-quantum key shares and padding make them grow, and a
/// ClientHello of more than 64 KiB is refused by common servers too. Record headers count.
const HELLO_BYTES_MAX: usize = 64 * 1024;

/// One read takes the largest hello seen from any driver.
const READ_BYTES: usize = 4096;
