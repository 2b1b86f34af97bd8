//! The query inside the text of `CREATE VIEW`.

/// Finds the text after the first `AS` that stands outside of strings, names, comments and
/// parentheses: before it come the view's name, its columns and its properties, none of which can
/// have a bare `AS`. `None` when there is none, or when the text ends within a string.
#[must_use]
pub fn query_of(text: &str) -> Option<&str> {
    let mut rest = text;
    let mut depth = 0_usize;
    loop {
        let first = rest.chars().next()?;
        let skipped = match first {
            '\'' => string(rest)?,
            '"' => 1 + rest.get(1..)?.find('"')? + 1,
            '$' if rest.starts_with("$$") => 2 + rest.get(2..)?.find("$$")? + 2,
            '-' if rest.starts_with("--") => rest.find('\n')?,
            '/' if rest.starts_with("//") => rest.find('\n')?,
            '/' if rest.starts_with("/*") => 2 + rest.get(2..)?.find("*/")? + 2,
            '(' => {
                depth += 1;
                1
            }
            ')' => {
                depth = depth.checked_sub(1)?;
                1
            }
            _ if is_word(first) => {
                let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                let (word, after) = rest.split_at_checked(end)?;
                if depth == 0 && word.eq_ignore_ascii_case("as") {
                    return Some(after.trim().trim_end_matches(';').trim_end());
                }
                end
            }
            other => other.len_utf8(),
        };
        rest = rest.get(skipped..)?;
    }
}

/// The length of a string literal with its quotes.
fn string(text: &str) -> Option<usize> {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                chars.next()?;
            }
            '\'' if chars.peek().is_some_and(|(_, next)| *next == '\'') => {
                chars.next();
            }
            '\'' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(query_of(text), expected, "{text}");
    }

    #[test]
    fn the_query_begins_after_the_first_bare_as() {
        check(
            "CREATE VIEW V (A, B) AS SELECT 1 AS x;",
            Some("SELECT 1 AS x"),
        );
        check(
            "create or replace secure view d.s.v\nas\nselect 1",
            Some("select 1"),
        );
        check(
            "create view v (a comment 'x as y', b) comment = 'it''s as \\' as' as select 2",
            Some("select 2"),
        );
        check("create view \"as \"\" v\" as select 3", Some("select 3"));
        check(
            "create view v /* as */ -- as\n as (select 4)",
            Some("(select 4)"),
        );
        check(
            "create view v comment = $$ as $$ as select 5",
            Some("select 5"),
        );
        check(
            "create view v with row access policy p on (as) as with x as (select 6) select * from x",
            Some("with x as (select 6) select * from x"),
        );
    }

    #[test]
    fn a_text_without_one_has_no_query() {
        for text in [
            "",
            "create view v",
            "create view v (a as b",
            "comment 'as select 1",
            "v) as x",
        ] {
            check(text, None);
        }
    }
}
