//! Queries and changes of rows that the parser does not know, judged by their words alone: they
//! may read everything, and whatever can be a table or a function is taken for one.

use super::Judged;
use super::rows_words::{BRACKET_WORDS, DEFINITION_WORDS, KEYWORDS, TYPES};
use crate::sql::classify;
use crate::sql::context::Lookup;
use crate::sql::cursor::{Cursor, Piece, Scope};
use crate::sql::facts::{Column, Effect, Lineage, ObjectKind};
use crate::sql::finding::Finding;
use crate::sql::lexer::{Lexeme, Token};
use crate::sql::name::ObjectName;
use crate::sql::opaque::Obscurity;

/// Each name costs a decision: no query of a person has as many.
const NAMES_MAX: usize = 1_000;

/// Verbs that do more than read.
const VERBS: [&str; 17] = [
    "ALTER", "CALL", "COPY", "CREATE", "DELETE", "DROP", "EXECUTE", "GRANT", "INSERT", "MERGE",
    "PUT", "REMOVE", "REVOKE", "TRUNCATE", "UNDROP", "UNSET", "UPDATE",
];

/// Words after which a statement can begin.
const BEGINNERS: [&str; 13] = [
    "ALL",
    "AS",
    "BEGIN",
    "DO",
    "ELSE",
    "EXCEPT",
    "INTERSECT",
    "LOOP",
    "MINUS",
    "PROCEDURE",
    "REPEAT",
    "THEN",
    "UNION",
];

/// Words after which a table is named, whatever follows.
const BEFORE_TABLES: [&str; 7] = [
    "FROM",
    "INTO",
    "JOIN",
    "OVERWRITE",
    "TABLE",
    "UPDATE",
    "USING",
];

/// Completes a query or a change of rows by its words.
pub(super) fn complete(mut finding: Finding, piece: Piece<'_>, scope: Scope<'_>) -> Judged {
    if let Some(verb) = hidden_verb(&finding.kind, piece, scope) {
        return Err(Obscurity::HiddenVerb(verb));
    }
    add(&mut finding, piece, scope)?;
    Ok(finding)
}

/// Adds what the words of a query or a change of rows tell, and that it may read everything.
pub(super) fn add(
    finding: &mut Finding,
    piece: Piece<'_>,
    scope: Scope<'_>,
) -> Result<(), Obscurity> {
    finding.account(Effect::Read);
    add_tables(finding, piece, scope)?;
    add_stages(finding, piece, scope)?;
    calls(finding, piece, scope);
    if finding.kind == "SELECT" {
        finding.lineage = Lineage::Unknown("the query has a form that is not known".to_owned());
    }
    Ok(())
}

/// A verb that stands where a statement can begin.
fn hidden_verb(kind: &str, piece: Piece<'_>, scope: Scope<'_>) -> Option<String> {
    let tokens = piece.tokens;
    let found = tokens.iter().enumerate().skip(1).find(|(at, token)| {
        let before = at.checked_sub(1).and_then(|before| tokens.get(before));
        let begins = before.is_some_and(|before| {
            let in_merge = kind == "MERGE" && before.is("THEN");
            let after_with = kind == "SELECT" && before.is_symbol(')');
            before.is_symbol('(') || after_with || (before.is_any(&BEGINNERS) && !in_merge)
        });
        let goes_on = tokens.get(at + 1).is_some_and(|next| next.name().is_some());
        let writes = begins && goes_on && token.is_any(&VERBS);
        writes || (kind == "SELECT" && !scope.is_in_block() && token.is("INTO"))
    });
    found
        .and_then(|(_, token)| token.word())
        .map(crate::sql::opaque::clip)
}

/// Takes every name that can be one of a table for one, with all its columns.
fn add_tables(finding: &mut Finding, piece: Piece<'_>, scope: Scope<'_>) -> Result<(), Obscurity> {
    let mut names = 0_usize;
    let mut at = 0;
    while let Some(token) = piece.tokens.get(at) {
        let before = at
            .checked_sub(1)
            .and_then(|before| piece.tokens.get(before));
        let named = before.is_some_and(|before| before.is_any(&BEFORE_TABLES));
        let (length, name) = chain(piece.from(at), scope)?;
        at += length.max(1);
        let is_call = piece.tokens.get(at).is_some_and(|next| next.is_symbol('('));
        let is_keyword = length == 1 && token.is_any(&KEYWORDS);
        let is_alias = before.is_some_and(|before| before.is("AS"));
        let is_path = before.is_some_and(|it| it.is_symbol(':') || it.is_symbol('@'));
        let Some(name) = name else { continue };
        if (is_call && !is_identifier(token)) || is_keyword || is_path || (is_alias && length == 1)
        {
            continue;
        }
        // Without a current schema a name of one or two parts is a column, except after these.
        for name in scope.candidates(ObjectKind::Table, &name) {
            if name.parts().len() == ObjectKind::Table.depth() || named {
                names += 1;
                let (table, column) = (name.clone(), None);
                let column = Column { table, column };
                // Which of its words choose rows cannot be told, so all of its columns may.
                if !matches!(scope.context.catalog.relation(&name), Lookup::Absent) {
                    finding.predicates.insert(column.clone());
                }
                finding.columns.insert(column);
                finding.add(Effect::Read, ObjectKind::Table, name);
            }
        }
        if names > NAMES_MAX {
            return Err(Obscurity::TooManyNames(NAMES_MAX));
        }
    }
    Ok(())
}

fn is_identifier(token: &Token<'_>) -> bool {
    token.is("IDENTIFIER")
}

/// The name that begins here, and the number of its tokens; none if it is too long for an object.
fn chain(piece: Piece<'_>, scope: Scope<'_>) -> Result<(usize, Option<ObjectName>), Obscurity> {
    let is_name = |token: Option<&Token<'_>>| token.is_some_and(|token| token.name().is_some());
    if !is_name(piece.tokens.first()) {
        return Ok((0, None));
    }
    let mut cursor = Cursor::new(piece);
    let is_call = piece.tokens.get(1).is_some_and(|next| next.is_symbol('('));
    if cursor.is("IDENTIFIER") && is_call {
        let name = cursor.raw_name(scope)?;
        return Ok((cursor.at(), Some(name)));
    }
    let mut length = 1;
    loop {
        let dots = piece.tokens.iter().skip(length).take(2);
        let dots = dots.take_while(|token| token.is_symbol('.')).count();
        if dots == 0 || !is_name(piece.tokens.get(length + dots)) {
            break;
        }
        length += dots + 1;
    }
    let mut cursor = Cursor::new(piece.until(length));
    Ok((length, cursor.raw_name(scope).ok()))
}

fn add_stages(finding: &mut Finding, piece: Piece<'_>, scope: Scope<'_>) -> Result<(), Obscurity> {
    for (at, token) in piece.tokens.iter().enumerate() {
        let before = at
            .checked_sub(1)
            .and_then(|before| piece.tokens.get(before));
        // Inside a path, `@` is a character.
        let glued = before.is_some_and(|it| it.end == token.start && !it.is_symbol('('));
        if token.is_symbol('@') && !glued {
            let place = Cursor::new(piece.from(at)).stage(scope)?;
            finding.place(Effect::Read, place);
        }
        let named = before.is_some_and(|before| before.is_any(&BEFORE_TABLES));
        if let (true, Lexeme::Text(text)) = (named, token.lexeme)
            && text.starts_with('@')
        {
            let place = Cursor::new(piece.from(at)).stage(scope)?;
            finding.place(Effect::Read, place);
        }
    }
    Ok(())
}

/// True after `WITH t`, at the columns of `t (a, b) AS (…)`.
fn is_table_of_query(before: Option<&Token<'_>>, columns: Piece<'_>) -> bool {
    let may_begin =
        before.is_some_and(|before| before.is_any(&["WITH", "RECURSIVE"]) || before.is_symbol(','));
    let mut cursor = Cursor::new(columns);
    may_begin && cursor.brackets().is_some() && cursor.take(&["AS"]) && cursor.take_symbol('(')
}

/// Adds what is called: code, unless it is known to be built in.
pub(super) fn calls(finding: &mut Finding, piece: Piece<'_>, scope: Scope<'_>) {
    let kind = finding.kind.as_str();
    let is_rows = ["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"].contains(&kind);
    let mut at = 0;
    while let Some(token) = piece.tokens.get(at) {
        let before = at
            .checked_sub(1)
            .and_then(|before| piece.tokens.get(before));
        let length = match chain(piece.from(at), scope) {
            Ok((length, _)) => length,
            Err(_) => 1,
        };
        let start = at;
        at += length.max(1);
        let is_call = piece.tokens.get(at).is_some_and(|next| next.is_symbol('('));
        if length == 0 || !is_call {
            continue;
        }
        let words = piece.from(start).until(length);
        // `model!METHOD( … )`: the model is named before the mark.
        let is_method = before.is_some_and(|before| before.is_symbol('!'));
        let is_word = token.is_any(&BRACKET_WORDS) && !(is_rows && token.is_any(&DEFINITION_WORDS));
        let is_syntax = length == 1 && (is_word || token.is_any(&TYPES));
        let is_target = before.is_some_and(|before| before.is("INTO"));
        if (is_syntax || is_target || is_table_of_query(before, piece.from(at))) && !is_method {
            continue;
        }
        // More parts than an object has: no call that Snowflake knows.
        let Ok(name) = Cursor::new(words).raw_name(scope) else {
            finding.account(Effect::Execute);
            continue;
        };
        if is_method {
            finding.account(Effect::Execute);
            finding.functions.insert(format!("!{name}"));
        } else if classify::is_built_in(name.parts()) {
            finding.built_in(&name);
        } else {
            for name in scope.candidates(ObjectKind::Function, &name) {
                finding.functions.insert(name.to_string());
                finding.add(Effect::Execute, ObjectKind::Function, name);
            }
        }
    }
    for effect in classify::by_words(piece.tokens) {
        if !finding.does(effect) {
            finding.account(effect);
        }
    }
}
