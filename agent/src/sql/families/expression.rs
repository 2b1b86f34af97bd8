//! What stands inside of expressions: subqueries, calls, stages.

use super::unparsed;
use crate::sql::cursor::{Cursor, Piece, Scope};
use crate::sql::facts::{Effect, Lineage, ObjectKind};
use crate::sql::finding::Finding;
use crate::sql::opaque::Obscurity;

/// What a bracket that holds a statement begins with.
const VERBS: [&str; 12] = [
    "SELECT", "WITH", "VALUES", "SHOW", "DESCRIBE", "DESC", "CALL", "EXECUTE", "INSERT", "UPDATE",
    "DELETE", "MERGE",
];

/// Adds what these tokens do as parts of expressions.
pub(super) fn add(
    finding: &mut Finding,
    piece: Piece<'_>,
    scope: Scope<'_>,
) -> Result<(), Obscurity> {
    let mut at = 0;
    while let Some(token) = piece.tokens.get(at) {
        let rest = piece.from(at);
        let next = rest.tokens.get(1);
        if token.is_symbol('(')
            && next.is_some_and(|next| is_statement(rest.from(1), next.is("VALUES")))
        {
            let mut cursor = Cursor::new(rest);
            let inside = cursor.brackets().ok_or(Obscurity::OpenBlock)?;
            finding.absorb(super::statement(inside, scope.deeper()?));
            at += cursor.at();
            continue;
        }
        if token.is_symbol('@') {
            finding.place(Effect::Read, Cursor::new(rest).stage(scope)?);
        }
        at += 1;
    }
    unparsed::calls(finding, piece, scope);
    Ok(())
}

/// Adds the queries in brackets, where the other brackets call nothing: types, columns, options.
pub(super) fn add_queries(
    finding: &mut Finding,
    piece: Piece<'_>,
    scope: Scope<'_>,
) -> Result<(), Obscurity> {
    let mut at = 0;
    while let Some(token) = piece.tokens.get(at) {
        let rest = piece.from(at);
        let next = rest.tokens.get(1);
        if token.is_symbol('(') && next.is_some_and(|next| next.is_any(&["SELECT", "WITH"])) {
            let mut cursor = Cursor::new(rest);
            let query = cursor.brackets().ok_or(Obscurity::OpenBlock)?;
            add_query(finding, query, scope)?;
            at += cursor.at();
        } else {
            at += 1;
        }
    }
    Ok(())
}

/// True if a bracket holds a statement: `VALUES(col)` is a function's name in a `MERGE` of others.
fn is_statement(inside: Piece<'_>, is_values: bool) -> bool {
    let first = inside.tokens.first();
    let second = inside.tokens.get(1);
    first.is_some_and(|first| first.is_any(&VERBS))
        && (is_values || !second.is_some_and(|it| it.is_symbol(',') || it.is_symbol(')')))
        && !(second.is_some_and(|it| it.is_symbol('('))
            && first.is_some_and(|it| it.is_any(&["INSERT", "DESC"])))
}

/// Adds the query that begins here, as the statement that it is, and tells what it returns.
pub(super) fn add_query(
    finding: &mut Finding,
    query: Piece<'_>,
    scope: Scope<'_>,
) -> Result<Lineage, Obscurity> {
    let mut inner = super::rows::query(query, scope.deeper()?)?;
    inner.kind.clear();
    let lineage = std::mem::replace(&mut inner.lineage, Lineage::NoData);
    finding.absorb(inner);
    Ok(lineage)
}

/// Adds the integrations that options name: `STORAGE_INTEGRATION = name`.
pub(super) fn add_integrations(
    finding: &mut Finding,
    effect: Effect,
    piece: Piece<'_>,
    scope: Scope<'_>,
) -> Result<(), Obscurity> {
    const OPTIONS: [&str; 8] = [
        "API_INTEGRATION",
        "CATALOG",
        "ERROR_INTEGRATION",
        "EXTERNAL_ACCESS_INTEGRATIONS",
        "EXTERNAL_VOLUME",
        "INTEGRATION",
        "NOTIFICATION_INTEGRATION",
        "STORAGE_INTEGRATION",
    ];
    for (at, token) in piece.tokens.iter().enumerate() {
        let mut cursor = Cursor::new(piece.from(at + 1));
        if !token.is_any(&OPTIONS) || !cursor.take_symbol('=') {
            continue;
        }
        let many = cursor.take_symbol('(');
        loop {
            let name = match cursor.peek().map(|token| token.lexeme) {
                // `INTEGRATION = 'NAME'` of a pipe or an external table.
                Some(crate::sql::lexer::Lexeme::Text(text)) => {
                    cursor.skip(1);
                    crate::sql::ObjectName::parse(text)
                }
                _ if cursor.peek().is_some_and(|it| it.is_symbol(')')) => None,
                _ => Some(cursor.name(ObjectKind::Integration, scope)?),
            };
            // `CATALOG = 'SNOWFLAKE'` is Snowflake itself.
            if let Some(name) = name.filter(|name| name.last() != "SNOWFLAKE") {
                finding.add(effect, ObjectKind::Integration, name);
            }
            if !many || !cursor.take_symbol(',') {
                break;
            }
        }
    }
    Ok(())
}
