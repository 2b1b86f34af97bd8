//! What runs code: `CALL`, `EXECUTE …`, anonymous procedures; and `EXPLAIN`, which does not.

use std::collections::BTreeSet;

use super::session::unescape;
use super::{Judged, expression, foreign_code, types};
use crate::sql::cursor::{Cursor, Piece, Scope};
use crate::sql::facts::{Access, Effect, Lineage, ObjectKind};
use crate::sql::finding::Finding;
use crate::sql::lexer::{Lexeme, lex};
use crate::sql::opaque::Obscurity;
use crate::sql::split;

/// `CALL name(arguments) [INTO :variable]`.
pub(super) fn call(mut cursor: Cursor<'_>, scope: Scope<'_>) -> Judged {
    let mut finding = Finding::new("CALL");
    let form = || Obscurity::Form("`CALL`".to_owned());
    let name = cursor.raw_name(scope)?;
    // `model!METHOD( … )`
    let method = cursor.take_symbol('!').then(|| cursor.any_word());
    let arguments = cursor.brackets().ok_or_else(form)?;
    let into = cursor.take(&["INTO"]);
    if into {
        cursor.take_symbol(':');
        cursor.skip(1);
    }
    if !cursor.is_done() {
        return Err(form());
    }
    expression::add(&mut finding, arguments, scope)?;
    finding.lineage = Lineage::Unknown("a procedure decides what it returns".to_owned());
    if let Some(method) = method {
        let method = method.ok_or_else(form)?;
        finding.functions.insert(format!("!{method}"));
        finding.account(Effect::Execute);
    } else if name.parts().len() == 1 && name.last().starts_with("SYSTEM$") {
        // Built in: it belongs to no schema, and is no less powerful for it.
        finding.account(Effect::Execute);
        finding.built_in(&name);
    } else {
        let name = scope.resolve(ObjectKind::Procedure, &name);
        finding.add(Effect::Execute, ObjectKind::Procedure, name);
    }
    finding
        .changes
        .push(crate::sql::facts::SessionChange::Unknown);
    Ok(finding)
}

/// `EXECUTE IMMEDIATE`, `EXECUTE TASK` and its kin.
pub(super) fn execute(mut cursor: Cursor<'_>, scope: Scope<'_>) -> Judged {
    if cursor.take(&["IMMEDIATE"]) {
        return immediate(cursor, scope);
    }
    let start = cursor;
    let asynchronous = cursor.take(&["JOB"]);
    let Some(object) = types::read(&mut cursor) else {
        let word = start
            .peek()
            .and_then(|token| token.word())
            .unwrap_or_default();
        return Err(Obscurity::UnknownType(format!(
            "EXECUTE {}",
            crate::sql::opaque::clip(word)
        )));
    };
    let runnable = [
        "ALERT",
        "DBT PROJECT",
        "NOTEBOOK",
        "NOTEBOOK PROJECT",
        "SERVICE",
        "STREAMLIT",
        "TASK",
    ];
    if !runnable.contains(&object.words) {
        return Err(Obscurity::UnknownType(format!("EXECUTE {}", object.words)));
    }
    let mut finding = Finding::new(format!("EXECUTE {}", object.words));
    finding.lineage = Lineage::Unknown("code decides what it returns".to_owned());
    if object.words == "SERVICE" {
        // `EXECUTE JOB SERVICE IN COMPUTE POOL p NAME = n …` makes the service that it runs.
        if !asynchronous {
            return Err(Obscurity::Form("`EXECUTE SERVICE`".to_owned()));
        }
        finding.kind = "EXECUTE JOB SERVICE".to_owned();
        finding.account(Effect::Create);
        foreign_code(&mut finding);
        return Ok(finding);
    }
    let name = cursor.name(object.kind, scope)?;
    finding.add(Effect::Execute, object.kind, name);
    expression::add(&mut finding, cursor.rest(), scope)?;
    Ok(finding)
}

/// A literal is judged as its text; anything else is put together while it runs.
fn immediate(mut cursor: Cursor<'_>, scope: Scope<'_>) -> Judged {
    let body = cursor.peek().map(|token| token.lexeme);
    cursor.skip(1);
    let literal = match body {
        Some(Lexeme::Text(text)) => unescape(text).ok_or(Obscurity::Escapes)?,
        Some(Lexeme::Dollar(text)) => text.to_owned(),
        Some(Lexeme::Variable(name)) => match scope.variable(name) {
            Some(value) => value.to_owned(),
            None => return Err(Obscurity::DynamicText),
        },
        _ => return Err(Obscurity::DynamicText),
    };
    let using = cursor.take(&["USING"]).then(|| cursor.brackets());
    if !cursor.is_done() {
        return Err(Obscurity::DynamicText);
    }
    let mut finding = Finding::new("EXECUTE IMMEDIATE");
    finding.account(Effect::Execute);
    let lineage = text(&mut finding, &literal, scope)?;
    finding.lineage = lineage;
    if let Some(arguments) = using.flatten() {
        expression::add(&mut finding, arguments, scope)?;
    }
    Ok(finding)
}

/// Adds what the statements of a text do that is run; gives the lineage of the last.
pub(super) fn text(
    finding: &mut Finding,
    text: &str,
    scope: Scope<'_>,
) -> Result<Lineage, Obscurity> {
    let scope = scope.deeper()?;
    let mut tokens = Vec::new();
    lex(text, &mut tokens)?;
    let pieces = split::statements(Piece {
        text,
        tokens: &tokens,
    });
    let mut lineage = Lineage::NoData;
    if pieces.is_empty() {
        return Err(Obscurity::Empty);
    }
    for piece in pieces {
        let inner = super::statement(piece, scope);
        lineage = inner.lineage.clone();
        finding.absorb(inner);
    }
    Ok(lineage)
}

/// True for `WITH name AS PROCEDURE`.
pub(super) fn is_with_procedure(piece: Piece<'_>) -> bool {
    let procedure = piece.find(|token| token.is("PROCEDURE"));
    let before = procedure.and_then(|at| at.checked_sub(1));
    let after_as = before
        .and_then(|at| piece.tokens.get(at))
        .is_some_and(|it| it.is("AS"));
    // A query that names a table so is one still: it has no CALL.
    after_as && piece.find(|token| token.is("CALL")).is_some()
}

/// `WITH name AS PROCEDURE (…) … CALL name(…)`: a procedure of one call.
pub(super) fn with_procedure(piece: Piece<'_>, scope: Scope<'_>) -> Judged {
    let mut finding = Finding::new("CALL");
    finding.lineage = Lineage::Unknown("a procedure decides what it returns".to_owned());
    foreign_code(&mut finding);
    // A body in SQL is read; what it does with strings cannot be, and in another language nothing.
    let at = piece
        .find(|token| token.is("PROCEDURE"))
        .unwrap_or_default();
    let rest = piece.from(at + 1);
    super::create::body(&mut finding, rest, scope)?;
    expression::add(&mut finding, piece.until(at), scope)?;
    // Tables may follow, and the arguments of the call.
    let after = super::create::body_start(rest).unwrap_or_default();
    expression::add(&mut finding, rest.from(after + 1), scope)?;
    Ok(finding)
}

/// `EXPLAIN [USING TABULAR] statement`: what is explained is not run.
pub(super) fn explain(mut cursor: Cursor<'_>, scope: Scope<'_>) -> Judged {
    if cursor.take(&["USING"]) && cursor.any_word().is_none() {
        return Err(Obscurity::Form("`EXPLAIN USING`".to_owned()));
    }
    let inner = super::statement(cursor.rest(), scope.deeper()?);
    if let Some(obscurity) = inner.obscurity {
        return Err(obscurity);
    }
    // Snowflake makes no plan of code: whatever this is, it may run.
    let is_code = inner.kind == "CALL" || inner.kind.starts_with("EXECUTE");
    if is_code || inner.kind == super::block::KIND {
        return Err(Obscurity::Form("`EXPLAIN`".to_owned()));
    }
    let mut finding = Finding::new("EXPLAIN");
    finding.account(Effect::Describe);
    // A plan tells of the objects what a description tells; it may tell of their data, too.
    let mut accesses = BTreeSet::new();
    for access in inner.accesses {
        if access.effect == Effect::Read {
            accesses.insert(access.clone());
        }
        accesses.insert(Access {
            effect: Effect::Describe,
            ..access
        });
    }
    finding.accesses.extend(accesses);
    finding.functions = inner.functions;
    finding.columns = inner.columns;
    finding.predicates = inner.predicates;
    finding.missing = inner.missing;
    Ok(finding)
}
