//! What stands in a JSON string, and back.

use super::scan::plain;

/// Appends the text of a string whose escapes were checked. A surrogate without its other half is no
/// character: it becomes U+FFFD.
pub(super) fn unescape(mut escaped: &str, output: &mut String) {
    while let Some((before, after)) = escaped.split_once('\\') {
        output.push_str(before);
        let (character, rest) = character(after);
        output.push(character);
        escaped = rest;
    }
    output.push_str(escaped);
}

/// The character that an escape stands for, and what follows it.
fn character(after: &str) -> (char, &str) {
    let mut rest = after.chars();
    let character = match rest.next() {
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('u') => return unicode(rest.as_str()),
        Some(other) => other,
        None => char::REPLACEMENT_CHARACTER,
    };
    (character, rest.as_str())
}

fn unicode(digits: &str) -> (char, &str) {
    const BAD: char = char::REPLACEMENT_CHARACTER;
    let Some((first, rest)) = unit(digits) else {
        return (BAD, digits);
    };
    if let Some(character) = char::from_u32(first) {
        return (character, rest);
    }
    let second = rest.strip_prefix("\\u").and_then(unit);
    match second {
        Some((second, rest)) if first < 0xdc00 && (0xdc00..0xe000).contains(&second) => {
            let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            (char::from_u32(code).unwrap_or(BAD), rest)
        }
        Some(_) | None => (BAD, rest),
    }
}

/// Four hexadecimal digits.
fn unit(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    Some((u32::from_str_radix(digits, 16).ok()?, rest))
}

/// Appends a text as it stands in a JSON string.
pub(super) fn escape(text: &str, output: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    loop {
        let (before, special) = rest.split_at(plain(rest).min(rest.len()));
        output.extend_from_slice(before);
        let Some((byte, after)) = special.split_first() else {
            return;
        };
        match byte {
            b'"' => output.extend_from_slice(b"\\\""),
            b'\\' => output.extend_from_slice(b"\\\\"),
            b'\n' => output.extend_from_slice(b"\\n"),
            b'\r' => output.extend_from_slice(b"\\r"),
            b'\t' => output.extend_from_slice(b"\\t"),
            control => {
                const DIGITS: [u8; 16] = *b"0123456789abcdef";
                let digit = |it: u8| DIGITS.get(usize::from(it)).copied().unwrap_or(b'0');
                output.extend_from_slice(b"\\u00");
                output.extend_from_slice(&[digit(control >> 4), digit(control & 15)]);
            }
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(escaped: &str, expected: &str) {
        let mut output = String::new();
        unescape(escaped, &mut output);
        assert_eq!(output, expected);
    }

    #[test]
    fn escapes_are_characters() {
        check(r#"a\"\\\/\b\f\n\r\tz"#, "a\"\\/\u{8}\u{c}\n\r\tz");
        check(r"\u00e9\u00E9\u0000", "éé\0");
        check(r"\ud83d\ude00!", "😀!");
    }

    #[test]
    fn half_a_character_is_none() {
        check(r"\ud83d", "\u{fffd}");
        check(r"\ud83dx", "\u{fffd}x");
        check(r"\ude00\ud83d", "\u{fffd}\u{fffd}");
        check(r"\ud83d\ud83d\ude00", "\u{fffd}😀");
        check(r"\ud83d\n", "\u{fffd}\n");
    }

    proptest! {
        #[test]
        fn a_text_is_read_back(text in r#"(\PC|["\\/]|[\x00-\x1f])*"#) {
            let mut json = vec![b'"'];
            escape(&text, &mut json);
            json.push(b'"');
            prop_assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), text.clone());
            // Every character as an escape, too.
            let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
            let mut output = String::new();
            unescape(&units.collect::<String>(), &mut output);
            prop_assert_eq!(output, text);
        }
    }
}
