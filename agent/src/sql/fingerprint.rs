//! What statements that differ in their values alone have in common.
//!
//! The BLAKE3 hash of the lexemes, each with a byte for its class, its text and a NUL:
//! - words in upper case, quoted names as they are; white space and comments are gone;
//! - strings, numbers and `?` are one sign, also a minus or plus before a number after a symbol; a
//!   list of them in brackets or between brackets, `(1, 2)` or `(1), (2)`, is as long as one;
//! - the body of `$$ … $$` stays, because it is code as often as it is a value;
//! - variables keep their names.
//!
//! A text that the lexer refuses is hashed as it stands, under another key; of one that is too long
//! to be read, the length and as much of the beginning as would have been read.

use super::lexer::{Lexeme, Token};
use super::limits::TEXT_BYTES_MAX;

const LITERAL: &[u8] = b"L\0";

/// The fingerprint of a text; `tokens` is `None` when the lexer refused it.
pub(super) fn of(text: &str, tokens: Option<&Vec<Token<'_>>>) -> String {
    let Some(tokens) = tokens else {
        let hash = blake3::Hasher::new_derive_key("snowfence 2026 statement without lexemes")
            .update(&text.len().to_le_bytes())
            .update(
                text.as_bytes()
                    .get(..TEXT_BYTES_MAX)
                    .unwrap_or(text.as_bytes()),
            )
            .finalize();
        return hash.to_hex().to_string();
    };
    let mut signs: Vec<Vec<u8>> = Vec::new();
    let mut pieces = tokens.iter().peekable();
    while let Some(token) = pieces.next() {
        // The `;` at the end of a text means nothing.
        if token.is_symbol(';') && pieces.peek().is_none() {
            continue;
        }
        signs.push(sign(token));
        collapse(&mut signs);
    }
    let mut hasher = blake3::Hasher::new_derive_key("snowfence 2026 statement");
    for sign in &signs {
        hasher.update(sign);
    }
    hasher.finalize().to_hex().to_string()
}

fn sign(token: &Token<'_>) -> Vec<u8> {
    let (class, text) = match token.lexeme {
        Lexeme::Text(_) | Lexeme::Number(_) | Lexeme::Symbol('?') => return LITERAL.to_vec(),
        Lexeme::Word(word) => (b'W', word.to_ascii_uppercase()),
        Lexeme::Quoted(name) => (b'Q', name.to_owned()),
        Lexeme::Dollar(body) => (b'D', body.to_owned()),
        Lexeme::Variable(name) => (b'V', name.to_ascii_uppercase()),
        Lexeme::Url(url) => (b'U', url.to_owned()),
        Lexeme::Flow => (b'F', String::new()),
        Lexeme::Symbol(symbol) => (b'S', symbol.to_string()),
    };
    let mut sign = vec![class];
    sign.extend_from_slice(text.as_bytes());
    sign.push(0);
    sign
}

/// Makes one of a sign and a number, of two values of a list, and of two lists of values.
fn collapse(signs: &mut Vec<Vec<u8>>) {
    let is = |sign: &Vec<u8>, symbol: u8| sign.as_slice() == [b'S', symbol, 0];
    loop {
        let literal = |sign: &Vec<u8>| sign.as_slice() == LITERAL;
        let drop = match signs.as_slice() {
            [.., before, minus, value]
                if literal(value)
                    && (is(minus, b'-') || is(minus, b'+'))
                    && before.first() == Some(&b'S')
                    && !is(before, b')') =>
            {
                signs.len() - 2..signs.len() - 1
            }
            [.., first, comma, second] if literal(first) && is(comma, b',') && literal(second) => {
                signs.len() - 2..signs.len()
            }
            [.., open, first, close, comma, again, second, end]
                if is(open, b'(')
                    && literal(first)
                    && is(close, b')')
                    && is(comma, b',')
                    && is(again, b'(')
                    && literal(second)
                    && is(end, b')') =>
            {
                signs.len() - 4..signs.len()
            }
            _ => return,
        };
        signs.drain(drop);
    }
}
