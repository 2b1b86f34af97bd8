//! The texts of an answer that people wrote for people, and that may quote values.

use bytes::Bytes;

use super::{Admitted, ResultError};
use crate::snowflake::json::{self, JsonError};
use crate::snowflake::monitor;

/// Where they stand, in the envelope and in the data.
const TEXTS: [&str; 4] = ["errorMessage", "internalError", "message", "progressDesc"];

impl Admitted {
    /// Shows every text to `reword`, which gives another one or `None` to leave it.
    pub fn reword(
        &mut self,
        reword: &mut dyn FnMut(&str) -> Option<String>,
    ) -> Result<(), ResultError> {
        let data = self.data.iter_mut().flatten();
        for (key, value) in data.chain(&mut self.envelope) {
            let changed = match key.as_str() {
                "queries" => monitor::reword(value, reword)?,
                key if TEXTS.contains(&key) => text(value, reword)?,
                _ => None,
            };
            if let Some(changed) = changed {
                *value = changed;
                // What came is no longer what goes out.
                self.whole = None;
            }
        }
        Ok(())
    }

    /// Code and message of a statement that failed.
    #[must_use]
    pub fn failure(&self) -> Option<(&str, String)> {
        let failure = self.error.as_ref()?;
        let mut envelope = self.envelope.iter();
        let message = envelope.find(|(key, _)| key == "message");
        let message = message.and_then(|(_, text)| serde_json::from_slice(text).ok());
        Some((&failure.code, message.unwrap_or_default()))
    }

    /// True if there are rows, here or in chunks.
    #[must_use]
    pub const fn has_rows(&self) -> bool {
        self.has_rows
    }
}

/// Rewords a text; what is none stays.
pub(in crate::snowflake) fn text(
    value: &[u8],
    reword: &mut dyn FnMut(&str) -> Option<String>,
) -> Result<Option<Bytes>, ResultError> {
    match value.first() {
        Some(b'"') => {}
        // It could hold anything, and drivers know no such text.
        Some(b'{' | b'[') => return Err(JsonError::Field("message").into()),
        // `internalError` is a flag.
        Some(_) | None => return Ok(None),
    }
    let Ok(text) = serde_json::from_slice::<String>(value) else {
        return Err(JsonError::Field("message").into());
    };
    Ok(reword(&text).map(|text| json::write(&text).into()))
}
