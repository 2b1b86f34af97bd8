//! Data on its way between tables and files, and the files themselves.

use super::{Judged, expression};
use crate::sql::cursor::{Cursor, Piece, Scope};
use crate::sql::facts::{Effect, Lineage, ObjectKind};
use crate::sql::finding::Finding;
use crate::sql::lexer::Lexeme;
use crate::sql::opaque::Obscurity;
use crate::sql::written::Place;

/// `COPY INTO` a table or a location, `COPY FILES INTO` a stage.
pub(super) fn copy(mut cursor: Cursor<'_>, scope: Scope<'_>) -> Judged {
    if cursor.take(&["FILES", "INTO"]) {
        return files(cursor, scope);
    }
    if !cursor.take(&["INTO"]) {
        return Err(Obscurity::Form("`COPY`".to_owned()));
    }
    let is_checked = cursor.rest().has("VALIDATION_MODE");
    let mut finding = if is_place(&cursor) {
        unload(cursor, scope)?
    } else {
        load(cursor, scope)?
    };
    if is_checked {
        let why = "with `VALIDATION_MODE`, rows are returned in place of being copied";
        finding.lineage = Lineage::Unknown(why.to_owned());
    }
    Ok(finding)
}

/// True before `@stage`, before a string, which is a location, and before a variable with one.
fn is_place(cursor: &Cursor<'_>) -> bool {
    cursor.peek().is_some_and(|token| {
        token.is_symbol('@') || matches!(token.lexeme, Lexeme::Text(_) | Lexeme::Variable(_))
    })
}

fn load(mut cursor: Cursor<'_>, scope: Scope<'_>) -> Judged {
    let mut finding = Finding::new("COPY INTO TABLE");
    let table = cursor.name(ObjectKind::Table, scope)?;
    finding.add(Effect::Import, ObjectKind::Table, table);
    cursor.brackets();
    // Without `FROM` it takes the table's own stage.
    if cursor.take(&["FROM"]) {
        if is_place(&cursor) {
            let place = place(&mut cursor, scope)?;
            finding.place(Effect::Import, place);
        } else if let Some(query) = cursor.brackets() {
            expression::add_query(&mut finding, query, scope)?;
        } else {
            return Err(Obscurity::Form("`COPY INTO`".to_owned()));
        }
    }
    options(&mut finding, Effect::Import, cursor.rest(), scope)?;
    Ok(finding)
}

fn unload(mut cursor: Cursor<'_>, scope: Scope<'_>) -> Judged {
    let mut finding = Finding::new("COPY INTO LOCATION");
    let target = place(&mut cursor, scope)?;
    finding.place(Effect::Export, target);
    // What is no statement without its source is an export all the same.
    if cursor.is_done() {
        return Ok(finding);
    }
    if !cursor.take(&["FROM"]) {
        return Err(Obscurity::Form("`COPY INTO` a location".to_owned()));
    }
    if let Some(query) = cursor.brackets() {
        expression::add_query(&mut finding, query, scope)?;
    } else {
        let table = cursor.name(ObjectKind::Table, scope)?;
        finding.columns.insert(crate::sql::facts::Column {
            table: table.clone(),
            column: None,
        });
        finding.add(Effect::Read, ObjectKind::Table, table);
    }
    options(&mut finding, Effect::Export, cursor.rest(), scope)?;
    Ok(finding)
}

/// A stage, or a URL: of `COPY` any other string is a URL in a form that is not known.
fn place(cursor: &mut Cursor<'_>, scope: Scope<'_>) -> Result<Place, Obscurity> {
    let is_text = matches!(
        cursor.peek().map(|token| token.lexeme),
        Some(Lexeme::Text(_))
    );
    match cursor.stage(scope) {
        Err(Obscurity::NoName(_)) if is_text => {
            cursor.skip(1);
            Ok(Place::Nameless)
        }
        place => place,
    }
}

fn files(mut cursor: Cursor<'_>, scope: Scope<'_>) -> Judged {
    let mut finding = Finding::new("COPY FILES");
    let target = cursor.stage(scope)?;
    finding.place(Effect::Export, target);
    if !cursor.take(&["FROM"]) {
        return Err(Obscurity::Form("`COPY FILES`".to_owned()));
    }
    if let Some(query) = cursor.brackets() {
        expression::add_query(&mut finding, query, scope)?;
    } else {
        let source = cursor.stage(scope)?;
        finding.place(Effect::Read, source);
    }
    Ok(finding)
}

/// Options may name integrations and formats, and call functions: `PARTITION BY (f(x))`.
fn options(
    finding: &mut Finding,
    effect: Effect,
    piece: Piece<'_>,
    scope: Scope<'_>,
) -> Result<(), Obscurity> {
    expression::add_integrations(finding, effect, piece, scope)?;
    if let Some(at) = piece.find(|token| token.is("PARTITION")) {
        let mut cursor = Cursor::new(piece.from(at));
        if cursor.take(&["PARTITION", "BY"])
            && let Some(inside) = cursor.brackets()
        {
            expression::add(finding, inside, scope)?;
        }
    }
    Ok(())
}

/// `PUT file://… @stage`, `GET @stage file://…`.
pub(super) fn transfer(verb: &str, cursor: Cursor<'_>, scope: Scope<'_>) -> Judged {
    let effect = if verb == "PUT" {
        Effect::Import
    } else {
        Effect::Export
    };
    let mut finding = Finding::new(verb);
    let rest = cursor.rest();
    // The local path may be a string, a variable or a URL; the stage is what begins with @.
    let is_stage = |token: &crate::sql::lexer::Token<'_>| match token.lexeme {
        Lexeme::Symbol('@') => true,
        Lexeme::Text(text) => text.starts_with('@') || text.starts_with("snow://"),
        Lexeme::Word(_)
        | Lexeme::Quoted(_)
        | Lexeme::Dollar(_)
        | Lexeme::Variable(_)
        | Lexeme::Number(_)
        | Lexeme::Url(_)
        | Lexeme::Flow
        | Lexeme::Symbol(_) => false,
    };
    let local = |token: &crate::sql::lexer::Token<'_>| {
        matches!(
            token.lexeme,
            Lexeme::Url(_) | Lexeme::Text(_) | Lexeme::Variable(_)
        )
    };
    match rest.find(is_stage) {
        Some(at) if rest.tokens.iter().any(local) => {
            let place = Cursor::new(rest.from(at)).stage(scope)?;
            finding.place(effect, place);
            Ok(finding)
        }
        _ => Err(Obscurity::Form(format!("`{verb}`"))),
    }
}

/// `LIST @stage`.
pub(super) fn list(mut cursor: Cursor<'_>, scope: Scope<'_>) -> Judged {
    let mut finding = Finding::new("LIST");
    let stage = cursor.stage(scope)?;
    finding.place(Effect::Describe, stage);
    Ok(finding)
}

/// `REMOVE @stage`.
pub(super) fn remove(mut cursor: Cursor<'_>, scope: Scope<'_>) -> Judged {
    let mut finding = Finding::new("REMOVE");
    let stage = cursor.stage(scope)?;
    finding.place(Effect::Delete, stage);
    Ok(finding)
}
