//! The bound values of a statement as they are recorded.

use serde::Serialize;

use super::limits::{BINDINGS_BYTES, Room};
use super::redaction::{MARK, Redaction};
use crate::mask::detect::Hint;
use crate::snowflake::Query;
use crate::snowflake::bindings::{Binding, Bindings};

/// Values of one statement.
pub(super) const VALUES_MAX: usize = 256;
/// Bytes of one value; of a longer one its beginning is recorded, and how long it was.
pub(super) const VALUE_BYTES_MAX: usize = 1 << 10;
/// Bytes of one value in which detectors look: more than the longest thing that they know and that
/// could begin in what is recorded, a private key.
const SEARCHED_BYTES_MAX: usize = 64 << 10;
/// Of a position: a statement takes 65,535 bindings.
const DIGITS_MAX: usize = 5;
/// Longer than any name that a driver gives.
const NAME_BYTES_MAX: usize = 64;
/// `TIMESTAMP_NTZ` has 13.
const KIND_BYTES_MAX: usize = 32;

#[derive(Clone, Debug, Serialize)]
pub(super) struct RecordedBindings {
    values: Vec<RecordedBinding>,
    /// Values were found and are not recorded.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    redacted: bool,
    /// Values of all rows that were bound, when fewer are recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    cut_from: Option<u64>,
}

#[derive(Clone, Debug, Serialize)]
struct RecordedBinding {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    value: Option<String>,
}

impl RecordedBindings {
    /// `None` for a statement without bindings.
    pub(super) fn of(query: &Query, redaction: &Redaction) -> Option<Self> {
        let raw = query.bindings.as_deref()?;
        let bound = Bindings::read(raw, VALUES_MAX)?;
        if bound.count == 0 {
            return None;
        }
        let context = redaction.context(&query.text);
        let mut room = Room::new(BINDINGS_BYTES);
        let mut redacted = false;
        let mut values = Vec::with_capacity(bound.values.len());
        for binding in &bound.values {
            let value = value(binding, redaction, context.as_ref());
            redacted |= value.is_redacted;
            if !room.take(value.text.as_deref().unwrap_or_default()) {
                break;
            }
            values.push(RecordedBinding {
                name: name(&binding.name, redaction),
                kind: kind(&binding.kind),
                value: value.text,
            });
        }
        let is_cut = u64::try_from(values.len()).is_ok_and(|count| count < bound.count);
        Some(Self {
            values,
            redacted,
            cut_from: is_cut.then_some(bound.count),
        })
    }
}

struct Value {
    text: Option<String>,
    is_redacted: bool,
}

fn value(binding: &Binding<'_>, redaction: &Redaction, context: Option<&Hint>) -> Value {
    if redaction.hides_values() {
        return Value {
            text: Some(MARK.to_owned()),
            is_redacted: true,
        };
    }
    let Some(whole) = binding.value.as_deref() else {
        return Value {
            text: None,
            is_redacted: false,
        };
    };
    let searched = whole.floor_char_boundary(SEARCHED_BYTES_MAX);
    let searched = whole.get(..searched).unwrap_or_default();
    // A part of a JSON text is none.
    let is_json = binding.is_json && searched.len() == whole.len();
    let shown = redaction.value(searched, is_json, context);
    let is_redacted = shown != searched;
    let kept = shown.floor_char_boundary(VALUE_BYTES_MAX);
    let mut text = shown.get(..kept).unwrap_or_default().to_owned();
    // It is longer than any value that has no such mark, so it cannot be a value's own.
    if kept < shown.len() {
        text.push_str(&format!("… [cut from {} bytes]", whole.len()));
    }
    Value {
        text: Some(text),
        is_redacted,
    }
}

/// The client chooses it, so it may hold a value.
fn name(name: &str, redaction: &Redaction) -> String {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    let bytes_max = if is_number {
        DIGITS_MAX
    } else {
        NAME_BYTES_MAX
    };
    match name.len() <= bytes_max && name.bytes().all(is_word) {
        true => redaction.told(name).into_owned(),
        false => MARK.to_owned(),
    }
}

fn kind(kind: &str) -> String {
    let is_plain = kind.len() <= KIND_BYTES_MAX
        && kind
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    match is_plain {
        true => kind.to_owned(),
        false => MARK.to_owned(),
    }
}
