//! Calls of functions: what they need, and what their values come from.

use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments,
    HavingBound, Ident, ListAggOnOverflow,
};

use super::Walker;
use super::names::Named;
use super::scope::Scope;
use super::taint::Gather;
use crate::sql::facts::{Effect, ObjectKind};
use crate::sql::functions::{Class, class, is_date_part, takes_date_part};

/// Whose function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Callee {
    BuiltIn(Class),
    /// A model function by its whole name: `SNOWFLAKE.CORTEX.…`.
    Model,
    User,
}

impl Walker<'_> {
    /// Walks a call in an expression.
    pub(super) fn call(&mut self, function: &Function, scope: &Scope<'_>, gather: &mut Gather) {
        let parts = self.parts(&function.name);
        let name = match parts.as_deref() {
            Some([name]) => name.clone(),
            Some(_) | None => String::new(),
        };
        if name == "IDENTIFIER" {
            self.identifier_column(function, scope, gather);
            return;
        }
        let callee = self.callee(parts.as_deref());
        self.needs(callee, parts, ObjectKind::Function);
        self.arguments(&name, function, scope, gather);
        match callee {
            Callee::BuiltIn(Class::Variable) => self.variable_call(function, gather),
            Callee::BuiltIn(class) if class.is_pure() => {}
            Callee::Model => {}
            Callee::BuiltIn(_) => {
                gather.add_unknown(format!("`{name}` tells more than its arguments"));
            }
            Callee::User => {
                gather.add_unknown(format!("`{}` can return anything", function.name));
            }
        }
    }

    /// Tells whose function a name is.
    pub(super) fn callee(&self, parts: Option<&[String]>) -> Callee {
        match parts {
            Some([name]) => class(name).map_or(Callee::User, Callee::BuiltIn),
            Some([database, schema, _]) if database == "SNOWFLAKE" && schema == "CORTEX" => {
                Callee::Model
            }
            Some([schema, _])
                if schema == "CORTEX" && self.session.database.as_deref() == Some("SNOWFLAKE") =>
            {
                Callee::Model
            }
            Some(_) | None => Callee::User,
        }
    }

    /// Takes the accesses that a call needs.
    pub(super) fn needs(&mut self, callee: Callee, parts: Option<Vec<String>>, kind: ObjectKind) {
        match callee {
            Callee::BuiltIn(class) => {
                if let Some(name) = parts.as_deref().and_then(<[String]>::last) {
                    self.calls(name.clone());
                    let known = name.starts_with("SYSTEM$") || !name.starts_with("AI_");
                    if !known && !crate::sql::functions::is_listed(name) {
                        // A user's function can have such a name.
                        let named = self.candidates(vec![name.clone()]);
                        self.access_named(Effect::Execute, kind, &named);
                    }
                }
                if let Some(effect) = class.effect() {
                    self.access_account(effect);
                }
            }
            Callee::Model => {
                self.calls(parts.unwrap_or_default().join("."));
                self.access_account(Effect::Ai);
            }
            Callee::User => {
                let named = parts.map_or(Named::Dynamic, |parts| self.candidates(parts));
                if let Named::Objects(names) = &named {
                    for name in names {
                        self.calls(name.to_string());
                    }
                }
                self.access_named(Effect::Execute, kind, &named);
            }
        }
    }

    fn calls(&mut self, name: String) {
        if !self.is_view() {
            self.functions.insert(name);
        }
    }

    /// `IDENTIFIER('column')` as a value.
    fn identifier_column(&mut self, function: &Function, scope: &Scope<'_>, gather: &mut Gather) {
        let args = match &function.args {
            FunctionArguments::List(list) => list.args.as_slice(),
            FunctionArguments::None | FunctionArguments::Subquery(_) => &[],
        };
        if let Some(names) = self.identifier_argument(args) {
            self.path_of_names(&names, scope, gather);
        } else {
            self.whole_row(None, scope, gather);
            self.access_account(Effect::Opaque);
            gather.add_unknown("`IDENTIFIER` names something that is not known");
        }
    }

    fn variable_call(&mut self, function: &Function, gather: &mut Gather) {
        let argument = first_argument(function).and_then(|argument| self.literal(argument));
        match argument.map(|name| name.to_uppercase()) {
            Some(name) => self.variable(&name, gather),
            None => gather.add_unknown("which variable is read is not known"),
        }
    }

    /// Walks everything in a call besides its name.
    pub(super) fn arguments(
        &mut self,
        name: &str,
        function: &Function,
        scope: &Scope<'_>,
        gather: &mut Gather,
    ) {
        let Function {
            name: _,
            uses_odbc_syntax: _,
            parameters,
            args,
            filter,
            null_treatment: _,
            over,
            within_group,
        } = function;
        self.argument_list(name, parameters, scope, gather);
        self.argument_list(name, args, scope, gather);
        for order in within_group {
            let taint = self.condition(&order.expr, scope);
            gather.add(&taint);
        }
        if let Some(filter) = filter {
            let taint = self.condition(filter, scope);
            gather.add(&taint);
        }
        if let Some(over) = over {
            self.over(over, scope, gather);
        }
    }

    fn argument_list(
        &mut self,
        name: &str,
        arguments: &FunctionArguments,
        scope: &Scope<'_>,
        gather: &mut Gather,
    ) {
        let list = match arguments {
            FunctionArguments::None => return,
            FunctionArguments::Subquery(query) => return self.subquery(query, scope, gather),
            FunctionArguments::List(list) => list,
        };
        self.plain_arguments(name, &list.args, scope, gather);
        for clause in &list.clauses {
            match clause {
                FunctionArgumentClause::Where(expr)
                | FunctionArgumentClause::Limit(expr)
                | FunctionArgumentClause::Having(HavingBound(_, expr)) => {
                    let taint = self.condition(expr, scope);
                    gather.add(&taint);
                }
                FunctionArgumentClause::OrderBy(orders) => {
                    for order in orders {
                        let taint = self.condition(&order.expr, scope);
                        gather.add(&taint);
                    }
                }
                FunctionArgumentClause::OnOverflow(ListAggOnOverflow::Truncate {
                    filler, ..
                }) => self.optional(filler.as_deref(), scope, gather),
                FunctionArgumentClause::OnOverflow(ListAggOnOverflow::Error)
                | FunctionArgumentClause::IgnoreOrRespectNulls(_)
                | FunctionArgumentClause::Separator(_)
                | FunctionArgumentClause::JsonNullClause(_)
                | FunctionArgumentClause::JsonReturningClause(_) => {}
            }
        }
    }

    /// Walks arguments; the elements that a lambda sees are those of all the others.
    pub(super) fn plain_arguments(
        &mut self,
        name: &str,
        args: &[FunctionArg],
        scope: &Scope<'_>,
        gather: &mut Gather,
    ) {
        let words = args.iter().enumerate();
        let words = words.filter(|(at, argument)| date_part(name, *at, argument).is_some());
        // `TRUNC` takes a number of digits where it takes a part, and `DATE_TRUNC` its arguments in
        // either order.
        let is_certain = words.count() == 1 && name != "TRUNC";
        let mut lambdas = Vec::new();
        let mut elements = Gather::default();
        for (at, argument) in args.iter().enumerate() {
            if let Some(word) = date_part(name, at, argument) {
                self.date_part(word, is_certain, scope, &mut elements);
                continue;
            }
            let value = match argument {
                FunctionArg::Unnamed(value) | FunctionArg::Named { arg: value, .. } => value,
                FunctionArg::ExprNamed { name, arg, .. } => {
                    self.expr(name, scope, &mut elements);
                    arg
                }
            };
            match value {
                FunctionArgExpr::Expr(Expr::Lambda(lambda)) => lambdas.push(lambda),
                FunctionArgExpr::Expr(expr) if decides(name, at) => {
                    let taint = self.condition(expr, scope);
                    elements.add(&taint);
                }
                FunctionArgExpr::Expr(expr) => self.expr(expr, scope, &mut elements),
                // It counts rows, whatever is in them.
                FunctionArgExpr::Wildcard if name == "COUNT" => {}
                FunctionArgExpr::Wildcard => self.whole_row(None, scope, &mut elements),
                FunctionArgExpr::QualifiedWildcard(qualifier) => {
                    let parts = self.parts(qualifier).unwrap_or_default();
                    let parts: Vec<_> = parts.into_iter().map(std::rc::Rc::from).collect();
                    self.whole_row(Some(&parts), scope, &mut elements);
                }
                FunctionArgExpr::WildcardWithOptions(options) => {
                    let mut list = super::select::List::default();
                    self.star(options, scope, &mut list);
                    list.row(&mut self.pool, &mut elements);
                }
            }
        }
        let elements = elements.finish();
        gather.add(&elements);
        for lambda in lambdas {
            self.lambda(lambda, &elements, scope, gather);
        }
    }

    /// A word like `day` where a function takes one is no column, unless there is one.
    fn date_part(
        &mut self,
        word: &Ident,
        is_certain: bool,
        scope: &Scope<'_>,
        gather: &mut Gather,
    ) {
        let name = self.fold(word);
        let mut local = Gather::default();
        for binding in &scope.bindings {
            if binding.shape.is_closed() || !is_certain {
                binding.shape.find(&name, &mut self.pool, &mut local);
            }
        }
        self.settle(local, gather);
    }
}

/// The word that stands where this function takes a part of a date.
fn date_part<'a>(function: &str, at: usize, argument: &'a FunctionArg) -> Option<&'a Ident> {
    let FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(word))) = argument else {
        return None;
    };
    let fits = takes_date_part(function, at) && is_date_part(&word.value.to_uppercase());
    fits.then_some(word)
}

/// The first argument of a call, if it is an expression.
pub(super) fn first_argument(function: &Function) -> Option<&Expr> {
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    match list.args.first()? {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        FunctionArg::Unnamed(_) | FunctionArg::Named { .. } | FunctionArg::ExprNamed { .. } => None,
    }
}

/// True if this argument of a function chooses between the others.
fn decides(name: &str, argument: usize) -> bool {
    match name {
        "IFF" | "NVL2" | "COUNT_IF" => argument == 0,
        "DECODE" | "NULLIF" | "EQUAL_NULL" => true,
        "MAX_BY" | "MIN_BY" => argument == 1,
        _ => false,
    }
}
