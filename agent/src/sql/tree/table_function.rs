//! Functions that return tables.

use std::rc::Rc;

use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator, Value,
};

use super::Walker;
use super::call::{Callee, first_argument};
use super::names::Named;
use super::scope::{Names, Scope};
use super::shape::{Output, Shape};
use super::taint::{Gather, Taint};
use crate::snowflake::QueryId;
use crate::sql::facts::{Effect, Lineage, ObjectKind, Sources};
use crate::sql::functions::Class;

/// What `FLATTEN` returns.
const FLATTENED: [&str; 6] = ["SEQ", "KEY", "PATH", "INDEX", "VALUE", "THIS"];

/// What `SPLIT_TO_TABLE` and `STRTOK_SPLIT_TO_TABLE` return.
const SPLIT: [&str; 3] = ["SEQ", "INDEX", "VALUE"];

impl Walker<'_> {
    /// Walks `TABLE(…)`: a name as a literal, or a call.
    pub(super) fn table_of(&mut self, expr: &Expr, scope: &Scope<'_>) -> (Names, Rc<Shape>) {
        if let Expr::Function(function) = expr {
            if self.parts(&function.name).as_deref() == Some(&["IDENTIFIER".to_owned()])
                && let FunctionArguments::List(list) = &function.args
            {
                let parts = self.identifier_argument(&list.args);
                let parts = parts.map(|parts| parts.iter().map(|it| it.to_string()).collect());
                let named = parts.map_or(Named::Dynamic, |parts| self.candidates(parts));
                return self.readable(&named, scope);
            }
            return (Names::Nothing, self.table_function(function, scope));
        }
        let mut ignored = Gather::default();
        self.expr(expr, scope, &mut ignored);
        let parts = self.literal(expr).and_then(|text| self.spelt(&text));
        let named = parts.map_or(Named::Dynamic, |parts| self.candidates(parts));
        self.readable(&named, scope)
    }

    /// Walks the call of a table function.
    pub(super) fn table_function(&mut self, function: &Function, scope: &Scope<'_>) -> Rc<Shape> {
        let parts = self.parts(&function.name);
        let callee = self.callee(parts.as_deref());
        let mut gather = Gather::default();
        let name = parts.as_deref().and_then(<[String]>::last);
        let name = name.cloned().unwrap_or_default();
        self.arguments(&name, function, scope, &mut gather);
        self.stages_of(function);
        if let Some([.., schema, _]) = parts.as_deref()
            && schema == "INFORMATION_SCHEMA"
            && let Some(Named::Objects(names)) = parts.clone().map(|it| self.candidates(it))
        {
            // They return what the views of this schema do.
            return self.read(names).1;
        }
        self.needs(callee, parts.clone(), ObjectKind::Function);
        if callee == Callee::User {
            // `TABLE(…)` calls procedures, too.
            self.needs(callee, parts, ObjectKind::Procedure);
        }
        let from_arguments = |names: &[&str], gather: Gather| {
            let taint = gather.finish();
            let outputs = names.iter().map(|name| Output {
                name: Some((*name).into()),
                taint: taint.clone(),
            });
            Rc::new(Shape::closed(outputs.collect()))
        };
        match (callee, name.as_str()) {
            (Callee::BuiltIn(_), "FLATTEN") => from_arguments(&FLATTENED, gather),
            (Callee::BuiltIn(_), "SPLIT_TO_TABLE" | "STRTOK_SPLIT_TO_TABLE") => {
                from_arguments(&SPLIT, gather)
            }
            (Callee::BuiltIn(_), "GENERATOR") => Rc::new(Shape::closed(Vec::new())),
            (Callee::BuiltIn(Class::Table), "RESULT_SCAN") => self.result_scan(function),
            (Callee::BuiltIn(_) | Callee::Model | Callee::User, _) => {
                gather.add_unknown(format!("`{name}` can return anything"));
                Rc::new(Shape::any(gather.finish()))
            }
        }
    }

    /// Takes the accesses to stages that are named by text, as in `INFER_SCHEMA`.
    fn stages_of(&mut self, function: &Function) {
        let FunctionArguments::List(list) = &function.args else {
            return;
        };
        for argument in &list.args {
            let (FunctionArg::Named { arg, .. }
            | FunctionArg::ExprNamed { arg, .. }
            | FunctionArg::Unnamed(arg)) = argument;
            let FunctionArgExpr::Expr(expr) = arg else {
                continue;
            };
            let text = self.literal(expr);
            let Some(text) = text.filter(|text| text.starts_with('@')) else {
                continue;
            };
            let named = self.stage(&text);
            self.access_named(Effect::Read, ObjectKind::Stage, &named);
        }
    }

    /// The columns of an earlier result.
    fn result_scan(&mut self, function: &Function) -> Rc<Shape> {
        let id = first_argument(function).and_then(|argument| self.query_id(argument));
        let lineage = id.and_then(|id| self.context.results.lineage(&id));
        let Some(lineage) = lineage else {
            return Rc::new(Shape::unknown("what the earlier result holds is not known"));
        };
        let outputs = match &*lineage {
            Lineage::NoData => return Rc::new(Shape::any(Taint::clean())),
            Lineage::Unknown(reason) => return Rc::new(Shape::unknown(reason.as_str())),
            Lineage::Columns(outputs) => outputs,
        };
        let outputs = outputs.iter().map(|output| {
            let taint = match &output.sources {
                Sources::Unknown(reason) => Taint::unknown(reason.as_str()),
                Sources::Known(columns) => {
                    let mut gather = Gather::default();
                    for column in columns {
                        let table = self.pool.table(&column.table);
                        let name = column.column.as_deref().map(Rc::from);
                        gather.add_id(self.pool.column(table, name));
                    }
                    gather.finish()
                }
            };
            Output {
                name: output.name.as_deref().map(Rc::from),
                taint,
            }
        });
        let outputs = outputs.collect();
        Rc::new(Shape::closed(outputs))
    }

    fn query_id(&self, argument: &Expr) -> Option<QueryId> {
        let Expr::Function(function) = argument else {
            return QueryId::parse(&self.literal(argument)?);
        };
        if self.parts(&function.name)? != ["LAST_QUERY_ID"] {
            return None;
        }
        let offset = match &function.args {
            FunctionArguments::List(list) if !list.args.is_empty() => {
                integer(first_argument(function)?)?
            }
            FunctionArguments::List(_) | FunctionArguments::None => -1,
            FunctionArguments::Subquery(_) => return None,
        };
        self.context.results.last(offset)
    }
}

fn integer(expr: &Expr) -> Option<i64> {
    if let Expr::UnaryOp {
        op: UnaryOperator::Minus,
        expr,
    } = expr
    {
        return integer(expr)?.checked_neg();
    }
    let Expr::Value(value) = expr else {
        return None;
    };
    let Value::Number(digits, _) = &value.value else {
        return None;
    };
    digits.parse().ok()
}
