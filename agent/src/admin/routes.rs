//! Which path is answered where, and with what.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use prometheus::{Encoder as _, TextEncoder};

use super::Admin;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const METRICS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Where a request came in: the socket is for operators, the port for anyone who reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    Port,
    Socket,
}

type Answer = Response<Full<Bytes>>;

pub(super) fn answer<B>(door: Door, admin: &Admin, request: &Request<B>) -> Answer {
    if request.method() != Method::GET {
        return text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
    }
    match (door, request.uri().path()) {
        (Door::Socket, "/v1/status") => status(admin),
        (Door::Port | Door::Socket, "/metrics") => metrics(admin),
        (Door::Port | Door::Socket, "/health") => health(admin),
        (Door::Port | Door::Socket, _) => text(StatusCode::NOT_FOUND, "not found\n"),
    }
}

fn status(admin: &Admin) -> Answer {
    match serde_json::to_vec(&(admin.status)()) {
        Ok(body) => respond(StatusCode::OK, JSON, body.into()),
        Err(_) => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the status cannot be written\n",
        ),
    }
}

fn metrics(admin: &Admin) -> Answer {
    let mut body = Vec::new();
    match TextEncoder::new().encode(&admin.registry.gather(), &mut body) {
        Ok(()) => respond(StatusCode::OK, METRICS, body.into()),
        Err(_) => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the metrics cannot be written\n",
        ),
    }
}

/// Healthy is: what is configured is enforced, and what happens can be recorded.
fn health(admin: &Admin) -> Answer {
    let status = (admin.status)();
    let scopes = status.scopes.iter().all(|scope| scope.enforced);
    let links = status.links.iter().all(|link| link.attached);
    if scopes && links && status.recorder.writable {
        return text(StatusCode::OK, "ok\n");
    }
    let why = match (scopes, links) {
        (false, _) => "a scope is not enforced\n",
        (true, false) => "a program is not attached\n",
        (true, true) if status.recorder.low_space => {
            "the recorder cannot write: its file system has less free space than its reserve\n"
        }
        (true, true) => "the recorder cannot write\n",
    };
    text(StatusCode::SERVICE_UNAVAILABLE, why)
}

fn text(status: StatusCode, body: &'static str) -> Answer {
    respond(status, TEXT, Bytes::from_static(body.as_bytes()))
}

fn respond(status: StatusCode, kind: HeaderValue, body: Bytes) -> Answer {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
