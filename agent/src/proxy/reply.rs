//! From an outcome to an HTTP response.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LINK,
};
use hyper::{Response, StatusCode};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use super::refusal::{Asked, Refusal};
use crate::mask::{Masked, MaskedBody};
use crate::snowflake::QueryId;

/// The body of every response: ours and whole, or a chunk that streams.
#[derive(Debug)]
pub(super) enum ResponseBody {
    Chunk(Incoming),
    Whole(Full<Bytes>),
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Chunk(body) => Pin::new(body).poll_frame(context),
            Self::Whole(body) => Pin::new(body)
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(|never| match never {}))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Chunk(body) => body.is_end_stream(),
            Self::Whole(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Chunk(body) => body.size_hint(),
            Self::Whole(body) => body.size_hint(),
        }
    }
}

pub(super) fn masked(masked: Masked) -> Response<ResponseBody> {
    match masked.into_body() {
        MaskedBody::Json(body) => json(200, body),
        MaskedBody::Api { status, link, body } => {
            let mut response = json(status, body);
            // Of query ids and numbers: it always is one.
            if let Some(link) = link.and_then(|link| HeaderValue::try_from(link).ok()) {
                response.headers_mut().insert(LINK, link);
            }
            response
        }
        MaskedBody::Chunk {
            stream,
            content_length,
            gzip,
        } => {
            let mut response = Response::new(ResponseBody::Chunk(stream));
            let headers = response.headers_mut();
            let binary = HeaderValue::from_static("application/octet-stream");
            headers.insert(CONTENT_TYPE, binary);
            // Node hangs on gzip that is not announced; the others go by the magic.
            if gzip {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            if let Some(length) = content_length {
                headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
            response
        }
    }
}

pub(super) fn refusal(
    refusal: &Refusal,
    asked: Asked,
    query_id: &QueryId,
) -> Response<ResponseBody> {
    let (status, body) = refusal.answer(asked, query_id);
    json(status, body.into())
}

fn json(status: u16, body: Bytes) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::Whole(Full::new(body)));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONNECTION, HeaderValue::from_static("keep-alive"));
    headers.insert(
        HeaderName::from_static("cache-control"),
        HeaderValue::from_static("no-store"),
    );
    response
}

/// Tells a client that speaks HTTP without TLS what is wrong, in HTTP.
///
/// 404, because Python sends a 400 again without end.
pub(super) async fn plain_http(stream: &mut (impl AsyncWrite + Unpin)) {
    const ANSWER: &[u8] = b"HTTP/1.1 404 Not Found\r\n\
        Content-Type: text/plain\r\nContent-Length: 60\r\nConnection: close\r\n\r\n\
        Snowfence: this port speaks TLS only, use https on port 443\n";
    if let Err(error) = stream.write_all(ANSWER).await {
        tracing::debug!(%error, "plain http client went away");
    }
}
