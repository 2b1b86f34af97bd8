//! `GRANT` and `REVOKE`: what is given, and to whom.

use super::Judged;
use super::create::{name, read_type, touch};
use super::types::{self, Type};
use crate::sql::cursor::{Cursor, Piece, Scope};
use crate::sql::facts::{Effect, ObjectKind};
use crate::sql::finding::Finding;
use crate::sql::opaque::Obscurity;

/// Judges a `GRANT` or `REVOKE` from the word after it.
pub(super) fn grant(verb: &str, cursor: Cursor<'_>, scope: Scope<'_>) -> Judged {
    let mut finding = Finding::new(verb);
    let form = || Obscurity::Form(format!("`{verb}`"));
    let rest = cursor.rest();
    let gives = verb == "GRANT";
    let direction = if gives { "TO" } else { "FROM" };
    let at = rest.find(|token| token.is(direction)).ok_or_else(form)?;
    given(&mut finding, verb, rest.until(at), scope)?;
    taker(&mut finding, gives, rest.from(at + 1), scope)?;
    Ok(finding)
}

/// `ROLE a`, or `privileges ON object`.
fn given(
    finding: &mut Finding,
    verb: &str,
    what: Piece<'_>,
    scope: Scope<'_>,
) -> Result<(), Obscurity> {
    let Some(at) = what.find(|token| token.is("ON")) else {
        let mut cursor = Cursor::new(what);
        let object = read_type(verb, &mut cursor)?;
        if object.kind != ObjectKind::Role {
            return Err(Obscurity::UnknownType(format!("{verb} {}", object.words)));
        }
        return names(finding, &mut cursor, object, scope);
    };
    if at == 0 {
        return Err(Obscurity::Form(format!("`{verb}`")));
    }
    let mut cursor = Cursor::new(what.from(at + 1));
    let many = cursor.take(&["ALL"]) || cursor.take(&["FUTURE"]);
    if many || cursor.take(&["INHERITED"]) {
        // Every object of a kind in a schema or database is as much as that schema or database.
        let place = what.find(|token| token.is("IN"));
        let place = place.ok_or_else(|| Obscurity::Form(format!("`{verb}`")))?;
        types::read_plural(&mut cursor)
            .ok_or_else(|| Obscurity::UnknownType(format!("{verb} … ON ALL")))?;
        cursor = Cursor::new(what.from(place + 1));
        if cursor.is("ACCOUNT") {
            finding.account(Effect::Grant);
            return Ok(());
        }
        let object = read_type(verb, &mut cursor)?;
        return names(finding, &mut cursor, object, scope);
    }
    if cursor.peek_at(1).is_none() && cursor.is("ACCOUNT") {
        finding.account(Effect::Grant);
        return Ok(());
    }
    // A bare name is one of a table.
    let object = match types::read(&mut { cursor }) {
        Some(_) => read_type(verb, &mut cursor)?,
        None if cursor.peek_at(1).is_none_or(|token| token.is_symbol('.')) => types::TABLE,
        None => return Err(Obscurity::UnknownType(format!("{verb} … ON"))),
    };
    names(finding, &mut cursor, object, scope)
}

fn names(
    finding: &mut Finding,
    cursor: &mut Cursor<'_>,
    object: Type,
    scope: Scope<'_>,
) -> Result<(), Obscurity> {
    loop {
        let name = name(cursor, object, scope)?;
        touch(finding, Effect::Grant, object, &name);
        cursor.brackets();
        if !cursor.take_symbol(',') {
            return Ok(());
        }
    }
}

/// Who gets it; a share is a way out of the account.
fn taker(
    finding: &mut Finding,
    gives: bool,
    who: Piece<'_>,
    scope: Scope<'_>,
) -> Result<(), Obscurity> {
    let mut cursor = Cursor::new(who);
    let role = Type {
        words: "ROLE",
        kind: ObjectKind::Role,
        governs: true,
    };
    let follows = cursor.peek_at(1).is_some_and(|token| !token.is_symbol('.'));
    let object = match follows {
        true => types::read(&mut cursor).unwrap_or(role),
        false => role,
    };
    let name = name(&mut cursor, object, scope)?;
    touch(finding, Effect::Grant, object, &name);
    if object.words == "SHARE" && gives {
        finding.add(Effect::Export, object.kind, name);
    }
    Ok(())
}
