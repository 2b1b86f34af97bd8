//! The first rows of an array, as people read them. What follows them is not looked at.

use super::rewrite::value;
use super::{scan, typed};
use crate::mask::column::is_json;
use crate::mask::rows::RowsError;
use crate::mask::sample::Head;
use crate::snowflake::rowtype::{Field, Type};

/// Reads rows of some columns until there are enough, or no more.
///
/// # Errors
/// What was read is no array of such rows.
pub(in crate::mask) fn head(
    json: &[u8],
    fields: &[Field],
    head: &mut Head,
) -> Result<(), RowsError> {
    let mut rest = skip_space(json);
    rest = rest.strip_prefix(b"[").ok_or(NO_ARRAY)?;
    let mut cells = Vec::with_capacity(fields.len());
    let mut is_first = true;
    while !head.is_full() {
        rest = skip_space(rest);
        match rest.split_first() {
            Some((b']', _)) => return Ok(()),
            Some((b',', after)) if !is_first => rest = skip_space(after),
            Some(_) if is_first => {}
            Some(_) | None => return Err(NO_ARRAY),
        }
        is_first = false;
        let length = scan::row(rest, fields.len(), &mut cells)?.ok_or(NO_ARRAY)?;
        let (row, after) = rest.split_at(length);
        let Ok(row) = std::str::from_utf8(row) else {
            return Err(RowsError::Malformed("a row is not UTF-8"));
        };
        for ((cell, field), column) in cells.iter().zip(fields).zip(head.columns()) {
            let text = value(row, cell).map(|value| {
                if field.kind == Type::Text || is_json(field.kind) {
                    return value.into_owned();
                }
                let mut text = String::new();
                typed::show(field, &value, &mut text);
                text
            });
            column.push(text);
        }
        head.count(1);
        rest = after;
    }
    Ok(())
}

fn skip_space(bytes: &[u8]) -> &[u8] {
    bytes.get(scan::skip_space(bytes, 0)..).unwrap_or_default()
}

const NO_ARRAY: RowsError = RowsError::Malformed("the rows are not an array");
