//! `SHOW` and `DESCRIBE`: names and properties of objects, never their data.

use super::Judged;
use super::types::{self, Type};
use crate::sql::cursor::{Cursor, Piece, Scope};
use crate::sql::facts::{Effect, Lineage, ObjectKind};
use crate::sql::finding::Finding;
use crate::sql::name::ObjectName;
use crate::sql::opaque::Obscurity;

/// Judges a `SHOW` from the word after it. Whatever is shown, the scope is what matters.
pub(super) fn show(mut cursor: Cursor<'_>, scope: Scope<'_>) -> Judged {
    let mut finding = Finding::new("SHOW");
    cursor.take(&["TERSE"]);
    let what = cursor.rest();
    if what.tokens.first().and_then(|token| token.word()).is_none() {
        return Err(Obscurity::Form("`SHOW`".to_owned()));
    }
    // A pattern is a literal: what would have to be computed is nothing that `SHOW` knows.
    let pattern = what
        .find(|token| token.is("LIKE"))
        .map(|at| what.from(at + 1));
    let called = |piece: Piece<'_>| piece.tokens.get(1).is_some_and(|it| it.is_symbol('('));
    if pattern.is_some_and(called) {
        return Err(Obscurity::Form("`SHOW`".to_owned()));
    }
    let places: &[&str] = if what.has("GRANTS") {
        &["ON", "TO", "OF", "IN"]
    } else {
        &["IN", "FOR"]
    };
    let place = what.find(|token| token.is_any(places));
    if what.tokens.first().is_some_and(|it| it.is("VARIABLES")) {
        let why = "a variable holds what it was set to";
        finding.lineage = Lineage::Unknown(why.to_owned());
    }
    let shown = types::read_plural(&mut { cursor });
    match place {
        Some(at) => within(&mut finding, what, what.from(at + 1), scope),
        None => everywhere(&mut finding, shown, scope),
    }
    Ok(finding)
}

/// Without a scope: the current database for what lives in schemas, else the account.
fn everywhere(finding: &mut Finding, shown: Option<Type>, scope: Scope<'_>) {
    let in_schema = shown.is_some_and(|it| it.kind.depth() >= 2);
    let database = scope.session.database.clone().filter(|_| in_schema);
    match database.and_then(|name| ObjectName::new(vec![name])) {
        Some(database) => finding.add(Effect::Describe, ObjectKind::Database, database),
        None => finding.account(Effect::Describe),
    }
}

/// Adds the scope that is named here; the account if it is in a form that is not known.
fn within(finding: &mut Finding, what: Piece<'_>, place: Piece<'_>, scope: Scope<'_>) {
    let mut cursor = Cursor::new(place);
    let of_table = what.has("COLUMNS") || what.has("KEYS");
    let kind = match types::read(&mut cursor) {
        // `IN SCHEMA` alone is the current one, `IN LIKE …` is none.
        Some(object) if object.kind != ObjectKind::Account => object.kind,
        Some(_) => {
            finding.account(Effect::Describe);
            return;
        }
        None if of_table => ObjectKind::Table,
        None if what.has("SCHEMAS") => ObjectKind::Database,
        None => ObjectKind::Schema,
    };
    let after = ["LIKE", "STARTS", "LIMIT", "FROM"];
    let named = cursor.peek().is_some_and(|token| !token.is_any(&after));
    let name = if named {
        cursor.name(kind, scope).ok()
    } else {
        current(kind, scope)
    };
    match name {
        Some(name) => finding.add(Effect::Describe, kind, name),
        None => finding.account(Effect::Describe),
    }
}

/// The current database or schema.
fn current(kind: ObjectKind, scope: Scope<'_>) -> Option<ObjectName> {
    let database = scope.session.database.clone()?;
    let mut parts = vec![database];
    if kind == ObjectKind::Schema {
        parts.push(scope.session.schema.clone()?);
    }
    let fits = matches!(kind, ObjectKind::Database | ObjectKind::Schema);
    ObjectName::new(parts).filter(|_| fits)
}

/// Judges a `DESCRIBE` from the word after it.
pub(super) fn describe(mut cursor: Cursor<'_>, scope: Scope<'_>) -> Judged {
    let mut finding = Finding::new("DESCRIBE");
    if cursor.is_done() {
        return Err(Obscurity::Form("`DESCRIBE`".to_owned()));
    }
    if cursor.is("RESULT") || cursor.is("TRANSACTION") {
        finding.account(Effect::Describe);
        return Ok(finding);
    }
    cursor.take(&["SEARCH", "OPTIMIZATION", "ON"]);
    let follows = cursor.peek_at(1).is_some_and(|token| !token.is_symbol('.'));
    let object = match follows {
        true => types::read(&mut cursor).unwrap_or(types::TABLE),
        false => types::TABLE,
    };
    let name = super::create::name(&mut cursor, object, scope);
    match name {
        Ok(name) if object.kind != ObjectKind::Account => {
            finding.add(Effect::Describe, object.kind, name);
        }
        Ok(_) => finding.account(Effect::Describe),
        Err(obscurity) => return Err(obscurity),
    }
    Ok(finding)
}
