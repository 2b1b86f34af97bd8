//! Rows as JSON: arrays of strings and nulls, scanned and rewritten in one pass.
//!
//! No value tree is built. A row is cut into its cells where it lies; what stays is copied as the
//! bytes that came, in runs as long as possible, and only cells that are looked at are decoded. A row
//! that is cut by the end of a piece waits for its rest.

mod head;
mod rewrite;
mod scan;
mod text;
mod typed;

use std::sync::Arc;

pub(super) use self::head::head;
use self::rewrite::Rewriter;
use super::column::Tally;
use super::plan::Plan;
use super::rows::RowsError;

/// A JSON chunk on its way: rows joined by commas, without the outer brackets.
#[derive(Debug)]
pub struct Stream {
    plan: Arc<Plan>,
    rewriter: Rewriter,
}

impl Stream {
    #[must_use]
    pub fn new(plan: Arc<Plan>, bytes_max: usize) -> Self {
        let rewriter = Rewriter::new(&plan, bytes_max);
        Self { plan, rewriter }
    }

    /// Takes the next bytes; rows that are whole are appended to `output`.
    ///
    /// # Errors
    /// They are no rows of the plan's columns: nothing more may be given out.
    pub fn push(&mut self, bytes: &[u8], output: &mut Vec<u8>) -> Result<(), RowsError> {
        self.rewriter.push(&self.plan, bytes, output)
    }

    /// Ends the chunk.
    ///
    /// # Errors
    /// It was cut.
    pub fn finish(self, output: &mut Vec<u8>) -> Result<Tally, RowsError> {
        self.rewriter.finish(&self.plan, output)
    }
}

/// Masks an array of rows.
///
/// # Errors
/// It is none.
pub fn rowset(plan: &Plan, json: &[u8], tally: &mut Tally) -> Result<Vec<u8>, RowsError> {
    // Inside its brackets an array is what a chunk is.
    let start = scan::skip_space(json, 0);
    let is_space = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
    let space = json.iter().rev().take_while(is_space).count();
    let inside = json.get(start..json.len() - space);
    let inside = inside.and_then(|it| it.strip_prefix(b"[")?.strip_suffix(b"]"));
    let inside = inside.ok_or(RowsError::Malformed("the rows are not an array"))?;

    let mut output = Vec::with_capacity(json.len());
    output.push(b'[');
    // It is in memory already, with the answer that it came in.
    let mut rewriter = Rewriter::new(plan, usize::MAX);
    rewriter.push(plan, inside, &mut output)?;
    let counted = rewriter.finish(plan, &mut output)?;
    output.push(b']');
    tally.rows += counted.rows;
    for (label, count) in counted.cells {
        *tally.cells.entry(label).or_default() += count;
    }
    Ok(output)
}

#[cfg(test)]
mod tests;
