//! The cells of one column, as the streams meet them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::content::Content;
use super::method::{Masking, Replaced};
use super::plan::{Column, Treatment};
use crate::snowflake::rowtype::Type;

/// What was masked, for the record and the metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub rows: u64,
    /// Cells by label: of masked columns, and those in which something was found.
    pub cells: BTreeMap<Arc<str>, u64>,
}

/// What becomes of a cell that is not null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    Same,
    Null,
    /// What was appended to the output.
    Text,
}

/// The state of one column while a stream is read.
#[derive(Debug)]
pub struct Cells<'p> {
    pub column: &'p Column,
    content: &'p Content,
    /// What the column's own values made it.
    voted: Option<Arc<Masking>>,
    count: BTreeMap<Arc<str>, u64>,
    found: Vec<Arc<Masking>>,
}

impl<'p> Cells<'p> {
    /// `content` is the plan's, unless the column has detectors of its own.
    #[must_use]
    pub fn new(column: &'p Column, content: &'p Content) -> Self {
        let own = column.cleared.as_ref().map(|cleared| &*cleared.content);
        Self {
            column,
            content: own.unwrap_or(content),
            voted: None,
            count: BTreeMap::new(),
            found: Vec::new(),
        }
    }

    /// True if the column's values vote: they are looked at, and nothing is settled yet.
    #[must_use]
    pub const fn votes(&self) -> bool {
        matches!(self.column.treatment, Treatment::Scan(_)) && self.voted.is_none()
    }

    /// Shows a sample of values that are not null, the first of a stream or of a batch.
    pub fn vote(&mut self, values: &mut dyn Iterator<Item = &str>) {
        if let Treatment::Scan(hint) = &self.column.treatment {
            let are_numbers = self.column.field.kind == Type::Fixed;
            self.voted = self.content.vote(values, hint, are_numbers).cloned();
        }
    }

    /// What masks every value of the column, if anything does.
    #[must_use]
    pub const fn masking(&self) -> Option<&Arc<Masking>> {
        match &self.column.treatment {
            Treatment::Mask(masking) => Some(masking),
            Treatment::Scan(_) | Treatment::Clear => self.voted.as_ref(),
        }
    }

    /// Masks a cell of text, or of JSON text; appends to `output` if it says [`Cell::Text`].
    pub fn text(&mut self, value: &str, output: &mut String) -> Cell {
        let is_json = matches!(
            self.column.field.kind,
            Type::Variant | Type::Object | Type::Array | Type::Map
        );
        if let Some(masking) = self.masking().cloned() {
            self.count(&masking);
            let replaced = if is_json {
                masking.json(value, output)
            } else {
                masking.text(value, output)
            };
            return match replaced {
                Replaced::Null => Cell::Null,
                Replaced::Text => Cell::Text,
            };
        }
        let Treatment::Scan(hint) = &self.column.treatment else {
            return Cell::Same;
        };
        self.found.clear();
        let changed = if is_json {
            self.content.json(value, hint, output, &mut self.found)
        } else {
            self.content.text(value, hint, output, &mut self.found)
        };
        if !changed {
            return Cell::Same;
        }
        let mut found = std::mem::take(&mut self.found);
        found.dedup_by(|one, other| Arc::ptr_eq(one, other));
        for masking in &found {
            self.count(masking);
        }
        self.found = found;
        Cell::Text
    }

    /// Counts a cell that was masked.
    pub fn count(&mut self, masking: &Arc<Masking>) {
        if let Some(count) = self.count.get_mut(&masking.label) {
            *count += 1;
        } else {
            self.count.insert(Arc::clone(&masking.label), 1);
        }
    }

    /// Adds what was masked.
    pub fn add_to(self, tally: &mut Tally) {
        for (label, count) in self.count {
            *tally.cells.entry(label).or_default() += count;
        }
    }
}
