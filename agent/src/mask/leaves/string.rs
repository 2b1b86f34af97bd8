//! The bodies of JSON strings, read and written.

use std::borrow::Cow;

use super::NotJson;

/// A key as it is meant; one whose escapes are wrong stays as it is.
#[must_use]
pub fn unescaped(key: &str) -> Cow<'_, str> {
    let mut output = String::new();
    if key.contains('\\') && unescape(key, &mut output).is_ok() {
        return Cow::Owned(output);
    }
    Cow::Borrowed(key)
}

/// Undoes the escapes of a string's body.
pub(super) fn unescape(body: &str, output: &mut String) -> Result<(), NotJson> {
    let mut rest = body;
    while let Some((plain, after)) = rest.split_once('\\') {
        output.push_str(plain);
        let mut chars = after.chars();
        let c = match chars.next().ok_or(NotJson)? {
            c @ ('"' | '\\' | '/') => c,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let (c, after) = unicode(chars.as_str())?;
                output.push(c);
                rest = after;
                continue;
            }
            _ => return Err(NotJson),
        };
        output.push(c);
        rest = chars.as_str();
    }
    output.push_str(rest);
    Ok(())
}

/// Reads what follows `\u`, with the second half of a pair.
fn unicode(text: &str) -> Result<(char, &str), NotJson> {
    let (first, after) = unit(text)?;
    if let Some(c) = char::from_u32(first) {
        return Ok((c, after));
    }
    let second = after.strip_prefix("\\u").map(unit).transpose()?;
    match second {
        Some((second @ 0xdc00..=0xdfff, after)) if first < 0xdc00 => {
            let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            Ok((char::from_u32(code).ok_or(NotJson)?, after))
        }
        Some(_) | None => Ok((char::REPLACEMENT_CHARACTER, after)),
    }
}

fn unit(text: &str) -> Result<(u32, &str), NotJson> {
    let (digits, after) = text.split_at_checked(4).ok_or(NotJson)?;
    // `from_str_radix` takes a sign too.
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(NotJson);
    }
    let unit = u32::from_str_radix(digits, 16).ok().ok_or(NotJson)?;
    Ok((unit, after))
}

/// Writes the body of a JSON string.
pub(super) fn escape(text: &str, output: &mut String) {
    let mut rest = text;
    let special = |c: char| matches!(c, '"' | '\\' | '\0'..='\u{1f}');
    while let Some(at) = rest.find(special) {
        let (plain, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
        output.push_str(plain);
        let mut chars = after.chars();
        match chars.next() {
            Some('"') => output.push_str("\\\""),
            Some('\\') => output.push_str("\\\\"),
            Some('\n') => output.push_str("\\n"),
            Some('\r') => output.push_str("\\r"),
            Some('\t') => output.push_str("\\t"),
            Some(c) => output.push_str(&format!("\\u{:04x}", u32::from(c))),
            None => {}
        }
        rest = chars.as_str();
    }
    output.push_str(rest);
}
