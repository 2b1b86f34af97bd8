//! Rows come in pieces, and go out masked.
//!
//! ```text
//!            '['                     ']'
//!   Start ───────────► (a row) ─────────────► Row
//!                         ▲                    │ ','
//!                         └────── Comma ◄──────┘
//!                           '['
//! ```
//!
//! The first rows of a stream are held back while a column votes; the rest pass one by one. Memory:
//! the row that is cut by the end of a piece and the cell that is masked, each no larger than a row,
//! and the rows that vote.

use std::borrow::Cow;
use std::ops::Range;

use super::scan::{self, Kind, Seeker};
use super::{text, typed};
use crate::mask::column::{Cell, Cells, State, Tally, is_json};
use crate::mask::plan::Plan;
use crate::mask::rows::RowsError;
use crate::snowflake::rowtype::Type;

/// The state between two pieces.
#[derive(Debug)]
pub(super) struct Rewriter {
    bytes_max: usize,
    states: Vec<State>,
    place: Place,
    /// The beginning of a row whose end has not come.
    cut: Vec<u8>,
    seeker: Seeker,
    held: Option<Held>,
    /// The cells of the row at hand.
    cells: Vec<scan::Cell>,
    buffers: Buffers,
    rows: u64,
    is_refused: bool,
}

/// What was read last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Start,
    Row,
    Comma,
}

/// Rows that vote, with what stands between them.
#[derive(Debug, Default)]
struct Held {
    bytes: Vec<u8>,
    rows: Vec<Range<usize>>,
    /// Of all rows, one after the other; their places are counted from the beginning of their row.
    cells: Vec<scan::Cell>,
    sample: usize,
}

impl Held {
    fn is_full(&self) -> bool {
        self.rows.len() >= self.sample || self.bytes.len() >= HELD_BYTES_MAX
    }
}

/// Kept, so that no cell allocates.
#[derive(Debug, Default)]
struct Buffers {
    unescaped: String,
    shown: String,
    masked: String,
}

impl Rewriter {
    pub(super) fn new(plan: &Plan, bytes_max: usize) -> Self {
        let cells = plan.columns.iter().map(|it| Cells::new(it, &plan.content));
        let mut votes = false;
        let states = cells
            .map(|cells| {
                votes |= cells.votes();
                cells.pause()
            })
            .collect();
        let sample = plan.content.sample();
        Self {
            bytes_max,
            states,
            place: Place::Start,
            cut: Vec::new(),
            seeker: Seeker::default(),
            held: (votes && sample > 0).then(|| Held {
                sample,
                ..Held::default()
            }),
            cells: Vec::with_capacity(plan.columns.len()),
            buffers: Buffers::default(),
            rows: 0,
            is_refused: false,
        }
    }

    /// Reads a piece; the plan is that of the beginning.
    pub(super) fn push(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        output: &mut Vec<u8>,
    ) -> Result<(), RowsError> {
        if self.is_refused {
            return Err(RowsError::Malformed(REFUSED));
        }
        let mut columns = self.resume(plan);
        let read = self.read(&mut columns, bytes, output);
        self.states.extend(columns.into_iter().map(Cells::pause));
        self.is_refused = read.is_err();
        read
    }

    pub(super) fn finish(mut self, plan: &Plan, output: &mut Vec<u8>) -> Result<Tally, RowsError> {
        if self.is_refused {
            return Err(RowsError::Malformed(REFUSED));
        }
        if !self.cut.is_empty() {
            return Err(RowsError::Malformed("they end inside a row"));
        }
        if self.place == Place::Comma {
            return Err(RowsError::Malformed("they end behind a comma"));
        }
        let mut columns = self.resume(plan);
        self.settle(&mut columns, output);
        let mut tally = Tally {
            rows: self.rows,
            ..Tally::default()
        };
        for column in columns {
            column.add_to(&mut tally);
        }
        Ok(tally)
    }

    fn resume<'p>(&mut self, plan: &'p Plan) -> Vec<Cells<'p>> {
        let states = self.states.drain(..);
        let columns = plan.columns.iter().zip(states);
        columns
            .map(|(column, state)| Cells::resume(column, &plan.content, state))
            .collect()
    }

    fn read(
        &mut self,
        columns: &mut [Cells<'_>],
        bytes: &[u8],
        output: &mut Vec<u8>,
    ) -> Result<(), RowsError> {
        let mut rest = self.complete(columns, bytes, output)?;
        loop {
            let (space, after) = rest.split_at(scan::skip_space(rest, 0));
            self.copy(space, output);
            rest = after;
            match (self.place, rest.first()) {
                (_, None) => return Ok(()),
                (Place::Start | Place::Comma, Some(b'[')) => {
                    let Some(length) = scan::row(rest, columns.len(), &mut self.cells)? else {
                        self.check_size(rest.len())?;
                        self.cut.extend_from_slice(rest);
                        self.seeker = Seeker::default();
                        self.seeker.seek(rest);
                        return Ok(());
                    };
                    let (row, after) = rest.split_at(length);
                    self.row(columns, row, output)?;
                    rest = after;
                }
                (Place::Row, Some(b',')) => {
                    let (comma, after) = rest.split_at(1);
                    self.copy(comma, output);
                    self.place = Place::Comma;
                    rest = after;
                }
                (Place::Start | Place::Comma, Some(_)) => {
                    return Err(RowsError::Malformed("a row is not an array"));
                }
                (Place::Row, Some(_)) => {
                    return Err(RowsError::Malformed("no comma follows a row"));
                }
            }
        }
    }

    /// Completes the row that was cut, if one was; gives what follows it.
    fn complete<'b>(
        &mut self,
        columns: &mut [Cells<'_>],
        bytes: &'b [u8],
        output: &mut Vec<u8>,
    ) -> Result<&'b [u8], RowsError> {
        if self.cut.is_empty() {
            return Ok(bytes);
        }
        let end = self.seeker.seek(bytes);
        let (more, after) = bytes.split_at(end.unwrap_or(bytes.len()));
        self.check_size(self.cut.len().saturating_add(more.len()))?;
        self.cut.extend_from_slice(more);
        if end.is_none() {
            return Ok(&[]);
        }
        let mut row = std::mem::take(&mut self.cut);
        let length = scan::row(&row, columns.len(), &mut self.cells)?;
        if length != Some(row.len()) {
            return Err(RowsError::Malformed("a row does not end with its array"));
        }
        self.row(columns, &row, output)?;
        row.clear();
        self.cut = row;
        Ok(after)
    }

    /// Takes a whole row, whose cells were found.
    fn row(
        &mut self,
        columns: &mut [Cells<'_>],
        row: &[u8],
        output: &mut Vec<u8>,
    ) -> Result<(), RowsError> {
        self.check_size(row.len())?;
        let Ok(text) = std::str::from_utf8(row) else {
            return Err(RowsError::Malformed("a row is not UTF-8"));
        };
        self.rows += 1;
        self.place = Place::Row;
        if let Some(held) = &mut self.held {
            let start = held.bytes.len();
            held.bytes.extend_from_slice(row);
            held.rows.push(start..held.bytes.len());
            held.cells.extend_from_slice(&self.cells);
            if held.is_full() {
                self.settle(columns, output);
            }
        } else {
            write(columns, &self.cells, text, &mut self.buffers, output);
        }
        Ok(())
    }

    /// Copies what stands between rows.
    fn copy(&mut self, bytes: &[u8], output: &mut Vec<u8>) {
        match &mut self.held {
            Some(held) => held.bytes.extend_from_slice(bytes),
            None => output.extend_from_slice(bytes),
        }
    }

    /// Lets the columns vote, and gives out the rows that were held back for it.
    fn settle(&mut self, columns: &mut [Cells<'_>], output: &mut Vec<u8>) {
        let Some(held) = self.held.take() else {
            return;
        };
        // Columns vote, so there is one.
        let width = columns.len().max(1);
        let row_text = |range: &Range<usize>| {
            let row = held.bytes.get(range.clone()).unwrap_or_default();
            // Each was checked when it came.
            std::str::from_utf8(row).unwrap_or_default()
        };
        for (index, column) in columns.iter_mut().enumerate() {
            if column.votes() {
                let cells = held.cells.iter().skip(index).step_by(width);
                let rows = held.rows.iter().map(row_text);
                let values: Vec<_> = rows
                    .zip(cells)
                    .filter_map(|(row, it)| value(row, it))
                    .collect();
                column.vote(&mut values.iter().map(AsRef::as_ref));
            }
        }
        let mut done = 0;
        for (range, cells) in held.rows.iter().zip(held.cells.chunks_exact(width)) {
            let between = held.bytes.get(done..range.start);
            output.extend_from_slice(between.unwrap_or_default());
            write(columns, cells, row_text(range), &mut self.buffers, output);
            done = range.end;
        }
        output.extend_from_slice(held.bytes.get(done..).unwrap_or_default());
    }

    const fn check_size(&self, row_bytes: usize) -> Result<(), RowsError> {
        if row_bytes > self.bytes_max {
            return Err(RowsError::TooLarge(self.bytes_max));
        }
        Ok(())
    }
}

/// The text of a cell; `None` when it is null.
pub(super) fn value<'r>(row: &'r str, cell: &scan::Cell) -> Option<Cow<'r, str>> {
    let raw = row.get(cell.start..cell.end).unwrap_or_default();
    match cell.kind {
        Kind::Null => None,
        Kind::Plain => Some(Cow::Borrowed(raw)),
        Kind::Escaped => {
            let mut unescaped = String::with_capacity(raw.len());
            text::unescape(raw, &mut unescaped);
            Some(Cow::Owned(unescaped))
        }
    }
}

/// Writes a row: everything between two cells that change is copied at once.
fn write(
    columns: &mut [Cells<'_>],
    cells: &[scan::Cell],
    row: &str,
    buffers: &mut Buffers,
    output: &mut Vec<u8>,
) {
    let mut done = 0;
    let copy = |output: &mut Vec<u8>, range: Range<usize>| {
        output.extend_from_slice(row.as_bytes().get(range).unwrap_or_default());
    };
    for (column, cell) in columns.iter_mut().zip(cells) {
        if cell.kind == Kind::Null || column.is_clear() {
            continue;
        }
        match mask(column, row, cell, buffers) {
            Cell::Same => {}
            Cell::Null => {
                // With its quotes.
                copy(output, done..cell.start.saturating_sub(1));
                output.extend_from_slice(b"null");
                done = cell.end + 1;
            }
            Cell::Text => {
                copy(output, done..cell.start);
                text::escape(&buffers.masked, output);
                done = cell.end;
            }
        }
    }
    copy(output, done..row.len());
}

/// Masks a cell that is not null into [`Buffers::masked`].
fn mask(column: &mut Cells<'_>, row: &str, cell: &scan::Cell, buffers: &mut Buffers) -> Cell {
    let raw = row.get(cell.start..cell.end).unwrap_or_default();
    let value = if cell.kind == Kind::Escaped {
        buffers.unescaped.clear();
        text::unescape(raw, &mut buffers.unescaped);
        buffers.unescaped.as_str()
    } else {
        raw
    };
    buffers.masked.clear();
    let field = &column.column.field;
    if field.kind == Type::Text || is_json(field.kind) {
        return column.text(value, &mut buffers.masked);
    }
    let Some(masking) = column.masking() else {
        // A value of a type that is not known is a text like any other to who looks for something
        // in it; finds would break the values of the types that are.
        if field.kind == Type::Other {
            return column.text(value, &mut buffers.masked);
        }
        return Cell::Same;
    };
    if column.becomes_text() {
        buffers.shown.clear();
        typed::show(field, value, &mut buffers.shown);
        return column.text(&buffers.shown, &mut buffers.masked);
    }
    let cell = typed::mask(masking, field, value, &mut buffers.masked);
    column.count_masked();
    cell
}

/// Rows of a few large cells vote by fewer values: waiting for the sample would hold back too much.
const HELD_BYTES_MAX: usize = 1 << 20;

const REFUSED: &str = "they were refused before";
