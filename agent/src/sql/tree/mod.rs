//! What the syntax tree of one statement says: objects, columns, functions, predicates, lineage.
//!
//! ```text
//! statement ─► query ─► from ─► relation (catalog, view definitions)
//!     │          │        └──► table function (FLATTEN, RESULT_SCAN …)
//!     │          ├─► select ─► star, aliases
//!     └──────────┴─► expr ─► call
//! ```
//!
//! Taint first: every name in an expression counts as a source of its value, whatever the
//! expression does with it. Where a name can mean several things it means all of them. What is not
//! known is unknown, never clean.
//!
//! The matches over the parser's enums have no wildcard: a parser that learns a new expression does
//! not compile until someone has decided about it.

mod call;
mod copy;
mod dml;
mod expr;
mod from;
mod join;
mod names;
mod pivot;
mod query;
mod relation;
mod resolve;
mod scope;
mod select;
mod shape;
mod star;
mod statement;
mod table_function;
mod taint;
mod writes;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use sqlparser::ast::{Ident, Statement};

use super::context::{Context, SessionState};
use super::facts::{Access, Column, Effect, Lineage, ObjectKind, Output, Sources};
use super::name::{ObjectName, fold};
use super::writes::Writes;
use scope::Scope;
use shape::Shape;
use taint::{Gather, Pool, Taint};

/// What was found in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Every object with its part; effects without an object are on the account.
    pub(super) accesses: BTreeSet<Access>,
    pub(super) functions: BTreeSet<String>,
    pub(super) columns: BTreeSet<Column>,
    pub(super) predicates: BTreeSet<Column>,
    pub(super) lineage: Lineage,
    /// Tables and views that the catalog does not know. A source that is a column of one of these
    /// may stand for others: the table may be a view.
    pub(super) missing: BTreeSet<ObjectName>,
    pub(super) writes: Writes,
}

/// Walks queries and everything that holds a query or moves rows; `None` for statements that are
/// told by their words alone.
pub(super) fn walk(statement: &Statement, context: &Context) -> Option<Found> {
    let mut walker = Walker::new(context);
    let yields = walker.statement(statement, &Scope::default())?;
    Some(walker.finish(&yields))
}

/// What a statement returns.
#[derive(Debug)]
enum Yield {
    /// Row counts, status texts.
    NoData,
    Rows(Rc<Shape>),
    Unknown(&'static str),
}

/// Gathers the facts of one statement.
#[derive(Debug)]
struct Walker<'c> {
    context: &'c Context,
    /// The session's, or what a view's definition has instead.
    session: Arc<SessionState>,
    pool: Pool,
    accesses: BTreeSet<Access>,
    functions: BTreeSet<String>,
    missing: BTreeSet<ObjectName>,
    /// Shapes of tables and views; `None` for a view that is being walked.
    relations: HashMap<ObjectName, Option<Rc<Shape>>>,
    /// What decides about the rows of the query that is being walked.
    deciders: Gather,
    /// How many view definitions are being walked: they add no facts but lineage, because their
    /// owner's rights and choices are in them.
    views_open: usize,
    views_walked: usize,
    /// References to later aliases that are being followed.
    forward: usize,
    /// Expressions walked, to bound what is walked again and again.
    steps: usize,
    touches_everything: bool,
    everything_decides: bool,
    written: Writes,
}

/// Recursive queries and chains of aliases are walked again until nothing changes, as long as no
/// more expressions than this were walked in all: some tens of milliseconds. Past it they are
/// unknown. A text that the limits of the lexer let through has at most 50,000.
const STEPS_MAX: usize = 200_000;

impl<'c> Walker<'c> {
    fn new(context: &'c Context) -> Self {
        Self {
            context,
            session: Arc::clone(&context.session),
            pool: Pool::default(),
            accesses: BTreeSet::new(),
            functions: BTreeSet::new(),
            missing: BTreeSet::new(),
            relations: HashMap::new(),
            deciders: Gather::default(),
            views_open: 0,
            views_walked: 0,
            forward: 0,
            steps: 0,
            touches_everything: false,
            everything_decides: false,
            written: Writes::new(),
        }
    }

    fn is_exhausted(&self) -> bool {
        self.steps > STEPS_MAX
    }

    fn is_view(&self) -> bool {
        self.views_open > 0
    }

    fn access(&mut self, effect: Effect, kind: ObjectKind, name: ObjectName) {
        if !self.is_view() {
            self.accesses.insert(Access::new(effect, kind, name));
        }
    }

    fn access_account(&mut self, effect: Effect) {
        if !self.is_view() {
            self.accesses.insert(Access::on_account(effect));
        }
    }

    fn fold(&self, ident: &Ident) -> Rc<str> {
        fold(&ident.value, ident.quote_style.is_some(), &self.session).into()
    }

    /// Notes that the text touches these columns.
    fn touch(&mut self, taint: &Taint) {
        if !self.is_view() {
            self.pool.touch(taint.ids());
            self.touches_everything |= taint.everything;
        }
    }

    /// Notes that these columns decide about rows.
    fn decide(&mut self, taint: &Taint) {
        if !self.is_view() {
            self.pool.decide(taint);
            self.everything_decides |= taint.everything;
        }
        self.deciders.add(taint);
    }

    fn finish(mut self, yields: &Yield) -> Found {
        let lineage = match yields {
            Yield::NoData => Lineage::NoData,
            Yield::Unknown(reason) => Lineage::Unknown((*reason).to_owned()),
            Yield::Rows(shape) => self.lineage(shape),
        };
        if self.touches_everything {
            self.pool.touch_all();
        }
        let columns: BTreeSet<Column> = self.pool.touched().collect();
        let predicates = if self.everything_decides {
            columns.clone()
        } else {
            self.pool.deciding().collect()
        };
        Found {
            accesses: self.accesses,
            functions: self.functions,
            columns,
            predicates,
            lineage,
            missing: self.missing,
            writes: self.written,
        }
    }

    fn lineage(&mut self, shape: &Shape) -> Lineage {
        if let Some(reason) = shape.obscurity(&self.pool) {
            let mut row = Gather::default();
            shape.row(&mut self.pool, &mut row);
            if row.finish() == Taint::clean() {
                return Lineage::NoData;
            }
            return Lineage::Unknown(reason.as_ref().to_owned());
        }
        let outputs = shape.outputs.iter().map(|output| Output {
            name: output.name.as_deref().map(str::to_owned),
            sources: self.sources(&output.taint),
        });
        Lineage::Columns(outputs.collect())
    }

    fn sources(&self, taint: &Taint) -> Sources {
        if let Some(reason) = &taint.unknown {
            return Sources::Unknown(reason.as_ref().to_owned());
        }
        let columns = taint.ids().iter();
        Sources::Known(columns.filter_map(|id| self.pool.describe(*id)).collect())
    }
}
