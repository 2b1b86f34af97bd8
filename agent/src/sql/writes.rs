//! Where the values come from that a statement puts into tables.
//!
//! A label is given to a column by its name; who copies the column under another name must not leave
//! the label behind. What is noted here is followed when the copy is read.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::Sources;
use super::name::ObjectName;

/// What a statement puts into one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// By column; `None` where it may be any of them.
    pub columns: BTreeMap<Option<String>, Sources>,
    /// Tables whose columns it has under their own names.
    pub like: BTreeSet<ObjectName>,
}

/// What a statement puts into each table. A table that gets constants alone is here, too.
pub type Writes = BTreeMap<ObjectName, Written>;

impl Written {
    /// Adds where the values of a column come from.
    pub fn add(&mut self, column: Option<String>, sources: Sources) {
        let old = self.columns.entry(column);
        let old = old.or_insert_with(|| Sources::Known(BTreeSet::new()));
        match (old, sources) {
            // It stays unknown.
            (Sources::Unknown(_), _) => {}
            (Sources::Known(old), Sources::Known(new)) => old.extend(new),
            (old @ Sources::Known(_), new @ Sources::Unknown(_)) => *old = new,
        }
    }

    pub fn absorb(&mut self, other: Self) {
        for (column, sources) in other.columns {
            self.add(column, sources);
        }
        self.like.extend(other.like);
    }

    /// How many names are in it.
    #[must_use]
    pub fn names(&self) -> usize {
        let columns = self.columns.values();
        let columns = columns.map(|sources| match sources {
            Sources::Known(columns) => 1 + columns.len(),
            Sources::Unknown(_) => 1,
        });
        columns.sum::<usize>() + self.like.len()
    }
}

/// Adds what another statement writes.
pub fn absorb(writes: &mut Writes, others: Writes) {
    for (table, written) in others {
        writes.entry(table).or_default().absorb(written);
    }
}
