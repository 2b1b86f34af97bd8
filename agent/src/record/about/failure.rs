//! What went wrong, as the client was told.

use serde::Serialize;

use super::redaction::Redaction;

/// Bytes of a message. Snowflake's own are some hundred.
const MESSAGE_BYTES_MAX: usize = 4 << 10;
/// `390112`.
const CODE_BYTES_MAX: usize = 8;

/// An error, Snowflake's or ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    message: String,
}

impl Failure {
    /// `message` is what the client got; what detectors find in it is taken out even if the client
    /// may see it.
    #[must_use]
    pub fn of(code: &str, message: &str, redaction: &Redaction) -> Self {
        let is_code = !code.is_empty()
            && code.len() <= CODE_BYTES_MAX
            && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let told = redaction.message(message);
        let end = told.floor_char_boundary(MESSAGE_BYTES_MAX);
        Self {
            code: is_code.then(|| code.to_owned()),
            message: told.get(..end).unwrap_or_default().to_owned(),
        }
    }
}
