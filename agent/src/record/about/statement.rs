//! The text of a statement as it is recorded.

use std::borrow::Cow;

use serde::Serialize;

use super::STATEMENT_BYTES_MAX;
use super::redaction::Redaction;
use crate::sql::Facts;

#[derive(Clone, Debug, Serialize)]
pub(super) struct Statement {
    text: String,
    /// BLAKE3 of the whole text; of what is recorded of it, if that is another: from the digest of
    /// the clear text and all the text around it a short value could be found by trying.
    digest: String,
    /// Values in the text were found and are not recorded.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) redacted: bool,
    /// Bytes of the whole text, when `text` is only its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    cut_from: Option<usize>,
    /// Of the text as it came.
    #[serde(skip)]
    of: blake3::Hash,
    /// The text as it came has parts that a fingerprint takes as they are.
    #[serde(skip)]
    is_code: bool,
}

impl Statement {
    /// `of` is the digest of the text.
    pub(super) fn new(text: &str, of: blake3::Hash, redaction: &Redaction) -> Self {
        let shown = redaction.statement(text);
        let redacted = match &shown {
            Cow::Borrowed(_) => false,
            Cow::Owned(shown) => shown != text,
        };
        let digest = match redacted {
            true => blake3::hash(shown.as_bytes()),
            false => of,
        };
        let kept = shown.floor_char_boundary(STATEMENT_BYTES_MAX);
        Self {
            digest: digest.to_hex().to_string(),
            cut_from: (kept < shown.len()).then_some(shown.len()),
            text: shown.get(..kept).unwrap_or_default().to_owned(),
            redacted,
            of,
            is_code: ["$$", "\"", "://"].iter().any(|it| text.contains(it)),
        }
    }

    pub(super) fn is_of(&self, digest: blake3::Hash) -> bool {
        self.of == digest
    }

    /// Whether a fingerprint says too much: of some parts of a text every byte is in it, so that a
    /// short value that was redacted in one could be found by trying.
    pub(super) fn hides_from(&self, facts: &Facts) -> bool {
        self.redacted && (self.is_code || facts.obscurity.is_some())
    }
}
