//! One `SELECT`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use sqlparser::ast::{
    ConnectByKind, Distinct, Expr, GroupByExpr, GroupByWithModifier, NamedWindowExpr, OrderBy,
    Select, SelectItem, TopQuantity, Value,
};

use super::Walker;
use super::scope::{Alias, Aliases, Scope};
use super::shape::{Output, Rest, Shape};
use super::taint::{Gather, Pool, Taint};
use crate::sql::facts::Effect;

/// The columns of a select list as far as they are found.
#[derive(Debug, Default)]
pub(super) struct List {
    pub(super) outputs: Vec<Output>,
    /// What stands for columns that are not known one by one.
    pub(super) rest: Vec<Rc<Shape>>,
}

impl List {
    pub(super) fn push(&mut self, name: Option<Rc<str>>, taint: Taint) {
        self.outputs.push(Output { name, taint });
    }

    /// Adds what any of its columns comes from.
    pub(super) fn row(&self, pool: &mut Pool, gather: &mut Gather) {
        for output in &self.outputs {
            gather.add(&output.taint);
        }
        for shape in &self.rest {
            shape.row(pool, gather);
        }
    }

    fn finish(self) -> Shape {
        if self.rest.is_empty() {
            Shape::closed(self.outputs)
        } else {
            Shape::open(self.outputs, Rest::Either(self.rest))
        }
    }
}

impl Walker<'_> {
    pub(super) fn select(
        &mut self,
        select: &Select,
        base: &Scope<'_>,
        order_by: Option<&OrderBy>,
    ) -> Rc<Shape> {
        let aliases = self.aliases(&select.projection);
        let mut scope = base.inner();
        scope.hierarchical = !select.connect_by.is_empty();
        self.from(&select.from, &mut scope);
        scope.aliases = Some(&aliases);

        let mut list = self.list(&select.projection, &scope, &aliases);
        if select.exclude.is_some() || select.value_table_mode.is_some() {
            let reason = "the select list has a form that is not followed";
            list.rest.push(Rc::new(Shape::unknown(reason)));
        }
        let shape = Rc::new(list.finish());
        self.clauses(select, &scope, &shape);
        if let Some(order_by) = order_by {
            self.order(order_by, &scope, &shape);
        }
        shape
    }

    /// Walks what decides about the rows.
    fn clauses(&mut self, select: &Select, scope: &Scope<'_>, shape: &Shape) {
        let conditions = [
            &select.prewhere,
            &select.selection,
            &select.having,
            &select.qualify,
        ];
        for condition in conditions.into_iter().flatten() {
            self.condition(condition, scope);
        }
        for connect in &select.connect_by {
            match connect {
                ConnectByKind::ConnectBy { relationships, .. } => {
                    for relationship in relationships {
                        self.condition(relationship, scope);
                    }
                }
                ConnectByKind::StartWith { condition, .. } => {
                    self.condition(condition, scope);
                }
            }
        }
        self.group_by(&select.group_by, scope, shape);
        let sorted = select.sort_by.iter().map(|sort| &sort.expr);
        let lateral = select.lateral_views.iter().map(|view| &view.lateral_view);
        let by = select.cluster_by.iter().chain(&select.distribute_by);
        for expr in by.chain(sorted).chain(lateral) {
            self.condition(expr, scope);
        }
        match &select.distinct {
            Some(Distinct::On(exprs)) => {
                for expr in exprs {
                    self.condition(expr, scope);
                }
            }
            Some(Distinct::All | Distinct::Distinct) | None => {}
        }
        match select.top.as_ref().and_then(|top| top.quantity.as_ref()) {
            Some(TopQuantity::Expr(expr)) => {
                self.condition(expr, scope);
            }
            Some(TopQuantity::Constant(_)) | None => {}
        }
        for window in &select.named_window {
            match &window.1 {
                NamedWindowExpr::NamedWindow(_) => {}
                NamedWindowExpr::WindowSpec(spec) => {
                    let mut gather = Gather::default();
                    self.window(spec, scope, &mut gather);
                }
            }
        }
        if select.into.is_some() || !select.lateral_views.is_empty() {
            self.access_account(Effect::Opaque);
        }
    }

    fn group_by(&mut self, group_by: &GroupByExpr, scope: &Scope<'_>, shape: &Shape) {
        let modifiers = match group_by {
            // Groups are made by those outputs that are no aggregates; which of them are is not
            // worth telling.
            GroupByExpr::All(modifiers) => {
                let mut row = Gather::default();
                shape.row(&mut self.pool, &mut row);
                self.decide(&row.finish());
                modifiers
            }
            GroupByExpr::Expressions(exprs, modifiers) => {
                for expr in exprs {
                    self.condition_or_position(expr, scope, shape);
                }
                modifiers
            }
        };
        for modifier in modifiers {
            match modifier {
                GroupByWithModifier::GroupingSets(expr) => {
                    self.condition(expr, scope);
                }
                GroupByWithModifier::Rollup
                | GroupByWithModifier::Cube
                | GroupByWithModifier::Totals => {}
            }
        }
    }

    /// Walks an expression that decides about rows, where a bare number is an output's position.
    pub(super) fn condition_or_position(&mut self, expr: &Expr, scope: &Scope<'_>, shape: &Shape) {
        if let Some(position) = position(expr) {
            let mut gather = Gather::default();
            shape.at(position, &mut self.pool, &mut gather);
            self.decide(&gather.finish());
        } else if is_word(expr, "all") {
            // The parser takes `ORDER BY ALL` for a column.
            let mut gather = Gather::default();
            shape.row(&mut self.pool, &mut gather);
            self.decide(&gather.finish());
        } else {
            self.condition(expr, scope);
        }
    }

    fn aliases<'a>(&self, projection: &'a [SelectItem]) -> Aliases<'a> {
        let mut items = Vec::new();
        for item in projection {
            match item {
                SelectItem::ExprWithAlias { expr, alias } => items.push(Alias {
                    name: self.fold(alias),
                    expr,
                    taint: RefCell::new(None),
                    busy: Cell::new(false),
                }),
                SelectItem::ExprWithAliases { .. }
                | SelectItem::UnnamedExpr(_)
                | SelectItem::QualifiedWildcard(..)
                | SelectItem::Wildcard(_) => {}
            }
        }
        Aliases::new(items)
    }

    fn list(
        &mut self,
        projection: &[SelectItem],
        scope: &Scope<'_>,
        aliases: &Aliases<'_>,
    ) -> List {
        let mut list = List::default();
        let mut at = 0;
        for item in projection {
            match item {
                SelectItem::UnnamedExpr(expr) => {
                    let taint = self.value(expr, scope);
                    list.push(self.output_name(expr), taint);
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    let item = aliases.items.get(at);
                    at += 1;
                    if let Some(item) = item {
                        item.busy.set(true);
                    }
                    let mut gather = Gather::default();
                    self.expr(expr, scope, &mut gather);
                    let name = self.fold(alias);
                    if is_word(expr, "prior") {
                        // The parser takes the operator in `PRIOR x` for a column, and its operand
                        // for an alias.
                        self.name(&name, scope, &mut gather);
                    }
                    let taint = gather.finish();
                    if let Some(item) = item {
                        item.busy.set(false);
                        *item.taint.borrow_mut() = Some(taint.clone());
                    }
                    list.push(Some(name), taint);
                }
                SelectItem::ExprWithAliases { expr, aliases } => {
                    let taint = self.value(expr, scope);
                    for alias in aliases {
                        list.push(Some(self.fold(alias)), taint.clone());
                    }
                }
                SelectItem::QualifiedWildcard(kind, options) => {
                    self.qualified_star(kind, options, scope, &mut list);
                }
                SelectItem::Wildcard(options) => self.star(options, scope, &mut list),
            }
        }
        list
    }

    /// The name that Snowflake gives to an output without an alias; `None` for the text of an
    /// expression.
    fn output_name(&self, expr: &Expr) -> Option<Rc<str>> {
        if let Expr::Identifier(ident) = expr {
            return Some(self.fold(ident));
        }
        if let Expr::CompoundIdentifier(idents) = expr {
            return idents.last().map(|ident| self.fold(ident));
        }
        if let Expr::Value(value) = expr
            && let Value::Placeholder(name) = &value.value
            && position_of(name).is_some()
        {
            return Some(name.as_str().into());
        }
        None
    }
}

fn is_word(expr: &Expr, word: &str) -> bool {
    let Expr::Identifier(ident) = expr else {
        return false;
    };
    ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case(word)
}

/// A bare number, as in `ORDER BY 2`.
fn position(expr: &Expr) -> Option<usize> {
    let Expr::Value(value) = expr else {
        return None;
    };
    let Value::Number(digits, _) = &value.value else {
        return None;
    };
    digits.parse().ok()
}

/// The number in `$1`.
pub(super) fn position_of(placeholder: &str) -> Option<usize> {
    placeholder.strip_prefix('$')?.parse().ok()
}
