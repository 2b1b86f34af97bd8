//! From an outcome to an HTTP response.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LINK,
};
use hyper::{Response, StatusCode};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use super::opening::Exchange;
use super::refusal::{Asked, Refusal};
use super::services::Services;
use super::stream::{self, Cut, MaskedChunk};
use crate::mask::{Masked, MaskedBody};
use crate::snowflake::QueryId;

/// The body of every response: ours and whole, or a chunk that streams, as it came or masked.
#[derive(Debug)]
pub(super) enum ResponseBody {
    Chunk(Incoming),
    Masked(MaskedChunk),
    Whole(Full<Bytes>),
}

/// Why a response ends early.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("storage ended a result chunk early")]
    Storage(#[source] hyper::Error),
    #[error(transparent)]
    Cut(#[from] Cut),
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Chunk(body) => Pin::new(body)
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(BodyError::Storage))),
            Self::Masked(body) => Pin::new(body)
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(BodyError::Cut))),
            Self::Whole(body) => Pin::new(body)
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(|never| match never {}))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Chunk(body) => body.is_end_stream(),
            Self::Masked(body) => body.is_end_stream(),
            Self::Whole(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Chunk(body) => body.size_hint(),
            Self::Masked(body) => body.size_hint(),
            Self::Whole(body) => body.size_hint(),
        }
    }
}

/// Writes an answer, with which the exchange ends: at once, or when its last row is masked.
pub(super) fn masked(
    services: &Arc<Services>,
    masked: Masked,
    mut exchange: Exchange,
) -> Response<ResponseBody> {
    let response = match masked.into_body() {
        // No length: the masked rows have another, and only the last piece says that all came.
        MaskedBody::Rows(opened) => {
            let (source, sieve) = *opened;
            let body = stream::begin(services, source, sieve, exchange);
            return binary(ResponseBody::Masked(body));
        }
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
            let mut response = binary(ResponseBody::Chunk(stream));
            let headers = response.headers_mut();
            // Node hangs on gzip that is not announced; the others go by the magic.
            if gzip {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            if let Some(length) = content_length {
                headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
            response
        }
    };
    exchange.answered();
    exchange.close();
    response
}

fn binary(body: ResponseBody) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    let binary = HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(CONTENT_TYPE, binary);
    response
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
