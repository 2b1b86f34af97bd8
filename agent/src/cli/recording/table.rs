//! A recorded result, drawn to the width of a terminal.

use super::screen::{MASKED, NULL, Paint, clip, count, value, visible, width, wrap};
use crate::record::told::{Cell, Column, Table};

/// A cell is not wider, however wide the terminal.
const CELL_COLUMNS_MAX: usize = 48;
/// Nor is a column made narrower to fit others beside it.
const CELL_COLUMNS_MIN: usize = 6;
/// Rows that are drawn.
const ROWS_MAX: usize = 500;

/// Draws the table into lines of `columns` at most, with what is not shown said below.
pub(super) fn draw(table: &Table, columns: usize, paint: Paint) -> Vec<String> {
    if table.columns.is_empty() {
        return Vec::new();
    }
    let heads: Vec<String> = table.columns.iter().map(head).collect();
    let rows: Vec<Vec<String>> = table
        .rows
        .iter()
        .take(ROWS_MAX)
        .map(|row| row.iter().map(shown).collect())
        .collect();
    let widths = widths(&heads, &rows, columns);
    let rule = |left: &str, middle: &str, right: &str| {
        let bars: Vec<String> = widths.iter().map(|it| "─".repeat(it + 2)).collect();
        paint.dim(&format!("{left}{}{right}", bars.join(middle)))
    };
    let bar = paint.dim("│");
    let mut lines = vec![rule("┌", "┬", "┐")];
    let head = heads
        .iter()
        .zip(&widths)
        .map(|(head, width)| format!(" {} ", paint.bold(&padded(head, *width, false))));
    lines.push(row_of(&bar, head));
    lines.push(rule("├", "┼", "┤"));
    for (cells, texts) in table.rows.iter().zip(&rows) {
        let drawn = widths.iter().enumerate().map(|(at, width)| {
            let text = texts.get(at).map_or("", String::as_str);
            let is_right = table.columns.get(at).is_some_and(is_number);
            let text = padded(text, *width, is_right);
            match cells.get(at) {
                Some(Cell::Masked { .. }) => format!(" {} ", paint.warn(&text)),
                Some(Cell::Null) => format!(" {} ", paint.dim(&text)),
                Some(Cell::Clear(_)) | None => format!(" {text} "),
            }
        });
        lines.push(row_of(&bar, drawn));
    }
    lines.push(rule("└", "┴", "┘"));
    let footer = wrap(&footer(table, rows.len(), widths.len()), columns);
    lines.extend(footer.iter().map(|line| paint.dim(line)));
    lines
}

fn row_of(bar: &str, cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> = cells.collect();
    format!("{bar}{}{bar}", cells.join(bar))
}

fn footer(table: &Table, rows: usize, columns: usize) -> String {
    let of = table.of.max(table.rows.len() as u64);
    let rows = rows as u64;
    let mut said = if rows < of {
        format!("{} of {} rows", count(rows), count(of))
    } else if of == 1 {
        "1 row".to_owned()
    } else {
        format!("{} rows", count(of))
    };
    if let Some(cut) = &table.cut {
        said.push_str(&format!(", the recorded ones (cut by {})", visible(cut)));
    }
    let hidden = table.columns.len().saturating_sub(columns);
    if hidden > 0 {
        said.push_str(&format!("; … {hidden} more columns"));
    }
    let is_masked = table
        .rows
        .iter()
        .flatten()
        .any(|cell| matches!(cell, Cell::Masked { .. }));
    if is_masked {
        said.push_str(&format!("; {MASKED} masked"));
    }
    said
}

fn head(column: &Column) -> String {
    let name = value(&column.name);
    if column.labels.is_empty() {
        name
    } else {
        format!("{MASKED} {name}")
    }
}

fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Null => NULL.to_owned(),
        Cell::Clear(text) => value(text),
        Cell::Masked { masked: Some(text) } => format!("{MASKED} {}", value(text)),
        Cell::Masked { masked: None } => format!("{MASKED} {NULL}"),
    }
}

fn is_number(column: &Column) -> bool {
    let kind = column.kind.to_ascii_lowercase();
    [
        "fixed", "real", "number", "float", "decfloat", "int", "double", "decimal",
    ]
    .iter()
    .any(|it| kind == *it || kind.starts_with(&format!("{it}(")))
}

fn padded(text: &str, columns: usize, is_right: bool) -> String {
    let text = clip(text, columns);
    let gap = " ".repeat(columns.saturating_sub(width(&text)));
    if is_right {
        format!("{gap}{text}")
    } else {
        format!("{text}{gap}")
    }
}

/// The widths of the columns that fit, the widest made narrower first.
fn widths(heads: &[String], rows: &[Vec<String>], columns: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = heads.iter().map(|head| width(head).max(1)).collect();
    for row in rows {
        for (wide, cell) in widths.iter_mut().zip(row) {
            *wide = (*wide).max(width(cell));
        }
    }
    for wide in &mut widths {
        *wide = (*wide).min(CELL_COLUMNS_MAX);
    }
    // A column has a blank on both sides and a bar; one bar is left over.
    let total = |widths: &[usize]| widths.iter().map(|it| it + 3).sum::<usize>() + 1;
    loop {
        let over = total(&widths).saturating_sub(columns);
        if over == 0 {
            return widths;
        }
        let many = widths.len() > 1;
        let widest = widths.iter_mut().max();
        match widest.filter(|it| **it > CELL_COLUMNS_MIN) {
            Some(widest) => *widest -= 1,
            None if many => drop(widths.pop()),
            None => return widths,
        }
    }
}
