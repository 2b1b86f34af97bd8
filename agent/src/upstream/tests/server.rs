//! A TLS server on loopback that does what a script says, also what no HTTP library would do.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// One request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Method and target: `GET /path?query`.
    pub(crate) line: String,
    /// Lower-case names.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What the script wants to happen.
pub(crate) enum Reply {
    /// A whole answer; the connection stays open.
    Full(Vec<u8>),
    /// These bytes, then the end of the connection.
    Cut(Vec<u8>),
    /// A TCP reset.
    Reset,
    /// Nothing, for ever.
    Stall,
}

impl Reply {
    pub(crate) fn json(body: &str) -> Self {
        Self::with(200, "content-type: application/json\r\n", body.as_bytes())
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::with(status, "", b"no")
    }

    pub(crate) fn with(status: u16, headers: &str, body: &[u8]) -> Self {
        let length = body.len();
        let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\n\r\n");
        Self::Full([head.as_bytes(), body].concat())
    }
}

/// The server, with what it saw.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// Trusts the server's certificate and no other.
    pub(crate) connector: TlsConnector,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Starts a server whose certificate is for `acct.snowflakecomputing.com` and `localhost`.
    ///
    /// The script gets each request and how many there were before it.
    pub(crate) async fn start(
        script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let names = ["acct.snowflakecomputing.com", "localhost"]
            .map(str::to_owned)
            .to_vec();
        let certified = rcgen::generate_simple_self_signed(names).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(certified.cert.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], PrivateKeyDer::from(key))
            .unwrap();

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let started = Self {
            address: listener.local_addr().unwrap(),
            connector: TlsConnector::from(Arc::new(client)),
            seen: Arc::default(),
            connections: Arc::default(),
        };
        let acceptor = TlsAcceptor::from(Arc::new(server));
        let (seen, connections) = (Arc::clone(&started.seen), Arc::clone(&started.connections));
        let script = Arc::new(script);
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::SeqCst);
                let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
                let script = Arc::clone(&script);
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(tcp).await {
                        serve(stream, &seen, &*script).await;
                    }
                });
            }
        });
        started
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Method and path of each request, without the query.
    pub(crate) fn paths(&self) -> Vec<String> {
        let path = |seen: Seen| seen.line.split('?').next().unwrap().to_owned();
        self.seen().into_iter().map(path).collect()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(
    mut stream: TlsStream<TcpStream>,
    seen: &Mutex<Vec<Seen>>,
    script: &(impl Fn(&Seen, usize) -> Reply + Sync),
) {
    while let Some(request) = read(&mut stream).await {
        let index = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        match script(&request, index) {
            Reply::Full(bytes) => {
                // The client may be gone: some tests drop it.
                if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
            Reply::Cut(bytes) => {
                stream.write_all(&bytes).await.unwrap();
                stream.shutdown().await.unwrap();
                return;
            }
            Reply::Reset => {
                socket2::SockRef::from(stream.get_ref().0)
                    .set_linger(Some(std::time::Duration::ZERO))
                    .unwrap();
                return;
            }
            Reply::Stall => std::future::pending().await,
        }
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let line = lines
        .next()
        .unwrap()
        .strip_suffix(" HTTP/1.1")
        .unwrap()
        .to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut seen = Seen {
        line,
        headers,
        body: String::new(),
    };
    let length = seen
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    seen.body = String::from_utf8(body).unwrap();
    Some(seen)
}
