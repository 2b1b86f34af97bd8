//! What becomes of the columns of a batch.
//!
//! A column that stays as it is goes on as the same buffers. A masked one is made anew, never given a
//! new null bitmap over its old values: what lies under a null can still be read.
//!
//! | values | masked | scanned |
//! |---|---|---|
//! | text, JSON text | by the text and JSON methods | each, and by their vote |
//! | numbers | by the number methods; what does not fit the column's width is NULL | whole numbers by their vote |
//! | floating point, dates, timestamps | by their methods | no |
//! | structured values, vectors | NULL as a whole | text inside them; keys of maps too |
//! | anything else | NULL | no; NULL where the type is not known |

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, ArrayRef, RecordBatch, new_null_array};

use super::frame::malformed;
use super::layout::{Layout, Shape};
use super::{numbers, text, timestamps};
use crate::mask::column::{Cells, State};
use crate::mask::content::Content;
use crate::mask::plan::Plan;
use crate::mask::rows::RowsError;

/// What a batch may grow to.
#[derive(Debug)]
pub(super) struct Budget {
    bytes_max: usize,
    left: usize,
}

impl Budget {
    pub(super) const fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            left: bytes_max,
        }
    }

    pub(super) fn take(&mut self, bytes: usize) -> Result<(), RowsError> {
        let left = self.left.checked_sub(bytes);
        self.left = left.ok_or(RowsError::TooLarge(self.bytes_max))?;
        Ok(())
    }

    pub(super) const fn too_large(&self) -> RowsError {
        RowsError::TooLarge(self.bytes_max)
    }
}

/// Masks the columns of a batch. `states` are those of the columns, in order.
pub(super) fn mask(
    plan: &Plan,
    layouts: &[Layout],
    states: &mut [State],
    batch: &RecordBatch,
    bytes_max: usize,
) -> Result<Vec<ArrayRef>, RowsError> {
    let mut budget = Budget::new(bytes_max);
    let known = plan.columns.iter().zip(layouts).zip(states);
    let mut columns = Vec::with_capacity(batch.num_columns());
    for (((column, layout), state), array) in known.zip(batch.columns()) {
        let column = layout.leaf.as_ref().unwrap_or(column);
        let mut cells = Cells::resume(column, &plan.content, std::mem::take(state));
        columns.push(one(&mut cells, &plan.content, layout, array, &mut budget)?);
        *state = cells.pause();
    }
    Ok(columns)
}

fn one(
    cells: &mut Cells<'_>,
    content: &Content,
    layout: &Layout,
    array: &ArrayRef,
    budget: &mut Budget,
) -> Result<ArrayRef, RowsError> {
    if cells.is_clear() {
        return Ok(Arc::clone(array));
    }
    if cells.votes() {
        vote(cells, content.sample(), layout.shape, array)?;
    }
    let is_masked = cells.masking().is_some();
    if is_masked && layout.becomes_text {
        return text::shown(cells, layout.shape, array, budget);
    }
    match layout.shape {
        Shape::Text => text::column(array, budget, &mut |value, to| cells.text(value, to)),
        Shape::Nested if !is_masked => {
            text::nested(array, budget, &mut |value, to| cells.text(value, to))
        }
        // What nobody knows is not passed on while anything is looked for.
        Shape::Opaque | Shape::Nested => Ok(nulls(cells, array)),
        _ if !is_masked => Ok(Arc::clone(array)),
        Shape::Number => numbers::whole(cells, array),
        Shape::Real => numbers::real(cells, array),
        Shape::Date => numbers::date(cells, array),
        Shape::Timestamp(kind) => timestamps::column(cells, kind, array),
        Shape::Decfloat
        | Shape::Boolean
        | Shape::Time
        | Shape::Binary
        | Shape::YearMonth
        | Shape::DayTime => Ok(nulls(cells, array)),
    }
}

/// Nothing of a column but its length and type.
fn nulls(cells: &mut Cells<'_>, array: &ArrayRef) -> ArrayRef {
    if cells.masking().is_some() {
        for _ in array.null_count()..array.len() {
            cells.count_masked();
        }
    }
    new_null_array(array.data_type(), array.len())
}

/// Shows the first values of a batch, before anything of it goes out.
fn vote(
    cells: &mut Cells<'_>,
    sample: usize,
    shape: Shape,
    array: &ArrayRef,
) -> Result<(), RowsError> {
    match shape {
        Shape::Text => {
            let values = array.as_string_opt::<i32>().ok_or(OTHER_TYPE)?;
            cells.vote(&mut values.iter().flatten().take(sample));
        }
        Shape::Number => {
            let values = numbers::first(array, sample)?;
            cells.vote(&mut values.iter().map(String::as_str));
        }
        Shape::Real
        | Shape::Decfloat
        | Shape::Boolean
        | Shape::Date
        | Shape::Time
        | Shape::Timestamp(_)
        | Shape::Binary
        | Shape::YearMonth
        | Shape::DayTime
        | Shape::Nested
        | Shape::Opaque => {}
    }
    Ok(())
}

/// Batches have the types of the schema, and that was looked at; refused all the same.
pub(super) const OTHER_TYPE: RowsError = malformed("a column is of another type than the schema");
