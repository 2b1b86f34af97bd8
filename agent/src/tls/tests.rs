//! Whole handshakes: a real client, our hello reader, our terminator.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::server::AcceptError;
use super::*;

const NAME: &str = "my_org-acct.snowflakecomputing.com";
const LIMIT: Duration = Duration::from_secs(5);

struct Fixture {
    terminator: Terminator,
    ca_pem: String,
    dir: tempfile::TempDir,
}

fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let authority = Arc::new(Authority::open_or_create(dir.path(), &[]).unwrap());
    let ca_pem = authority.certificate_pem().to_owned();
    Fixture {
        terminator: Terminator::new(authority, LIMIT).unwrap(),
        ca_pem,
        dir,
    }
}

fn client(
    ca_pem: Option<&str>,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&[u8]],
) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    if let Some(pem) = ca_pem {
        roots
            .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
            .unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

/// One connection: the server echoes four bytes, so that the client has read its tickets.
async fn connect(
    terminator: &Terminator,
    connector: &TlsConnector,
    name: &str,
) -> (
    std::io::Result<TlsStream<DuplexStream>>,
    Result<Hello, AcceptError>,
) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let serving = Box::pin(async {
        let Peeked { stream, outcome } = peek(far).await;
        let hello = outcome.unwrap();
        let judged = hello.server_name.clone().unwrap();
        let mut stream = terminator.accept(stream, &judged).await?;
        let mut bytes = [0; 4];
        stream.read_exact(&mut bytes).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        stream.flush().await.unwrap();
        Ok(hello)
    });
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let asking = Box::pin(async {
        let mut stream = connector.connect(name, near).await?;
        stream.write_all(b"ping").await?;
        let mut bytes = [0; 4];
        stream.read_exact(&mut bytes).await?;
        assert_eq!(&bytes, b"ping");
        Ok(stream)
    });
    tokio::join!(asking, serving)
}

async fn peek(stream: DuplexStream) -> Peeked<DuplexStream> {
    hello::peek(stream, LIMIT).await
}

const BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

#[tokio::test]
async fn clients_of_both_versions_are_answered_and_resume() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let fixture = fixture();
        let connector = client(Some(&fixture.ca_pem), &[version], &[b"h2", b"http/1.1"]);
        let (stream, hello) = connect(&fixture.terminator, &connector, NAME).await;
        assert_eq!(hello.unwrap().server_name.as_deref(), Some(NAME));
        let stream = stream.unwrap();
        let connection = stream.get_ref().1;
        assert_eq!(connection.protocol_version(), Some(version.version));
        assert_eq!(connection.alpn_protocol(), Some(&b"http/1.1"[..]));
        assert_eq!(connection.peer_certificates().unwrap().len(), 1);
        assert_ne!(connection.handshake_kind(), Some(HandshakeKind::Resumed));

        let (stream, _) = connect(&fixture.terminator, &connector, NAME).await;
        let stream = stream.unwrap();
        assert_eq!(
            stream.get_ref().1.handshake_kind(),
            Some(HandshakeKind::Resumed)
        );
    }
}

/// Another implementation than ours on the other side, over a real socket.
#[tokio::test]
async fn openssl_shakes_hands_and_verifies() {
    for (option, version) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let fixture = fixture();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = tokio::process::Command::new("openssl")
            .args([
                "s_client",
                option,
                "-verify_return_error",
                "-alpn",
                "h2,http/1.1",
            ])
            .args(["-servername", NAME, "-verify_hostname", NAME, "-connect"])
            .arg(listener.local_addr().unwrap().to_string())
            .arg("-CAfile")
            .arg(fixture.dir.path().join("ca.crt"))
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (socket, _) = listener.accept().await.unwrap();
        let Peeked { stream, outcome } = hello::peek(socket, LIMIT).await;
        assert_eq!(outcome.unwrap().server_name.as_deref(), Some(NAME));
        drop(fixture.terminator.accept(stream, NAME).await.unwrap());
        let mut text = String::new();
        client
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .await
            .unwrap();
        client.wait().await.unwrap();
        assert!(
            text.contains("Verification: OK") && text.contains(version),
            "{text}"
        );
        assert!(text.contains("ALPN protocol: http/1.1"), "{text}");
    }
}

#[tokio::test]
async fn a_client_without_alpn_is_answered() {
    let fixture = fixture();
    let connector = client(Some(&fixture.ca_pem), BOTH, &[]);
    let (stream, hello) = connect(&fixture.terminator, &connector, NAME).await;
    assert_eq!(stream.unwrap().get_ref().1.alpn_protocol(), None);
    assert_eq!(hello.unwrap().alpn, Vec::<Vec<u8>>::new());
}

#[tokio::test]
async fn a_client_that_lacks_our_authority_is_told_apart() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let fixture = fixture();
        let (stream, hello) =
            connect(&fixture.terminator, &client(None, &[version], &[]), NAME).await;
        stream.unwrap_err();
        let error = hello.unwrap_err();
        assert!(matches!(error, AcceptError::UnknownAuthority), "{error:?}");
        assert!(error.is_distrust());
    }
}

#[tokio::test]
async fn a_client_that_speaks_only_http2_is_told_apart() {
    let fixture = fixture();
    let connector = client(Some(&fixture.ca_pem), BOTH, &[b"h2"]);
    let (stream, hello) = connect(&fixture.terminator, &connector, NAME).await;
    stream.unwrap_err();
    let error = hello.unwrap_err();
    assert!(matches!(error, AcceptError::NoCommonProtocol), "{error:?}");
    assert!(!error.is_distrust());
}

#[tokio::test]
async fn a_name_that_is_not_ours_gets_no_certificate() {
    let fixture = fixture();
    let connector = client(Some(&fixture.ca_pem), BOTH, &[]);
    let (stream, hello) = connect(&fixture.terminator, &connector, "example.org").await;
    stream.unwrap_err();
    assert!(matches!(hello.unwrap_err(), AcceptError::Tls(_)));
}

#[tokio::test]
async fn the_name_of_the_handshake_must_be_the_one_that_was_judged() {
    let fixture = fixture();
    let connector = client(Some(&fixture.ca_pem), BOTH, &[]);
    let (near, far) = tokio::io::duplex(64 * 1024);
    let name = ServerName::try_from("other.snowflakecomputing.com").unwrap();
    let stream = Prefixed::new(bytes::Bytes::new(), far);
    let (_, accepted) = tokio::join!(
        connector.connect(name, near),
        fixture.terminator.accept(stream, NAME)
    );
    assert!(matches!(accepted.unwrap_err(), AcceptError::NameChanged));
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_stalls_ends_in_time() {
    let fixture = fixture();
    let (near, far) = tokio::io::duplex(64 * 1024);
    let prefixed = Prefixed::new(bytes::Bytes::from_static(&[22, 3, 1]), far);
    let before = tokio::time::Instant::now();
    let error = fixture.terminator.accept(prefixed, NAME).await.unwrap_err();
    assert!(matches!(error, AcceptError::Timeout), "{error:?}");
    assert_eq!(before.elapsed().as_secs(), LIMIT.as_secs());
    drop(near);
}

#[tokio::test]
async fn a_client_that_goes_away_is_told_apart() {
    let fixture = fixture();
    let (near, far) = tokio::io::duplex(64 * 1024);
    drop(near);
    let prefixed = Prefixed::new(bytes::Bytes::from_static(&[22, 3, 1]), far);
    let error = fixture.terminator.accept(prefixed, NAME).await.unwrap_err();
    assert!(matches!(error, AcceptError::Closed), "{error:?}");
}

#[tokio::test]
async fn the_upstream_connector_trusts_configured_files_and_verifies() {
    let fixture = fixture();
    let connector = client::connector(&[fixture.dir.path().join("ca.crt")]).unwrap();
    let (stream, _) = connect(&fixture.terminator, &connector, NAME).await;
    let stream = stream.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));

    let stranger = self::fixture();
    let (stream, hello) = connect(&stranger.terminator, &connector, NAME).await;
    stream.unwrap_err();
    assert!(matches!(hello.unwrap_err(), AcceptError::UnknownAuthority));
}

#[test]
fn a_configured_file_must_hold_certificates() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("roots.pem");
    let missing = client::connector(std::slice::from_ref(&path))
        .map(|_connector| ())
        .unwrap_err();
    assert!(matches!(missing, client::ConnectorError::Roots { .. }));
    std::fs::write(&path, "no certificate here\n").unwrap();
    let empty = client::connector(&[path]).map(|_connector| ()).unwrap_err();
    assert!(matches!(
        empty,
        client::ConnectorError::NoCertificate { .. }
    ));
}
