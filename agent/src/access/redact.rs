//! Statement text without the values in it, for people who decide and for chats. Pure.
//!
//! Strings and numbers become `?`, comments `/* … */`: both may hold data, and a comment may be
//! written to mislead. Names stay. Whatever two readers could take for different things hides the
//! whole text: half a string taken for a name would show what was to be hidden.

/// What is shown of a text that cannot be taken apart.
pub const HIDDEN: &str = "(hidden: the text cannot be taken apart safely)";

/// Longer texts are hidden: nobody reads them in a notification.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// The text with `?` for every string and number.
#[must_use]
pub fn redact(text: &str) -> String {
    if text.len() > TEXT_BYTES_MAX {
        return HIDDEN.to_owned();
    }
    scan(text).unwrap_or_else(|| HIDDEN.to_owned())
}

fn scan(text: &str) -> Option<String> {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..)?;
        rest = match first {
            '\'' => {
                shown.push('?');
                end_of_string(after)?
            }
            '"' => {
                let end = end_of_name(after)?;
                shown.push_str(before(rest, end)?);
                end
            }
            '$' => dollar(rest, after, &mut shown)?,
            '-' if after.starts_with('-') => line_comment(after, &mut shown)?,
            '/' if after.starts_with('/') => line_comment(after, &mut shown)?,
            '/' if after.starts_with('*') => {
                shown.push_str("/* … */");
                after.get(1..)?.split_once("*/")?.1
            }
            '0'..='9' => {
                shown.push('?');
                end_of_number(rest)
            }
            '.' if after.starts_with(|c: char| c.is_ascii_digit()) => {
                shown.push('?');
                end_of_number(rest)
            }
            _ if is_word(first) => {
                let end = rest.trim_start_matches(is_word);
                shown.push_str(before(rest, end)?);
                end
            }
            ' ' | '\t' | '\n' => {
                shown.push(first);
                after
            }
            '\r' if after.starts_with('\n') => after,
            _ if SYMBOLS.contains(first) => {
                shown.push(first);
                after
            }
            _ => return None,
        };
    }
    Some(shown)
}

/// What stands outside of words, names and literals. No backslash, `#`, backtick or bare CR: they
/// are read differently by different readers. `…` is our own mark of a cut.
const SYMBOLS: &str = "()[]{},;:.+-*/%=<>!|&^~?@…";

fn is_word(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

/// `rest` up to where `end`, a tail of it, begins.
fn before<'t>(rest: &'t str, end: &str) -> Option<&'t str> {
    rest.get(..rest.len().checked_sub(end.len())?)
}

/// After the quote that closes: `''` and `\'` do not.
fn end_of_string(text: &str) -> Option<&str> {
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        if character == '\\' {
            characters.next()?;
        } else if character == '\'' && characters.next_if(|(_, next)| *next == '\'').is_none() {
            return text.get(at + 1..);
        }
    }
    None
}

/// After the double quote that closes: `""` does not.
fn end_of_name(text: &str) -> Option<&str> {
    let mut rest = text;
    loop {
        let (_, after) = rest.split_once('"')?;
        match after.strip_prefix('"') {
            Some(again) => rest = again,
            None => return Some(after),
        }
    }
}

/// `$$…$$` is a string, `$name` and `$1` are names, anything else is not ours to read.
fn dollar<'t>(rest: &'t str, after: &'t str, shown: &mut String) -> Option<&'t str> {
    if let Some(body) = after.strip_prefix('$') {
        shown.push('?');
        return Some(body.split_once("$$")?.1);
    }
    let end = after.trim_start_matches(is_word);
    if end.len() == after.len() || end.starts_with('$') {
        return None;
    }
    shown.push_str(before(rest, end)?);
    Some(end)
}

fn line_comment<'t>(after: &'t str, shown: &mut String) -> Option<&'t str> {
    shown.push_str("/* … */");
    let (comment, rest) = match after.find('\n') {
        Some(at) => (after.get(..at)?, after.get(at..)?),
        None => (after, ""),
    };
    // A bare CR ends the comment for some readers.
    let comment = comment.strip_suffix('\r').unwrap_or(comment);
    (!comment.contains('\r')).then_some(rest)
}

/// After digits, letters (`1e6`, `0x1F`), points, and the sign of an exponent.
fn end_of_number(rest: &str) -> &str {
    let end = rest.trim_start_matches(|c: char| is_word(c) || c == '.');
    let number = before(rest, end).unwrap_or_default();
    let exponent = number.ends_with(['e', 'E']) && !number.starts_with("0x");
    match end.strip_prefix(['+', '-']) {
        Some(power) if exponent && power.starts_with(|c: char| c.is_ascii_digit()) => {
            power.trim_start_matches(|c: char| c.is_ascii_digit())
        }
        _ => end,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(redact(text), expected, "{text}");
    }

    #[test]
    fn strings_numbers_and_comments_are_not_shown() {
        check(
            "SELECT a1, \"b\"\"2\" FROM t3 WHERE x = 'it''s' AND y IN (1, 2.5e-3, .5)",
            "SELECT a1, \"b\"\"2\" FROM t3 WHERE x = ? AND y IN (?, ?, ?)",
        );
        check(r"SELECT 'a\'b', 'c\\'", "SELECT ?, ?");
        check("SELECT $$ it's $$ , $1, $name", "SELECT ? , $1, $name");
        check("SELECT 1 -- card 4111\n, 2", "SELECT ? /* … */\n, ?");
        check("SELECT /* ' */ x // y", "SELECT /* … */ x /* … */");
        check("SELECT 0x1F-1", "SELECT ?-?");
        check("SELECT x::NUMBER(10,2)", "SELECT x::NUMBER(?,?)");
    }

    #[test]
    fn what_is_not_understood_is_hidden_as_a_whole() {
        for text in [
            "SELECT 'open",
            "SELECT \"open",
            "SELECT $$ open",
            "SELECT /* open",
            "SELECT $tag$ secret $tag$",
            "SELECT $",
            "SELECT 'a' # 'b'",
            "SELECT `a`",
            "SELECT \\'a'",
            "SELECT 1 -- x\r'secret'\n",
            "SELECT a\rFROM b",
            "SELECT \u{2019}a\u{2019}",
            "SELECT \0",
            r"SELECT 'a\",
        ] {
            check(text, HIDDEN);
        }
        check(&" ".repeat(TEXT_BYTES_MAX + 1), HIDDEN);
    }

    #[test]
    fn many_doubled_quotes_take_no_stack() {
        let text = format!("SELECT '{}'", "''".repeat(400_000));
        check(&text, "SELECT ?");
    }

    proptest! {
        /// However a value is quoted and wherever it stands, it is not shown.
        #[test]
        fn no_value_is_shown(
            before in "[a-z ,()=.$\"'/*-]{0,12}",
            value in "[0-9]{9,12}",
            after in "[a-z ,()=.$\"'/*-]{0,12}",
            quote in prop::sample::select(vec!["'", "$$", ""]),
        ) {
            let text = format!("{before} {quote}{value}{quote} {after}");
            let shown = redact(&text);
            // Between double quotes, or after a dollar, it is a name.
            prop_assume!(!before.contains(['"', '$']));
            prop_assert!(!shown.contains(&value), "{text} -> {shown}");
        }

        #[test]
        fn redacted_text_stays_as_it_is(text in "[a-z0-9 ,()=.$\"'/*\\n-]{0,40}") {
            let once = redact(&text);
            prop_assert_eq!(redact(&once), once);
        }
    }
}
