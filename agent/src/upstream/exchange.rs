//! One HTTP exchange, and the same again after a transient failure.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use super::body;
use super::connect::Endpoint;
use super::error::UpstreamError;
use super::metrics::Metrics;
use super::pool::{Pool, Sender};
use crate::http::Method;

/// What waits lie between tries. Three tries outlast the restart of a front end; the time that an
/// operation has bounds all of them together.
const BACKOFF: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(600)];

/// A request, ready to be sent more than once.
pub(super) struct Message {
    pub(super) method: Method,
    pub(super) path_and_query: String,
    pub(super) body: Bytes,
    pub(super) headers: HeaderMap,
}

impl Message {
    /// A request to an account host, as drivers send it.
    pub(super) fn to_account(
        method: Method,
        path_and_query: String,
        body: Bytes,
        accept: &'static str,
        user_agent: &HeaderValue,
    ) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(header::USER_AGENT, user_agent.clone());
        if method == Method::Post {
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
        }
        Self {
            method,
            path_and_query,
            body,
            headers,
        }
    }

    /// Adds `Authorization`; `None` when the token cannot be in a header.
    pub(super) fn authorised(mut self, token: &str) -> Option<Self> {
        let value = Zeroizing::new(format!("Snowflake Token=\"{token}\""));
        let mut value = HeaderValue::from_str(&value).ok()?;
        value.set_sensitive(true);
        self.headers.insert(header::AUTHORIZATION, value);
        Some(self)
    }

    /// Adds where the account host wanted the session's requests to go.
    pub(super) fn stuck_to(mut self, sticky: Option<HeaderValue>) -> Self {
        if let Some(value) = sticky {
            self.headers.insert(STICKY, value);
        }
        self
    }

    /// Adds a header whose value is a secret; `None` when it is not one that may be added.
    pub(super) fn with_secret(mut self, name: &str, value: &str) -> Option<Self> {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        if matches!(
            name,
            header::HOST
                | header::CONNECTION
                | header::CONTENT_LENGTH
                | header::TRANSFER_ENCODING
                | header::UPGRADE
                | header::TE
                | header::EXPECT
        ) {
            return None;
        }
        let mut value = HeaderValue::from_str(value).ok()?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Some(self)
    }

    fn request(&self, endpoint: &Endpoint) -> Option<Request<Full<Bytes>>> {
        let method = match self.method {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
        };
        let mut request = Request::builder()
            .method(method)
            .uri(&self.path_and_query)
            .header(header::HOST, endpoint.authority())
            .body(Full::new(self.body.clone()))
            .ok()?;
        request.headers_mut().extend(self.headers.clone());
        Some(request)
    }
}

/// An answer whose body is still to be read, with the connection that it comes on.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Incoming,
    sender: Sender,
}

/// A whole answer.
pub(super) struct Received {
    pub(super) body: Vec<u8>,
    /// Where the account host wants the session's next requests to go.
    pub(super) sticky: Option<HeaderValue>,
}

/// A whole answer that says by its status what it is.
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Sends messages over pooled connections; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) pool: Pool,
    pub(super) response_body_bytes_max: usize,
    pub(super) metrics: Option<Metrics>,
}

impl Exchange {
    /// Sends a message to an account host and reads the answer, again if need be.
    ///
    /// `message` is asked for each try, with the number of tries before it: what is sent again must
    /// say so.
    pub(super) async fn json(
        &self,
        endpoint: &Endpoint,
        mut message: impl FnMut(u32) -> Result<Message, UpstreamError> + Send,
    ) -> Result<Received, UpstreamError> {
        let mut tries = 0;
        let mut waits = BACKOFF.into_iter();
        loop {
            let outcome = self.json_once(endpoint, &message(tries)?).await;
            tries += 1;
            match (outcome, waits.next()) {
                (Err(error), Some(wait)) if error.is_transient() => self.pause(wait).await,
                (outcome, _) => return outcome,
            }
        }
    }

    /// Sends a message and reads the answer of every status that is not the front end's own, again if
    /// need be.
    pub(super) async fn told(
        &self,
        endpoint: &Endpoint,
        mut message: impl FnMut(u32) -> Result<Message, UpstreamError> + Send,
    ) -> Result<Told, UpstreamError> {
        let mut tries = 0;
        let mut waits = BACKOFF.into_iter();
        loop {
            let outcome = self.told_once(endpoint, &message(tries)?).await;
            tries += 1;
            match (outcome, waits.next()) {
                (Err(error), Some(wait)) if error.is_transient() => self.pause(wait).await,
                (outcome, _) => return outcome,
            }
        }
    }

    async fn told_once(
        &self,
        endpoint: &Endpoint,
        message: &Message,
    ) -> Result<Told, UpstreamError> {
        let answer = self.head(endpoint, message).await?;
        let status = answer.status.as_u16();
        if !matches!(status, 200 | 202 | 400 | 404 | 408 | 422 | 429) {
            return Err(refused(&endpoint.host, answer.status));
        }
        let body = body::collect(&answer.headers, answer.body, self.response_body_bytes_max)
            .await
            .map_err(|source| UpstreamError::from_body(&endpoint.host, source))?;
        self.pool.give_back(endpoint.clone(), answer.sender);
        Ok(Told { status, body })
    }

    /// Sends a message once and reads the whole answer.
    pub(super) async fn json_once(
        &self,
        endpoint: &Endpoint,
        message: &Message,
    ) -> Result<Received, UpstreamError> {
        let answer = self.head(endpoint, message).await?;
        if answer.status != StatusCode::OK {
            return Err(refused(&endpoint.host, answer.status));
        }
        let sticky = sticky(&answer.headers);
        let body = body::collect(&answer.headers, answer.body, self.response_body_bytes_max)
            .await
            .map_err(|source| UpstreamError::from_body(&endpoint.host, source))?;
        self.pool.give_back(endpoint.clone(), answer.sender);
        Ok(Received { body, sticky })
    }

    /// Sends a message and hands out the body as a stream, again only as long as there is none.
    pub(super) async fn stream(
        &self,
        endpoint: &Endpoint,
        message: &Message,
    ) -> Result<(HeaderMap, Incoming), UpstreamError> {
        let mut waits = BACKOFF.into_iter();
        loop {
            let outcome = self.stream_once(endpoint, message).await;
            match (outcome, waits.next()) {
                (Err(error), Some(wait)) if error.is_transient() => self.pause(wait).await,
                (outcome, _) => return outcome,
            }
        }
    }

    async fn stream_once(
        &self,
        endpoint: &Endpoint,
        message: &Message,
    ) -> Result<(HeaderMap, Incoming), UpstreamError> {
        let answer = self.head(endpoint, message).await?;
        if answer.status != StatusCode::OK {
            return Err(refused(&endpoint.host, answer.status));
        }
        self.pool.give_back(endpoint.clone(), answer.sender);
        Ok((answer.headers, answer.body))
    }

    async fn head(&self, endpoint: &Endpoint, message: &Message) -> Result<Answer, UpstreamError> {
        let host = &endpoint.host;
        let request = message
            .request(endpoint)
            .ok_or_else(|| UpstreamError::Malformed { host: host.clone() })?;
        let mut sender = self
            .pool
            .take(endpoint)
            .await
            .map_err(|source| UpstreamError::from_connect(host, source))?;
        let answer = sender
            .send_request(request)
            .await
            .map_err(|source| UpstreamError::from_request(host, source))?;
        let (parts, body) = answer.into_parts();
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body,
            sender,
        })
    }

    async fn pause(&self, wait: Duration) {
        if let Some(metrics) = &self.metrics {
            metrics.retry();
        }
        tokio::time::sleep(wait).await;
    }
}

/// The one value of the sticky header, if it is short and visible ASCII.
fn sticky(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut values = headers.get_all(STICKY).iter();
    let (value, more) = (values.next()?, values.next());
    let length = value.as_bytes().len();
    let plain = value.as_bytes().iter().all(u8::is_ascii_graphic);
    (more.is_none() && plain && (1..=STICKY_BYTES_MAX).contains(&length)).then(|| value.clone())
}

/// A redirect is never followed: the token would go to a host that nobody configured.
fn refused(host: &str, status: StatusCode) -> UpstreamError {
    let (host, redirect, status) = (host.to_owned(), status.is_redirection(), status.as_u16());
    if redirect {
        UpstreamError::Redirect { host, status }
    } else {
        UpstreamError::Status { host, status }
    }
}

/// A random UUID, version 4.
pub(crate) fn request_id(host: &str) -> Result<String, UpstreamError> {
    let mut bytes = [0; 16];
    if SystemRandom::new().fill(&mut bytes).is_err() {
        return Err(UpstreamError::Stopped {
            host: host.to_owned(),
        });
    }
    let bits = u128::from_be_bytes(bytes);
    let bits = bits & !(0xf << 76) | (0x4 << 76);
    let bits = bits & !(0x3 << 62) | (0x2 << 62);
    let (a, b, c) = (bits >> 96, (bits >> 80) & 0xffff, (bits >> 64) & 0xffff);
    let (d, e) = ((bits >> 48) & 0xffff, bits & 0xffff_ffff_ffff);
    Ok(format!("{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}"))
}

/// The account host's front end names itself in it, and whoever sends it back reaches the same one
/// again, as JDBC does. Clients do not see it: they speak to us, and which front end we speak to is
/// not theirs to choose.
const STICKY: HeaderName = HeaderName::from_static("x-snowflake-session");
/// It is a token of some tens of bytes.
const STICKY_BYTES_MAX: usize = 256;

pub(super) const JSON: &str = "application/json";
