//! One verified TLS connection to a fixed or a resolved address.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use prometheus::IntGauge;
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Long enough for two lost SYNs (1 s and 3 s) and a slow handshake, short enough that three tries
/// fit into the time that an operation has.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Below the idle limits of the usual firewalls and load balancers (AWS NLB: 350 s).
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_PROBES: u32 = 4;

/// Whom to connect to: a name to verify, and the address if it is not for us to choose.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Endpoint {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The address that the client wanted; `None` resolves `host`.
    pub(crate) address: Option<SocketAddr>,
}

impl Endpoint {
    /// The endpoint and the path of an https address; `None` for anything else, and for addresses
    /// with a user name in them.
    pub(crate) fn from_https(url: &str) -> Option<(Self, String)> {
        let uri: Uri = url.parse().ok()?;
        let (authority, path) = (uri.authority()?, uri.path_and_query()?);
        if uri.scheme() != Some(&Scheme::HTTPS) || authority.as_str().contains('@') {
            return None;
        }
        let endpoint = Self {
            host: authority.host().to_ascii_lowercase(),
            port: authority.port_u16().unwrap_or(443),
            address: None,
        };
        Some((endpoint, path.as_str().to_owned()))
    }

    /// The value of `Host`.
    pub(crate) fn authority(&self) -> String {
        if self.port == 443 {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum ConnectError {
    #[error("cannot resolve `{host}`")]
    Resolve {
        host: String,
        #[source]
        source: io::Error,
    },
    #[error("`{host}` has no address")]
    NoAddress { host: String },
    #[error("cannot connect to {address}")]
    Tcp {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("no connection within {} s", CONNECT_TIMEOUT.as_secs())]
    Timeout,
    #[error("`{host}` is not a name that a certificate can be verified for")]
    Name { host: String },
    #[error("TLS handshake failed")]
    Tls(#[source] io::Error),
    #[error("the other side does not speak HTTP/1.1")]
    Http(#[source] hyper::Error),
}

/// Makes connections; cheap to clone.
#[derive(Clone)]
pub(crate) struct Connector {
    tls: TlsConnector,
    /// How long a connection may neither read nor write before it counts as dead.
    silence_max: Duration,
    connections: Option<IntGauge>,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Connector")
            .field("silence_max", &self.silence_max)
            .finish()
    }
}

impl Connector {
    pub(crate) const fn new(
        tls: TlsConnector,
        silence_max: Duration,
        connections: Option<IntGauge>,
    ) -> Self {
        Self {
            tls,
            silence_max,
            connections,
        }
    }

    /// Connects, and verifies the certificate against the endpoint's host.
    pub(crate) async fn connect(&self, endpoint: &Endpoint) -> Result<Stream, ConnectError> {
        tokio::time::timeout(CONNECT_TIMEOUT, self.connect_now(endpoint))
            .await
            .unwrap_or(Err(ConnectError::Timeout))
    }

    async fn connect_now(&self, endpoint: &Endpoint) -> Result<Stream, ConnectError> {
        let name =
            ServerName::try_from(endpoint.host.clone()).map_err(|_error| ConnectError::Name {
                host: endpoint.host.clone(),
            })?;
        let tcp = match endpoint.address {
            Some(address) => open(address).await?,
            None => resolve_and_open(&endpoint.host, endpoint.port).await?,
        };
        let tls = self
            .tls
            .connect(name, tcp)
            .await
            .map_err(ConnectError::Tls)?;
        Ok(Stream {
            tls,
            silence_max: self.silence_max,
            silence: None,
            _open: self.connections.clone().map(Open::new),
        })
    }
}

async fn resolve_and_open(host: &str, port: u16) -> Result<TcpStream, ConnectError> {
    let addresses = tokio::net::lookup_host((host, port))
        .await
        .map_err(|source| ConnectError::Resolve {
            host: host.to_owned(),
            source,
        })?;
    let mut failure = ConnectError::NoAddress {
        host: host.to_owned(),
    };
    for address in addresses {
        match open(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

async fn open(address: SocketAddr) -> Result<TcpStream, ConnectError> {
    let failed = |source| ConnectError::Tcp { address, source };
    let stream = TcpStream::connect(address).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES);
    SockRef::from(&stream)
        .set_tcp_keepalive(&keepalive)
        .map_err(failed)?;
    Ok(stream)
}

/// A verified connection that fails when it is silent for too long.
///
/// The silence counts only while the reader waits: a slow client that does not take the bytes it
/// was sent is not the upstream's fault.
#[derive(Debug)]
pub(crate) struct Stream {
    tls: TlsStream<TcpStream>,
    silence_max: Duration,
    /// Runs while a read waits.
    silence: Option<Pin<Box<Sleep>>>,
    _open: Option<Open>,
}

impl Stream {
    fn heard(&mut self) {
        let until = Instant::now() + self.silence_max;
        if let Some(silence) = &mut self.silence {
            silence.as_mut().reset(until);
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(done) = Pin::new(&mut self.tls).poll_read(context, buffer) {
            self.silence = None;
            return Poll::Ready(done);
        }
        let silence_max = self.silence_max;
        let silence = self
            .silence
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(silence_max)));
        ready!(silence.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.tls).poll_write(context, bytes));
        // A request on a connection that was idle begins a new wait.
        self.heard();
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.tls).poll_write_vectored(context, slices));
        self.heard();
        Poll::Ready(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.tls.is_write_vectored()
    }
}

/// Counts a connection for as long as it lives.
#[derive(Debug)]
struct Open(IntGauge);

impl Open {
    fn new(gauge: IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}
