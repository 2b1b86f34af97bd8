//! Where the values come from that a statement writes.

use std::rc::Rc;

use super::Walker;
use super::names::Named;
use super::shape::Shape;
use super::taint::{Gather, Taint};
use crate::sql::name::ObjectName;

/// The table that is written, and which columns of it, in the order of the values.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) tables: Vec<ObjectName>,
    pub(super) columns: Vec<Rc<str>>,
}

impl Target {
    pub(super) fn of(named: &Named, columns: Vec<Rc<str>>) -> Self {
        let tables = match named {
            Named::Objects(tables) => tables.clone(),
            Named::Stage(_)
            | Named::OwnStage
            | Named::Location
            | Named::Cte(_)
            | Named::Dynamic => Vec::new(),
        };
        Self { tables, columns }
    }
}

impl Walker<'_> {
    /// Notes that rows go into a table, column by column as far as it is known which is which.
    pub(super) fn writes_rows(&mut self, target: &Target, rows: &Shape) {
        if !rows.is_closed() {
            let mut row = Gather::default();
            rows.row(&mut self.pool, &mut row);
            if let Some(reason) = rows.obscurity(&self.pool) {
                row.add_unknown(reason);
            }
            return self.writes(target, None, &row.finish());
        }
        self.writes(target, None, &Taint::clean());
        for (at, output) in rows.outputs.iter().enumerate() {
            let column = match target.columns.is_empty() {
                true => output.name.as_deref(),
                false => target.columns.get(at).map(|column| &**column),
            };
            self.writes(target, column, &output.taint);
        }
    }

    /// Notes that a value goes into a column; without one into any.
    pub(super) fn writes(&mut self, target: &Target, column: Option<&str>, taint: &Taint) {
        if self.is_view() {
            return;
        }
        let sources = self.sources(taint);
        for table in &target.tables {
            let written = self.written.entry(table.clone()).or_default();
            let is_constant = *taint == Taint::clean();
            if !is_constant {
                written.add(column.map(str::to_owned), sources.clone());
            }
        }
    }
}
