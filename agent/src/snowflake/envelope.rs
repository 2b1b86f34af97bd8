//! The envelope of every answer: `{"data", "code", "message", "success", "headers"}`.

use serde_json::value::RawValue;

use super::json::{JsonError, Object};

/// Why an upstream answer to a request of ours is no success.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    #[error("the upstream's answer is malformed")]
    Malformed,
    #[error("the upstream refused with code {code}: {message}")]
    Refused { code: String, message: String },
}

impl From<JsonError> for AnswerError {
    fn from(_: JsonError) -> Self {
        Self::Malformed
    }
}

/// An answer's envelope, its data unparsed.
pub(super) struct Envelope<'a> {
    pub(super) object: Object<'a>,
    pub(super) success: bool,
    pub(super) code: Option<String>,
}

impl<'a> Envelope<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, JsonError> {
        let object = Object::from_slice(body)?;
        let success = object.bool("success")?.ok_or(JsonError::Field("success"))?;
        let code = match object.get("code") {
            None => None,
            Some(code) => Some(digits(code).ok_or(JsonError::Field("code"))?),
        };
        Ok(Self {
            object,
            success,
            code,
        })
    }

    /// The data of a success; the refusal otherwise.
    pub(super) fn into_success(self) -> Result<Object<'a>, AnswerError> {
        if self.success {
            return self.object.object("data")?.ok_or(AnswerError::Malformed);
        }
        let message = self.object.string("message")?.unwrap_or_default();
        let message = message.chars().take(MESSAGE_CHARS_MAX).collect();
        Err(AnswerError::Refused {
            code: self.code.unwrap_or_default(),
            message,
        })
    }
}

/// Reads a code, which comes as a string or as a number.
fn digits(code: &RawValue) -> Option<String> {
    let digits = code.get().trim_matches('"');
    let plain = (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.to_owned())
}

/// Refusals of a login or a renewal are one sentence; what is longer is not for a log line.
const MESSAGE_CHARS_MAX: usize = 1024;
