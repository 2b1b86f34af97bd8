//! The cells of one column, as the streams meet them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::content::{Content, Found};
use super::method::{Masking, Replaced};
use super::plan::{Column, Treatment};
use super::shown;
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
    state: State,
}

/// What is known of a column between two pieces of its stream.
#[derive(Debug, Default)]
pub struct State {
    /// What the column's own values made it.
    voted: Option<Arc<Masking>>,
    /// Cells that were masked because the whole column is.
    masked: u64,
    /// Cells in which something was found, by label.
    count: BTreeMap<Arc<str>, u64>,
    found: Found,
}

impl State {
    fn count(&mut self, label: &Arc<str>, cells: u64) {
        if let Some(count) = self.count.get_mut(label) {
            *count += cells;
        } else if cells > 0 {
            self.count.insert(Arc::clone(label), cells);
        }
    }
}

impl<'p> Cells<'p> {
    #[must_use]
    pub fn new(column: &'p Column, content: &'p Content) -> Self {
        Self::resume(column, content, State::default())
    }

    /// Goes on where [`Self::pause`] stopped. `content` is the plan's, unless the column has detectors
    /// of its own.
    #[must_use]
    pub fn resume(column: &'p Column, content: &'p Content, state: State) -> Self {
        let own = column.cleared.as_ref().map(|cleared| &*cleared.content);
        Self {
            column,
            content: own.unwrap_or(content),
            state,
        }
    }

    #[must_use]
    pub fn pause(self) -> State {
        self.state
    }

    /// True if the column's values vote: they are looked at, and nothing is settled yet. JSON does not
    /// vote: what is found in it stands beside values that are none of it.
    #[must_use]
    pub fn votes(&self) -> bool {
        let can_vote = match self.column.field.kind {
            Type::Text => true,
            Type::Fixed => self.column.field.scale == 0,
            Type::Real
            | Type::Decfloat
            | Type::Binary
            | Type::Boolean
            | Type::Date
            | Type::Time
            | Type::TimestampNtz
            | Type::TimestampLtz
            | Type::TimestampTz
            | Type::Variant
            | Type::Object
            | Type::Array
            | Type::Map
            | Type::Vector
            | Type::IntervalYearMonth
            | Type::IntervalDayTime
            | Type::Other => false,
        };
        let is_scanned = matches!(self.column.treatment, Treatment::Scan(_));
        can_vote && is_scanned && self.state.voted.is_none() && !self.content.is_empty()
    }

    /// Shows a sample of values that are not null, the first of a stream or of a batch.
    pub fn vote(&mut self, values: &mut dyn Iterator<Item = &str>) {
        if let Treatment::Scan(hint) = &self.column.treatment {
            let are_numbers = self.column.field.kind == Type::Fixed;
            self.state.voted = self.content.vote(values, hint, are_numbers).cloned();
        }
    }

    /// What masks every value of the column, if anything does.
    #[must_use]
    pub const fn masking(&self) -> Option<&Arc<Masking>> {
        match &self.column.treatment {
            Treatment::Mask(masking) => Some(masking),
            Treatment::Scan(_) | Treatment::Clear => self.state.voted.as_ref(),
        }
    }

    /// True if the values of the column become text.
    #[must_use]
    pub fn becomes_text(&self) -> bool {
        becomes_text(self.column)
    }

    /// True if nobody looks at the values of the column.
    #[must_use]
    pub const fn is_clear(&self) -> bool {
        matches!(self.column.treatment, Treatment::Clear)
    }

    /// Masks a cell of text, or of JSON text; appends to `output` if it says [`Cell::Text`].
    pub fn text(&mut self, value: &str, output: &mut String) -> Cell {
        let is_json = is_json(self.column.field.kind);
        let state = &mut self.state;
        let (masking, hint) = match &self.column.treatment {
            Treatment::Clear => return Cell::Same,
            Treatment::Mask(masking) => (Some(masking), None),
            Treatment::Scan(hint) => (state.voted.as_ref(), Some(hint)),
        };
        if let Some(masking) = masking {
            state.masked += 1;
            let replaced = if is_json && !self.column.keeps_keys && value.contains('{') {
                Replaced::Null
            } else if is_json {
                masking.json(value, output)
            } else {
                masking.text(value, output)
            };
            return match replaced {
                Replaced::Null => Cell::Null,
                Replaced::Text => Cell::Text,
            };
        }
        let Some(hint) = hint else {
            return Cell::Same;
        };
        state.found.clear();
        let changed = if is_json {
            let found = &mut state.found;
            self.content.json(value, hint, output, found)
        } else {
            let found = &mut state.found;
            self.content.text(value, hint, output, found)
        };
        if !changed {
            return Cell::Same;
        }
        let mut found = std::mem::take(&mut state.found);
        // A cell counts once for each label, however often it is found in it.
        found.sort_by(|one, other| one.label.cmp(&other.label));
        found.dedup_by(|one, other| one.label == other.label);
        for masking in &found {
            state.count(&masking.label, 1);
        }
        state.found = found;
        Cell::Text
    }

    /// Counts a cell that was masked.
    pub fn count(&mut self, masking: &Arc<Masking>) {
        self.state.count(&masking.label, 1);
    }

    /// Counts a cell that was masked because the whole column is.
    pub const fn count_masked(&mut self) {
        self.state.masked += 1;
    }

    /// Adds what was masked.
    pub fn add_to(mut self, tally: &mut Tally) {
        if let Some(masking) = self.masking().cloned() {
            self.state.count(&masking.label, self.state.masked);
        }
        for (label, count) in self.state.count {
            *tally.cells.entry(label).or_default() += count;
        }
    }
}

/// True if the values of a column become text: its row type says so before any row is read, so the
/// vote of its values cannot.
#[must_use]
pub fn becomes_text(column: &Column) -> bool {
    match &column.treatment {
        Treatment::Mask(masking) => masking.retypes() && shown::can_be_text(column.field.kind),
        Treatment::Scan(_) | Treatment::Clear => false,
    }
}

/// True if the values of a type are JSON text of any kind.
#[must_use]
pub const fn is_json(kind: Type) -> bool {
    matches!(kind, Type::Variant | Type::Object | Type::Array | Type::Map)
}
