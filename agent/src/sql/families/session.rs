//! What changes the session: `USE`, `SET`, `UNSET`, `ALTER SESSION`, transactions.

use super::{Judged, expression};
use crate::sql::cursor::{Cursor, Scope};
use crate::sql::facts::{Effect, ObjectKind, SessionChange};
use crate::sql::finding::Finding;
use crate::sql::lexer::Lexeme;
use crate::sql::opaque::Obscurity;

/// `USE`: policies tell the kinds apart, because another role is other rights.
pub(super) fn switch(mut cursor: Cursor<'_>, scope: Scope<'_>) -> Judged {
    if cursor.take(&["SECONDARY"]) {
        return secondary_roles(cursor, scope);
    }
    let follows = cursor.peek_at(1).is_some();
    let (kind, object) = if follows && cursor.take(&["ROLE"]) {
        ("USE ROLE", ObjectKind::Role)
    } else if follows && cursor.take(&["WAREHOUSE"]) {
        ("USE WAREHOUSE", ObjectKind::Warehouse)
    } else if follows && cursor.take(&["DATABASE"]) {
        ("USE DATABASE", ObjectKind::Database)
    } else if (follows && cursor.take(&["SCHEMA"])) || { cursor }.raw_name(scope)?.parts().len()
        == 2
    {
        ("USE SCHEMA", ObjectKind::Schema)
    } else {
        ("USE DATABASE", ObjectKind::Database)
    };
    let name = cursor.name(object, scope)?;
    if !cursor.is_done() {
        return Err(Obscurity::Form(format!("`{kind}`")));
    }
    let mut finding = Finding::new(kind);
    finding.changes.push(match kind {
        "USE ROLE" => SessionChange::Role(name.last().to_owned()),
        "USE WAREHOUSE" => SessionChange::Warehouse(name.last().to_owned()),
        "USE DATABASE" => SessionChange::Database(name.last().to_owned()),
        _ => SessionChange::Schema(name.clone()),
    });
    finding.add(Effect::Session, object, name);
    Ok(finding)
}

fn secondary_roles(mut cursor: Cursor<'_>, scope: Scope<'_>) -> Judged {
    let mut finding = Finding::new("USE SECONDARY ROLES");
    if !cursor.take(&["ROLES"]) && !cursor.take(&["ROLE"]) {
        return Err(Obscurity::Form("`USE SECONDARY`".to_owned()));
    }
    let alone = cursor.peek_at(1).is_none();
    if alone && (cursor.take(&["ALL"]) || cursor.take(&["NONE"])) {
        finding.account(Effect::Session);
        return Ok(finding);
    }
    loop {
        let name = cursor.name(ObjectKind::Role, scope)?;
        finding.add(Effect::Session, ObjectKind::Role, name);
        if !cursor.take_symbol(',') {
            break;
        }
    }
    match cursor.is_done() {
        true => Ok(finding),
        false => Err(Obscurity::Form("`USE SECONDARY ROLES`".to_owned())),
    }
}

/// `SET name = value`, `SET (a, b) = (1, 2)`.
pub(super) fn set(mut cursor: Cursor<'_>, scope: Scope<'_>) -> Judged {
    let mut finding = Finding::new("SET");
    finding.account(Effect::Session);
    let form = || Obscurity::Form("`SET`".to_owned());
    let names: Vec<String> = match cursor.brackets() {
        Some(inside) => {
            let names = inside.tokens.iter().filter_map(|token| token.name());
            names.collect()
        }
        None => {
            let name = cursor
                .peek()
                .and_then(|token| token.name())
                .ok_or_else(form)?;
            cursor.skip(1);
            vec![name]
        }
    };
    if names.is_empty() || !cursor.take_symbol('=') || cursor.is_done() {
        return Err(form());
    }
    let value = cursor.rest();
    let literal = match value.tokens {
        [token] => match token.lexeme {
            Lexeme::Text(text) => unescape(text),
            Lexeme::Dollar(text) | Lexeme::Number(text) => Some(text.to_owned()),
            Lexeme::Word(_)
            | Lexeme::Quoted(_)
            | Lexeme::Variable(_)
            | Lexeme::Url(_)
            | Lexeme::Flow
            | Lexeme::Symbol(_) => None,
        },
        _ => None,
    };
    for name in names {
        let change = SessionChange::Set(name.to_uppercase(), literal.clone());
        finding.changes.push(change);
    }
    expression::add(&mut finding, value, scope)?;
    Ok(finding)
}

/// `UNSET name`, `UNSET (a, b)`.
pub(super) fn unset(mut cursor: Cursor<'_>, _scope: Scope<'_>) -> Judged {
    let mut finding = Finding::new("UNSET");
    finding.account(Effect::Session);
    let names = cursor.brackets().unwrap_or_else(|| cursor.rest());
    for token in names.tokens {
        if let Some(name) = token.name() {
            finding
                .changes
                .push(SessionChange::Unset(name.to_uppercase()));
        } else if !token.is_symbol(',') {
            return Err(Obscurity::Form("`UNSET`".to_owned()));
        }
    }
    match finding.changes.is_empty() {
        true => Err(Obscurity::Form("`UNSET`".to_owned())),
        false => Ok(finding),
    }
}

/// `ALTER SESSION SET a = 1, b = 'x'` or `UNSET a, b`; commas are optional.
pub(super) fn alter_session(mut cursor: Cursor<'_>) -> Judged {
    let mut finding = Finding::new("ALTER SESSION");
    finding.account(Effect::Session);
    let form = || Obscurity::Form("`ALTER SESSION`".to_owned());
    let sets = cursor.take(&["SET"]);
    if !sets && !cursor.take(&["UNSET"]) {
        return Err(form());
    }
    while !cursor.is_done() {
        let name = cursor
            .peek()
            .and_then(|token| token.name())
            .ok_or_else(form)?;
        let name = name.to_uppercase();
        cursor.skip(1);
        if !sets {
            finding.changes.push(SessionChange::UnsetParameter(name));
        } else if cursor.take_symbol('=') {
            let negative = cursor.take_symbol('-');
            let value = match cursor.peek().ok_or_else(form)?.lexeme {
                Lexeme::Text(text) => unescape(text),
                Lexeme::Number(text) if negative => Some(format!("-{text}")),
                Lexeme::Dollar(text) | Lexeme::Number(text) | Lexeme::Word(text) => {
                    Some(text.to_owned())
                }
                Lexeme::Quoted(_)
                | Lexeme::Variable(_)
                | Lexeme::Url(_)
                | Lexeme::Flow
                | Lexeme::Symbol(_) => None,
            };
            cursor.skip(1);
            finding.changes.push(SessionChange::Parameter(name, value));
        } else {
            return Err(form());
        }
        cursor.take_symbol(',');
    }
    match finding.changes.is_empty() {
        true => Err(form()),
        false => Ok(finding),
    }
}

/// `BEGIN`, `START TRANSACTION`, `COMMIT`, `ROLLBACK`, and nothing that could be a block.
pub(super) fn transaction(verb: &str, mut cursor: Cursor<'_>) -> Judged {
    let kind = if verb == "START" { "BEGIN" } else { verb };
    let word = cursor.take(&["TRANSACTION"]) || cursor.take(&["WORK"]);
    if verb == "BEGIN" && cursor.take(&["NAME"]) || word && cursor.take(&["NAME"]) {
        cursor.skip(1);
    }
    if !cursor.is_done() || (verb == "START" && !word) {
        return Err(Obscurity::Form(format!("`{verb}`")));
    }
    let mut finding = Finding::new(kind);
    finding.account(Effect::Transaction);
    Ok(finding)
}

/// The value of a string literal; `None` for escapes that are not read here.
pub(super) fn unescape(text: &str) -> Option<String> {
    let mut value = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                // The second of two.
                chars.next();
                value.push('\'');
            }
            '\\' => value.push(match chars.next()? {
                'n' => '\n',
                't' => '\t',
                same @ ('\\' | '\'' | '"') => same,
                _ => return None,
            }),
            c => value.push(c),
        }
    }
    Some(value)
}
