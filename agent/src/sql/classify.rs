//! What a parsed statement does.
//!
//! The match over [`Statement`] has no wildcard: a parser that learns a statement does not compile
//! until someone has decided about it. Statements that Snowflake does not have, and those that run
//! other statements, are opaque.

use sqlparser::ast::{CopyIntoSnowflakeKind, ObjectType, Query, SetExpr, Statement, Use};

use super::facts::Effect;
use super::scan::Lexeme;

/// `SYSTEM$` functions that only answer. Others change, cancel, wait or reveal.
const HARMLESS_SYSTEM_FUNCTIONS: [&str; 2] = ["SYSTEM$CLIENT_VERSION_INFO", "SYSTEM$TYPEOF"];

/// `SYSTEM$` functions that act on the caller's own queries.
const SESSION_SYSTEM_FUNCTIONS: [&str; 2] = ["SYSTEM$CANCEL_ALL_QUERIES", "SYSTEM$CANCEL_QUERY"];

/// Table functions that run nobody's code. Any other may be a procedure, which `TABLE(…)` calls.
const BUILT_IN_TABLE_FUNCTIONS: [&str; 8] = [
    "FLATTEN",
    "GENERATOR",
    "GET_QUERY_OPERATOR_STATS",
    "INFER_SCHEMA",
    "RESULT_SCAN",
    "SPLIT_TO_TABLE",
    "STRTOK_SPLIT_TO_TABLE",
    "VALIDATE",
];

/// What kind of statement it is and what it does, without what its words tell (see [`by_lexemes`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) kind: &'static str,
    pub(super) effects: Vec<Effect>,
    /// The words that such a statement can begin with.
    leading: &'static [&'static str],
}

impl Class {
    fn new(kind: &'static str, effects: &[Effect], leading: &'static [&'static str]) -> Self {
        Self {
            kind,
            effects: effects.to_vec(),
            leading,
        }
    }

    /// Understood by the parser, not by us: matches no first word, so the text is opaque.
    fn opaque() -> Self {
        Self::new("OPAQUE", &[Effect::Opaque], &[])
    }

    /// True if `piece` begins like this class, and holds nothing that it cannot hold.
    pub(super) fn begins(&self, piece: &[Lexeme<'_>]) -> bool {
        let first = piece.iter().find(|lexeme| **lexeme != Lexeme::Symbol('('));
        let expected = first.is_some_and(|first| self.leading.iter().any(|word| first.is(word)));
        // A reserved word: in a query it is scripting, or a write that hides.
        let writes_into = self.kind == "SELECT" && piece.iter().any(|lexeme| lexeme.is("INTO"));
        expected && !writes_into && !self.effects.contains(&Effect::Opaque)
    }
}

/// Classifies one statement.
#[expect(
    clippy::too_many_lines,
    reason = "one flat table that must name every statement"
)]
pub(super) fn class(statement: &Statement) -> Class {
    use Effect::{
        Admin, Alter, Create, Delete, Describe, Execute, Export, Grant, Import, Insert, Merge,
        Read, Session, Transaction, Truncate, Update,
    };
    let create = |kind| Class::new(kind, &[Create], &["CREATE"]);
    let alter = |kind| Class::new(kind, &[Alter], &["ALTER"]);
    match statement {
        Statement::Query(query) => self::query(query),
        Statement::Insert(insert) if insert.overwrite => {
            Class::new("INSERT", &[Insert, Truncate], &["INSERT"])
        }
        Statement::Insert(_) => Class::new("INSERT", &[Insert], &["INSERT"]),
        // The condition reads, also where it names no other table.
        Statement::Update(_) => Class::new("UPDATE", &[Update, Read], &["UPDATE"]),
        Statement::Delete(_) => Class::new("DELETE", &[Delete, Read], &["DELETE"]),
        Statement::Merge(_) => Class::new("MERGE", &[Merge, Read], &["MERGE"]),
        Statement::Truncate(_) => Class::new("TRUNCATE", &[Truncate], &["TRUNCATE"]),
        Statement::CopyIntoSnowflake { kind, .. } => match kind {
            CopyIntoSnowflakeKind::Table => Class::new("COPY INTO TABLE", &[Import], &["COPY"]),
            CopyIntoSnowflakeKind::Location => {
                Class::new("COPY INTO LOCATION", &[Export, Read], &["COPY"])
            }
        },
        Statement::Put { .. } => Class::new("PUT", &[Import], &["PUT"]),
        Statement::List(_) => Class::new("LIST", &[Describe], &["LIST", "LS"]),
        Statement::Remove(_) => Class::new("REMOVE", &[Delete], &["REMOVE", "RM"]),

        Statement::Call(_) => Class::new("CALL", &[Execute], &["CALL"]),
        Statement::Execute {
            immediate: false, ..
        } => Class::new("EXECUTE", &[Execute], &["EXECUTE"]),

        Statement::ShowFunctions { .. }
        | Statement::ShowVariable { .. }
        | Statement::ShowStatus { .. }
        | Statement::ShowVariables { .. }
        | Statement::ShowCreate { .. }
        | Statement::ShowColumns { .. }
        | Statement::ShowCatalogs { .. }
        | Statement::ShowDatabases { .. }
        | Statement::ShowProcessList { .. }
        | Statement::ShowSchemas { .. }
        | Statement::ShowCharset(_)
        | Statement::ShowObjects(_)
        | Statement::ShowTables { .. }
        | Statement::ShowViews { .. }
        | Statement::ShowCollation { .. } => Class::new("SHOW", &[Describe], &["SHOW"]),
        Statement::ExplainTable { .. } => {
            Class::new("DESCRIBE", &[Describe], &["DESC", "DESCRIBE"])
        }
        Statement::Explain {
            analyze, statement, ..
        } => {
            // What is explained is not run; an analysis, which Snowflake does not have, would be.
            let inner = class(statement);
            let opaque = *analyze || inner.effects.contains(&Effect::Opaque);
            let explain = Class::new("EXPLAIN", &[Describe], &["EXPLAIN"]);
            if opaque { Class::opaque() } else { explain }
        }

        Statement::Use(target) => Class::new(use_kind(target), &[Session], &["USE"]),
        Statement::Set(_) => Class::new("SET", &[Session], &["SET"]),
        Statement::AlterSession { .. } => Class::new("ALTER SESSION", &[Session], &["ALTER"]),
        // With statements in it, this is a scripting block.
        Statement::StartTransaction {
            statements,
            exception,
            has_end_keyword,
            ..
        } => {
            if !statements.is_empty() || exception.is_some() || *has_end_keyword {
                return Class::opaque();
            }
            Class::new("BEGIN", &[Transaction], &["BEGIN", "START"])
        }
        Statement::Commit { .. } => Class::new("COMMIT", &[Transaction], &["COMMIT"]),
        Statement::Rollback { .. } => Class::new("ROLLBACK", &[Transaction], &["ROLLBACK"]),

        Statement::Grant(_) => Class::new("GRANT", &[Grant], &["GRANT"]),
        Statement::Revoke(_) => Class::new("REVOKE", &[Grant], &["REVOKE"]),

        Statement::CreateTable(_) => create("CREATE TABLE"),
        Statement::CreateView(_) => create("CREATE VIEW"),
        Statement::CreateSchema { .. } => create("CREATE SCHEMA"),
        Statement::CreateDatabase { .. } => create("CREATE DATABASE"),
        Statement::CreateFunction(_) => create("CREATE FUNCTION"),
        Statement::CreateProcedure { .. } => create("CREATE PROCEDURE"),
        Statement::CreateStage { .. } => create("CREATE STAGE"),
        Statement::CreateFileFormat { .. } => create("CREATE FILE FORMAT"),
        Statement::CreateSequence { .. } => create("CREATE SEQUENCE"),
        Statement::CreateIndex(_) => create("CREATE INDEX"),
        Statement::CreateWarehouse(_) => {
            Class::new("CREATE WAREHOUSE", &[Create, Admin], &["CREATE"])
        }
        Statement::CreateRole(_) => Class::new("CREATE ROLE", &[Create, Admin], &["CREATE"]),
        Statement::CreateUser(_) => Class::new("CREATE USER", &[Create, Admin], &["CREATE"]),
        Statement::AlterTable(_) => alter("ALTER TABLE"),
        Statement::AlterView { .. } => alter("ALTER VIEW"),
        Statement::AlterSchema(_) => alter("ALTER SCHEMA"),
        Statement::AlterRole { .. } => Class::new("ALTER ROLE", &[Alter, Admin], &["ALTER"]),
        Statement::AlterUser(_) => Class::new("ALTER USER", &[Alter, Admin], &["ALTER"]),
        Statement::Comment { .. } => Class::new("COMMENT", &[Alter], &["COMMENT"]),
        Statement::Drop { object_type, .. } => dropped(object_type),
        Statement::DropFunction(_) => Class::new("DROP FUNCTION", &[Effect::Drop], &["DROP"]),
        Statement::DropProcedure { .. } => Class::new("DROP PROCEDURE", &[Effect::Drop], &["DROP"]),

        // Runs text, or is a part of a scripting block.
        Statement::Execute {
            immediate: true, ..
        }
        | Statement::Case(_)
        | Statement::If(_)
        | Statement::While(_)
        | Statement::Raise(_)
        | Statement::Open(_)
        | Statement::Close { .. }
        | Statement::Declare { .. }
        | Statement::Fetch { .. }
        | Statement::Prepare { .. }
        | Statement::Deallocate { .. }
        | Statement::Return(_) => Class::opaque(),

        // Not Snowflake's, or in another form than Snowflake's.
        Statement::Analyze(_)
        | Statement::Msck(_)
        | Statement::Install { .. }
        | Statement::Load { .. }
        | Statement::Directory { .. }
        | Statement::Copy { .. }
        | Statement::CreateVirtualTable { .. }
        | Statement::CreateSecret { .. }
        | Statement::CreateServer(_)
        | Statement::CreatePolicy(_)
        | Statement::CreateConnector(_)
        | Statement::CreateOperator(_)
        | Statement::CreateOperatorFamily(_)
        | Statement::CreateOperatorClass(_)
        | Statement::CreateTextSearch(_)
        | Statement::CreateExtension(_)
        | Statement::CreateCollation(_)
        | Statement::CreateTrigger(_)
        | Statement::CreateMacro { .. }
        | Statement::CreateDomain(_)
        | Statement::CreateType { .. }
        | Statement::AlterIndex { .. }
        | Statement::AlterFunction(_)
        | Statement::AlterType(_)
        | Statement::AlterCollation(_)
        | Statement::AlterOperator(_)
        | Statement::AlterOperatorFamily(_)
        | Statement::AlterOperatorClass(_)
        | Statement::AlterTextSearch(_)
        | Statement::AlterPolicy(_)
        | Statement::AlterConnector { .. }
        | Statement::AttachDatabase { .. }
        | Statement::AttachDuckDBDatabase { .. }
        | Statement::DetachDuckDBDatabase { .. }
        | Statement::DropDomain(_)
        | Statement::DropSecret { .. }
        | Statement::DropPolicy(_)
        | Statement::DropConnector { .. }
        | Statement::DropExtension(_)
        | Statement::DropOperator(_)
        | Statement::DropOperatorFamily(_)
        | Statement::DropOperatorClass(_)
        | Statement::DropTrigger(_)
        | Statement::Flush { .. }
        | Statement::Discard { .. }
        | Statement::Assert { .. }
        | Statement::Deny(_)
        | Statement::Kill { .. }
        | Statement::Savepoint { .. }
        | Statement::ReleaseSavepoint { .. }
        | Statement::Cache { .. }
        | Statement::UNCache { .. }
        | Statement::Pragma { .. }
        | Statement::Lock(_)
        | Statement::LockTables { .. }
        | Statement::UnlockTables
        | Statement::Unload { .. }
        | Statement::OptimizeTable { .. }
        | Statement::LISTEN { .. }
        | Statement::UNLISTEN { .. }
        | Statement::NOTIFY { .. }
        | Statement::LoadData { .. }
        | Statement::RenameTable(_)
        | Statement::RaisError { .. }
        | Statement::Throw(_)
        | Statement::Print(_)
        | Statement::WaitFor(_)
        | Statement::ExportData(_)
        | Statement::Vacuum(_)
        | Statement::Reset(_) => Class::opaque(),
    }
}
/// Kinds that policies tell apart: another role is other rights.
const fn use_kind(target: &Use) -> &'static str {
    match target {
        Use::Role(_) => "USE ROLE",
        Use::SecondaryRoles(_) => "USE SECONDARY ROLES",
        Use::Warehouse(_) => "USE WAREHOUSE",
        Use::Database(_) => "USE DATABASE",
        Use::Schema(_) => "USE SCHEMA",
        Use::Catalog(_) | Use::Object(_) | Use::Default => "USE",
    }
}

fn dropped(object_type: &ObjectType) -> Class {
    let only = [Effect::Drop].as_slice();
    let admin = [Effect::Drop, Effect::Admin].as_slice();
    let (kind, effects) = match object_type {
        ObjectType::Table => ("DROP TABLE", only),
        ObjectType::View | ObjectType::MaterializedView => ("DROP VIEW", only),
        ObjectType::Schema => ("DROP SCHEMA", only),
        ObjectType::Database => ("DROP DATABASE", only),
        ObjectType::Stage => ("DROP STAGE", only),
        ObjectType::Sequence => ("DROP SEQUENCE", only),
        ObjectType::Index => ("DROP INDEX", only),
        ObjectType::Stream => ("DROP STREAM", only),
        ObjectType::Type | ObjectType::Collation => ("DROP", only),
        ObjectType::Warehouse => ("DROP WAREHOUSE", admin),
        ObjectType::Role => ("DROP ROLE", admin),
        ObjectType::User => ("DROP USER", admin),
    };
    Class::new(kind, effects, &["DROP"])
}

fn query(query: &Query) -> Class {
    let mut effects = vec![Effect::Read];
    add_query(query, &mut effects);
    Class::new("SELECT", &effects, &["SELECT", "VALUES", "WITH"])
}

fn add_query(query: &Query, effects: &mut Vec<Effect>) {
    if !query.pipe_operators.is_empty() {
        effects.push(Effect::Opaque);
    }
    for table in query.with.iter().flat_map(|with| &with.cte_tables) {
        add_query(&table.query, effects);
    }
    add_body(&query.body, effects);
}

fn add_body(body: &SetExpr, effects: &mut Vec<Effect>) {
    match body {
        SetExpr::Select(select) if select.into.is_some() => effects.push(Effect::Opaque),
        SetExpr::Select(_) | SetExpr::Values(_) | SetExpr::Table(_) => {}
        SetExpr::Query(query) => add_query(query, effects),
        SetExpr::SetOperation { left, right, .. } => {
            add_body(left, effects);
            add_body(right, effects);
        }
        SetExpr::Insert(statement)
        | SetExpr::Update(statement)
        | SetExpr::Delete(statement)
        | SetExpr::Merge(statement) => effects.extend(class(statement).effects),
    }
}

/// The effects that words tell wherever they stand: what they call may be anywhere in a tree.
pub(super) fn by_lexemes(lexemes: &[Lexeme<'_>]) -> Vec<Effect> {
    let mut effects = Vec::new();
    for (at, lexeme) in lexemes.iter().enumerate() {
        let after = lexemes.get(at + 1..).unwrap_or_default();
        if let (Lexeme::Symbol('('), [verb, Lexeme::Word(_) | Lexeme::Quoted(_), ..]) =
            (lexeme, after)
        {
            effects.extend(write_effect(verb));
        }
        let Some(name) = lexeme.name() else { continue };
        match (name.as_str(), after) {
            ("SELECT", _) => effects.push(Effect::Read),
            ("CORTEX", [Lexeme::Symbol('.'), ..]) => effects.push(Effect::Ai),
            (name, [Lexeme::Symbol('('), ..]) if name.starts_with("AI_") => {
                effects.push(Effect::Ai);
            }
            (name, _) if SESSION_SYSTEM_FUNCTIONS.contains(&name) => effects.push(Effect::Session),
            (name, _) if name.starts_with("SYSTEM$") => {
                effects
                    .extend((!HARMLESS_SYSTEM_FUNCTIONS.contains(&name)).then_some(Effect::Admin));
            }
            ("POLICY", _) if at > 0 => effects.push(Effect::Admin),
            ("TABLE", [Lexeme::Symbol('('), path @ ..]) => {
                effects.extend(runs_code(path).then_some(Effect::Execute));
            }
            _ => {}
        }
    }
    effects
}

/// A write in parentheses, which Snowflake does not have: if it gets it, it is not a read.
fn write_effect(verb: &Lexeme<'_>) -> Option<Effect> {
    let verbs = [
        ("DELETE", Effect::Delete),
        ("INSERT", Effect::Insert),
        ("MERGE", Effect::Merge),
        ("UPDATE", Effect::Update),
    ];
    verbs
        .into_iter()
        .find(|(word, _)| verb.is(word))
        .map(|(_, effect)| effect)
}

/// True if `name.name(…` is a call of something that is not built in.
fn runs_code(path: &[Lexeme<'_>]) -> bool {
    let mut names = Vec::new();
    for lexeme in path {
        match lexeme {
            Lexeme::Symbol('.') => {}
            Lexeme::Symbol('(') => break,
            Lexeme::Word(_) | Lexeme::Quoted(_) => names.extend(lexeme.name()),
            // A table literal or a variable is no call.
            Lexeme::Text(_)
            | Lexeme::Dollar(_)
            | Lexeme::Variable(_)
            | Lexeme::Number(_)
            | Lexeme::Symbol(_) => return false,
        }
    }
    match names.as_slice() {
        [name] => !BUILT_IN_TABLE_FUNCTIONS.contains(&name.as_str()),
        [schema, _] | [_, schema, _] => schema != "INFORMATION_SCHEMA",
        _ => true,
    }
}
