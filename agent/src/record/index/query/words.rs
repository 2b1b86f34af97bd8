//! What a person searches for, as a query of FTS5 that cannot be anything else.

use crate::record::index::IndexError;

/// Each is looked up on its own; more is no question that a person has.
const TERMS_MAX: usize = 32;

/// Words that must all be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    text: String,
    is_prefix: bool,
}

impl Words {
    /// Reads words, `"phrases"` and `beginnings*`. What has no letter or digit in it is passed over,
    /// as it is in statements.
    ///
    /// # Errors
    /// Nothing is left, a quotation mark is not closed, or there are too many words.
    pub fn parse(query: &str) -> Result<Self, IndexError> {
        let mut terms = Vec::new();
        let mut rest = query.trim_start();
        while !rest.is_empty() {
            let (text, after) = match rest.strip_prefix('"') {
                Some(quoted) => quoted
                    .split_once('"')
                    .ok_or_else(|| IndexError::OpenQuote {
                        query: query.to_owned(),
                    })?,
                None => {
                    let is_end = |character: char| character.is_whitespace() || character == '"';
                    let end = rest.find(is_end).unwrap_or(rest.len());
                    rest.split_at_checked(end).unwrap_or((rest, ""))
                }
            };
            let was_quoted = rest.starts_with('"');
            let (is_prefix, after) = match after.strip_prefix('*') {
                Some(after) if was_quoted => (true, after),
                Some(_) | None => (!was_quoted && text.ends_with('*'), after),
            };
            let is_word = |character: char| character.is_alphanumeric() || "_$".contains(character);
            if text.chars().any(is_word) {
                let text = text.trim_end_matches('*');
                // A NUL would end the query early.
                let text = text.replace(char::is_control, " ");
                terms.push(Term { text, is_prefix });
            }
            rest = after.trim_start();
        }
        if terms.is_empty() {
            let query = query.to_owned();
            return Err(IndexError::EmptyQuery { query });
        }
        if terms.len() > TERMS_MAX {
            return Err(IndexError::LongQuery { max: TERMS_MAX });
        }
        Ok(Self { terms })
    }

    /// Every term is a string of FTS5, in which only a quotation mark means anything.
    pub(super) fn to_match(&self) -> String {
        let terms = self.terms.iter().map(|term| {
            let text = term.text.replace('"', "\"\"");
            format!("\"{text}\"{}", if term.is_prefix { " *" } else { "" })
        });
        terms.collect::<Vec<_>>().join(" AND ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_phrases_and_beginnings_are_told_apart() {
        for (query, expected) in [
            ("select", r#""select""#),
            ("  a   b ", r#""a" AND "b""#),
            (r#""drop table" x"#, r#""drop table" AND "x""#),
            ("ord*", r#""ord" *"#),
            (r#""from ord"*"#, r#""from ord" *"#),
            (r#"a"b c"d"#, r#""a" AND "b c" AND "d""#),
            ("a OR b", r#""a" AND "OR" AND "b""#),
            ("= * a", r#""a""#),
            ("db.t", r#""db.t""#),
            ("NEAR(a,b)", r#""NEAR(a,b)""#),
            ("a\0b", r#""a b""#),
            ("text:x", r#""text:x""#),
        ] {
            assert_eq!(Words::parse(query).unwrap().to_match(), expected, "{query}");
        }
    }

    #[test]
    fn what_cannot_be_searched_is_said() {
        for query in ["", "  ", "*", "= <>", "\"\""] {
            let error = Words::parse(query).unwrap_err();
            assert!(matches!(error, IndexError::EmptyQuery { .. }), "{query}");
        }
        let error = Words::parse("a \"b").unwrap_err();
        assert!(matches!(error, IndexError::OpenQuote { .. }));
        let error = Words::parse(&"a ".repeat(33)).unwrap_err();
        assert!(matches!(error, IndexError::LongQuery { .. }));
    }
}
