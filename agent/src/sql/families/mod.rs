//! What a statement does, from its words: one file for each family of statements.
//!
//! The words tell the verb, the objects that stand beside it and the statements inside. What
//! queries and changes of rows touch is told by their trees (see [`super::tree`]), and by their
//! words alone where the parser has a gap.
//!
//! A form that is not listed here is not understood: nothing is guessed from a verb.

mod alter;
mod block;
mod call;
mod copy;
mod create;
mod drop;
mod expression;
mod grant;
mod rows;
mod rows_words;
mod session;
mod show;
mod types;
mod unparsed;

use std::sync::Arc;

use super::change;
use super::cursor::{Cursor, Piece, Scope};
use super::facts::{Effect, Lineage, SessionChange};
use super::finding::Finding;
use super::lexer::{Lexeme, Token};
use super::opaque::{self, Obscurity};
use super::split;

/// What a family makes of a statement, or why it does not know it.
type Judged = Result<Finding, Obscurity>;

/// Judges one statement, which may be a flow, a block or anything else.
pub(super) fn statement(piece: Piece<'_>, scope: Scope<'_>) -> Finding {
    statement_result(piece, scope).unwrap_or_else(|obscurity| Finding::opaque(piece, obscurity))
}

fn statement_result(piece: Piece<'_>, scope: Scope<'_>) -> Judged {
    let is_quoted = |token: &Token<'_>| matches!(token.lexeme, Lexeme::Quoted(_));
    if scope.session.quoting_unknown && piece.tokens.iter().any(is_quoted) {
        return Err(Obscurity::Quoting);
    }
    let steps = split::steps(piece);
    match steps.as_slice() {
        [_] => one(piece, scope),
        // Inside a block, `->>` belongs to the statements there.
        _ if split::is_block(piece) => one(piece, scope),
        steps => flow(steps, scope),
    }
}

/// Every step of a flow is a statement, which reads the results of those before it as `$1`, `$2` ….
fn flow(steps: &[Piece<'_>], scope: Scope<'_>) -> Judged {
    let scope = scope.deeper()?;
    whatever_the_order(scope, |scope| steps_of(steps, scope))
}

/// Judges statements that stand together, once more if one of them changes what names mean: it may
/// run before any other of them, or not at all, so what it changes is not known in any. What foreign
/// code may change is not counted: whoever may run it is trusted with that.
fn whatever_the_order(scope: Scope<'_>, judge: impl Fn(Scope<'_>) -> Judged) -> Judged {
    let finding = judge(scope)?;
    let mut context = scope.context.clone();
    let session = Arc::make_mut(&mut context.session);
    let written = |change: &&SessionChange| **change != SessionChange::Unknown;
    for change in finding.changes.iter().filter(written) {
        change::forget(session, change);
    }
    if *session == *scope.session {
        return Ok(finding);
    }
    judge(scope.in_context(&context))
}

fn steps_of(steps: &[Piece<'_>], scope: Scope<'_>) -> Judged {
    let mut flow = Finding::new("");
    let mut kinds = Vec::new();
    for step in steps {
        let mut finding = one(*step, scope)?;
        kinds.push(std::mem::take(&mut finding.kind));
        flow.absorb(finding);
    }
    // A later step chooses rows by the columns of an earlier one, under whatever name.
    flow.predicates.extend(flow.columns.iter().cloned());
    flow.kind = kinds.join(" ->> ");
    flow.lineage = Lineage::Unknown("the steps of a flow read each other's results".to_owned());
    Ok(flow)
}

fn one(piece: Piece<'_>, scope: Scope<'_>) -> Judged {
    let scope = scope.deeper()?;
    let first = piece.tokens.first().ok_or(Obscurity::Empty)?;
    if first.is_symbol('(') {
        return rows::query(piece, scope);
    }
    let verb = first.word().map(opaque::clip).unwrap_or_default();
    let mut cursor = Cursor::new(piece);
    cursor.skip(1);
    match verb.as_str() {
        "SELECT" | "VALUES" => rows::query(piece, scope),
        "WITH" if call::is_with_procedure(piece) => call::with_procedure(piece, scope),
        "WITH" => rows::query(piece, scope),
        "INSERT" | "UPDATE" | "DELETE" | "MERGE" => rows::change(&verb, piece, scope),
        "TRUNCATE" => drop::truncate(cursor, scope),
        "COPY" => copy::copy(cursor, scope),
        "PUT" | "GET" => copy::transfer(&verb, cursor, scope),
        "LIST" | "LS" => copy::list(cursor, scope),
        "REMOVE" | "RM" => copy::remove(cursor, scope),
        "CREATE" => create::create(cursor, scope),
        "ALTER" => alter::alter(cursor, scope),
        "DROP" | "UNDROP" => drop::drop(&verb, cursor, scope),
        "COMMENT" => drop::comment(cursor, scope),
        "SHOW" => show::show(cursor, scope),
        "DESC" | "DESCRIBE" => show::describe(cursor, scope),
        "EXPLAIN" => call::explain(cursor, scope),
        "GRANT" | "REVOKE" => grant::grant(&verb, cursor, scope),
        "USE" => session::switch(cursor, scope),
        "SET" => session::set(cursor, scope),
        "UNSET" => session::unset(cursor, scope),
        "BEGIN" | "DECLARE" if split::is_block(piece) => block::block(piece, scope),
        "BEGIN" | "START" | "COMMIT" | "ROLLBACK" => session::transaction(&verb, cursor),
        "CALL" => call::call(cursor, scope),
        "EXECUTE" => call::execute(cursor, scope),
        "" => Err(Obscurity::UnknownVerb(
            piece.source().chars().take(16).collect(),
        )),
        _ => Err(Obscurity::UnknownVerb(verb)),
    }
}

/// Code that nobody reads here runs.
fn foreign_code(finding: &mut Finding) {
    finding.account(Effect::Execute);
    finding.changes.push(SessionChange::Unknown);
}
