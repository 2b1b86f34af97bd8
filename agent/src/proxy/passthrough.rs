//! Connections that are not Snowflake's: refused, or passed to an address that *we* resolve.
//!
//! The client's own destination address is never dialled: a hello that names `example.org` on a
//! connection to a Snowflake address would reach Snowflake past every check.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::TcpStream;

use super::hangup::Hangup;
use super::metrics::Metrics;
use super::probe::{Finding, Probes};
use crate::shutdown::Shutdown;
use crate::tls::SnowflakeNames;

/// The time that a client's own connect would wait about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Addresses of one name that are tried: a name with more is served by any of them.
const ADDRESSES_MAX: usize = 4;

/// Connects to the server that `name` resolves to here.
///
/// `known` says whether an address belongs to Snowflake.
pub(super) async fn dial_name(
    name: &str,
    port: u16,
    names: &SnowflakeNames,
    probes: &Probes,
    known: impl Fn(SocketAddr) -> bool,
) -> Result<TcpStream, Hangup> {
    let addresses: Vec<SocketAddr> =
        tokio::time::timeout(CONNECT_TIMEOUT, tokio::net::lookup_host((name, port)))
            .await
            .map_err(|_elapsed| Hangup::PassUnreachable)?
            .map_err(|_unresolved| Hangup::PassUnreachable)?
            .take(ADDRESSES_MAX)
            .collect();
    if addresses.iter().any(|address| known(*address)) {
        return Err(Hangup::KnownAddress);
    }
    for address in addresses {
        match probes.look(address, name, names).await {
            Ok(Finding::Other) => return dial(address).await,
            Ok(Finding::Snowflake) => return Err(Hangup::DisguisedSnowflake),
            Err(error) => tracing::debug!(%error, %address, "destination not probed"),
        }
    }
    Err(Hangup::ProbeFailed)
}

/// Connects to one address.
pub(super) async fn dial(address: SocketAddr) -> Result<TcpStream, Hangup> {
    let stream = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address))
        .await
        .map_err(|_elapsed| Hangup::PassUnreachable)?
        .map_err(|_refused| Hangup::PassUnreachable)?;
    stream
        .set_nodelay(true)
        .map_err(|_closed| Hangup::PassUnreachable)?;
    Ok(stream)
}

/// Copies until both sides have ended, or the daemon does: until it is back every new connection
/// is refused, and a stream that lasts for hours is not worth waiting for that long.
pub(super) async fn splice(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    mut server: TcpStream,
    metrics: &Metrics,
    mut shutdown: Shutdown,
) {
    // Dropping the copy closes both sides. An error is the usual end of a connection that one side
    // resets; the counts are lost in both cases.
    let copied = tokio::select! {
        copied = copy_bidirectional(&mut client, &mut server) => copied,
        () = shutdown.wait() => return,
    };
    let (up, down) = copied.unwrap_or((0, 0));
    metrics.passed_bytes.with_label_values(&["up"]).inc_by(up);
    metrics
        .passed_bytes
        .with_label_values(&["down"])
        .inc_by(down);
}
