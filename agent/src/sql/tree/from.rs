//! `FROM`: which relations a query reads, and how they are joined.

use std::rc::Rc;

use sqlparser::ast::{
    Function, FunctionArguments, TableAlias, TableFactor, TableFunctionArgs, TableSample,
    TableSampleKind, TableVersion, TableWithJoins,
};

use super::Walker;
use super::names::Named;
use super::scope::{Binding, Names, Scope, cte};
use super::shape::{Rest, Shape};
use super::taint::Gather;
use crate::sql::context::Lookup;
use crate::sql::facts::{Effect, ObjectKind};

impl Walker<'_> {
    /// Adds the relations of a `FROM` to the scope, from left to right: lateral ones see those
    /// before them.
    pub(super) fn from(&mut self, from: &[TableWithJoins], scope: &mut Scope<'_>) {
        for item in from {
            self.joined(item, scope);
        }
    }

    pub(super) fn joined(&mut self, item: &TableWithJoins, scope: &mut Scope<'_>) {
        self.factor(&item.relation, scope);
        for join in &item.joins {
            self.join(join, scope);
        }
    }

    /// Adds the relations of one table factor to the scope.
    #[expect(
        clippy::too_many_lines,
        reason = "one flat table that must name every table factor"
    )]
    pub(super) fn factor(&mut self, factor: &TableFactor, scope: &mut Scope<'_>) {
        let (alias, names, shape) = match factor {
            TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version,
                with_ordinality: _,
                partitions: _,
                json_path,
                sample,
                index_hints: _,
            } => {
                self.version(version.as_ref(), scope);
                self.sample(sample.as_ref(), scope);
                for hint in with_hints {
                    self.condition(hint, scope);
                }
                let named = self.named_in(name, scope);
                let (names, mut shape) = match (args, &named) {
                    (Some(args), Named::Objects(_) | Named::Cte(_) | Named::Dynamic) => {
                        (Names::Nothing, self.function_factor(name, args, scope))
                    }
                    (Some(args), Named::Stage(_) | Named::OwnStage | Named::Location) => {
                        let mut options = Gather::default();
                        self.plain_arguments("", &args.args, scope, &mut options);
                        self.readable(&named, scope)
                    }
                    (None, _) => self.readable(&named, scope),
                };
                if json_path.is_some() {
                    let mut row = Gather::default();
                    shape.row(&mut self.pool, &mut row);
                    row.add_unknown("a path into a table is not followed");
                    shape = Rc::new(Shape::any(row.finish()));
                }
                (alias, names, shape)
            }
            TableFactor::Derived {
                lateral,
                subquery,
                alias,
                sample,
            } => {
                self.sample(sample.as_ref(), scope);
                // Only a lateral one sees what stands before it.
                let seen = scope.outer.filter(|_| !lateral);
                let shape = self.query(subquery, seen.unwrap_or(scope));
                (alias, Names::Nothing, shape)
            }
            TableFactor::TableFunction { expr, alias } => {
                let (names, shape) = self.table_of(expr, scope);
                (alias, names, shape)
            }
            TableFactor::Function {
                lateral: _,
                name,
                args,
                with_ordinality: _,
                alias,
            } => {
                let args = TableFunctionArgs {
                    args: args.clone(),
                    settings: None,
                };
                let shape = self.function_factor(name, &args, scope);
                (alias, Names::Nothing, shape)
            }
            TableFactor::NestedJoin {
                table_with_joins,
                alias,
            } => {
                let first = scope.bindings.len();
                self.joined(table_with_joins, scope);
                let inner = scope.bindings.get(first..).unwrap_or_default();
                scope.irregular |= inner.iter().any(|binding| !binding.merged.is_empty());
                if let Some(alias) = alias {
                    let shapes = inner.iter().map(|binding| Rc::clone(&binding.shape));
                    let rest = Rest::Either(shapes.collect());
                    let shape = Rc::new(Shape::open(Vec::new(), rest));
                    scope.bindings.truncate(first);
                    self.bind(Some(alias), Names::Nothing, shape, scope);
                }
                return;
            }
            TableFactor::Pivot { alias, .. }
            | TableFactor::Unpivot { alias, .. }
            | TableFactor::MatchRecognize { alias, .. } => {
                let shape = self.reshaped(factor, scope);
                (alias, Names::Nothing, shape)
            }
            TableFactor::SemanticView {
                name,
                dimensions,
                metrics,
                facts,
                where_clause,
                alias,
            } => {
                let named = self.named(name);
                let (_, shape) = self.readable(&named, scope);
                let mut seen = scope.inner();
                self.bind(None, Names::Nothing, Rc::clone(&shape), &mut seen);
                let lists = dimensions.iter().chain(metrics).chain(facts);
                for expr in lists.chain(where_clause) {
                    self.condition(expr, &seen);
                }
                let mut row = Gather::default();
                shape.row(&mut self.pool, &mut row);
                row.add_unknown("what a semantic view computes is not known");
                (alias, Names::Nothing, Rc::new(Shape::any(row.finish())))
            }
            // Not Snowflake's.
            TableFactor::UnpivotExpr { expression, .. } => {
                self.foreign(std::slice::from_ref(expression), scope);
                return;
            }
            TableFactor::UNNEST {
                alias, array_exprs, ..
            } => (alias, Names::Nothing, self.foreign(array_exprs, scope)),
            TableFactor::JsonTable {
                json_expr, alias, ..
            }
            | TableFactor::OpenJsonTable {
                json_expr, alias, ..
            } => {
                let shape = self.foreign(std::slice::from_ref(json_expr), scope);
                (alias, Names::Nothing, shape)
            }
            TableFactor::XmlTable {
                row_expression,
                passing,
                alias,
                ..
            } => {
                let mut exprs = vec![row_expression.clone()];
                exprs.extend(passing.arguments.iter().map(|it| it.expr.clone()));
                (alias, Names::Nothing, self.foreign(&exprs, scope))
            }
        };
        self.bind(alias.as_ref(), names, shape, scope);
    }

    /// Adds a relation to the scope under its alias, or its own name.
    pub(super) fn bind(
        &mut self,
        alias: Option<&TableAlias>,
        names: Names,
        shape: Rc<Shape>,
        scope: &mut Scope<'_>,
    ) {
        let (names, shape) = match alias {
            None => (names, shape),
            Some(alias) => {
                let columns = alias.columns.iter();
                let columns: Vec<_> = columns.map(|column| self.fold(&column.name)).collect();
                let shape = if columns.is_empty() {
                    shape
                } else {
                    Rc::new(shape.renamed(&columns, &mut self.pool))
                };
                (Names::Alias(self.fold(&alias.name)), shape)
            }
        };
        scope.bindings.push(Binding {
            names,
            shape,
            merged: Vec::new(),
        });
    }

    /// Reads what a name in a `FROM` means.
    pub(super) fn readable(&mut self, named: &Named, scope: &Scope<'_>) -> (Names, Rc<Shape>) {
        match named {
            Named::Objects(names) => self.read(names.clone()),
            Named::Stage(_) | Named::OwnStage => {
                self.access_named(Effect::Read, ObjectKind::Stage, named);
                let reason = "what the files of a stage hold is not known";
                (Names::Nothing, Rc::new(Shape::unknown(reason)))
            }
            Named::Location => {
                self.access_named(Effect::Import, ObjectKind::Stage, named);
                let reason = "what the files of a location hold is not known";
                (Names::Nothing, Rc::new(Shape::unknown(reason)))
            }
            Named::Cte(name) => {
                let Some(found) = cte(&scope.ctes, name) else {
                    return (
                        Names::Nothing,
                        Rc::new(Shape::unknown("nothing has this name")),
                    );
                };
                let mut shape = Rc::clone(&found.shape);
                if found.doubtful
                    && let Named::Objects(names) = self.candidates(vec![name.to_string()])
                    && names
                        .iter()
                        .any(|name| matches!(self.context.catalog.relation(name), Lookup::Known(_)))
                {
                    let (_, table) = self.read(names);
                    shape = Rc::new(Shape::open(Vec::new(), Rest::Either(vec![shape, table])));
                }
                (Names::Alias(Rc::clone(name)), shape)
            }
            Named::Dynamic => {
                self.access_named(Effect::Read, ObjectKind::Table, named);
                let reason = "which table is read is only known when the statement is run";
                (Names::Nothing, Rc::new(Shape::unknown(reason)))
            }
        }
    }

    /// Walks `f(…)` in a `FROM`.
    fn function_factor(
        &mut self,
        name: &sqlparser::ast::ObjectName,
        args: &TableFunctionArgs,
        scope: &Scope<'_>,
    ) -> Rc<Shape> {
        for setting in args.settings.iter().flatten() {
            self.condition(&setting.value, scope);
        }
        let function = Function {
            name: name.clone(),
            uses_odbc_syntax: false,
            parameters: FunctionArguments::None,
            args: FunctionArguments::List(sqlparser::ast::FunctionArgumentList {
                duplicate_treatment: None,
                args: args.args.clone(),
                clauses: Vec::new(),
            }),
            filter: None,
            null_treatment: None,
            over: None,
            within_group: Vec::new(),
        };
        self.table_function(&function, scope)
    }

    /// Walks the inputs of a table that Snowflake does not have.
    fn foreign(&mut self, exprs: &[sqlparser::ast::Expr], scope: &Scope<'_>) -> Rc<Shape> {
        self.access_account(Effect::Opaque);
        let mut gather = Gather::default();
        self.exprs(exprs, scope, &mut gather);
        gather.add_unknown("the query reads from something that is not followed");
        Rc::new(Shape::any(gather.finish()))
    }

    fn version(&mut self, version: Option<&TableVersion>, scope: &Scope<'_>) {
        let exprs = match version {
            None => return,
            Some(
                TableVersion::ForSystemTimeAsOf(expr)
                | TableVersion::TimestampAsOf(expr)
                | TableVersion::VersionAsOf(expr)
                | TableVersion::Function(expr),
            ) => vec![expr],
            Some(TableVersion::Changes { changes, at, end }) => {
                let mut exprs = vec![changes, at];
                exprs.extend(end);
                exprs
            }
        };
        for expr in exprs {
            // `AT(…)`, `BEFORE(…)` and `CHANGES(…)` look like calls, with words for arguments.
            if let sqlparser::ast::Expr::Function(function) = expr {
                self.version_arguments(function, scope);
            } else {
                self.condition(expr, scope);
            }
        }
    }

    fn version_arguments(&mut self, function: &Function, scope: &Scope<'_>) {
        use sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr};
        let FunctionArguments::List(list) = &function.args else {
            return;
        };
        for argument in &list.args {
            let (FunctionArg::Named { arg, .. }
            | FunctionArg::ExprNamed { arg, .. }
            | FunctionArg::Unnamed(arg)) = argument;
            if let FunctionArgExpr::Expr(expr) = arg
                && !matches!(expr, Expr::Identifier(_))
            {
                self.condition(expr, scope);
            }
        }
    }

    fn sample(&mut self, sample: Option<&TableSampleKind>, scope: &Scope<'_>) {
        let Some(
            TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample),
        ) = sample
        else {
            return;
        };
        let TableSample {
            modifier: _,
            name: _,
            quantity,
            seed: _,
            bucket,
            offset,
        } = &**sample;
        let quantity = quantity.iter().map(|quantity| &quantity.value);
        let bucket = bucket.iter().filter_map(|bucket| bucket.on.as_ref());
        for expr in quantity.chain(bucket).chain(offset) {
            self.condition(expr, scope);
        }
    }
}
