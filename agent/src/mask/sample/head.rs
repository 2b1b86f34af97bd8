//! The first rows of a result as texts, column by column.

use crate::mask::rows::RowsError;
use crate::mask::{arrow, json};
use crate::snowflake::result::Rows;
use crate::snowflake::rowtype::Field;

/// Rows that were read, and how many more are wanted.
#[derive(Debug)]
pub struct Head {
    columns: Vec<Vec<Option<String>>>,
    rows: usize,
    rows_max: usize,
}

impl Head {
    /// Reads rows of some columns, no more of them than are wanted.
    pub(super) fn read(
        rows: Option<Rows<'_>>,
        fields: &[Field],
        rows_max: usize,
    ) -> Result<Self, RowsError> {
        let mut head = Self {
            columns: fields.iter().map(|_| Vec::new()).collect(),
            rows: 0,
            rows_max,
        };
        match rows {
            Some(Rows::Json(json)) => json::head(json, fields, &mut head)?,
            Some(Rows::Base64(json)) => arrow::head(json, fields, &mut head)?,
            None => {}
        }
        Ok(head)
    }

    /// True if no more rows are wanted.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.rows >= self.rows_max
    }

    /// How many more rows are wanted.
    #[must_use]
    pub const fn missing(&self) -> usize {
        self.rows_max.saturating_sub(self.rows)
    }

    /// Each column, for the values of further rows.
    pub fn columns(&mut self) -> impl Iterator<Item = &mut Vec<Option<String>>> {
        self.columns.iter_mut()
    }

    /// Counts rows of which every column has got its values.
    pub const fn count(&mut self, rows: usize) {
        self.rows = self.rows.saturating_add(rows);
    }

    pub(super) const fn rows(&self) -> usize {
        self.rows
    }

    /// The values of a column that are not null.
    pub(super) fn values(&self, column: usize) -> impl Iterator<Item = &str> {
        let values = self.columns.get(column).into_iter().flatten();
        values.filter_map(|value| value.as_deref())
    }

    /// A cell; `None` is null.
    pub(super) fn cell(&self, column: usize, row: usize) -> Option<&str> {
        self.columns.get(column)?.get(row)?.as_deref()
    }
}
