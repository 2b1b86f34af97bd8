//! Which statements are walked, and what they do to the objects that they name.

use sqlparser::ast::{
    CreateTable, CreateTableLikeKind, CreateView, Expr, ObjectName as AstName, Set, Statement,
};

use super::call::Callee;
use super::names::Named;
use super::scope::{Names, Scope};
use super::taint::Gather;
use super::{Walker, Yield};
use crate::sql::facts::{Access, Effect, ObjectKind};

impl Walker<'_> {
    /// Walks a statement; `None` for those that are told by their words alone.
    #[expect(
        clippy::too_many_lines,
        reason = "one flat table that must name every statement"
    )]
    pub(super) fn statement(&mut self, statement: &Statement, scope: &Scope<'_>) -> Option<Yield> {
        let yields = match statement {
            Statement::Query(query) => {
                let shape = self.query(query, scope);
                let reads = |access: &Access| access.effect == Effect::Read;
                if !self.accesses.iter().any(reads) {
                    // It reads what functions tell, or nothing.
                    self.access_account(Effect::Read);
                }
                Yield::Rows(shape)
            }
            Statement::Insert(insert) => self.insert(insert, scope),
            Statement::Update(update) => self.update(update, scope),
            Statement::Delete(delete) => self.delete(delete, scope),
            Statement::Merge(merge) => self.merge(merge, scope),
            Statement::CopyIntoSnowflake { .. } => self.copy(statement, scope),
            Statement::CreateTable(create) => self.create_table(create, scope),
            Statement::CreateView(create) => self.create_view(create, scope),
            Statement::AlterView {
                name,
                columns: _,
                query,
                with_options: _,
            } => {
                self.makes(Effect::Alter, name);
                self.query(query, scope);
                Yield::NoData
            }
            Statement::Call(function) => {
                let parts = self.parts(&function.name);
                let callee = self.callee(parts.as_deref());
                let mut ignored = Gather::default();
                self.arguments("", function, scope, &mut ignored);
                self.needs(callee, parts, ObjectKind::Procedure);
                match callee {
                    Callee::BuiltIn(_) => Yield::Unknown("a system function tells anything"),
                    Callee::Model | Callee::User => Yield::Unknown("a procedure returns anything"),
                }
            }
            Statement::Set(set) => {
                self.access_account(Effect::Session);
                self.set(set, scope);
                Yield::NoData
            }
            Statement::Explain { statement, .. } => return self.explain(statement, scope),

            Statement::Truncate(_)
            | Statement::Put { .. }
            | Statement::List(_)
            | Statement::Remove(_)
            | Statement::Execute { .. }
            | Statement::ShowFunctions { .. }
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
            | Statement::ShowCollation { .. }
            | Statement::ExplainTable { .. }
            | Statement::Use(_)
            | Statement::AlterSession { .. }
            | Statement::StartTransaction { .. }
            | Statement::Commit { .. }
            | Statement::Rollback { .. }
            | Statement::Grant(_)
            | Statement::Revoke(_)
            | Statement::CreateSchema { .. }
            | Statement::CreateDatabase { .. }
            | Statement::CreateFunction(_)
            | Statement::CreateProcedure { .. }
            | Statement::CreateStage { .. }
            | Statement::CreateFileFormat { .. }
            | Statement::CreateSequence { .. }
            | Statement::CreateIndex(_)
            | Statement::CreateWarehouse(_)
            | Statement::CreateRole(_)
            | Statement::CreateUser(_)
            | Statement::AlterTable(_)
            | Statement::AlterSchema(_)
            | Statement::AlterRole { .. }
            | Statement::AlterUser(_)
            | Statement::Comment { .. }
            | Statement::Drop { .. }
            | Statement::DropFunction(_)
            | Statement::DropProcedure { .. }
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
            | Statement::Return(_)
            | Statement::Analyze(_)
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
            | Statement::Reset(_) => return None,
        };
        Some(yields)
    }

    /// What is explained is compiled, not run: its objects are looked at. What functions do that
    /// act on the session or the account may be done while compiling.
    fn explain(&mut self, statement: &Statement, scope: &Scope<'_>) -> Option<Yield> {
        let outside = std::mem::take(&mut self.accesses);
        let walked = self.statement(statement, scope);
        let inside = std::mem::replace(&mut self.accesses, outside);
        walked?;
        for mut access in inside {
            match access.effect {
                Effect::Admin | Effect::Ai | Effect::Execute | Effect::Opaque | Effect::Session => {
                }
                Effect::Alter
                | Effect::Create
                | Effect::Delete
                | Effect::Describe
                | Effect::Drop
                | Effect::Export
                | Effect::Grant
                | Effect::Import
                | Effect::Insert
                | Effect::Merge
                | Effect::Read
                | Effect::Transaction
                | Effect::Truncate
                | Effect::Update => access.effect = Effect::Describe,
            }
            self.accesses.insert(access);
        }
        self.access_account(Effect::Describe);
        Some(Yield::NoData)
    }

    fn set(&mut self, set: &Set, scope: &Scope<'_>) {
        match set {
            Set::SingleAssignment { values, .. } | Set::ParenthesizedAssignments { values, .. } => {
                for value in values {
                    self.value(value, scope);
                }
            }
            Set::MultipleAssignments { assignments } => {
                for assignment in assignments {
                    self.value(&assignment.value, scope);
                }
            }
            Set::SetTimeZone { value, .. } => {
                self.value(value, scope);
            }
            Set::SetSessionAuthorization(_)
            | Set::SetSessionParam(_)
            | Set::SetRole { .. }
            | Set::SetNames { .. }
            | Set::SetNamesDefault {}
            | Set::SetTransaction { .. } => {}
        }
    }

    /// Takes the access to what a statement makes or changes by this name.
    pub(super) fn makes(&mut self, effect: Effect, name: &AstName) {
        let target = self.target(name);
        let named = target.map_or(Named::Dynamic, |target| Named::Objects(vec![target]));
        self.access_named(effect, ObjectKind::Table, &named);
    }

    fn create_table(&mut self, create: &CreateTable, scope: &Scope<'_>) -> Yield {
        self.makes(Effect::Create, &create.name);
        if let Some(query) = &create.query {
            self.query(query, scope);
        }
        if let Some(CreateTableLikeKind::Parenthesized(like) | CreateTableLikeKind::Plain(like)) =
            &create.like
        {
            let named = self.existing_named(&like.name);
            self.access_named(Effect::Describe, ObjectKind::Table, &named);
        }
        if let Some(source) = &create.clone {
            let named = self.named(source);
            let (_, shape) = self.readable(&named, scope);
            let mut row = Gather::default();
            shape.row(&mut self.pool, &mut row);
            self.touch(&row.finish());
        }
        let others = create.inherits.iter().flatten().chain(&create.partition_of);
        for name in others {
            let named = self.named(name);
            self.access_named(Effect::Read, ObjectKind::Table, &named);
        }
        self.column_defaults(create, scope);
        Yield::NoData
    }

    /// Expressions in column definitions call functions when rows are inserted.
    fn column_defaults(&mut self, create: &CreateTable, scope: &Scope<'_>) {
        use sqlparser::ast::ColumnOption;
        let options = create.columns.iter().flat_map(|column| &column.options);
        for option in options {
            let expr: Option<&Expr> = match &option.option {
                ColumnOption::Default(expr)
                | ColumnOption::Materialized(expr)
                | ColumnOption::Alias(expr)
                | ColumnOption::OnUpdate(expr)
                | ColumnOption::Ephemeral(Some(expr)) => Some(expr),
                ColumnOption::Generated {
                    generation_expr, ..
                } => generation_expr.as_ref(),
                ColumnOption::Ephemeral(None)
                | ColumnOption::Null
                | ColumnOption::NotNull
                | ColumnOption::PrimaryKey(_)
                | ColumnOption::Unique(_)
                | ColumnOption::ForeignKey(_)
                | ColumnOption::Check(_)
                | ColumnOption::DialectSpecific(_)
                | ColumnOption::CharacterSet(_)
                | ColumnOption::Collation(_)
                | ColumnOption::Comment(_)
                | ColumnOption::Options(_)
                | ColumnOption::Identity(_)
                | ColumnOption::OnConflict(_)
                | ColumnOption::Policy(_)
                | ColumnOption::Tags(_)
                | ColumnOption::Srid(_)
                | ColumnOption::Invisible => None,
            };
            if let Some(expr) = expr {
                self.value(expr, scope);
            }
        }
    }

    fn create_view(&mut self, create: &CreateView, scope: &Scope<'_>) -> Yield {
        self.makes(Effect::Create, &create.name);
        self.query(&create.query, scope);
        if let Some(to) = &create.to {
            self.makes(Effect::Insert, to);
        }
        Yield::NoData
    }

    /// What a name means, without what is known not to be meant.
    fn existing_named(&self, name: &AstName) -> Named {
        match self.named(name) {
            Named::Objects(names) => Named::Objects(self.existing(names)),
            other @ (Named::Stage(_)
            | Named::OwnStage
            | Named::Location
            | Named::Cte(_)
            | Named::Dynamic) => other,
        }
    }

    /// Puts the table that a statement changes into scope, with its alias; a query's own tables
    /// are read, this one is not, unless the statement looks at what is in it.
    pub(super) fn changed(&mut self, name: &AstName, scope: &mut Scope<'_>) -> Named {
        let named = self.existing_named(name);
        let shape = self.looked_at(&named);
        let names = match &named {
            Named::Objects(names) => Names::Paths(names.clone()),
            Named::Stage(_)
            | Named::OwnStage
            | Named::Location
            | Named::Cte(_)
            | Named::Dynamic => Names::Nothing,
        };
        self.bind(None, names, shape, scope);
        named
    }
}
