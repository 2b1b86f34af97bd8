//! The parser, believed only where it reads the same words and strings as our lexer.

use sqlparser::ast::Statement;
use sqlparser::dialect::SnowflakeDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::cursor::Piece;
use super::lexer::{Lexeme, lex};
use super::split;

/// What the parser makes of one statement.
#[derive(Debug)]
pub(super) enum Parsed {
    Tree(Box<Statement>),
    /// The same words, in an order that the parser does not know.
    Gap,
    /// The parser sees other words or strings than we do: one of us is wrong.
    Disagreement,
}

/// Parses one statement. Needs [`super::analyst::STACK_BYTES`] of stack, and so does dropping it.
pub(super) fn parse(piece: Piece<'_>) -> Parsed {
    let dialect = SnowflakeDialect {};
    let tokens = Tokenizer::new(&dialect, piece.source())
        .with_unescape(false)
        .tokenize_with_location();
    let Ok(tokens) = tokens else {
        return Parsed::Disagreement;
    };
    if !agrees(&tokens, piece) {
        return Parsed::Disagreement;
    }
    let mut parser = Parser::new(&dialect).with_tokens_with_locations(tokens);
    let Ok(mut statements) = parser.parse_statements() else {
        return Parsed::Gap;
    };
    match (statements.pop(), statements.is_empty()) {
        (Some(statement), true) => Parsed::Tree(Box::new(statement)),
        // We saw one statement: its ends are elsewhere for the parser.
        _ => Parsed::Disagreement,
    }
}

/// Parses a text of one statement, read as strictly as a client's own: the definition of a view.
pub(super) fn parse_text(text: &str) -> Option<Statement> {
    let mut tokens = Vec::new();
    lex(text, &mut tokens).ok()?;
    let whole = Piece {
        text,
        tokens: &tokens,
    };
    let pieces = split::statements(whole);
    let [piece] = pieces.as_slice() else {
        return None;
    };
    match parse(*piece) {
        Parsed::Tree(statement) => Some(*statement),
        Parsed::Gap | Parsed::Disagreement => None,
    }
}

/// True if both saw the same words, names and strings in the same order.
fn agrees(tokens: &[TokenWithSpan], piece: Piece<'_>) -> bool {
    let mut ours = piece.tokens.iter().map(|token| token.lexeme).filter(|it| {
        matches!(
            it,
            Lexeme::Word(_) | Lexeme::Quoted(_) | Lexeme::Text(_) | Lexeme::Dollar(_)
        )
    });
    for token in tokens {
        if let Token::HexStringLiteral(body) = &token.token {
            let is_prefix = |it: Lexeme<'_>| matches!(it, Lexeme::Word("x" | "X"));
            let prefix = ours.next().is_some_and(is_prefix);
            if !prefix || ours.next() != Some(Lexeme::Text(body)) {
                return false;
            }
        } else if let Some(theirs) = lexeme(&token.token)
            && ours.next() != Some(theirs)
        {
            return false;
        }
    }
    ours.next().is_none()
}

/// The parser's token as ours. Strings in forms that Snowflake does not have are left out: the
/// comparison then fails on the one that ours has more.
fn lexeme(token: &Token) -> Option<Lexeme<'_>> {
    if let Token::Word(word) = token {
        match word.quote_style {
            Some('"') => Some(Lexeme::Quoted(&word.value)),
            Some(_) => None,
            None => Some(Lexeme::Word(&word.value)),
        }
    } else if let Token::SingleQuotedString(body) = token {
        Some(Lexeme::Text(body))
    } else if let Token::DollarQuotedString(body) = token {
        body.tag.is_none().then_some(Lexeme::Dollar(&body.value))
    } else {
        None
    }
}
