//! The pieces of a text in which a value can stand, for those who look for values.

use std::ops::Range;

use super::lexer::{Lexeme, lex};

/// A piece of a text in which a value can stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    pub(crate) kind: PartKind,
    /// Without what delimits it.
    pub(crate) body: &'a str,
    /// With it.
    pub(crate) range: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartKind {
    /// `'…'`, escapes kept.
    Text,
    /// `$$…$$`.
    Dollar,
    /// Digits, also where a value that should have quotes reads as a calculation: `123-45-6789`.
    Number,
    /// A name in double quotes, doubled quotes kept.
    Quoted,
    /// A bare word.
    Word,
    Url,
}

/// Everything of a text that a value can stand in, but for comments: they lie between the parts.
/// `None` when two readers could take the text for different things.
pub(crate) fn parts(text: &str) -> Option<Vec<Part<'_>>> {
    let mut tokens = Vec::new();
    lex(text, &mut tokens).ok()?;
    let mut parts: Vec<Part<'_>> = Vec::with_capacity(tokens.len());
    let mut joint = None;
    for token in &tokens {
        let (kind, body) = match token.lexeme {
            Lexeme::Text(body) => (PartKind::Text, body),
            Lexeme::Dollar(body) => (PartKind::Dollar, body),
            Lexeme::Quoted(body) => (PartKind::Quoted, body),
            Lexeme::Word(body) => (PartKind::Word, body),
            Lexeme::Url(body) => (PartKind::Url, body),
            Lexeme::Number(body) => (PartKind::Number, body),
            Lexeme::Symbol('-' | '.') => {
                joint = Some(token);
                continue;
            }
            Lexeme::Variable(_) | Lexeme::Flow | Lexeme::Symbol(_) => continue,
        };
        let joined = joint.take().and_then(|joint| {
            let last = parts.last_mut()?;
            let are_numbers = last.kind == PartKind::Number && kind == PartKind::Number;
            let touch = last.range.end == joint.start && joint.end == token.start;
            (are_numbers && touch).then_some(last)
        });
        if let Some(last) = joined {
            last.range.end = token.end;
            last.body = text.get(last.range.clone()).unwrap_or_default();
        } else {
            let range = token.start..token.end;
            parts.push(Part { kind, body, range });
        }
    }
    Some(parts)
}
