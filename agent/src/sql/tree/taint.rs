//! Sets of columns, small enough to copy everywhere.
//!
//! Every column that a statement meets gets a number; a taint is a sorted list of numbers, shared
//! between all who hold it. A set can never hold more than there are columns, so joining a query
//! with itself again and again does not make it grow.

use std::collections::HashMap;
use std::rc::Rc;

use crate::sql::facts::Column;
use crate::sql::name::ObjectName;

/// A column by its number in [`Pool`].
pub(super) type Id = u32;

/// A taint of more columns is unknown: no result that a person reads comes from as many, and the
/// union of such sets, once for each expression, is what makes a walk slow.
const COLUMNS_MAX: usize = 4_096;

/// Where a value comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Taint {
    /// Sorted, without repetition.
    ids: Rc<[Id]>,
    /// Why there may be more than `ids` tells.
    pub(super) unknown: Option<Rc<str>>,
    /// `ids` was cut: stands for every column of the statement.
    pub(super) everything: bool,
}

impl Taint {
    /// Of values that are not read from anywhere.
    pub(super) fn clean() -> Self {
        Self::default()
    }

    pub(super) fn of(id: Id) -> Self {
        Self {
            ids: Rc::from([id]),
            ..Self::default()
        }
    }

    pub(super) fn unknown(reason: impl Into<Rc<str>>) -> Self {
        Self {
            unknown: Some(reason.into()),
            ..Self::default()
        }
    }

    /// Of any column of the statement.
    pub(super) fn everything(reason: impl Into<Rc<str>>) -> Self {
        Self {
            everything: true,
            ..Self::unknown(reason)
        }
    }

    pub(super) fn ids(&self) -> &[Id] {
        &self.ids
    }
}

/// A taint that is being gathered.
#[derive(Debug, Default)]
pub(super) struct Gather {
    ids: Vec<Id>,
    unknown: Option<Rc<str>>,
    everything: bool,
}

impl Gather {
    pub(super) fn add(&mut self, taint: &Taint) {
        if self.unknown.is_none() {
            self.unknown.clone_from(&taint.unknown);
        }
        self.everything |= taint.everything;
        if self.everything {
            self.ids.clear();
            return;
        }
        self.ids.extend_from_slice(&taint.ids);
        if self.ids.len() > 2 * COLUMNS_MAX {
            self.settle();
        }
    }

    pub(super) fn add_id(&mut self, id: Id) {
        self.ids.push(id);
    }

    pub(super) fn add_unknown(&mut self, reason: impl Into<Rc<str>>) {
        if self.unknown.is_none() {
            self.unknown = Some(reason.into());
        }
    }

    pub(super) fn finish(mut self) -> Taint {
        self.settle();
        Taint {
            ids: self.ids.into(),
            unknown: self.unknown,
            everything: self.everything,
        }
    }

    fn settle(&mut self) {
        self.ids.sort_unstable();
        self.ids.dedup();
        if self.ids.len() > COLUMNS_MAX || self.everything {
            self.ids.clear();
            self.everything = true;
            self.add_unknown("it comes from more columns than are followed");
        }
    }
}

/// What is known of one column.
#[derive(Debug)]
struct Entry {
    table: u32,
    column: Option<Rc<str>>,
    /// The text can touch it.
    touched: bool,
    /// Its values decide about rows.
    decides: bool,
}

/// The columns of a statement.
#[derive(Debug, Default)]
pub(super) struct Pool {
    tables: Vec<ObjectName>,
    table_numbers: HashMap<ObjectName, u32>,
    /// The numbers of column names; 0 is no name.
    words: HashMap<Rc<str>, u32>,
    entries: Vec<Entry>,
    numbers: HashMap<(u32, u32), Id>,
}

impl Pool {
    pub(super) fn table(&mut self, name: &ObjectName) -> u32 {
        if let Some(number) = self.table_numbers.get(name) {
            return *number;
        }
        let number = next(self.tables.len());
        self.tables.push(name.clone());
        self.table_numbers.insert(name.clone(), number);
        number
    }

    /// The name of a table by its number.
    pub(super) fn name(&self, table: u32) -> Option<&ObjectName> {
        self.tables.get(usize::try_from(table).ok()?)
    }

    pub(super) fn column(&mut self, table: u32, column: Option<Rc<str>>) -> Id {
        let word = column.as_ref().map_or(0, |column| self.word(column));
        if let Some(id) = self.numbers.get(&(table, word)) {
            return *id;
        }
        let id = next(self.entries.len());
        self.entries.push(Entry {
            table,
            column,
            touched: false,
            decides: false,
        });
        self.numbers.insert((table, word), id);
        id
    }

    fn word(&mut self, name: &Rc<str>) -> u32 {
        if let Some(number) = self.words.get(name) {
            return *number;
        }
        let number = next(self.words.len() + 1);
        self.words.insert(Rc::clone(name), number);
        number
    }

    pub(super) fn touch(&mut self, ids: &[Id]) {
        for id in ids {
            if let Some(entry) = self.entry(*id) {
                entry.touched = true;
            }
        }
    }

    pub(super) fn touch_all(&mut self) {
        for entry in &mut self.entries {
            entry.touched = true;
        }
    }

    pub(super) fn decide(&mut self, taint: &Taint) {
        for id in taint.ids() {
            if let Some(entry) = self.entry(*id) {
                entry.decides = true;
            }
        }
    }

    /// The column of a number.
    pub(super) fn describe(&self, id: Id) -> Option<Column> {
        let entry = self.entries.get(usize::try_from(id).ok()?)?;
        self.as_column(entry)
    }

    /// Every column that the text can touch.
    pub(super) fn touched(&self) -> impl Iterator<Item = Column> {
        let touched = self.entries.iter().filter(|entry| entry.touched);
        touched.filter_map(|entry| self.as_column(entry))
    }

    /// Every column that decides about rows.
    pub(super) fn deciding(&self) -> impl Iterator<Item = Column> {
        let deciding = self.entries.iter().filter(|entry| entry.decides);
        deciding.filter_map(|entry| self.as_column(entry))
    }

    fn as_column(&self, entry: &Entry) -> Option<Column> {
        Some(Column {
            table: self.name(entry.table)?.clone(),
            column: entry.column.as_deref().map(str::to_owned),
        })
    }

    fn entry(&mut self, id: Id) -> Option<&mut Entry> {
        self.entries.get_mut(usize::try_from(id).ok()?)
    }
}

/// A text has fewer than 2³² names.
fn next(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
