//! Answers a client's hello as the account host.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::server::{ClientHello, ResolvesServerCert, ServerSessionMemoryCache};
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{Authority, Prefixed, name};

/// Terminates TLS for Snowflake's names.
#[derive(Clone)]
pub struct Terminator {
    acceptor: TlsAcceptor,
    timeout: Duration,
}

/// Why a handshake did not end well.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The process lacks our authority in the trust store that it uses: `snowfence trust` is what
    /// it needs. Clients tell this with different alerts, see [`AcceptError::is_distrust`].
    #[error("the client does not trust the authority that signed for us")]
    UnknownAuthority,
    #[error("the client refuses our certificate (alert {alert})")]
    CertificateRefused { alert: u8 },
    #[error("the client offers no HTTP/1.1")]
    NoCommonProtocol,
    /// A second hello (TLS 1.3 allows one) asked for another name than the one that was judged.
    #[error("the client changed the server name during the handshake")]
    NameChanged,
    #[error("the client ended the handshake (alert {alert})")]
    Alert { alert: u8 },
    #[error("the client closed the connection during the handshake")]
    Closed,
    #[error("the handshake was not finished in time")]
    Timeout,
    #[error("the handshake failed")]
    Tls(#[source] rustls::Error),
    #[error("cannot read or write during the handshake")]
    Stream(#[source] io::Error),
}

impl AcceptError {
    /// Whether the likely cause is that the client does not trust us: OpenSSL and rustls send
    /// `unknown_ca`, Go `bad_certificate`, Java `certificate_unknown`.
    #[must_use]
    pub const fn is_distrust(&self) -> bool {
        matches!(
            self,
            Self::UnknownAuthority | Self::CertificateRefused { .. }
        )
    }
}

/// Why there is no terminator.
#[derive(Debug, thiserror::Error)]
pub enum TerminatorError {
    #[error("cannot set up the TLS server")]
    Setup(#[source] rustls::Error),
}

impl Terminator {
    /// Makes a terminator whose handshakes, each as a whole, take no longer than the timeout.
    pub fn new(authority: Arc<Authority>, timeout: Duration) -> Result<Self, TerminatorError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(TerminatorError::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Resolver(authority)));
        // Every driver speaks it; some would choose HTTP/2 if it were offered.
        config.alpn_protocols = vec![HTTP_1_1.to_vec()];
        config.session_storage = ServerSessionMemoryCache::new(SESSIONS_MAX);
        config.ticketer = rustls::crypto::ring::Ticketer::new().map_err(TerminatorError::Setup)?;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            timeout,
        })
    }

    /// Shakes hands. The stream begins with the hello that was peeked at, and the name is that
    /// hello's: what follows is decided for this name.
    pub async fn accept<S>(
        &self,
        stream: Prefixed<S>,
        server_name: &str,
    ) -> Result<TlsStream<Prefixed<S>>, AcceptError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let stream = match tokio::time::timeout(self.timeout, self.acceptor.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(explain(error)),
            Err(_elapsed) => return Err(AcceptError::Timeout),
        };
        let shaken = stream.get_ref().1.server_name().and_then(name::normalize);
        if shaken.as_deref() == Some(server_name) {
            Ok(stream)
        } else {
            Err(AcceptError::NameChanged)
        }
    }
}

impl fmt::Debug for Terminator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Terminator")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Finds what went wrong below the `io::Error` that the handshake ends in.
fn explain(error: io::Error) -> AcceptError {
    let cause = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::AlertReceived(alert)) => explain_alert(*alert),
        Some(rustls::Error::NoApplicationProtocol) => AcceptError::NoCommonProtocol,
        Some(cause) => AcceptError::Tls(cause.clone()),
        None if is_end(error.kind()) => AcceptError::Closed,
        None => AcceptError::Stream(error),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the alerts of TLS are an open set"
)]
fn explain_alert(alert: AlertDescription) -> AcceptError {
    match alert {
        AlertDescription::UnknownCA => AcceptError::UnknownAuthority,
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown => AcceptError::CertificateRefused {
            alert: u8::from(alert),
        },
        other => AcceptError::Alert {
            alert: u8::from(other),
        },
    }
}

fn is_end(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

/// Gives the leaf for the name that the client asks for, and none for any other.
#[derive(Debug)]
struct Resolver(Arc<Authority>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?;
        // Signing takes less time than the handshake's own signature and key exchange.
        match self.0.leaf(name) {
            Ok(leaf) => Some(leaf),
            Err(error) => {
                tracing::warn!(name, %error, "no certificate for a connection that is ours");
                None
            }
        }
    }
}

const HTTP_1_1: &[u8] = b"http/1.1";

/// Sessions of TLS 1.2 clients without tickets; each takes about 1 KiB. Beyond it the oldest must do
/// a full handshake again.
const SESSIONS_MAX: usize = 4096;
