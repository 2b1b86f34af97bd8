//! What is known to be shipped, in a small file beside the segments.
//!
//! It only saves asking: what is not in it is looked up in the store, so losing it loses nothing.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::record::keep::disk::{Content, Disk};

const NAME: &str = "shipped";
const HEAD: &str = "snowfence shipped 1 ";

/// The segments that the store has confirmed.
#[derive(Debug)]
pub(super) struct Ledger {
    dir: PathBuf,
    /// Which store, and as which host: of another one nothing is known.
    place: String,
    entries: Mutex<BTreeMap<u64, Content>>,
}

impl Ledger {
    /// Reads the file; what does not read as one of this place counts as nothing.
    pub(super) fn open(dir: &Path, place: String) -> Self {
        let text = std::fs::read_to_string(dir.join(NAME)).unwrap_or_default();
        let entries = parse(&text, &place).unwrap_or_default();
        Self {
            dir: dir.to_owned(),
            place,
            entries: Mutex::new(entries),
        }
    }

    pub(super) fn get(&self, number: u64) -> Option<Content> {
        self.lock().get(&number).cloned()
    }

    /// Adds a segment; those before `oldest` are no longer on this host.
    pub(super) fn add(
        &self,
        disk: &dyn Disk,
        oldest: u64,
        (number, content): (u64, Content),
    ) -> io::Result<()> {
        let text = {
            let mut entries = self.lock();
            entries.insert(number, content);
            *entries = entries.split_off(&oldest);
            self.format(&entries)
        };
        disk.replace(&self.dir, NAME, text.as_bytes())
    }

    /// Forgets a segment that is not what it was.
    pub(super) fn forget(&self, number: u64) {
        self.lock().remove(&number);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Content>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn format(&self, entries: &BTreeMap<u64, Content>) -> String {
        let mut text = format!("{HEAD}{}\n", self.place);
        for (number, Content { bytes, sha256 }) in entries {
            text.push_str(&format!("{number} {bytes} {sha256}\n"));
        }
        text
    }
}

fn parse(text: &str, place: &str) -> Option<BTreeMap<u64, Content>> {
    let mut lines = text.lines();
    if lines.next()?.strip_prefix(HEAD)? != place {
        return None;
    }
    lines
        .map(|line| {
            let mut words = line.split(' ');
            let number = words.next()?.parse().ok()?;
            let bytes = words.next()?.parse().ok()?;
            let sha256 = words.next().filter(|it| it.len() == 64)?.to_owned();
            Some((number, Content { bytes, sha256 }))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::keep::disk::Real;

    #[test]
    fn what_does_not_fit_is_distrusted() {
        let dir = tempfile::tempdir().unwrap();
        let open = |place: &str| Ledger::open(dir.path(), place.to_owned());
        let content = Content::of(b"a");
        open("s3://b host")
            .add(&Real, 1, (1, content.clone()))
            .unwrap();
        open("s3://b host")
            .add(&Real, 1, (2, content.clone()))
            .unwrap();
        let ledger = open("s3://b host");
        assert_eq!(ledger.get(1), Some(content.clone()));
        assert_eq!(ledger.get(2), Some(content.clone()));
        assert_eq!(open("s3://c host").get(1), None);
        ledger.add(&Real, 2, (3, content.clone())).unwrap();
        assert_eq!(open("s3://b host").get(1), None);
        assert_eq!(open("s3://b host").get(3), Some(content));
        std::fs::write(dir.path().join(NAME), "1 1 1\n").unwrap();
        assert_eq!(open("s3://b host").get(3), None);
    }
}
