//! Tables that are turned: `PIVOT`, `UNPIVOT`, `MATCH_RECOGNIZE`.

use std::rc::Rc;

use sqlparser::ast::{
    Expr, ExprWithAlias, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    MatchRecognizePattern, MatchRecognizeSymbol, PivotValueSource, TableFactor,
};

use super::Walker;
use super::scope::{Names, Scope};
use super::shape::{Output, Rest, Shape};
use super::taint::{Gather, Taint};

impl Walker<'_> {
    /// Finds the columns of a table that is turned; other factors have none.
    pub(super) fn reshaped(&mut self, factor: &TableFactor, scope: &Scope<'_>) -> Rc<Shape> {
        if let TableFactor::Pivot {
            table,
            aggregate_functions,
            value_column,
            value_source,
            default_on_null,
            alias: _,
        } = factor
        {
            let inner = self.turned(table, scope);
            let shape = inner.1;
            let mut seen = inner.0;
            seen.outer = Some(scope);
            let mut gather = Gather::default();
            for function in aggregate_functions {
                self.expr(&function.expr, &seen, &mut gather);
            }
            for column in value_column {
                let taint = self.condition(column, &seen);
                gather.add(&taint);
            }
            self.optional(default_on_null.as_ref(), &seen, &mut gather);
            let taint = gather.finish();
            let aggregates = aggregate_functions.as_slice();
            return self.pivot(
                &shape,
                aggregates,
                value_column,
                value_source,
                &taint,
                &seen,
            );
        }
        if let TableFactor::Unpivot {
            table,
            value,
            name,
            columns,
            null_inclusion: _,
            alias: _,
        } = factor
        {
            let (mut seen, shape) = self.turned(table, scope);
            seen.outer = Some(scope);
            return self.unpivot(&shape, value, name, columns, &seen);
        }
        if let TableFactor::MatchRecognize { .. } = factor {
            return self.match_recognize(factor, scope);
        }
        Rc::new(Shape::unknown(
            "the table is turned in a way that is not followed",
        ))
    }

    /// The table that is turned, and a scope that sees it alone.
    fn turned<'a>(&mut self, table: &TableFactor, scope: &Scope<'a>) -> (Scope<'a>, Rc<Shape>) {
        let mut seen = Scope {
            outer: scope.outer,
            ctes: scope.ctes.clone(),
            ..Scope::default()
        };
        self.factor(table, &mut seen);
        let shape = match seen.bindings.as_slice() {
            [only] => Rc::clone(&only.shape),
            several => {
                let shapes = several.iter().map(|binding| Rc::clone(&binding.shape));
                Rc::new(Shape::open(Vec::new(), Rest::Either(shapes.collect())))
            }
        };
        (seen, shape)
    }

    fn pivot(
        &mut self,
        shape: &Shape,
        aggregates: &[ExprWithAlias],
        value_column: &[Expr],
        source: &PivotValueSource,
        taint: &Taint,
        scope: &Scope<'_>,
    ) -> Rc<Shape> {
        let names = self.consumed(aggregates, value_column);
        let (Some(names), true) = (names, shape.is_closed()) else {
            if let PivotValueSource::Subquery(query) = source {
                self.query(query, scope);
            }
            let mut row = Gather::default();
            shape.row(&mut self.pool, &mut row);
            row.add(taint);
            row.add_unknown("the columns that `PIVOT` makes are not known");
            let row = row.finish();
            self.touch(&row);
            return Rc::new(Shape::any(row));
        };
        let outputs = shape.outputs.iter().filter(|output| {
            let name = output.name.as_ref();
            name.is_none_or(|name| !names.contains(name))
        });
        let mut outputs: Vec<Output> = outputs.cloned().collect();
        for output in &outputs {
            self.touch(&output.taint);
        }
        let values = match source {
            PivotValueSource::List(values) => values,
            // Values of the table become names of columns: which ones nobody knows before.
            PivotValueSource::Any(orders) => {
                for order in orders {
                    self.condition(&order.expr, scope);
                }
                return self.open_pivot(outputs, taint);
            }
            PivotValueSource::Subquery(query) => {
                let mut gather = Gather::default();
                self.subquery(query, scope, &mut gather);
                gather.add(taint);
                return self.open_pivot(outputs, &gather.finish());
            }
        };
        for _ in aggregates {
            for value in values {
                self.condition(&value.expr, scope);
                let alias = value.alias.as_ref().filter(|_| aggregates.len() == 1);
                outputs.push(Output {
                    name: alias.map(|alias| self.fold(alias)),
                    taint: taint.clone(),
                });
            }
        }
        Rc::new(Shape::closed(outputs))
    }

    fn open_pivot(&mut self, outputs: Vec<Output>, taint: &Taint) -> Rc<Shape> {
        let mut gather = Gather::default();
        gather.add(taint);
        gather.add_unknown("`PIVOT` names columns by values that are not known");
        Rc::new(Shape::open(outputs, Rest::Any(gather.finish())))
    }

    /// The columns that a pivot takes away: what it aggregates, and what it spreads. `None` if
    /// they are more than plain columns.
    fn consumed(&self, aggregates: &[ExprWithAlias], spread: &[Expr]) -> Option<Vec<Rc<str>>> {
        let mut names = Vec::new();
        for aggregate in aggregates {
            let Expr::Function(function) = &aggregate.expr else {
                return None;
            };
            let FunctionArguments::List(list) = &function.args else {
                return None;
            };
            for argument in &list.args {
                let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = argument else {
                    return None;
                };
                names.push(self.plain(expr)?);
            }
        }
        for expr in spread {
            names.push(self.plain(expr)?);
        }
        Some(names)
    }

    fn plain(&self, expr: &Expr) -> Option<Rc<str>> {
        if let Expr::Identifier(ident) = expr {
            return Some(self.fold(ident));
        }
        if let Expr::CompoundIdentifier(idents) = expr {
            return idents.last().map(|ident| self.fold(ident));
        }
        None
    }

    fn unpivot(
        &mut self,
        shape: &Shape,
        value: &Expr,
        name: &Ident,
        columns: &[ExprWithAlias],
        scope: &Scope<'_>,
    ) -> Rc<Shape> {
        let mut gather = Gather::default();
        let mut consumed = Vec::new();
        for column in columns {
            self.expr(&column.expr, scope, &mut gather);
            consumed.push(self.plain(&column.expr));
        }
        let taint = gather.finish();
        let value = self.plain(value);
        let (Some(value), true, true) = (
            value,
            shape.is_closed(),
            consumed.iter().all(Option::is_some),
        ) else {
            let mut row = Gather::default();
            shape.row(&mut self.pool, &mut row);
            row.add(&taint);
            row.add_unknown("the columns that `UNPIVOT` leaves are not known");
            let row = row.finish();
            self.touch(&row);
            return Rc::new(Shape::any(row));
        };
        let left = shape.outputs.iter();
        let left = left.filter(|output| !consumed.contains(&output.name));
        let mut outputs: Vec<Output> = left.cloned().collect();
        for output in &outputs {
            self.touch(&output.taint);
        }
        outputs.push(Output {
            name: Some(self.fold(name)),
            taint: Taint::clean(),
        });
        outputs.push(Output {
            name: Some(value),
            taint,
        });
        Rc::new(Shape::closed(outputs))
    }

    /// Rows are matched by patterns: what comes out is not followed.
    fn match_recognize(&mut self, factor: &TableFactor, scope: &Scope<'_>) -> Rc<Shape> {
        let TableFactor::MatchRecognize {
            table,
            partition_by,
            order_by,
            measures,
            rows_per_match: _,
            after_match_skip: _,
            pattern,
            symbols,
            alias: _,
        } = factor
        else {
            return Rc::new(Shape::unknown(
                "the table is turned in a way that is not followed",
            ));
        };
        let (mut seen, shape) = self.turned(table, scope);
        seen.outer = Some(scope);
        let mut named = Vec::new();
        symbols_of(pattern, &mut named);
        for ident in named {
            let name = Names::Alias(self.fold(ident));
            self.bind(None, name, Rc::clone(&shape), &mut seen);
        }
        let order = order_by.iter().map(|order| &order.expr);
        let definitions = symbols.iter().map(|symbol| &symbol.definition);
        for expr in partition_by.iter().chain(order).chain(definitions) {
            self.condition(expr, &seen);
        }
        let mut row = Gather::default();
        for measure in measures {
            self.expr(&measure.expr, &seen, &mut row);
        }
        shape.row(&mut self.pool, &mut row);
        row.add_unknown("the columns of `MATCH_RECOGNIZE` are not followed");
        let row = row.finish();
        self.touch(&row);
        Rc::new(Shape::any(row))
    }
}

fn symbols_of<'a>(pattern: &'a MatchRecognizePattern, named: &mut Vec<&'a Ident>) {
    let mut add = |symbol: &'a MatchRecognizeSymbol| match symbol {
        MatchRecognizeSymbol::Named(ident) => named.push(ident),
        MatchRecognizeSymbol::Start | MatchRecognizeSymbol::End => {}
    };
    match pattern {
        MatchRecognizePattern::Symbol(symbol) | MatchRecognizePattern::Exclude(symbol) => {
            add(symbol);
        }
        MatchRecognizePattern::Permute(symbols) => symbols.iter().for_each(add),
        MatchRecognizePattern::Concat(patterns) | MatchRecognizePattern::Alternation(patterns) => {
            for pattern in patterns {
                symbols_of(pattern, named);
            }
        }
        MatchRecognizePattern::Group(pattern) | MatchRecognizePattern::Repetition(pattern, _) => {
            symbols_of(pattern, named);
        }
    }
}
