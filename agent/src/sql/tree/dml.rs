//! Statements that change rows.

use std::rc::Rc;

use sqlparser::ast::{
    Assignment, AssignmentTarget, Delete, Expr, FromTable, Insert, Merge, MergeAction,
    MergeInsertExpr, MergeInsertKind, MergeUpdateExpr, MergeUpdateKind, MultiTableInsertIntoClause,
    MultiTableInsertValue, ObjectName as AstName, OnConflictAction, OnInsert, OutputClause,
    SelectItem, TableFactor, TableObject, Update, UpdateTableFromKind,
};

use super::names::Named;
use super::scope::{Binding, Names, Scope};
use super::shape::{Rest, Shape};
use super::taint::{Gather, Taint};
use super::writes::Target;
use super::{Walker, Yield};
use crate::sql::facts::{Effect, ObjectKind};

impl Walker<'_> {
    /// The columns of a table that is changed, which is no access of its own.
    pub(super) fn looked_at(&mut self, named: &Named) -> Rc<Shape> {
        let Named::Objects(names) = named else {
            return Rc::new(Shape::unknown("which table is changed is not known"));
        };
        let shapes: Vec<_> = names.iter().map(|name| self.relation(name)).collect();
        match shapes.as_slice() {
            [only] => Rc::clone(only),
            _ => Rc::new(Shape::open(Vec::new(), Rest::Either(shapes))),
        }
    }

    pub(super) fn insert(&mut self, insert: &Insert, outer: &Scope<'_>) -> Yield {
        let mut scope = outer.inner();
        let mut target = None;
        match &insert.table {
            TableObject::TableName(name) => {
                // The first clause of a multi-table insert may stand here, without a name.
                if !name.0.is_empty() {
                    let columns = &insert.columns;
                    let into = self.inserts_into(name, columns, insert.overwrite, &mut scope);
                    target = Some(into);
                }
            }
            TableObject::TableFunction(function) => {
                self.access_account(Effect::Opaque);
                self.table_function(function, outer);
            }
            TableObject::TableQuery(query) => {
                self.access_account(Effect::Opaque);
                self.query(query, outer);
            }
        }
        let rows = insert.source.as_ref().map(|query| self.query(query, outer));
        if let (Some(target), Some(rows)) = (&target, &rows) {
            self.writes_rows(target, rows);
        }
        self.multi_table(insert, rows, outer);
        self.assignments(&insert.assignments, &scope);
        for expr in insert.partitioned.iter().flatten() {
            self.condition(expr, &scope);
        }
        match &insert.on {
            Some(OnInsert::DuplicateKeyUpdate(assignments)) => {
                self.assignments(assignments, &scope);
            }
            Some(OnInsert::OnConflict(conflict)) => match &conflict.action {
                OnConflictAction::DoNothing => {}
                OnConflictAction::DoUpdate(update) => {
                    self.assignments(&update.assignments, &scope);
                    if let Some(selection) = &update.selection {
                        self.condition(selection, &scope);
                    }
                }
            },
            Some(_) => self.access_account(Effect::Opaque),
            None => {}
        }
        self.returned(insert.returning.as_deref(), insert.output.as_ref(), &scope);
        Yield::NoData
    }

    fn inserts_into(
        &mut self,
        name: &AstName,
        columns: &[AstName],
        overwrite: bool,
        scope: &mut Scope<'_>,
    ) -> Target {
        let named = self.changed(name, scope);
        self.access_named(Effect::Insert, ObjectKind::Table, &named);
        if overwrite {
            self.access_named(Effect::Truncate, ObjectKind::Table, &named);
        }
        let last = |name: &AstName| self.parts(name)?.pop().map(Rc::from);
        let columns: Vec<Rc<str>> = columns.iter().filter_map(last).collect();
        self.touch_columns(&columns, scope);
        let all = match scope.bindings.last() {
            Some(binding) if columns.is_empty() => columns_of(&binding.shape),
            Some(_) | None => columns,
        };
        Target::of(&named, all)
    }

    /// Notes the columns that are written; all of them where none are named.
    pub(super) fn touch_columns(&mut self, columns: &[Rc<str>], scope: &Scope<'_>) {
        let mut gather = Gather::default();
        for column in columns {
            scope.column(column, &mut self.pool, &mut gather);
        }
        if columns.is_empty() {
            for binding in &scope.bindings {
                binding.shape.row(&mut self.pool, &mut gather);
            }
        }
        self.touch(&gather.finish());
    }

    fn multi_table(&mut self, insert: &Insert, rows: Option<Rc<Shape>>, outer: &Scope<'_>) {
        let mut seen = outer.inner();
        if let Some(shape) = rows {
            self.bind(None, Names::Nothing, shape, &mut seen);
        }
        let mut clauses: Vec<&MultiTableInsertIntoClause> = Vec::new();
        clauses.extend(&insert.multi_table_into_clauses);
        for when in &insert.multi_table_when_clauses {
            self.condition(&when.condition, &seen);
            clauses.extend(&when.into_clauses);
        }
        clauses.extend(insert.multi_table_else_clause.iter().flatten());
        for clause in clauses {
            let columns = clause
                .columns
                .iter()
                .map(|column| AstName::from(column.clone()));
            let columns: Vec<AstName> = columns.collect();
            let mut target = outer.inner();
            let name = &clause.table_name;
            let into = self.inserts_into(name, &columns, insert.overwrite, &mut target);
            let mut row = Gather::default();
            for binding in &seen.bindings {
                binding.shape.row(&mut self.pool, &mut row);
            }
            for value in clause.values.iter().flat_map(|values| &values.values) {
                match value {
                    MultiTableInsertValue::Expr(expr) => {
                        row.add(&self.value(expr, &seen));
                    }
                    MultiTableInsertValue::Default => {}
                }
            }
            self.writes(&into, None, &row.finish());
        }
    }

    pub(super) fn update(&mut self, update: &Update, outer: &Scope<'_>) -> Yield {
        let mut scope = outer.inner();
        let target = self.target_factor(&update.table.relation, &mut scope);
        self.access_named(Effect::Update, ObjectKind::Table, &target);
        let own = scope.bindings.len();
        self.joins(&update.table.joins, &mut scope);
        let from = match &update.from {
            Some(UpdateTableFromKind::BeforeSet(from) | UpdateTableFromKind::AfterSet(from)) => {
                from.as_slice()
            }
            None => &[],
        };
        self.from(from, &mut scope);
        self.written(&update.assignments, own, &scope);
        let reads = self.values_of(&update.assignments, &target, &scope);
        let joined = !from.is_empty() || !update.table.joins.is_empty();
        if reads || joined || update.selection.is_some() {
            self.access_named(Effect::Read, ObjectKind::Table, &target);
        }
        let order = update.order_by.iter().map(|order| &order.expr);
        for expr in update.selection.iter().chain(order).chain(&update.limit) {
            self.condition(expr, &scope);
        }
        self.returned(update.returning.as_deref(), update.output.as_ref(), &scope);
        Yield::NoData
    }

    pub(super) fn delete(&mut self, delete: &Delete, outer: &Scope<'_>) -> Yield {
        let mut scope = outer.inner();
        let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
        let mut targets = Vec::new();
        for item in from {
            let target = self.target_factor(&item.relation, &mut scope);
            self.joins(&item.joins, &mut scope);
            targets.push(target);
        }
        for name in &delete.tables {
            targets.push(self.changed(name, &mut scope));
        }
        let using = delete.using.as_deref().unwrap_or_default();
        self.from(using, &mut scope);
        let looks = delete.selection.is_some() || !using.is_empty();
        for target in &targets {
            self.access_named(Effect::Delete, ObjectKind::Table, target);
            if looks {
                self.access_named(Effect::Read, ObjectKind::Table, target);
            }
        }
        let order = delete.order_by.iter().map(|order| &order.expr);
        for expr in delete.selection.iter().chain(order).chain(&delete.limit) {
            self.condition(expr, &scope);
        }
        self.returned(delete.returning.as_deref(), delete.output.as_ref(), &scope);
        Yield::NoData
    }

    pub(super) fn merge(&mut self, merge: &Merge, outer: &Scope<'_>) -> Yield {
        let mut scope = outer.inner();
        let target = self.target_factor(&merge.table, &mut scope);
        let own = scope.bindings.len();
        self.access_named(Effect::Merge, ObjectKind::Table, &target);
        self.access_named(Effect::Read, ObjectKind::Table, &target);
        self.factor(&merge.source, &mut scope);
        self.condition(&merge.on, &scope);
        for clause in &merge.clauses {
            if let Some(predicate) = &clause.predicate {
                self.condition(predicate, &scope);
            }
            match &clause.action {
                MergeAction::Insert(insert) => self.merge_insert(insert, &target, own, &scope),
                MergeAction::Update(MergeUpdateExpr {
                    update_token: _,
                    kind,
                    update_predicate,
                    delete_predicate,
                }) => {
                    match kind {
                        MergeUpdateKind::Set(assignments) => {
                            self.written(assignments, own, &scope);
                            self.values_of(assignments, &target, &scope);
                        }
                        MergeUpdateKind::Wildcard => {
                            self.touch_columns(&[], &scope);
                            self.writes_by_name(&target, own, &scope);
                        }
                    }
                    for predicate in update_predicate.iter().chain(delete_predicate) {
                        self.condition(predicate, &scope);
                    }
                }
                MergeAction::Delete { .. } | MergeAction::DoNothing { .. } => {}
            }
        }
        self.returned(None, merge.output.as_ref(), &scope);
        Yield::NoData
    }

    fn merge_insert(
        &mut self,
        insert: &MergeInsertExpr,
        into: &Named,
        own: usize,
        scope: &Scope<'_>,
    ) {
        let last = |name: &AstName| self.parts(name)?.pop().map(Rc::from);
        let columns: Vec<Rc<str>> = insert.columns.iter().filter_map(last).collect();
        self.touch_columns(&columns, scope);
        match &insert.kind {
            MergeInsertKind::Values(values) => {
                let all = match scope.bindings.first() {
                    Some(binding) if columns.is_empty() => columns_of(&binding.shape),
                    Some(_) | None => columns,
                };
                let target = Target::of(into, all);
                for row in &values.rows {
                    for (at, expr) in row.content.iter().enumerate() {
                        let taint = self.value(expr, scope);
                        let column = target.columns.get(at).map(|column| &**column);
                        self.writes(&target, column, &taint);
                    }
                }
            }
            MergeInsertKind::Row | MergeInsertKind::Wildcard => {
                self.writes_by_name(into, own, scope);
            }
        }
        if let Some(predicate) = &insert.insert_predicate {
            self.condition(predicate, scope);
        }
    }

    /// Notes that the columns of what stands after the first `own` relations go into those of the
    /// same names.
    fn writes_by_name(&mut self, target: &Named, own: usize, scope: &Scope<'_>) {
        let target = Target::of(target, Vec::new());
        for binding in scope.bindings.iter().skip(own) {
            self.writes_rows(&target, &binding.shape);
        }
    }

    /// Puts the table that is changed into scope, under its alias if it has one.
    fn target_factor(&mut self, factor: &TableFactor, scope: &mut Scope<'_>) -> Named {
        let TableFactor::Table { name, alias, .. } = factor else {
            self.access_account(Effect::Opaque);
            self.factor(factor, scope);
            return Named::Dynamic;
        };
        let named = self.changed(name, scope);
        if alias.is_some()
            && let Some(Binding { shape, .. }) = scope.bindings.pop()
        {
            self.bind(alias.as_ref(), Names::Nothing, shape, scope);
        }
        named
    }

    fn joins(&mut self, joins: &[sqlparser::ast::Join], scope: &mut Scope<'_>) {
        for join in joins {
            self.join(join, scope);
        }
    }

    /// Notes the columns that assignments write: those of the first `own` relations in scope.
    fn written(&mut self, assignments: &[Assignment], own: usize, scope: &Scope<'_>) {
        let mut gather = Gather::default();
        for assignment in assignments {
            let names = match &assignment.target {
                AssignmentTarget::ColumnName(name) => std::slice::from_ref(name),
                AssignmentTarget::Tuple(names) => names.as_slice(),
            };
            for name in names {
                let last = self.parts(name).and_then(|mut parts| parts.pop());
                let Some(last) = last.map(Rc::from) else {
                    continue;
                };
                for binding in scope.bindings.iter().take(own) {
                    binding.shape.find(&last, &mut self.pool, &mut gather);
                }
            }
        }
        self.touch(&gather.finish());
    }

    /// Walks what is assigned; true if any of it may come from a table.
    fn values_of(&mut self, assignments: &[Assignment], target: &Named, scope: &Scope<'_>) -> bool {
        let target = Target::of(target, Vec::new());
        let mut reads = false;
        for assignment in assignments {
            if is_default(&assignment.value) {
                continue;
            }
            let taint = self.value(&assignment.value, scope);
            reads |= taint != Taint::clean();
            let column = match &assignment.target {
                AssignmentTarget::ColumnName(name) => self.parts(name),
                AssignmentTarget::Tuple(_) => None,
            };
            let column = column.and_then(|mut parts| parts.pop());
            self.writes(&target, column.as_deref(), &taint);
        }
        reads
    }

    fn assignments(&mut self, assignments: &[Assignment], scope: &Scope<'_>) {
        self.written(assignments, scope.bindings.len(), scope);
        self.values_of(assignments, &Named::Dynamic, scope);
    }

    /// Rows that a change returns, which Snowflake does not have.
    fn returned(
        &mut self,
        returning: Option<&[SelectItem]>,
        output: Option<&OutputClause>,
        scope: &Scope<'_>,
    ) {
        if returning.is_some() || output.is_some() {
            self.access_account(Effect::Opaque);
            self.touch_columns(&[], scope);
        }
    }
}

/// The names of all columns, in their order; empty if one is not known.
fn columns_of(shape: &Shape) -> Vec<Rc<str>> {
    let names = shape.outputs.iter().map(|output| output.name.clone());
    let names: Option<Vec<_>> = names.collect();
    names.filter(|_| shape.is_closed()).unwrap_or_default()
}

/// True for `DEFAULT`, which the parser takes for a column.
fn is_default(expr: &Expr) -> bool {
    let Expr::Identifier(ident) = expr else {
        return false;
    };
    ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default")
}
