//! Expressions: everything that they name is a source of their value.

use std::rc::Rc;

use sqlparser::ast::{
    AccessExpr, Array, CaseWhen, DictionaryField, Expr, Ident, Interval, JsonPath, JsonPathElem,
    LambdaFunction, Map, MapEntry, MemberOf, OneOrManyWithParens, Query, Subscript, Value,
    WindowFrame, WindowFrameBound, WindowSpec, WindowType,
};

use super::Walker;
use super::scope::Scope;
use super::select::position_of;
use super::shape::Hit;
use super::taint::{Gather, Taint};
use crate::sql::facts::{Effect, ObjectKind};
use crate::sql::name::ObjectName;

/// References to later aliases that are followed into each other.
const FORWARD_MAX: usize = 8;

impl Walker<'_> {
    /// Finds where the value of an expression comes from.
    pub(super) fn value(&mut self, expr: &Expr, scope: &Scope<'_>) -> Taint {
        let mut gather = Gather::default();
        self.expr(expr, scope, &mut gather);
        gather.finish()
    }

    /// Walks an expression that decides about rows or values.
    pub(super) fn condition(&mut self, expr: &Expr, scope: &Scope<'_>) -> Taint {
        let taint = self.value(expr, scope);
        self.decide(&taint);
        taint
    }

    /// Adds what an expression's value comes from.
    ///
    /// Chains lean to the left and are as long as the text: they are walked in a loop, because
    /// recursion would need a stack as deep as the chain.
    #[expect(
        clippy::too_many_lines,
        reason = "one flat table that must name every expression"
    )]
    pub(super) fn expr(&mut self, expr: &Expr, scope: &Scope<'_>, gather: &mut Gather) {
        let mut next = Some(expr);
        while let Some(expr) = next.take() {
            self.steps += 1;
            match expr {
                Expr::Identifier(ident) => self.identifier(ident, scope, gather),
                Expr::CompoundIdentifier(idents) => self.compound(idents, scope, gather),
                Expr::Value(value) => self.literal_value(&value.value, scope, gather),
                Expr::TypedString(_) => {}

                Expr::Nested(inner)
                | Expr::IsFalse(inner)
                | Expr::IsNotFalse(inner)
                | Expr::IsTrue(inner)
                | Expr::IsNotTrue(inner)
                | Expr::IsNull(inner)
                | Expr::IsNotNull(inner)
                | Expr::IsUnknown(inner)
                | Expr::IsNotUnknown(inner)
                | Expr::IsJson { expr: inner, .. }
                | Expr::IsNormalized { expr: inner, .. }
                | Expr::UnaryOp { expr: inner, .. }
                | Expr::Cast { expr: inner, .. }
                | Expr::Extract { expr: inner, .. }
                | Expr::Ceil { expr: inner, .. }
                | Expr::Floor { expr: inner, .. }
                | Expr::Collate { expr: inner, .. }
                | Expr::Prefixed { value: inner, .. }
                | Expr::Named { expr: inner, .. }
                | Expr::OuterJoin(inner)
                | Expr::Prior(inner) => next = Some(inner),

                Expr::BinaryOp { left, right, .. }
                | Expr::IsDistinctFrom(left, right)
                | Expr::IsNotDistinctFrom(left, right)
                | Expr::AnyOp { left, right, .. }
                | Expr::AllOp { left, right, .. } => {
                    self.expr(right, scope, gather);
                    next = Some(left);
                }
                Expr::AtTimeZone {
                    timestamp,
                    time_zone,
                } => {
                    self.expr(time_zone, scope, gather);
                    next = Some(timestamp);
                }
                Expr::RLike { expr, pattern, .. } => {
                    self.expr(pattern, scope, gather);
                    next = Some(expr);
                }
                Expr::InUnnest {
                    expr, array_expr, ..
                } => {
                    self.expr(array_expr, scope, gather);
                    next = Some(expr);
                }
                Expr::Position { expr, r#in } => {
                    self.expr(r#in, scope, gather);
                    next = Some(expr);
                }
                Expr::MemberOf(MemberOf { value, array }) => {
                    self.expr(array, scope, gather);
                    next = Some(value);
                }
                Expr::Between {
                    expr, low, high, ..
                } => {
                    self.expr(low, scope, gather);
                    self.expr(high, scope, gather);
                    next = Some(expr);
                }
                Expr::Like {
                    expr,
                    pattern,
                    escape_char,
                    ..
                }
                | Expr::ILike {
                    expr,
                    pattern,
                    escape_char,
                    ..
                }
                | Expr::SimilarTo {
                    expr,
                    pattern,
                    escape_char,
                    ..
                } => {
                    self.expr(pattern, scope, gather);
                    self.optional(escape_char.as_deref(), scope, gather);
                    next = Some(expr);
                }
                Expr::InList { expr, list, .. } => {
                    self.exprs(list, scope, gather);
                    next = Some(expr);
                }
                Expr::InSubquery { expr, subquery, .. } => {
                    self.subquery(subquery, scope, gather);
                    next = Some(expr);
                }
                Expr::Convert { expr, styles, .. } => {
                    self.exprs(styles, scope, gather);
                    next = Some(expr);
                }
                Expr::Substring {
                    expr,
                    substring_from,
                    substring_for,
                    ..
                } => {
                    self.optional(substring_from.as_deref(), scope, gather);
                    self.optional(substring_for.as_deref(), scope, gather);
                    next = Some(expr);
                }
                Expr::Trim {
                    expr,
                    trim_what,
                    trim_characters,
                    ..
                } => {
                    self.optional(trim_what.as_deref(), scope, gather);
                    self.exprs(
                        trim_characters.as_deref().unwrap_or_default(),
                        scope,
                        gather,
                    );
                    next = Some(expr);
                }
                Expr::Overlay {
                    expr,
                    overlay_what,
                    overlay_from,
                    overlay_for,
                } => {
                    self.expr(overlay_what, scope, gather);
                    self.expr(overlay_from, scope, gather);
                    self.optional(overlay_for.as_deref(), scope, gather);
                    next = Some(expr);
                }
                Expr::JsonAccess { value, path } => {
                    self.path(path, scope, gather);
                    next = Some(value);
                }
                Expr::CompoundFieldAccess { root, access_chain } => {
                    self.fields(access_chain, scope, gather);
                    next = Some(root);
                }
                Expr::Function(function) => self.call(function, scope, gather),
                Expr::Case {
                    operand,
                    conditions,
                    else_result,
                    ..
                } => self.case(
                    operand.as_deref(),
                    conditions,
                    else_result.as_deref(),
                    scope,
                    gather,
                ),
                Expr::Exists { subquery, .. } | Expr::Subquery(subquery) => {
                    self.subquery(subquery, scope, gather);
                }
                Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets) => {
                    for set in sets {
                        self.exprs(set, scope, gather);
                    }
                }
                Expr::Tuple(items)
                | Expr::Struct { values: items, .. }
                | Expr::Array(Array { elem: items, .. }) => self.exprs(items, scope, gather),
                Expr::Dictionary(fields) => {
                    for DictionaryField { key: _, value } in fields {
                        self.expr(value, scope, gather);
                    }
                }
                Expr::Map(Map { entries }) => {
                    for MapEntry { key, value } in entries {
                        self.expr(key, scope, gather);
                        self.expr(value, scope, gather);
                    }
                }
                Expr::Interval(Interval { value, .. }) => next = Some(value),
                Expr::MatchAgainst { columns, .. } => {
                    for column in columns {
                        let parts = self.parts(column).unwrap_or_default();
                        let parts: Vec<Rc<str>> = parts.into_iter().map(Rc::from).collect();
                        self.path_of_names(&parts, scope, gather);
                    }
                }
                Expr::Wildcard(_) => self.whole_row(None, scope, gather),
                Expr::QualifiedWildcard(name, _) => {
                    let parts = self.parts(name).unwrap_or_default();
                    let parts: Vec<Rc<str>> = parts.into_iter().map(Rc::from).collect();
                    self.whole_row(Some(&parts), scope, gather);
                }
                Expr::Lambda(lambda) => self.lambda(lambda, &Taint::clean(), scope, gather),
            }
        }
    }

    pub(super) fn exprs(&mut self, exprs: &[Expr], scope: &Scope<'_>, gather: &mut Gather) {
        for expr in exprs {
            self.expr(expr, scope, gather);
        }
    }

    pub(super) fn optional(&mut self, expr: Option<&Expr>, scope: &Scope<'_>, gather: &mut Gather) {
        if let Some(expr) = expr {
            self.expr(expr, scope, gather);
        }
    }

    /// A query as a value tells what it returns and what decides about that.
    pub(super) fn subquery(&mut self, query: &Query, scope: &Scope<'_>, gather: &mut Gather) {
        let outside = std::mem::take(&mut self.deciders);
        let shape = self.query(query, scope);
        let deciders = std::mem::replace(&mut self.deciders, outside).finish();
        shape.row(&mut self.pool, gather);
        gather.add(&deciders);
    }

    /// The result tells which condition was met.
    fn case(
        &mut self,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
        scope: &Scope<'_>,
        gather: &mut Gather,
    ) {
        let whens = conditions.iter().map(|when| &when.condition);
        for condition in operand.into_iter().chain(whens) {
            let taint = self.condition(condition, scope);
            gather.add(&taint);
        }
        for result in conditions.iter().map(|when| &when.result).chain(otherwise) {
            self.expr(result, scope, gather);
        }
    }

    fn path(&mut self, path: &JsonPath, scope: &Scope<'_>, gather: &mut Gather) {
        for element in &path.path {
            match element {
                JsonPathElem::Dot { .. } => {}
                JsonPathElem::Bracket { key } | JsonPathElem::ColonBracket { key } => {
                    self.expr(key, scope, gather);
                }
            }
        }
    }

    fn fields(&mut self, chain: &[AccessExpr], scope: &Scope<'_>, gather: &mut Gather) {
        for access in chain {
            match access {
                // The name of a field, not of a column.
                AccessExpr::Dot(Expr::Identifier(_)) => {}
                AccessExpr::Dot(expr) => self.expr(expr, scope, gather),
                AccessExpr::Subscript(Subscript::Index { index }) => {
                    self.expr(index, scope, gather);
                }
                AccessExpr::Subscript(Subscript::Slice {
                    lower_bound,
                    upper_bound,
                    stride,
                }) => {
                    for bound in [lower_bound, upper_bound, stride] {
                        self.optional(bound.as_ref(), scope, gather);
                    }
                }
            }
        }
    }

    /// A function of elements: its parameters stand for what is in the other arguments.
    pub(super) fn lambda(
        &mut self,
        lambda: &LambdaFunction,
        elements: &Taint,
        scope: &Scope<'_>,
        gather: &mut Gather,
    ) {
        let mut inside = scope.inner();
        let parameters = match &lambda.params {
            OneOrManyWithParens::One(one) => std::slice::from_ref(one),
            OneOrManyWithParens::Many(many) => many.as_slice(),
        };
        for parameter in parameters {
            let name = self.fold(&parameter.name);
            inside.parameters.push((name, elements.clone()));
        }
        self.expr(&lambda.body, &inside, gather);
    }

    /// What a window is made by decides about the values of its rows.
    pub(super) fn over(&mut self, window: &WindowType, scope: &Scope<'_>, gather: &mut Gather) {
        match window {
            WindowType::NamedWindow(_) => gather.add_unknown("a named window is not followed"),
            WindowType::WindowSpec(spec) => self.window(spec, scope, gather),
        }
    }

    pub(super) fn window(&mut self, spec: &WindowSpec, scope: &Scope<'_>, gather: &mut Gather) {
        if spec.window_name.is_some() {
            gather.add_unknown("a named window is not followed");
        }
        let order = spec.order_by.iter().map(|order| &order.expr);
        for expr in spec.partition_by.iter().chain(order) {
            let taint = self.condition(expr, scope);
            gather.add(&taint);
        }
        let Some(WindowFrame {
            units: _,
            start_bound,
            end_bound,
        }) = &spec.window_frame
        else {
            return;
        };
        for bound in std::iter::once(start_bound).chain(end_bound) {
            match bound {
                WindowFrameBound::CurrentRow => {}
                WindowFrameBound::Preceding(distance) | WindowFrameBound::Following(distance) => {
                    self.optional(distance.as_deref(), scope, gather);
                }
            }
        }
    }

    fn literal_value(&mut self, value: &Value, scope: &Scope<'_>, gather: &mut Gather) {
        let Value::Placeholder(name) = value else {
            return;
        };
        if let Some(position) = position_of(name) {
            self.positional(position, scope, gather);
        } else if let Some(variable) = name.strip_prefix('$') {
            self.variable(&variable.to_uppercase(), gather);
        }
        // `?` and `:1` are the client's own values; `:name` is a variable of a block.
        let bound = name.strip_prefix(':');
        if bound.is_some_and(|name| !name.chars().all(|c| c.is_ascii_digit())) {
            gather.add_unknown(format!("the value of `{name}` is not known"));
        }
    }

    /// A variable can hold what an earlier statement read.
    pub(super) fn variable(&self, name: &str, gather: &mut Gather) {
        let known = self.session.variables.get(name);
        if !known.is_some_and(Option::is_some) {
            gather.add_unknown(format!("the value of the variable `${name}` is not known"));
        }
    }

    fn positional(&mut self, position: usize, scope: &Scope<'_>, gather: &mut Gather) {
        let mut local = Gather::default();
        let mut at = Some(scope);
        while let Some(scope) = at {
            if let [only] = scope.bindings.as_slice() {
                only.shape.at(position, &mut self.pool, &mut local);
                break;
            }
            // Whether it counts in each relation or across them is not documented.
            for binding in &scope.bindings {
                binding.shape.row(&mut self.pool, &mut local);
            }
            if !scope.bindings.is_empty() {
                break;
            }
            at = scope.outer;
        }
        if at.is_none() {
            local.add_unknown(format!(
                "there is no relation that `${position}` is a column of"
            ));
        }
        self.settle(local, gather);
    }

    fn identifier(&mut self, ident: &Ident, scope: &Scope<'_>, gather: &mut Gather) {
        let name = self.fold(ident);
        self.name(&name, scope, gather);
    }

    /// Adds everything that an unqualified name can mean.
    pub(super) fn name(&mut self, name: &Rc<str>, scope: &Scope<'_>, gather: &mut Gather) {
        let mut local = Gather::default();
        let mut best = Hit::No;
        let mut at = Some(scope);
        while let Some(scope) = at {
            for (parameter, taint) in &scope.parameters {
                if parameter == name {
                    local.add(taint);
                    best = best.max(Hit::Perhaps);
                }
            }
            let mut hit = scope.column(name, &mut self.pool, &mut local);
            if self.alias(name, scope, hit, &mut local) {
                hit = Hit::Certain;
            }
            if hit == Hit::No && scope.hierarchical && is_hierarchical(name) {
                hit = Hit::Certain;
            }
            best = best.max(hit);
            if best == Hit::Certain {
                break;
            }
            at = scope.outer;
        }
        if best == Hit::No {
            self.no_column(name, scope, &mut local);
        }
        self.settle(local, gather);
    }

    /// Adds what the aliases of this name stand for; false if there are none.
    fn alias(&mut self, name: &Rc<str>, scope: &Scope<'_>, hit: Hit, gather: &mut Gather) -> bool {
        let mut found = false;
        for item in scope.aliases.iter().flat_map(|aliases| aliases.of(name)) {
            if let Some(taint) = &*item.taint.borrow() {
                gather.add(taint);
                found = true;
                continue;
            }
            // A later alias, which counts only where there is no such column.
            if hit == Hit::Certain || item.busy.get() {
                continue;
            }
            found = true;
            if self.forward >= FORWARD_MAX || self.is_exhausted() {
                gather.add_unknown("the aliases refer to each other in too many steps");
                continue;
            }
            self.forward += 1;
            item.busy.set(true);
            self.expr(item.expr, scope, gather);
            item.busy.set(false);
            self.forward -= 1;
        }
        found
    }

    fn no_column(&mut self, name: &Rc<str>, scope: &Scope<'_>, gather: &mut Gather) {
        if name.starts_with("METADATA$") {
            // Of a file or of a stream's change, not of a table.
            return;
        }
        let mut at = Some(scope);
        let mut found = false;
        while let Some(scope) = at {
            for binding in scope.qualified(std::slice::from_ref(name)) {
                binding.shape.row(&mut self.pool, gather);
                found = true;
            }
            at = scope.outer;
        }
        if !found {
            gather.add_unknown(format!(
                "no relation in scope is known to have a column `{name}`"
            ));
        }
    }

    fn compound(&mut self, idents: &[Ident], scope: &Scope<'_>, gather: &mut Gather) {
        let names: Vec<Rc<str>> = idents.iter().map(|ident| self.fold(ident)).collect();
        self.path_of_names(&names, scope, gather);
    }

    /// Adds what `a.b.c` can mean: the innermost scope that has a relation of a fitting name
    /// decides, and what follows the column are fields of it.
    pub(super) fn path_of_names(
        &mut self,
        names: &[Rc<str>],
        scope: &Scope<'_>,
        gather: &mut Gather,
    ) {
        let mut local = Gather::default();
        let mut at = Some(scope);
        let mut found = false;
        while let Some(scope) = at {
            for (parameter, taint) in &scope.parameters {
                if names.first() == Some(parameter) {
                    local.add(taint);
                }
            }
            for length in 1..names.len().min(4) {
                let Some((qualifier, rest)) = names.split_at_checked(length) else {
                    continue;
                };
                let Some(column) = rest.first() else { continue };
                for binding in scope.qualified(qualifier) {
                    found = true;
                    if let Some(position) = position_of(column) {
                        binding.shape.at(position, &mut self.pool, &mut local);
                        continue;
                    }
                    let hit = binding.shape.find(column, &mut self.pool, &mut local);
                    if hit == Hit::No && !column.starts_with("METADATA$") {
                        local
                            .add_unknown(format!("there is no column `{column}` where it is read"));
                    }
                }
            }
            if found {
                break;
            }
            at = scope.outer;
        }
        let last = names.last().map(|last| &**last);
        if !found && matches!(last, Some("NEXTVAL" | "CURRVAL")) {
            self.sequence(names);
        } else if !found && let Some(first) = names.first() {
            // Fields of a column or of a lambda's parameter.
            self.name(first, scope, &mut local);
        }
        self.settle(local, gather);
    }

    fn sequence(&mut self, names: &[Rc<str>]) {
        let parts = names.split_last().map(|(_, parts)| parts);
        let parts = parts.unwrap_or_default().iter();
        let name = ObjectName::new(parts.map(|part| part.to_string()).collect());
        if let Some(name) = name {
            let name = name.resolve(ObjectKind::Object.depth(), &self.session);
            self.access(Effect::Read, ObjectKind::Object, name);
        }
    }

    /// Adds every column of the relations that are meant by `*` or `t.*`.
    pub(super) fn whole_row(
        &mut self,
        qualifier: Option<&[Rc<str>]>,
        scope: &Scope<'_>,
        gather: &mut Gather,
    ) {
        let mut local = Gather::default();
        let mut at = Some(scope);
        let mut found = false;
        while let Some(scope) = at {
            match qualifier {
                Some(qualifier) => {
                    for binding in scope.qualified(qualifier) {
                        binding.shape.row(&mut self.pool, &mut local);
                        found = true;
                    }
                }
                None => {
                    for binding in &scope.bindings {
                        binding.shape.row(&mut self.pool, &mut local);
                        found = true;
                    }
                }
            }
            if found {
                break;
            }
            at = scope.outer;
        }
        if !found {
            local.add_unknown("`*` names no relation in scope");
        }
        self.settle(local, gather);
    }

    /// Notes what a name was found to touch, and adds it.
    fn settle(&mut self, local: Gather, gather: &mut Gather) {
        let taint = local.finish();
        self.touch(&taint);
        gather.add(&taint);
    }
}

/// The columns that only a hierarchical query has.
fn is_hierarchical(name: &str) -> bool {
    matches!(name, "LEVEL" | "CONNECT_BY_ISLEAF" | "CONNECT_BY_ISCYCLE")
}
