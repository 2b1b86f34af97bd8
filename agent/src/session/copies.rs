//! Which tables hold copies of which columns, by the statements that made them.
//!
//! Kept in memory, for all sessions of an account: a copy outlives the session that made it. What was
//! copied past us, or before the last start of the daemon, is not here; labels by name patterns and
//! by content still find it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::sql::ObjectName;
use crate::sql::facts::Sources;
use crate::sql::writes::{Writes, Written};

/// Column names of all copies together, some 100 bytes each. Where there are more, a table of which
/// nothing is known yet may be a copy of any: forgetting one would show what it holds.
const NAMES_MAX: usize = 300_000;

/// The copies of every account.
#[derive(Debug, Default)]
pub struct Copies(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    tables: HashMap<(String, ObjectName), Arc<Written>>,
    names: usize,
    is_full: bool,
}

impl Copies {
    /// Notes what a statement is about to put into tables; it may fail, and then this says too much.
    pub fn note(&self, account: &str, writes: Writes) {
        let mut inner = self.lock();
        for (table, written) in writes {
            if written != Written::default() {
                inner.note(account, table, written);
            }
        }
    }

    /// What is known of the values in a table; `None` when no copy was made to it.
    #[must_use]
    pub fn of(&self, account: &str, table: &ObjectName) -> Option<Arc<Written>> {
        let inner = self.lock();
        let found = inner.tables.get(&(account.to_owned(), table.clone()));
        found.cloned().or_else(|| {
            inner.is_full.then(|| {
                let why = "more copies of tables were made than can be kept apart";
                let mut written = Written::default();
                written.add(None, Sources::Unknown(why.to_owned()));
                Arc::new(written)
            })
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn note(&mut self, account: &str, table: ObjectName, written: Written) {
        let key = (account.to_owned(), table);
        let old = self.tables.get(&key);
        let before = old.map_or(0, |old| 1 + old.names());
        let mut new = old.map(|old| Written::clone(old)).unwrap_or_default();
        new.absorb(written);
        let after = 1 + new.names();
        if self.names - before + after > NAMES_MAX {
            self.is_full = true;
            if before == 0 {
                return;
            }
            // It takes no more room than it did.
            new = Written::default();
            let why = "more was copied to it than can be kept";
            new.add(None, Sources::Unknown(why.to_owned()));
        }
        self.names = self.names - before + 1 + new.names();
        self.tables.insert(key, Arc::new(new));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::sql::facts::Column;

    fn name(text: &str) -> ObjectName {
        ObjectName::parse(text).unwrap()
    }

    fn from(table: &str, columns: usize) -> Written {
        let columns = (0..columns).map(|number| Column {
            table: name(table),
            column: Some(number.to_string()),
        });
        let mut written = Written::default();
        let sources = Sources::Known(columns.collect::<BTreeSet<_>>());
        written.add(Some("C".to_owned()), sources);
        written
    }

    #[test]
    fn a_copy_is_of_everything_that_was_ever_put_into_it() {
        let copies = Copies::default();
        let table = name("D.S.T");
        assert_eq!(copies.of("a", &table), None);
        copies.note("a", [(table.clone(), Written::default())].into());
        assert_eq!(copies.of("a", &table), None, "constants are no copies");
        copies.note("a", [(table.clone(), from("D.S.X", 1))].into());
        copies.note("a", [(table.clone(), from("D.S.Y", 1))].into());
        let mut both = from("D.S.X", 1);
        both.absorb(from("D.S.Y", 1));
        assert_eq!(copies.of("a", &table).as_deref(), Some(&both));
        assert_eq!(copies.of("b", &table), None, "another account's table");
    }

    #[test]
    fn where_too_much_is_copied_every_table_may_be_a_copy() {
        let copies = Copies::default();
        copies.note("a", [(name("D.S.T"), from("D.S.X", 1))].into());
        copies.note("a", [(name("D.S.BIG"), from("D.S.Y", NAMES_MAX))].into());
        let of = |table: &str| copies.of("a", &name(table)).unwrap();
        assert_eq!(*of("D.S.T"), from("D.S.X", 1));
        let is_unknown = |it: &Written| matches!(it.columns.get(&None), Some(Sources::Unknown(_)));
        assert!(is_unknown(&of("D.S.BIG")) && is_unknown(&of("D.S.OTHER")));
    }
}
