//! `DROP`, `UNDROP`, `TRUNCATE` and `COMMENT`: a type, a name, and little else.

use super::Judged;
use super::create::{name, read_type, touch};
use super::types::{self, Type};
use crate::sql::cursor::{Cursor, Scope};
use crate::sql::facts::{Effect, ObjectKind};
use crate::sql::finding::Finding;
use crate::sql::name::ObjectName;
use crate::sql::opaque::Obscurity;

/// `DROP` or `UNDROP`, from the word after it. To bring an object back is to create it.
pub(super) fn drop(verb: &str, mut cursor: Cursor<'_>, scope: Scope<'_>) -> Judged {
    let object = read_type(verb, &mut cursor)?;
    cursor.if_exists();
    let mut finding = Finding::new(format!("{verb} {}", object.words));
    let effect = if verb == "DROP" {
        Effect::Drop
    } else {
        Effect::Create
    };
    loop {
        let name = name(&mut cursor, object, scope)?;
        touch(&mut finding, effect, object, &name);
        cursor.brackets();
        if !cursor.take_symbol(',') {
            break;
        }
    }
    if cursor.take(&["RENAME", "TO"]) {
        let name = name(&mut cursor, object, scope)?;
        touch(&mut finding, effect, object, &name);
    }
    Ok(finding)
}

/// `TRUNCATE [TABLE] name`.
pub(super) fn truncate(mut cursor: Cursor<'_>, scope: Scope<'_>) -> Judged {
    let mut finding = Finding::new("TRUNCATE");
    let next = cursor.peek_at(1).is_some();
    if next && !cursor.take(&["TABLE"]) {
        cursor.take(&["MATERIALIZED", "VIEW"]);
    }
    cursor.if_exists();
    let name = cursor.name(ObjectKind::Table, scope)?;
    if !cursor.is_done() {
        return Err(Obscurity::Form("`TRUNCATE`".to_owned()));
    }
    finding.add(Effect::Truncate, ObjectKind::Table, name);
    Ok(finding)
}

/// `COMMENT ON type name IS 'text'`.
pub(super) fn comment(mut cursor: Cursor<'_>, scope: Scope<'_>) -> Judged {
    let mut finding = Finding::new("COMMENT");
    cursor.take(&["IF", "EXISTS"]);
    if !cursor.take(&["ON"]) {
        return Err(Obscurity::Form("`COMMENT`".to_owned()));
    }
    let (object, name) = if cursor.take(&["COLUMN"]) {
        let column = column(&mut cursor, scope)?;
        (types::TABLE, scope.resolve(ObjectKind::Table, &column))
    } else {
        let object = read_type("COMMENT ON", &mut cursor)?;
        cursor.if_exists();
        (object, name(&mut cursor, object, scope)?)
    };
    cursor.brackets();
    if !cursor.take(&["IS"]) {
        return Err(Obscurity::Form("`COMMENT`".to_owned()));
    }
    alter(&mut finding, object, &name);
    Ok(finding)
}

fn alter(finding: &mut Finding, object: Type, name: &ObjectName) {
    touch(finding, Effect::Alter, object, name);
}

/// The table of `table.column`, which may have four parts.
fn column(cursor: &mut Cursor<'_>, scope: Scope<'_>) -> Result<ObjectName, Obscurity> {
    let mut parts = Vec::new();
    loop {
        let token = cursor.peek().ok_or(Obscurity::DynamicName)?;
        let rest = cursor.rest().until(1);
        let part = Cursor::new(rest).raw_name(scope)?;
        parts.push(part.last().to_owned());
        cursor.skip(usize::from(token.name().is_some()));
        if !cursor.take_symbol('.') {
            break;
        }
    }
    parts.pop();
    ObjectName::new(parts).ok_or_else(|| Obscurity::NoName("`COMMENT ON COLUMN`".to_owned()))
}
