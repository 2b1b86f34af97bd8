//! Values in the text of statements: masks that are written back, and clear values in the record.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::content::Content;
use super::detect::Hint;
use super::leaves::{self, Change, Leaf};
use super::marker;
use crate::sql::facts::{Effect, Facts};
use crate::sql::{self, Part, PartKind};

/// Why a statement is refused that would write a mask into a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{place} holds a masked value ([masked:…], masked_… or ****), and the statement would write it \
     over what it stands for; write the value itself, leave the column out, or copy it inside \
     Snowflake with INSERT … SELECT"
)]
pub struct Refused {
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Literal,
    Binding,
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Literal => "a string of the statement",
            Self::Binding => "a bound value",
        })
    }
}

/// Refuses a statement that writes and holds a mask marker in a string literal or a bound value.
///
/// What is guarded is the data: a program that reads a row, changes it and writes it back must not
/// put the marker in the value's place. It is no defence against someone who wants to write one,
/// who can put it together from pieces.
#[must_use]
pub fn write_back(sql: &str, bindings: Option<&RawValue>, facts: &Facts) -> Option<Refused> {
    if !facts.effects.iter().copied().any(writes) {
        return None;
    }
    let place = if has_marker(sql, DEPTH_MAX) {
        Place::Literal
    } else if bindings.is_some_and(|bindings| binds_marker(bindings.get())) {
        Place::Binding
    } else {
        return None;
    };
    Some(Refused { place })
}

/// Whether a literal of a statement with this effect can end up in a table, a file, a variable or a
/// definition. A marker in a `WHERE` alone finds nothing, which harms nobody.
const fn writes(effect: Effect) -> bool {
    match effect {
        // A variable may be inserted later; what a call or a text that is run does is not known here.
        Effect::Admin
        | Effect::Alter
        | Effect::Create
        | Effect::Execute
        | Effect::Export
        | Effect::Import
        | Effect::Insert
        | Effect::Merge
        | Effect::Opaque
        | Effect::Session
        | Effect::Update => true,
        Effect::Ai
        | Effect::Delete
        | Effect::Describe
        | Effect::Drop
        | Effect::Grant
        | Effect::Read
        | Effect::Transaction
        | Effect::Truncate => false,
    }
}

fn has_marker(text: &str, depth: usize) -> bool {
    let Some(parts) = sql::parts(text) else {
        return marker::find_in_code(text);
    };
    parts.iter().any(|part| match part.kind {
        PartKind::Text => {
            let body = unescape(part.body);
            // The body of a procedure may stand in plain quotes too.
            if body.contains("/*") {
                marker::find_in_code(&body)
            } else {
                marker::find(&body)
            }
        }
        PartKind::Dollar => {
            let is_block = depth > 0 && has_marker(part.body, depth - 1);
            is_block || marker::find_in_code(part.body)
        }
        PartKind::Number | PartKind::Quoted | PartKind::Word | PartKind::Url => false,
    })
}

fn binds_marker(bindings: &str) -> bool {
    let mut found = false;
    let read = leaves::rewrite(bindings, &mut String::new(), &mut |leaf, _| {
        found |= match leaf {
            Leaf::Text(text) => marker::find(text),
            Leaf::Number(_) | Leaf::Boolean(_) => false,
        };
        Change::Same
    });
    found || (read.is_err() && marker::find(bindings))
}

/// Replaces what detectors find in the literals, quoted names and comments of a statement; the rest
/// stays as it is. `content` must mask by `redact`, or the record keeps what its methods keep.
///
/// The words of the statement are context: in one that speaks of `ssn`, nine digits are one. A text
/// that cannot be read for certain is searched as a whole.
#[must_use]
pub fn redact<'s>(sql: &'s str, content: &Content) -> Cow<'s, str> {
    if content.is_empty() {
        return Cow::Borrowed(sql);
    }
    let parts = sql::parts(sql);
    let hint = hint(parts.as_deref(), content);
    let mut found = Vec::new();
    redact_with(sql, parts, &mut |text, output| {
        found.clear();
        content.text(text, &hint, output, &mut found)
    })
}

/// What the words of a statement say of the values that it is run with.
#[must_use]
pub fn context(sql: &str, content: &Content) -> Hint {
    hint(sql::parts(sql).as_deref(), content)
}

fn hint(parts: Option<&[Part<'_>]>, content: &Content) -> Hint {
    content.scanner().context(&words(parts))
}

/// The words of a statement, like the name of a column.
fn words(parts: Option<&[Part<'_>]>) -> String {
    let parts = parts.unwrap_or_default().iter();
    let words = parts.filter(|part| matches!(part.kind, PartKind::Word | PartKind::Quoted));
    let mut joined = String::new();
    for word in words {
        if joined.len() + word.body.len() >= WORDS_BYTES_MAX {
            break;
        }
        joined.push_str(word.body);
        joined.push(' ');
    }
    joined
}

/// `mask` appends a text with its finds masked and says true, or appends nothing.
fn redact_with<'s>(
    sql: &'s str,
    parts: Option<Vec<Part<'s>>>,
    mask: &mut dyn FnMut(&str, &mut String) -> bool,
) -> Cow<'s, str> {
    let mut output = String::new();
    let Some(parts) = parts else {
        return match mask(sql, &mut output) {
            true => Cow::Owned(output),
            false => Cow::Borrowed(sql),
        };
    };
    let (mut copied, mut read) = (0, 0);
    let end = sql.len()..sql.len();
    let ranges = parts.iter().map(|part| (part.range.clone(), Some(part)));
    for (range, part) in ranges.chain([(end, None)]) {
        let mut masked = String::new();
        // Symbols and comments.
        let between = sql.get(read..range.start).unwrap_or_default();
        if between.len() >= VALUE_BYTES_MIN && mask(between, &mut masked) {
            output.push_str(sql.get(copied..read).unwrap_or_default());
            output.push_str(&masked);
            copied = range.start;
        }
        masked.clear();
        if part.is_some_and(|part| masked_part(part, mask, &mut masked)) {
            output.push_str(sql.get(copied..range.start).unwrap_or_default());
            output.push_str(&masked);
            copied = range.end;
        }
        read = range.end;
    }
    if copied == 0 && output.is_empty() {
        return Cow::Borrowed(sql);
    }
    output.push_str(sql.get(copied..).unwrap_or_default());
    Cow::Owned(output)
}

/// Appends a part with its delimiters if something is found in it.
fn masked_part(
    part: &Part<'_>,
    mask: &mut dyn FnMut(&str, &mut String) -> bool,
    output: &mut String,
) -> bool {
    let mut masked = String::new();
    match part.kind {
        PartKind::Word => return false,
        PartKind::Text => {
            if !mask(&unescape(part.body), &mut masked) {
                return false;
            }
            let escaped = masked.replace('\\', "\\\\").replace('\'', "''");
            output.extend(["'", &escaped, "'"]);
        }
        PartKind::Quoted => {
            if !mask(&part.body.replace("\"\"", "\""), &mut masked) {
                return false;
            }
            output.extend(["\"", &masked.replace('"', "\"\""), "\""]);
        }
        PartKind::Dollar => {
            if !mask(part.body, &mut masked) {
                return false;
            }
            output.extend(["$$", &masked, "$$"]);
        }
        PartKind::Number | PartKind::Url => return mask(part.body, output),
    }
    true
}

/// Undoes the escapes of a string in single quotes, as Snowflake's reference of string constants
/// lists them. What is half of one stands for itself.
fn unescape(body: &str) -> Cow<'_, str> {
    if !body.contains(['\\', '\'']) {
        return Cow::Borrowed(body);
    }
    let mut text = String::with_capacity(body.len());
    let mut rest = body.chars();
    while let Some(c) = rest.next() {
        match c {
            // The first of two.
            '\'' => {
                rest.next();
                text.push('\'');
            }
            '\\' => {
                if let Some((c, after)) = escaped(rest.as_str()) {
                    text.push(c);
                    rest = after.chars();
                }
            }
            c => text.push(c),
        }
    }
    Cow::Owned(text)
}

/// What the text after a backslash begins with.
fn escaped(text: &str) -> Option<(char, &str)> {
    let first = text.chars().next()?;
    let after = text.strip_prefix(first)?;
    let code = |digits: Option<(&str, &'_ str)>, radix| {
        let (digits, _) = digits?;
        let plain = digits.chars().all(|digit| digit.is_digit(radix));
        let number = plain.then(|| u32::from_str_radix(digits, radix).ok())??;
        Some(char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER))
    };
    let (length, radix, digits) = match first {
        'x' => (2, 16, after),
        'u' => (4, 16, after),
        '0'..='7' => (3, 8, text),
        'b' => return Some(('\u{8}', after)),
        'f' => return Some(('\u{c}', after)),
        'n' => return Some(('\n', after)),
        'r' => return Some(('\r', after)),
        't' => return Some(('\t', after)),
        plain => return Some((plain, after)),
    };
    let split = digits.split_at_checked(length);
    match (code(split, radix), split) {
        (Some(c), Some((_, rest))) => Some((c, rest)),
        _ if first == '0' => Some(('\0', after)),
        _ => Some((first, after)),
    }
}

/// `$$` bodies in `$$` bodies: only through strings that are run.
const DEPTH_MAX: usize = 2;

/// The names of a large statement are some hundred.
const WORDS_BYTES_MAX: usize = 4096;

/// The shortest value that a detector knows, an IP address, has more than white space and a symbol.
const VALUE_BYTES_MIN: usize = 6;

#[cfg(test)]
mod tests;
