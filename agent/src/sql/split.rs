//! Where statements begin and end: at `;`, but not inside a block, and at `->>` inside a flow.

use super::cursor::Piece;
use super::lexer::{Lexeme, Token};

/// Cuts a text at the ends of its statements; empty pieces are dropped, as Snowflake's drivers do.
pub(super) fn statements<'s>(text: Piece<'s>) -> Vec<Piece<'s>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.tokens.is_empty() {
        let end = end(rest);
        let piece = rest.until(end);
        if !piece.tokens.is_empty() {
            pieces.push(piece);
        }
        rest = rest.from(end + 1);
    }
    pieces
}

/// The steps of a flow; one for a statement that is none.
pub(super) fn steps<'s>(piece: Piece<'s>) -> Vec<Piece<'s>> {
    piece
        .tokens
        .split(|token| token.lexeme == Lexeme::Flow)
        .map(|step| piece.with(step))
        .collect()
}

/// True if these tokens begin a scripting block, not a transaction.
pub(super) fn is_block(piece: Piece<'_>) -> bool {
    let mut tokens = piece.tokens.iter();
    match (tokens.next(), tokens.next()) {
        (Some(first), _) if first.is("DECLARE") => true,
        (Some(first), Some(second)) if first.is("BEGIN") => {
            !second.is_symbol(';') && !second.is_any(&["TRANSACTION", "WORK", "NAME"])
        }
        _ => false,
    }
}

/// The number of tokens before the `;` that ends the first statement.
fn end(rest: Piece<'_>) -> usize {
    let mut blocks = Blocks::default();
    let holds_code = rest
        .tokens
        .first()
        .is_some_and(|it| it.is_any(&["CREATE", "ALTER", "WITH"]));
    for (at, token) in rest.tokens.iter().enumerate() {
        let here = rest.from(at);
        let before = at.checked_sub(1).and_then(|before| rest.tokens.get(before));
        if blocks.is_none() {
            if token.is_symbol(';') {
                return at;
            }
            let may_begin = match before {
                None => true,
                // The body of a procedure, function, task or alert; a step of a flow.
                Some(before) => {
                    before.lexeme == Lexeme::Flow || (holds_code && before.is_any(&["AS", "THEN"]))
                }
            };
            if may_begin && is_block(here) {
                blocks.begin(token);
            }
        } else {
            blocks.note(here, before);
        }
    }
    rest.tokens.len()
}

/// How deep in blocks a token is.
#[derive(Debug, Default)]
struct Blocks {
    depth: usize,
    /// Between `DECLARE` and its `BEGIN`.
    declares: bool,
}

impl Blocks {
    const fn is_none(&self) -> bool {
        self.depth == 0 && !self.declares
    }

    fn begin(&mut self, token: &Token<'_>) {
        self.declares = token.is("DECLARE");
        self.depth = usize::from(!self.declares);
    }

    fn note(&mut self, here: Piece<'_>, before: Option<&Token<'_>>) {
        let Some(token) = here.tokens.first() else {
            return;
        };
        // `a.end` is a name.
        if before.is_some_and(|before| before.is_symbol('.')) {
            return;
        }
        let ends = before.is_some_and(|before| before.is("END"));
        if token.is("BEGIN") && is_block(here) {
            self.declares = false;
            self.depth += 1;
        } else if token.is("CASE") && !ends {
            self.depth += 1;
        } else if token.is("END") {
            let loops = ["IF", "FOR", "WHILE", "LOOP", "REPEAT"];
            let of_loop = here.tokens.get(1).is_some_and(|next| next.is_any(&loops));
            self.depth = self.depth.saturating_sub(usize::from(!of_loop));
        }
    }
}
