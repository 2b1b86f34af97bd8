//! Scripting blocks: every statement in them is judged, whether or not it will run.
//!
//! Variables, loops and conditions decide what runs and how often, so the facts are those of all
//! statements together, and `execute` besides. What a block puts together and runs is opaque.

use super::{Judged, expression, one};
use crate::sql::cursor::{Cursor, Piece, Scope};
use crate::sql::facts::{Effect, Lineage, SessionChange};
use crate::sql::finding::Finding;
use crate::sql::lexer::Lexeme;
use crate::sql::opaque::Obscurity;
use crate::sql::split;

/// The kind of a block.
pub(super) const KIND: &str = "BEGIN … END";

/// Words that stand alone between statements.
const PUNCTUATION: [&str; 9] = [
    "BEGIN",
    "DECLARE",
    "ELSE",
    "EXCEPTION",
    "LOOP",
    "REPEAT",
    "DO",
    "THEN",
    "NULL",
];

/// Judges a block from its `BEGIN` or `DECLARE` to its `END`.
pub(super) fn block(piece: Piece<'_>, scope: Scope<'_>) -> Judged {
    let scope = scope.deeper()?.inside_block();
    check_ends(piece)?;
    let mut finding = super::whatever_the_order(scope, |scope| inside(piece, scope))?;
    finding.changes = vec![SessionChange::Unknown];
    if finding.obscurity.is_none() {
        finding.lineage = Lineage::Unknown("a block decides what it returns".to_owned());
    }
    Ok(finding)
}

/// Judges every statement of a block.
fn inside(piece: Piece<'_>, scope: Scope<'_>) -> Judged {
    let mut finding = Finding::new(KIND);
    finding.account(Effect::Execute);
    let mut rest = piece;
    while !rest.tokens.is_empty() {
        let read = step(&mut finding, rest, scope)?;
        rest = rest.from(read.max(1));
    }
    Ok(finding)
}

/// The block ends with its last `END`, and a label at most.
fn check_ends(piece: Piece<'_>) -> Result<(), Obscurity> {
    let last = piece.tokens.last().ok_or(Obscurity::OpenBlock)?;
    let before = piece.tokens.len().checked_sub(2);
    let before = before.and_then(|at| piece.tokens.get(at));
    let labelled = last.name().is_some() && before.is_some_and(|before| before.is("END"));
    // The splitter took what follows for a part of the block if its ends do not fit.
    match last.is("END") || labelled {
        true => Ok(()),
        false => Err(Obscurity::OpenBlock),
    }
}

/// Judges what stands at the beginning; gives the number of tokens that were read.
fn step(finding: &mut Finding, rest: Piece<'_>, scope: Scope<'_>) -> Result<usize, Obscurity> {
    let Some(first) = rest.tokens.first() else {
        return Ok(0);
    };
    let is_transaction = first.is("BEGIN") && !split::is_block(rest);
    if first.is_symbol(';') || (first.is_any(&PUNCTUATION) && !is_transaction) {
        return Ok(1);
    }
    let mut cursor = Cursor::new(rest);
    if cursor.take(&["END"]) {
        for word in ["IF", "FOR", "WHILE", "LOOP", "REPEAT", "CASE"] {
            if cursor.take(&[word]) {
                return Ok(cursor.at());
            }
        }
        // A label.
        return Ok(1 + usize::from(cursor.peek().is_some_and(|next| {
            next.name().is_some() && !next.is_any(&["END", "ELSE", "WHEN", "EXCEPTION"])
        })));
    }
    // Up to the word that the condition ends with.
    let heads = [
        ("IF", &["THEN"][..]),
        ("ELSEIF", &["THEN"]),
        ("WHEN", &["THEN"]),
        ("CASE", &["WHEN"]),
        ("WHILE", &["DO", "LOOP"]),
        ("FOR", &["DO", "LOOP"]),
        ("UNTIL", &["END"]),
    ];
    for (word, ends) in heads {
        if first.is(word) {
            let length = rest
                .from(1)
                .find(|token| token.is_any(ends) || token.is_symbol(';'));
            let length = length.ok_or(Obscurity::OpenBlock)?;
            head(finding, rest.from(1).until(length), scope)?;
            let open = word == "CASE" || word == "UNTIL";
            return Ok(1 + length + usize::from(!open));
        }
    }
    let length = rest.find(|token| token.is_symbol(';'));
    let length = length.unwrap_or_else(|| last_end(rest));
    statement(finding, rest.until(length), scope)?;
    Ok(length)
}

/// A statement without `;` ends before the `END` of its block.
fn last_end(rest: Piece<'_>) -> usize {
    let end = rest.tokens.iter().rposition(|token| token.is("END"));
    end.unwrap_or(rest.tokens.len())
}

/// A condition, or `x IN cursor` of a loop.
fn head(finding: &mut Finding, head: Piece<'_>, scope: Scope<'_>) -> Result<(), Obscurity> {
    if head.tokens.iter().any(|token| token.is_symbol(';')) {
        return Err(Obscurity::OpenBlock);
    }
    expression::add(finding, head, scope)
}

/// A statement of scripting, or one of SQL.
fn statement(finding: &mut Finding, piece: Piece<'_>, scope: Scope<'_>) -> Result<(), Obscurity> {
    let Some(first) = piece.tokens.first() else {
        return Ok(());
    };
    let scripting = [
        "LET", "RETURN", "RAISE", "OPEN", "CLOSE", "FETCH", "BREAK", "CONTINUE", "EXIT", "ITERATE",
        "AWAIT", "CANCEL", "ASYNC",
    ];
    let is_assignment = first.name().is_some()
        && piece.tokens.get(1).is_some_and(|it| it.is_symbol(':'))
        && piece.tokens.get(2).is_some_and(|it| it.is_symbol('='));
    let is_declaration = is_declaration(piece);
    if !first.is_any(&scripting) && !is_assignment && !is_declaration {
        // `one` and not `statement`: what is opaque is told by the block, with its other effects.
        match super::statement_result(piece, scope) {
            Ok(inner) => finding.absorb(inner),
            Err(obscurity) => finding.obscure(obscurity),
        }
        return Ok(());
    }
    // `CURSOR FOR SELECT …`, `RESULTSET DEFAULT (SELECT …)`, `:= (EXECUTE IMMEDIATE :text)`.
    if let Some(at) = piece.find(|token| token.is("FOR"))
        && piece.has("CURSOR")
    {
        expression::add(finding, piece.until(at), scope)?;
        let source = piece.from(at + 1);
        match source.tokens {
            // A result set, or a text that `:=` or `EXECUTE IMMEDIATE` gave a name to.
            [variable] if variable.name().is_some() => {}
            _ => match one(source, scope) {
                Ok(inner) => finding.absorb(inner),
                Err(obscurity) => finding.obscure(obscurity),
            },
        }
        return Ok(());
    }
    expression::add(finding, piece, scope)
}

/// `name type [DEFAULT …]` of a `DECLARE`, which no verb begins.
fn is_declaration(piece: Piece<'_>) -> bool {
    let second = piece.tokens.get(1).and_then(|token| token.word());
    let types = ["CURSOR", "RESULTSET", "EXCEPTION", "DEFAULT"];
    let is_type = |word: &str| {
        types.iter().any(|it| word.eq_ignore_ascii_case(it))
            || super::rows_words::TYPES
                .iter()
                .any(|it| word.eq_ignore_ascii_case(it))
    };
    // `TRUNCATE date`: the table has the name of a type.
    let verbs = [
        "ALTER", "CALL", "CREATE", "DESC", "DESCRIBE", "DROP", "SELECT", "SET", "SHOW", "TRUNCATE",
        "UNDROP", "UNSET", "UPDATE", "USE",
    ];
    let first = piece.tokens.first();
    first.is_some_and(|first| {
        first.name().is_some()
            && !first.is_any(&verbs)
            && !matches!(first.lexeme, Lexeme::Symbol(_))
    }) && second.is_some_and(is_type)
}
