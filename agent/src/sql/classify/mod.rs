//! What a parsed statement does, by its kind: the parser's opinion, which must be ours.
//!
//! The match over [`Statement`] has no wildcard: a parser that learns a statement does not compile
//! until someone has decided about it. Statements that Snowflake does not have, and those that run
//! other statements, are opaque.

mod words;

use sqlparser::ast::{CopyIntoSnowflakeKind, ObjectType, Query, SetExpr, Statement, Use};

pub(super) use self::words::{by_words, is_built_in};
use super::facts::Effect;

/// What kind of statement it is and what it does, without what its words tell (see [`by_words`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) kind: &'static str,
    pub(super) effects: Vec<Effect>,
}

impl Class {
    fn new(kind: &'static str, effects: &[Effect]) -> Self {
        Self {
            kind,
            effects: effects.to_vec(),
        }
    }

    /// Understood by the parser, not by us: agrees with no kind, so the text is opaque.
    fn opaque() -> Self {
        Self::new("OPAQUE", &[Effect::Opaque])
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
    let create = |kind| Class::new(kind, &[Create]);
    let alter = |kind| Class::new(kind, &[Alter]);
    match statement {
        Statement::Query(query) => self::query(query),
        Statement::Insert(insert) if insert.overwrite => Class::new("INSERT", &[Insert, Truncate]),
        Statement::Insert(_) => Class::new("INSERT", &[Insert]),
        // The condition reads, also where it names no other table.
        Statement::Update(_) => Class::new("UPDATE", &[Update, Read]),
        Statement::Delete(_) => Class::new("DELETE", &[Delete, Read]),
        Statement::Merge(_) => Class::new("MERGE", &[Merge, Read]),
        Statement::Truncate(_) => Class::new("TRUNCATE", &[Truncate]),
        Statement::CopyIntoSnowflake { kind, .. } => match kind {
            CopyIntoSnowflakeKind::Table => Class::new("COPY INTO TABLE", &[Import]),
            CopyIntoSnowflakeKind::Location => Class::new("COPY INTO LOCATION", &[Export, Read]),
        },
        Statement::Put { .. } => Class::new("PUT", &[Import]),
        Statement::List(_) => Class::new("LIST", &[Describe]),
        Statement::Remove(_) => Class::new("REMOVE", &[Delete]),

        Statement::Call(_) => Class::new("CALL", &[Execute]),
        Statement::Execute {
            immediate: false, ..
        } => Class::new("EXECUTE", &[Execute]),

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
        | Statement::ShowCollation { .. } => Class::new("SHOW", &[Describe]),
        Statement::ExplainTable { .. } => Class::new("DESCRIBE", &[Describe]),
        Statement::Explain {
            analyze, statement, ..
        } => {
            // What is explained is not run; an analysis, which Snowflake does not have, would be.
            let inner = class(statement);
            let opaque = *analyze || inner.effects.contains(&Effect::Opaque);
            let explain = Class::new("EXPLAIN", &[Describe]);
            if opaque { Class::opaque() } else { explain }
        }

        Statement::Use(target) => Class::new(use_kind(target), &[Session]),
        Statement::Set(_) => Class::new("SET", &[Session]),
        Statement::AlterSession { .. } => Class::new("ALTER SESSION", &[Session]),
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
            Class::new("BEGIN", &[Transaction])
        }
        Statement::Commit { .. } => Class::new("COMMIT", &[Transaction]),
        Statement::Rollback { .. } => Class::new("ROLLBACK", &[Transaction]),

        Statement::Grant(_) => Class::new("GRANT", &[Grant]),
        Statement::Revoke(_) => Class::new("REVOKE", &[Grant]),

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
        Statement::CreateWarehouse(_) => Class::new("CREATE WAREHOUSE", &[Create, Admin]),
        Statement::CreateRole(_) => Class::new("CREATE ROLE", &[Create, Admin]),
        Statement::CreateUser(_) => Class::new("CREATE USER", &[Create, Admin]),
        Statement::AlterTable(_) => alter("ALTER TABLE"),
        Statement::AlterView { .. } => alter("ALTER VIEW"),
        Statement::AlterSchema(_) => alter("ALTER SCHEMA"),
        Statement::AlterRole { .. } => Class::new("ALTER ROLE", &[Alter, Admin]),
        Statement::AlterUser(_) => Class::new("ALTER USER", &[Alter, Admin]),
        Statement::Comment { .. } => Class::new("COMMENT", &[Alter]),
        Statement::Drop { object_type, .. } => dropped(object_type),
        Statement::DropFunction(_) => Class::new("DROP FUNCTION", &[Effect::Drop]),
        Statement::DropProcedure { .. } => Class::new("DROP PROCEDURE", &[Effect::Drop]),

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
    Class::new(kind, effects)
}

fn query(query: &Query) -> Class {
    let mut effects = vec![Effect::Read];
    add_query(query, &mut effects);
    Class::new("SELECT", &effects)
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
