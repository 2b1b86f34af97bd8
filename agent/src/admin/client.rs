//! What `snowfence status` uses to ask the daemon.

use std::path::Path;
use std::time::Duration;

use http::{Request, StatusCode};

use super::Status;
use crate::local::client::exchange;

pub use crate::local::AskError;

/// A daemon that works answers in milliseconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Asks the daemon at `socket` for its status.
pub async fn status(socket: &Path) -> Result<Status, AskError> {
    let mut request = Request::default();
    *request.uri_mut() = http::Uri::from_static("/v1/status");
    let (status, body) = exchange(socket, request, ANSWER_TIMEOUT).await?;
    if status != StatusCode::OK {
        return Err(AskError::Status(status));
    }
    serde_json::from_slice(&body).map_err(AskError::Format)
}
