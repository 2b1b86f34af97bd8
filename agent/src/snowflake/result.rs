//! Upstream answers that can carry rows.

use super::envelope::Envelope;
use super::json::JsonError;

/// The two things about an answer that steer retries and renewals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peek {
    pub success: bool,
    pub code: Option<String>,
}

/// Reads an answer's envelope without reading its data.
pub fn peek(body: &[u8]) -> Result<Peek, JsonError> {
    let envelope = Envelope::parse(body)?;
    Ok(Peek {
        success: envelope.success,
        code: envelope.code,
    })
}
