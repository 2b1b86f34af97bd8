//! Queries: common table expressions, set operations, `VALUES`.

use std::cell::Cell;
use std::rc::Rc;

use sqlparser::ast::{
    Cte as AstCte, Fetch, LimitClause, OrderBy, OrderByExpr, OrderByKind, Query, SetExpr,
    SetOperator, SetQuantifier, Values, With,
};

use super::scope::{Binding, Cte, Names, Scope};
use super::shape::{Output, Rest, Shape};
use super::taint::{Gather, Taint};
use super::{Walker, Yield};
use crate::sql::facts::Effect;

/// A recursive query is walked again with what it was found to return. Each round can only add
/// columns; those that need more rounds than this are unknown.
const ROUNDS_MAX: usize = 8;

impl Walker<'_> {
    /// Walks a query that sees what `outer` sees.
    pub(super) fn query(&mut self, query: &Query, outer: &Scope<'_>) -> Rc<Shape> {
        let Query {
            with,
            body,
            order_by,
            limit_clause,
            fetch,
            locks: _,
            for_clause: _,
            settings,
            format_clause: _,
            pipe_operators,
        } = query;
        let mut scope = outer.inner();
        if let Some(with) = with {
            self.with(with, &mut scope);
        }
        let mut shape = self.body(body, &scope, order_by.as_ref());
        self.limit(limit_clause.as_ref(), fetch.as_ref(), &scope);
        for setting in settings.iter().flatten() {
            self.value(&setting.value, &scope);
        }
        if !pipe_operators.is_empty() {
            // Not Snowflake's: what they do to the columns is not followed.
            self.access_account(Effect::Opaque);
            shape = Rc::new(Shape::unknown("the query has pipe operators"));
        }
        shape
    }

    fn limit(&mut self, limit: Option<&LimitClause>, fetch: Option<&Fetch>, scope: &Scope<'_>) {
        match limit {
            Some(LimitClause::LimitOffset {
                limit,
                offset,
                limit_by,
            }) => {
                let offset = offset.iter().map(|offset| &offset.value);
                for expr in limit.iter().chain(offset).chain(limit_by) {
                    self.condition(expr, scope);
                }
            }
            Some(LimitClause::OffsetCommaLimit { offset, limit }) => {
                self.condition(offset, scope);
                self.condition(limit, scope);
            }
            None => {}
        }
        if let Some(quantity) = fetch.and_then(|fetch| fetch.quantity.as_ref()) {
            self.condition(quantity, scope);
        }
    }

    fn with(&mut self, with: &With, scope: &mut Scope<'_>) {
        for cte in &with.cte_tables {
            let shape = self.cte(cte, with.recursive, scope);
            scope.ctes = Some(Rc::new(Cte {
                name: self.fold(&cte.alias.name),
                shape,
                outer: scope.ctes.take(),
                used: Cell::new(false),
                doubtful: false,
            }));
        }
    }

    /// Finds the columns of one common table expression.
    ///
    /// Only one that begins with an anchor, `… UNION ALL …`, can be recursive; in any other, its
    /// own name means what it means outside.
    fn cte(&mut self, cte: &AstCte, declared: bool, scope: &Scope<'_>) -> Rc<Shape> {
        let names = cte.alias.columns.iter();
        let names: Vec<Rc<str>> = names.map(|column| self.fold(&column.name)).collect();
        let Some(anchor) = anchor(&cte.query.body) else {
            let shape = self.query(&cte.query, scope);
            return self.named_columns(shape, &names);
        };
        let name = self.fold(&cte.alias.name);
        let node = |shape| Cte {
            name: Rc::clone(&name),
            shape,
            outer: scope.ctes.clone(),
            used: Cell::new(false),
            doubtful: !declared,
        };
        let bottom = Rc::new(node(Rc::new(Shape::any(Taint::clean()))));
        let mut inside = scope.inner();
        inside.ctes = Some(Rc::clone(&bottom));
        let shape = self.query(&cte.query, &inside);
        if !bottom.used.get() {
            return self.named_columns(shape, &names);
        }
        if self.is_exhausted() {
            return Rc::new(Shape::unknown("the query is too intricate to be followed"));
        }
        let mut first = scope.inner();
        if let Some(with) = &cte.query.with {
            self.with(with, &mut first);
        }
        let shape = self.body(anchor, &first, None);
        let mut shape = self.named_columns(shape, &names);
        for _ in 0..ROUNDS_MAX {
            inside.ctes = Some(Rc::new(node(Rc::clone(&shape))));
            let next = self.query(&cte.query, &inside);
            let next = self.named_columns(next, &names);
            let settled = next.is_closed() && next.outputs == shape.outputs;
            shape = next;
            if settled || !shape.is_closed() || self.is_exhausted() {
                if settled {
                    return shape;
                }
                break;
            }
        }
        let mut row = Gather::default();
        shape.row(&mut self.pool, &mut row);
        row.add_unknown("the recursion is too intricate to be followed");
        Rc::new(Shape::any(row.finish()))
    }

    fn named_columns(&mut self, shape: Rc<Shape>, names: &[Rc<str>]) -> Rc<Shape> {
        if names.is_empty() {
            return shape;
        }
        Rc::new(shape.renamed(names, &mut self.pool))
    }

    /// Walks a body; the order is its own where it is a `SELECT`, whose columns it can name.
    pub(super) fn body(
        &mut self,
        body: &SetExpr,
        scope: &Scope<'_>,
        order_by: Option<&OrderBy>,
    ) -> Rc<Shape> {
        let shape = match body {
            SetExpr::Select(select) => return self.select(select, scope, order_by),
            SetExpr::Query(query) => self.query(query, scope),
            SetExpr::Values(values) => self.values(values, scope),
            SetExpr::SetOperation {
                left,
                op,
                set_quantifier,
                right,
            } => {
                let left = self.body(left, scope, None);
                let right = self.body(right, scope, None);
                self.set_operation(&left, *op, *set_quantifier, &right)
            }
            SetExpr::Table(table) => {
                let parts = table.schema_name.iter().chain(&table.table_name);
                let parts = parts.map(|part| part.to_uppercase()).collect();
                let named = self.candidates(parts);
                self.readable(&named, scope).1
            }
            // A write in a query, which Snowflake does not have.
            SetExpr::Insert(statement)
            | SetExpr::Update(statement)
            | SetExpr::Delete(statement)
            | SetExpr::Merge(statement) => {
                self.access_account(Effect::Opaque);
                match self.statement(statement, scope) {
                    Some(Yield::Rows(shape)) => shape,
                    Some(Yield::NoData | Yield::Unknown(_)) | None => {
                        Rc::new(Shape::unknown("the query writes"))
                    }
                }
            }
        };
        if let Some(order_by) = order_by {
            let mut ordered = scope.inner();
            ordered.bindings.push(Binding {
                names: Names::Nothing,
                shape: Rc::clone(&shape),
                merged: Vec::new(),
            });
            self.order(order_by, &ordered, &shape);
        }
        shape
    }

    /// An order tells which value is greater: with the other columns in the clear, that is an
    /// answer about the values.
    pub(super) fn order(&mut self, order_by: &OrderBy, scope: &Scope<'_>, shape: &Shape) {
        match &order_by.kind {
            OrderByKind::All(_) => {
                let mut row = Gather::default();
                shape.row(&mut self.pool, &mut row);
                self.decide(&row.finish());
            }
            OrderByKind::Expressions(exprs) => {
                for OrderByExpr {
                    expr,
                    options: _,
                    with_fill,
                } in exprs
                {
                    self.condition_or_position(expr, scope, shape);
                    let fill = with_fill.iter();
                    for bound in fill.flat_map(|fill| [&fill.from, &fill.to, &fill.step]) {
                        bound.iter().for_each(|bound| {
                            self.condition(bound, scope);
                        });
                    }
                }
            }
        }
        let interpolated = order_by.interpolate.iter().flat_map(|it| &it.exprs);
        for interpolated in interpolated.flatten() {
            if let Some(expr) = &interpolated.expr {
                self.condition(expr, scope);
            }
        }
    }

    fn values(&mut self, values: &Values, scope: &Scope<'_>) -> Rc<Shape> {
        let mut columns: Vec<Gather> = Vec::new();
        for row in &values.rows {
            for (at, expr) in row.content.iter().enumerate() {
                if columns.len() <= at {
                    columns.push(Gather::default());
                }
                if let Some(column) = columns.get_mut(at) {
                    self.expr(expr, scope, column);
                }
            }
        }
        let columns = columns.into_iter().enumerate();
        let outputs = columns.map(|(at, column)| Output {
            name: Some(format!("COLUMN{}", at + 1).into()),
            taint: column.finish(),
        });
        Rc::new(Shape::closed(outputs.collect()))
    }

    fn set_operation(
        &mut self,
        left: &Rc<Shape>,
        op: SetOperator,
        quantifier: SetQuantifier,
        right: &Rc<Shape>,
    ) -> Rc<Shape> {
        match op {
            SetOperator::Union => {}
            // What is on the right decides which of the left's rows are left.
            SetOperator::Except | SetOperator::Intersect | SetOperator::Minus => {
                for side in [left, right] {
                    let mut row = Gather::default();
                    side.row(&mut self.pool, &mut row);
                    self.decide(&row.finish());
                }
            }
        }
        let by_name = match quantifier {
            SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName => {
                true
            }
            SetQuantifier::All | SetQuantifier::Distinct | SetQuantifier::None => false,
        };
        if !left.is_closed() || !right.is_closed() {
            let both = vec![Rc::clone(left), Rc::clone(right)];
            return Rc::new(if by_name {
                Shape::open(Vec::new(), Rest::Either(both))
            } else {
                // By position: any column of the one can be below any of the other.
                let mut row = Gather::default();
                left.row(&mut self.pool, &mut row);
                right.row(&mut self.pool, &mut row);
                let reason = left.obscurity(&self.pool);
                let reason = reason.or_else(|| right.obscurity(&self.pool));
                row.add_unknown(reason.unwrap_or_default());
                Shape::any(row.finish())
            });
        }
        let outputs = if by_name {
            by_names(left, right)
        } else {
            by_positions(left, right)
        };
        Rc::new(Shape::closed(outputs))
    }
}

/// The leftmost part of a set operation; `None` for other bodies.
fn anchor(body: &SetExpr) -> Option<&SetExpr> {
    let mut at = body;
    let mut nested = false;
    loop {
        match at {
            SetExpr::SetOperation { left, .. } => {
                at = left;
                nested = true;
            }
            SetExpr::Select(_)
            | SetExpr::Query(_)
            | SetExpr::Values(_)
            | SetExpr::Insert(_)
            | SetExpr::Update(_)
            | SetExpr::Delete(_)
            | SetExpr::Merge(_)
            | SetExpr::Table(_) => return nested.then_some(at),
        }
    }
}

fn by_positions(left: &Shape, right: &Shape) -> Vec<Output> {
    let merge = |(at, output): (usize, &Output)| {
        let mut gather = Gather::default();
        gather.add(&output.taint);
        match right.outputs.get(at) {
            Some(other) => gather.add(&other.taint),
            None => gather.add_unknown("the sides of the set operation differ in columns"),
        }
        Output {
            name: output.name.clone(),
            taint: gather.finish(),
        }
    };
    left.outputs.iter().enumerate().map(merge).collect()
}

/// Columns of the same name come together; those of the right that the left has not come last.
fn by_names(left: &Shape, right: &Shape) -> Vec<Output> {
    let mut outputs: Vec<Output> = Vec::new();
    for output in left.outputs.iter().chain(&right.outputs) {
        // An expression's text may be the name of a column of the other side.
        let twin = outputs.iter_mut().find(|it| it.name == output.name);
        let mut gather = Gather::default();
        gather.add(&output.taint);
        if output.name.is_none() {
            gather.add_unknown("a column that is matched by name has no known name");
        }
        match twin {
            Some(twin) => {
                gather.add(&twin.taint);
                twin.taint = gather.finish();
            }
            None => outputs.push(Output {
                name: output.name.clone(),
                taint: gather.finish(),
            }),
        }
    }
    outputs
}
