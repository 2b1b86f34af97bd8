//! Where a receiver is, and one request to it.

use std::net::SocketAddr;

use bytes::Bytes;
use http::uri::Scheme;
use http::{HeaderMap, Request, Uri, header};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::NotifyError;
use super::deliver::TIMEOUT;
use crate::upstream::{self, Connector};

/// A receiver's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    way: Way,
    authority: String,
    path: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Way {
    Https(upstream::Endpoint),
    /// A relay on this host: what is sent leaves the host only if the relay sends it.
    Loopback(SocketAddr),
}

/// What a receiver said.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// `Retry-After` in seconds.
    pub(super) retry_after: Option<u64>,
}

impl Address {
    /// Reads an address; `None` when it is neither https nor http to loopback, or names a user.
    pub(super) fn parse(url: &str) -> Option<Self> {
        if let Some((endpoint, path)) = upstream::Endpoint::from_https(url) {
            return Some(Self {
                authority: endpoint.authority(),
                way: Way::Https(endpoint),
                path,
            });
        }
        let uri: Uri = url.parse().ok()?;
        let authority = uri.authority()?.as_str();
        // An address and no name: what `localhost` is, a file says.
        let address: SocketAddr = authority.parse().ok()?;
        if uri.scheme() != Some(&Scheme::HTTP) || !address.ip().is_loopback() {
            return None;
        }
        Some(Self {
            way: Way::Loopback(address),
            authority: authority.to_owned(),
            path: uri.path_and_query()?.as_str().to_owned(),
        })
    }

    /// Posts JSON, on a connection of its own. The body of the answer is not read: only its status
    /// counts, and what it says may be anything.
    pub(super) async fn post(
        &self,
        connector: &Connector,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Answer, NotifyError> {
        let mut request = Request::post(&self.path)
            .header(header::HOST, &self.authority)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONNECTION, "close")
            .header(
                header::USER_AGENT,
                concat!("snowfence/", env!("CARGO_PKG_VERSION")),
            )
            .body(Full::from(Bytes::from(body)))
            .map_err(NotifyError::Request)?;
        request.headers_mut().extend(headers);
        tokio::time::timeout(TIMEOUT, self.exchange(connector, request))
            .await
            .unwrap_or(Err(NotifyError::Timeout))
    }

    async fn exchange(
        &self,
        connector: &Connector,
        request: Request<Full<Bytes>>,
    ) -> Result<Answer, NotifyError> {
        let answer = match &self.way {
            Way::Https(endpoint) => {
                let mut sender = upstream::open(connector, endpoint)
                    .await
                    .map_err(NotifyError::Connect)?;
                sender.send_request(request).await
            }
            Way::Loopback(address) => {
                let stream = TcpStream::connect(address)
                    .await
                    .map_err(NotifyError::Loopback)?;
                let (mut sender, connection) =
                    hyper::client::conn::http1::handshake(TokioIo::new(stream))
                        .await
                        .map_err(NotifyError::Reset)?;
                // How it ends is told to whoever waits for the answer.
                drop(tokio::spawn(connection));
                sender.send_request(request).await
            }
        };
        let answer = answer.map_err(NotifyError::Reset)?;
        let retry_after = answer.headers().get(header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(Answer {
            status: answer.status().as_u16(),
            retry_after,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_this_hosts_loopback_are_addresses() {
        for url in [
            "https://hooks.example.com/a?b=c",
            "https://hooks.example.com:8443/",
            "http://127.0.0.1:80/x",
            "http://[::1]:8080/x",
        ] {
            assert!(Address::parse(url).is_some(), "{url}");
        }
        for url in [
            "http://hooks.example.com/a",
            "http://localhost:80/",
            "http://10.0.0.1:80/",
            "http://127.0.0.1.example.com:80/",
            "http://user@127.0.0.1:80/",
            "https://user:password@hooks.example.com/",
            "ftp://hooks.example.com/",
            "hooks.example.com",
            "",
        ] {
            assert_eq!(Address::parse(url), None, "{url}");
        }
    }
}
