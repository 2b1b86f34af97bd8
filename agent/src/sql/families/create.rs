//! `CREATE` of every type of object, and the code that some of them hold.
//!
//! To replace an object is to create it: who may create under a name may replace what has it.

use super::types::{self, Type};
use super::{Judged, call, expression};
use crate::sql::cursor::{Cursor, Piece, Scope};
use crate::sql::facts::{Access, Effect, Lineage, Object, ObjectKind, SessionChange, Sources};
use crate::sql::finding::Finding;
use crate::sql::lexer::{Lexeme, Token};
use crate::sql::name::ObjectName;
use crate::sql::opaque::{Obscurity, clip};

/// Judges a `CREATE` from the word after it.
pub(super) fn create(mut cursor: Cursor<'_>, scope: Scope<'_>) -> Judged {
    let _replaces = cursor.take(&["OR", "REPLACE"]) || cursor.take(&["OR", "ALTER"]);
    let object = read_type("CREATE", &mut cursor)?;
    cursor.if_exists();
    let mut finding = Finding::new(format!("CREATE {}", object.words));
    if object.kind == ObjectKind::Account {
        finding.account(Effect::Create);
        finding.account(Effect::Admin);
    } else {
        let name = name(&mut cursor, object, scope)?;
        touch(&mut finding, Effect::Create, object, &name);
        if is_filled(object) {
            finding.writes.entry(name.clone()).or_default();
        }
        switch(&mut finding, object, name);
    }
    let rest = cursor.rest();
    expression::add_integrations(&mut finding, Effect::Create, rest, scope)?;
    add_source(&mut finding, object, rest, scope)?;
    match object.words {
        "PROCEDURE" | "FUNCTION" | "AGGREGATE FUNCTION" | "DATA METRIC FUNCTION" => {
            body(&mut finding, rest, scope)?;
        }
        "EXTERNAL FUNCTION" => export_arguments(&mut finding),
        "REPLICATION GROUP" | "FAILOVER GROUP" if rest.has("ALLOWED_ACCOUNTS") => {
            finding.account(Effect::Export);
        }
        // A copy of a task runs what the task runs.
        "TASK" | "ALERT" if rest.tokens.first().is_some_and(|it| it.is("CLONE")) => {
            finding.account(Effect::Execute);
        }
        "TASK" | "PIPE" => {
            finding.account(Effect::Execute);
            let at = body_start(rest).ok_or_else(|| no_body(object))?;
            run(&mut finding, rest.from(at), scope)?;
        }
        "ALERT" => alert(&mut finding, rest, scope)?,
        "STREAMLIT" | "NOTEBOOK" | "NOTEBOOK PROJECT" | "SERVICE" | "DBT PROJECT"
        | "APPLICATION" | "MCP SERVER" => finding.account(Effect::Execute),
        "AGENT" | "CORTEX AGENT" | "EXTERNAL AGENT" => finding.account(Effect::Ai),
        "CORTEX SEARCH SERVICE" => {
            finding.account(Effect::Ai);
            add_definition(&mut finding, rest, scope)?;
        }
        "LISTING" | "ORGANIZATION LISTING" => finding.account(Effect::Export),
        "SEMANTIC VIEW" => add_semantic_tables(&mut finding, rest, scope)?,
        _ if object.words.ends_with("POLICY") => {
            let arrow = |at: &usize| {
                let next = rest.tokens.get(at + 1);
                next.is_some_and(|next| next.is_symbol('>'))
            };
            if let Some(at) = rest.find(|token| token.is_symbol('-')).filter(arrow) {
                expression::add(&mut finding, rest.from(at + 2), scope)?;
            }
        }
        _ => add_definition(&mut finding, rest, scope)?,
    }
    Ok(finding)
}

/// Reads the type after a verb.
pub(super) fn read_type(verb: &str, cursor: &mut Cursor<'_>) -> Result<Type, Obscurity> {
    let start = *cursor;
    types::read(cursor).ok_or_else(|| {
        let word = start.peek().and_then(Token::word).unwrap_or_default();
        Obscurity::UnknownType(format!("{verb} {}", clip(word)).trim().to_owned())
    })
}

/// Reads the name of an object of this type.
pub(super) fn name(
    cursor: &mut Cursor<'_>,
    object: Type,
    scope: Scope<'_>,
) -> Result<ObjectName, Obscurity> {
    let name = cursor.raw_name(scope)?;
    // A role of a database is named in its database.
    let depth = match object.words {
        "DATABASE ROLE" => 2,
        _ => object.kind.depth(),
    };
    scope.resolve_whole(depth, &name)
}

/// Adds an effect on an object, and `admin` where its type asks for it.
pub(super) fn touch(finding: &mut Finding, effect: Effect, object: Type, name: &ObjectName) {
    let object_of = |effect| Access {
        effect,
        object: Object {
            kind: object.kind,
            name: (object.kind != ObjectKind::Account).then(|| name.clone()),
        },
    };
    finding.accesses.insert(object_of(effect));
    if object.governs && effect != Effect::Describe && effect != Effect::Grant {
        finding.accesses.insert(object_of(Effect::Admin));
    }
}

/// A session uses the database or schema that it created.
fn switch(finding: &mut Finding, object: Type, name: ObjectName) {
    match object.words {
        "DATABASE" => {
            let change = SessionChange::Database(name.last().to_owned());
            finding.changes.push(change);
        }
        "SCHEMA" => finding.changes.push(SessionChange::Schema(name)),
        _ => {}
    }
}

/// What an object is made from: `CLONE`, `LIKE`, `ON TABLE`, `USING TEMPLATE`, stages.
fn add_source(
    finding: &mut Finding,
    object: Type,
    rest: Piece<'_>,
    scope: Scope<'_>,
) -> Result<(), Obscurity> {
    let definition = rest.find(|token| token.is("AS")).unwrap_or(usize::MAX);
    let head = rest.until(definition.min(rest.tokens.len()));
    for word in ["CLONE", "LIKE"] {
        if let Some(at) = head.find(|token| token.is(word)) {
            let mut cursor = Cursor::new(rest.from(at + 1));
            let name = cursor.name(object.kind, scope)?;
            for written in finding.writes.values_mut().filter(|_| word == "CLONE") {
                written.like.insert(name.clone());
            }
            finding.add(Effect::Read, object.kind, name);
        }
    }
    if let Some(at) = head.find(|token| token.is("USING")) {
        let mut cursor = Cursor::new(rest.from(at + 1));
        if cursor.take(&["TEMPLATE"])
            && let Some(query) = cursor.brackets()
        {
            expression::add(finding, query, scope)?;
            finding.account(Effect::Read);
        }
    }
    if matches!(object.words, "STREAM" | "INDEX")
        && let Some(at) = head.find(|token| token.is("ON"))
    {
        let mut cursor = Cursor::new(rest.from(at + 1));
        let source = match object.words {
            "INDEX" => types::TABLE,
            _ => read_type("CREATE STREAM ON", &mut cursor)?,
        };
        let name = cursor.name(source.kind, scope)?;
        let effect = if object.words == "INDEX" {
            Effect::Alter
        } else {
            Effect::Read
        };
        finding.add(effect, source.kind, name);
    }
    for (at, token) in head.tokens.iter().enumerate() {
        let is_text = matches!(token.lexeme, Lexeme::Text(text) if text.starts_with('@'));
        let before = at.checked_sub(1).and_then(|before| head.tokens.get(before));
        let glued = before.is_some_and(|it| it.end == token.start && !it.is_symbol('='));
        if is_text || (token.is_symbol('@') && !glued) {
            let place = Cursor::new(rest.from(at)).stage(scope)?;
            finding.place(Effect::Read, place);
        }
    }
    Ok(())
}

/// The query of a view, of `CREATE TABLE … AS` and the like.
fn add_definition(
    finding: &mut Finding,
    rest: Piece<'_>,
    scope: Scope<'_>,
) -> Result<(), Obscurity> {
    let queries = ["SELECT", "WITH", "VALUES"];
    let Some(at) = rest.find(|token| token.is("AS")) else {
        return Ok(());
    };
    let query = rest.from(at + 1);
    let first = query.tokens.first();
    if first.is_some_and(|first| first.is_any(&queries) || first.is_symbol('(')) {
        let lineage = expression::add_query(finding, query, scope)?;
        fill(finding, &columns(rest), &lineage);
        return Ok(());
    }
    // A query in another form may be anything.
    let is_rows = finding.kind.ends_with("VIEW") || finding.kind.ends_with("TABLE");
    match is_rows {
        true => Err(Obscurity::Form(format!("`{}`", finding.kind))),
        false => Ok(()),
    }
}

/// True for what keeps rows of its own; what a view shows is told by its definition.
fn is_filled(object: Type) -> bool {
    object.kind == ObjectKind::Table && !object.words.ends_with("VIEW")
}

/// The names in the list of columns that stands before a query.
fn columns(rest: Piece<'_>) -> Vec<Option<String>> {
    let mut columns = Vec::new();
    let Some(mut list) = Cursor::new(rest).brackets() else {
        return columns;
    };
    while let Some(first) = list.tokens.first() {
        columns.push(first.name());
        let comma = list.find(|token| token.is_symbol(','));
        list = list.from(comma.map_or(list.tokens.len(), |comma| comma + 1));
    }
    columns
}

/// Notes what a query puts into the table that is made of it.
fn fill(finding: &mut Finding, columns: &[Option<String>], lineage: &Lineage) {
    for written in finding.writes.values_mut() {
        match lineage {
            Lineage::NoData => {}
            Lineage::Unknown(why) => written.add(None, Sources::Unknown(why.clone())),
            Lineage::Columns(outputs) => {
                for (at, output) in outputs.iter().enumerate() {
                    let column = match columns.get(at) {
                        Some(column) => column.clone(),
                        None => output.name.clone(),
                    };
                    written.add(column, output.sources.clone());
                }
            }
        }
    }
}

/// `SEMANTIC VIEW v TABLES (alias AS db.schema.table …, …)`.
fn add_semantic_tables(
    finding: &mut Finding,
    rest: Piece<'_>,
    scope: Scope<'_>,
) -> Result<(), Obscurity> {
    let Some(at) = rest.find(|token| token.is("TABLES")) else {
        return Ok(());
    };
    let mut cursor = Cursor::new(rest.from(at + 1));
    let mut tables = cursor.brackets().ok_or(Obscurity::OpenBlock)?;
    while !tables.tokens.is_empty() {
        let mut cursor = Cursor::new(tables);
        let mut name = cursor.name(ObjectKind::Table, scope)?;
        if cursor.take(&["AS"]) {
            name = cursor.name(ObjectKind::Table, scope)?;
        }
        finding.add(Effect::Read, ObjectKind::Table, name);
        let comma = tables.find(|token| token.is_symbol(','));
        tables = tables.from(comma.map_or(tables.tokens.len(), |comma| comma + 1));
    }
    Ok(())
}

/// A function whose arguments leave for a service outside.
fn export_arguments(finding: &mut Finding) {
    let integrations: Vec<ObjectName> = finding
        .accesses
        .iter()
        .filter(|access| access.object.kind == ObjectKind::Integration)
        .filter_map(|access| access.object.name.clone())
        .collect();
    finding.account(Effect::Export);
    for name in integrations {
        finding.add(Effect::Export, ObjectKind::Integration, name);
    }
}

fn no_body(object: Type) -> Obscurity {
    Obscurity::Form(format!("`CREATE {}`", object.words))
}

/// `IF (EXISTS (query)) THEN action`.
fn alert(finding: &mut Finding, rest: Piece<'_>, scope: Scope<'_>) -> Result<(), Obscurity> {
    let form = || Obscurity::Form("`CREATE ALERT`".to_owned());
    finding.account(Effect::Execute);
    let at = rest.find(|token| token.is("THEN")).ok_or_else(form)?;
    let condition = rest.find(|token| token.is("IF")).ok_or_else(form)?;
    expression::add(finding, rest.until(at).from(condition + 1), scope)?;
    run(finding, rest.from(at + 1), scope)
}

/// Adds a statement that will run by itself.
pub(super) fn run(
    finding: &mut Finding,
    body: Piece<'_>,
    scope: Scope<'_>,
) -> Result<(), Obscurity> {
    // A task's body may be a string or `$$ … $$`, as a procedure's.
    if let [token] = body.tokens
        && let Lexeme::Dollar(text) | Lexeme::Text(text) = token.lexeme
    {
        call::text(finding, text, scope)?;
        return Ok(());
    }
    let mut inner = super::statement(body, scope.deeper()?);
    inner.changes.clear();
    finding.absorb(inner);
    Ok(())
}

/// Where the code after `AS` begins, which is not the `AS` of `EXECUTE AS CALLER`.
pub(super) fn body_start(rest: Piece<'_>) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + rest.from(from).find(|token| token.is("AS"))?;
        let before = at.checked_sub(1).and_then(|before| rest.tokens.get(before));
        if !before.is_some_and(|before| before.is("EXECUTE")) {
            return Some(at + 1);
        }
        from = at + 1;
    }
}

/// What the body of a procedure or function does. SQL is read; where that is not enough, and for
/// any other language, it is code that runs when it is called, which is `execute` again.
pub(super) fn body(
    finding: &mut Finding,
    rest: Piece<'_>,
    scope: Scope<'_>,
) -> Result<(), Obscurity> {
    let language = rest
        .find(|token| token.is("LANGUAGE"))
        .and_then(|at| rest.tokens.get(at + 1));
    let is_sql = language.is_none_or(|language| language.is("SQL"));
    if rest.has("EXTERNAL_ACCESS_INTEGRATIONS") {
        expression::add_integrations(finding, Effect::Export, rest, scope)?;
    }
    let code = body_start(rest).map(|at| rest.from(at));
    let text = code.and_then(|code| code.tokens.first());
    let Some((code, first)) = code.zip(text).filter(|_| is_sql) else {
        finding.account(Effect::Execute);
        return Ok(());
    };
    let mut inner = Finding::new("");
    let judged = match first.lexeme {
        Lexeme::Dollar(text) => sql(&mut inner, text, scope),
        Lexeme::Text(text) => match super::session::unescape(text) {
            Some(text) => sql(&mut inner, &text, scope),
            None => Err(Obscurity::Escapes),
        },
        Lexeme::Word(_)
        | Lexeme::Quoted(_)
        | Lexeme::Variable(_)
        | Lexeme::Number(_)
        | Lexeme::Url(_)
        | Lexeme::Flow
        | Lexeme::Symbol(_) => run(&mut inner, code, scope),
    };
    let is_read = judged.is_ok() && inner.obscurity.is_none();
    inner.obscurity = None;
    inner.changes.clear();
    inner
        .accesses
        .retain(|access| access.effect != Effect::Opaque);
    finding.absorb(inner);
    if !is_read {
        finding.account(Effect::Execute);
    }
    Ok(())
}

/// The body of a procedure, a query, or an expression.
fn sql(finding: &mut Finding, text: &str, scope: Scope<'_>) -> Result<(), Obscurity> {
    let mut tokens = Vec::new();
    crate::sql::lexer::lex(text, &mut tokens)?;
    let piece = Piece {
        text,
        tokens: &tokens,
    };
    let begins = [
        "BEGIN", "DECLARE", "SELECT", "WITH", "VALUES", "INSERT", "CALL",
    ];
    match tokens.first() {
        Some(first) if first.is_any(&begins) => call::text(finding, text, scope).map(drop),
        Some(_) => expression::add(finding, piece, scope),
        None => Err(Obscurity::Empty),
    }
}
