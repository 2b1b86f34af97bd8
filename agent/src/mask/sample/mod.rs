//! The first rows of a result, for the record.
//!
//! A recording outlives the rights under which it was made, and is read by others: it says of a cell
//! what the client saw, or less.
//!
//! | the client saw | recorded |
//! |---|---|
//! | the value, which no label hides from anyone | the value |
//! | NULL, where the column is not masked | null |
//! | what masking made of it, NULL too | that, as masked |
//! | by right, a value of a labelled column | `[unmasked:LABEL]`, as masked; NULL is not told apart |
//! | by right, a text in which detectors of a label find something | the text with `[unmasked:LABEL]` in place of each find, as masked |
//! | a key, token or password in a text, whether any label is for such or none | the same with `[unmasked:secret]` |
//!
//! Where several labels meet, the one counts that would mask for who sees none of them. A column of
//! numbers or short texts that detectors take for a label by most of its values is a labelled one.
//! Other than secrets, what no label is for is recorded as it is.
//!
//! Values that a method only generalises stand for themselves where they were general before: in a
//! cell that detectors found, such a one is recorded like any that did not change.
//!
//! Why there are fewer rows than the result has ([`Table::cut`]):
//!
//! | | |
//! |---|---|
//! | `rows` | no more are wanted |
//! | `bytes` | no more fit, or not every column does; also where all rows are there and a cell is cut |
//! | `chunks` | the rest is not in the answer: who fetches a chunk has an entry of its own, without rows |
//! | `unreadable` | the rows cannot be read, or are fewer than the answer says |
//!
//! Rows that were masked were read for it, so those that cannot be read are rows that nothing had to
//! be masked in: the client got them as they came. Their columns and their number are recorded all the
//! same, and that they are missing can be searched for.

mod finds;
mod head;
mod room;
mod view;

use std::borrow::Cow;

use self::finds::{Finds, SECRETS, marks};
pub use self::head::Head;
use self::room::{CELL_BYTES_MAX, Room, cut};
use self::view::{How, View};
use super::content::Content;
use super::masks::Masks;
use super::plan::{self, Plan};
use super::rows::RowsError;
use crate::record::told::{Cell, Column, Table};
use crate::snowflake::result::Rows;
use crate::snowflake::rowtype::{Field, Type};

/// How much of a result is recorded.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub rows_max: usize,
    /// Of the rows as JSON.
    pub bytes_max: usize,
}

/// The names and types of all columns together, as JSON: some thousand of them. With the rows they must
/// leave room for the rest of a frame.
const COLUMNS_BYTES_MAX: usize = 256 << 10;

/// A result as it goes to the client.
#[derive(Clone, Copy, Debug)]
pub struct Returned<'a> {
    /// Its columns, as the client reads them.
    pub fields: &'a [Field],
    pub shown: Option<Rows<'a>>,
    /// The same rows as they came, where they differ: a JSON value of the same kind.
    pub original: Option<&'a [u8]>,
    /// The number of these rows, and that of the whole result.
    pub inline: u64,
    pub of: u64,
}

/// The first rows of a result; `None` if none are wanted.
#[must_use]
pub fn table(plan: &Plan, masks: &Masks, returned: &Returned<'_>, limits: Limits) -> Option<Table> {
    if limits.rows_max == 0 {
        return None;
    }
    let marks = marks(plan, masks);
    let mut table = Table {
        of: returned.of,
        ..Table::default()
    };
    let mut room = Room::new(COLUMNS_BYTES_MAX);
    let mut views = Vec::with_capacity(plan.columns.len());
    for (at, (column, field)) in plan.columns.iter().zip(returned.fields).enumerate() {
        let view = View::of(column, plan, masks, marks.as_ref());
        let told = Column {
            name: name(plan, at, field, marks.as_ref()),
            kind: field.kind.name().to_owned(),
            labels: view.labels.iter().map(ToString::to_string).collect(),
        };
        if !room.takes(&told) {
            break;
        }
        table.columns.push(told);
        views.push(view);
    }
    let filled = if returned.fields.len() != plan.columns.len() {
        Err(RowsError::Shape)
    } else if views.len() == plan.columns.len() {
        let marks = marks.as_ref();
        fill(&mut table, &mut views, (plan, marks), returned, limits)
    } else {
        Ok(Some(BYTES))
    };
    let why = filled.unwrap_or(Some(UNREADABLE));
    table.cut = why.map(str::to_owned);
    Some(table)
}

/// A column's name as the client got it, but for what it got by right.
fn name(plan: &Plan, at: usize, field: &Field, marks: Option<&Content>) -> String {
    let is_shown = plan.columns.get(at).is_some_and(|it| it.cleared.is_some());
    if plan.hides_names && is_shown {
        // It may be a value, and who sees no label is told the number.
        return plan::numbered(at);
    }
    let mut name = Cow::Borrowed(field.name.as_str());
    for content in marks.into_iter().chain([&*SECRETS]) {
        let hint = content.scanner().hint("");
        if let Some(finds) = Finds::of(content, Type::Text, &hint, &name) {
            name = Cow::Owned(finds.marked);
        }
    }
    cut(&name).into_owned()
}

/// Fills in the rows; tells why there are not more.
fn fill(
    table: &mut Table,
    views: &mut [View],
    (plan, marks): (&Plan, Option<&Content>),
    returned: &Returned<'_>,
    limits: Limits,
) -> Result<Option<&'static str>, RowsError> {
    // No cell takes less than two bytes and a comma.
    let fitting = limits.bytes_max / views.len().saturating_mul(3).max(1);
    let rows_max = limits.rows_max.min(fitting.saturating_add(1));
    let voters = marks.map_or(0, Content::sample);
    let shown = Head::read(returned.shown, returned.fields, rows_max)?;
    let fields: Vec<Field> = plan.columns.iter().map(|it| it.field.clone()).collect();
    let compares = views.iter().any(|view| matches!(view.how, How::Compared));
    let original = match (compares, returned.shown, returned.original) {
        (true, Some(Rows::Json(_)), Some(rows)) => Some(Rows::Json(rows)),
        (true, Some(Rows::Base64(_)), Some(rows)) => Some(Rows::Base64(rows)),
        (true, rows, _) if voters > rows_max => rows,
        (_, _, _) => None,
    };
    let original = original.map(|rows| Head::read(Some(rows), &fields, rows_max.max(voters)));
    let original = original.transpose()?;
    let original = original.as_ref().unwrap_or(&shown);
    if let Some(marks) = marks {
        for (at, (view, field)) in views.iter_mut().zip(&fields).enumerate() {
            view.vote(field, marks, &mut original.values(at));
        }
        for (column, view) in table.columns.iter_mut().zip(views.iter()) {
            column.labels = view.labels.iter().map(ToString::to_string).collect();
        }
    }
    let mut room = Room::new(limits.bytes_max);
    let mut is_cell_cut = false;
    for row in 0..shown.rows() {
        let mut cells = Vec::with_capacity(views.len());
        for (at, view) in views.iter().enumerate() {
            let cell = view.cell(original.cell(at, row), shown.cell(at, row), marks);
            is_cell_cut |= is_cut(&cell);
            cells.push(cell);
        }
        if !room.takes(&cells) {
            return Ok(Some(BYTES));
        }
        table.rows.push(cells);
    }
    let found = u64::try_from(table.rows.len()).unwrap_or(u64::MAX);
    Ok(if found >= returned.of {
        is_cell_cut.then_some(BYTES)
    } else if table.rows.len() >= limits.rows_max {
        Some(ROWS)
    } else if found < returned.inline {
        Some(UNREADABLE)
    } else {
        Some(CHUNKS)
    })
}

fn is_cut(cell: &Cell) -> bool {
    match cell {
        Cell::Null | Cell::Masked { masked: None } => false,
        Cell::Clear(text) | Cell::Masked { masked: Some(text) } => text.len() > CELL_BYTES_MAX,
    }
}

const ROWS: &str = "rows";
const BYTES: &str = "bytes";
const CHUNKS: &str = "chunks";
/// Of rows that cannot be read.
pub const UNREADABLE: &str = "unreadable";

#[cfg(test)]
mod tests;
