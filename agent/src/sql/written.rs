//! Names of objects and stages that stand in strings and variables.

use super::cursor::{Cursor, Piece, Scope};
use super::facts::ObjectKind;
use super::lexer::{Lexeme, Token};
use super::name::{ObjectName, fold};

/// Where files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Stage(ObjectName),
    /// The user's own stage, or a URL: storage that no name in the account stands for.
    Nameless,
}

/// The name in `IDENTIFIER( … )`, where it can be told.
pub(super) fn identifier(argument: &[Token<'_>], scope: Scope<'_>) -> Option<ObjectName> {
    let [token] = argument else {
        let mut cursor = Cursor::new(Piece {
            text: "",
            tokens: argument,
        });
        let is_name = !cursor.is("IDENTIFIER") && cursor.peek()?.name().is_some();
        let name = is_name.then(|| cursor.raw_name(scope).ok()).flatten();
        return name.filter(|_| cursor.is_done());
    };
    match token.lexeme {
        Lexeme::Text(text) if !text.contains(['\\', '\'']) => read_name(text, scope),
        Lexeme::Variable(name) => read_name(scope.variable(name)?, scope),
        Lexeme::Word(word) => ObjectName::new(vec![fold(word, false, scope.session)]),
        Lexeme::Quoted(quoted) => ObjectName::new(vec![fold(quoted, true, scope.session)]),
        Lexeme::Text(_)
        | Lexeme::Dollar(_)
        | Lexeme::Number(_)
        | Lexeme::Url(_)
        | Lexeme::Flow
        | Lexeme::Symbol(_) => None,
    }
}

/// Reads a name that stands in a string.
pub(super) fn read_name(text: &str, scope: Scope<'_>) -> Option<ObjectName> {
    let name = match text.split_once("..") {
        Some((database, name)) if !text.contains('"') => {
            ObjectName::parse(&format!("{database}.PUBLIC.{name}"))?
        }
        _ => ObjectName::parse(text)?,
    };
    if !scope.session.quoted_identifiers_ignore_case {
        return Some(name);
    }
    ObjectName::new(
        name.parts()
            .iter()
            .map(|part| part.to_uppercase())
            .collect(),
    )
}

/// Reads `@db.schema.stage/path`.
pub(super) fn read_stage(text: &str, scope: Scope<'_>) -> Option<Place> {
    let Some(name) = text.strip_prefix('@') else {
        return text.contains("://").then_some(Place::Nameless);
    };
    if name.starts_with('~') {
        return Some(Place::Nameless);
    }
    // A slash inside quotes is part of the name.
    let mut quoted = false;
    let end = name.find(|c| {
        quoted ^= c == '"';
        c == '/' && !quoted
    });
    let name = name.get(..end.unwrap_or(name.len()))?;
    let (before, table) = match name.rsplit_once('%') {
        Some((before, table)) if before.is_empty() || before.ends_with('.') => (before, table),
        _ => ("", ""),
    };
    let name = if table.is_empty() {
        read_name(name, scope)?
    } else {
        // The stage of a table has the table's name, and is no stage of that name.
        let name = read_name(&format!("{before}{table}"), scope)?;
        let (last, parents) = name.parts().split_last()?;
        let stage = std::iter::once(format!("%{last}"));
        ObjectName::new(parents.iter().cloned().chain(stage).collect())?
    };
    Some(Place::Stage(scope.resolve(ObjectKind::Stage, &name)))
}
