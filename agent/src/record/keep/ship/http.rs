//! HTTP for the object store: hyper over our own TLS, so that there is one TLS stack.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest,
    HttpRequestBody, HttpResponse, HttpResponseBody, HttpService,
};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A part of 8 MiB over 1 Mbit/s takes 67 s.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// Answers are what was asked for, a part of an upload at most, or short XML.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Names under which clouds give instance metadata, on links that never leave the machine.
const METADATA_HOSTS: [&str; 2] = ["metadata.google.internal", "metadata"];

/// Makes the client for the store.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) tls: TlsConnector,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Service {
            tls: self.tls.clone(),
            idle: Mutex::default(),
        }))
    }
}

type Sender = SendRequest<HttpRequestBody>;

/// Keeps one connection open, since segments are shipped one after another.
struct Service {
    tls: TlsConnector,
    idle: Mutex<Option<(Uri, Sender)>>,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Service")
    }
}

#[async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        tokio::time::timeout(REQUEST_TIMEOUT, Box::pin(self.send(request)))
            .await
            .unwrap_or_else(|elapsed| Err(HttpError::new(HttpErrorKind::Timeout, elapsed)))
    }
}

impl Service {
    async fn send(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let uri = request.uri().clone();
        let origin = origin(&uri).ok_or_else(|| refused("the address is not one of a store"))?;
        if let Some(host) = uri.authority()
            && !request.headers().contains_key(header::HOST)
        {
            let host = HeaderValue::from_str(host.as_str());
            let host = host.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
            request.headers_mut().insert(header::HOST, host);
        }
        let path = uri.path_and_query().cloned();
        *request.uri_mut() = path
            .unwrap_or_else(|| PathAndQuery::from_static("/"))
            .into();
        let mut sender = Box::pin(self.sender(&origin)).await?;
        let answer = sender.send_request(request).await.map_err(broken)?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body =
            body.map_err(|source| HttpError::new_boxed(HttpErrorKind::Interrupted, source))?;
        let body: Bytes = body.to_bytes();
        *self.idle.lock().await = Some((origin, sender));
        let body = Full::new(body).map_err(|never| match never {});
        Ok(HttpResponse::from_parts(parts, HttpResponseBody::new(body)))
    }

    async fn sender(&self, origin: &Uri) -> Result<Sender, HttpError> {
        if let Some((idle, mut sender)) = self.idle.lock().await.take()
            && idle == *origin
            && sender.ready().await.is_ok()
        {
            return Ok(sender);
        }
        tokio::time::timeout(CONNECT_TIMEOUT, Box::pin(connect(&self.tls, origin)))
            .await
            .unwrap_or_else(|elapsed| Err(HttpError::new(HttpErrorKind::Connect, elapsed)))
    }
}

async fn connect(tls: &TlsConnector, origin: &Uri) -> Result<Sender, HttpError> {
    let failed = |source| HttpError::new::<io::Error>(HttpErrorKind::Connect, source);
    let host = origin.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_plain = origin.scheme() == Some(&Scheme::HTTP);
    let port = origin.port_u16().unwrap_or(if is_plain { 80 } else { 443 });
    if is_plain && !is_local(host) {
        return Err(refused("the address is not https"));
    }
    let tcp = TcpStream::connect((host, port)).await.map_err(failed)?;
    tcp.set_nodelay(true).map_err(failed)?;
    if is_plain {
        return speak(tcp).await;
    }
    let name = ServerName::try_from(host.to_owned());
    let name = name.map_err(|error| HttpError::new(HttpErrorKind::Connect, error))?;
    speak(tls.connect(name, tcp).await.map_err(failed)?).await
}

async fn speak<S>(stream: S) -> Result<Sender, HttpError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // Ends with the sender; what goes wrong the request's future tells.
    tokio::spawn(connection);
    Ok(sender)
}

fn origin(uri: &Uri) -> Option<Uri> {
    let builder = Uri::builder().scheme(uri.scheme()?.clone());
    let builder = builder.authority(uri.authority()?.clone());
    builder.path_and_query("/").build().ok()
}

/// Loopback, and the link-local addresses of instance metadata.
fn is_local(host: &str) -> bool {
    if host == "localhost" || METADATA_HOSTS.contains(&host) {
        return true;
    }
    // Of AWS, over IPv6.
    let aws = IpAddr::from([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]);
    host.parse::<IpAddr>().is_ok_and(|address| match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || address == aws,
    })
}

fn broken(error: hyper::Error) -> HttpError {
    HttpError::new(HttpErrorKind::Interrupted, error)
}

fn refused(message: &'static str) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, io::Error::other(message))
}
