//! Which data carries which labels: `labels.toml` with the packs that it names.
//!
//! A column has a label by the patterns that its name fits; a value by what a detector finds in it.
//! What a label does to values is its rule.

pub mod import;
mod method;
mod packs;
mod pattern;
mod reader;
mod values;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::detect::{Confidence, Detector};
use super::method::Rule;
use crate::sql::ObjectName;
use crate::sql::facts::Column;
use pattern::{Part, Pattern, upper};
use reader::Reader;

/// How alike two names must be (Jaro-Winkler) for one to be suggested in place of the other.
const SUGGESTION_MIN: f64 = 0.8;

/// The labels of columns and values.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    labels: BTreeMap<String, Label>,
    patterns: Vec<Pattern>,
    /// Patterns by the column that they name, in upper case, and those that do not name one.
    by_column: HashMap<String, Vec<usize>>,
    any_column: Vec<usize>,
    detection: Detection,
    strict: bool,
}

/// What is said of a label besides its columns.
#[derive(Clone, Debug, Default)]
pub struct Label {
    /// Of two labels on one column the higher decides about the method.
    pub rank: i64,
    /// What masking does to its values.
    pub rule: Rule,
    /// What finds its values by their looks.
    pub detectors: Vec<&'static Detector>,
    /// The shipped pack that it is from; `None` for one of the file's own.
    pub pack: Option<&'static str>,
}

/// When content is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detection {
    /// A find that is less sure is none.
    pub confidence: Confidence,
    /// In percent of the values that vote: from here on the whole column is masked.
    pub share: u8,
    /// How many values vote.
    pub sample: usize,
}

impl Default for Detection {
    fn default() -> Self {
        Self {
            confidence: 60,
            share: 20,
            sample: 200,
        }
    }
}

/// Something that is wrong with the file, at a byte offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub offset: usize,
    pub message: String,
}

/// A pattern that gives a column a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Because<'l> {
    pub label: &'l str,
    /// As it was written.
    pub pattern: &'l str,
    /// The shipped pack that it is from; `None` for one of the file's own.
    pub pack: Option<&'static str>,
}

impl Labels {
    /// Reads the text of `labels.toml`.
    ///
    /// # Errors
    /// With everything that is wrong with it, at once.
    pub fn parse(text: &str) -> Result<Self, Vec<Finding>> {
        let reader = Reader::read(text);
        if !reader.findings.is_empty() {
            return Err(reader.findings);
        }
        let mut labels = Self {
            detection: reader.detection,
            strict: reader.strict,
            ..Self::default()
        };
        for (name, entry) in reader.labels {
            entry.patterns.into_iter().for_each(|it| labels.add(it));
            labels.labels.insert(name, entry.label);
        }
        Ok(labels)
    }

    /// Those of every shipped pack.
    ///
    /// # Errors
    /// A pack is broken.
    pub fn shipped() -> Result<Self, Vec<Finding>> {
        let names = packs::PACKS.map(|(name, _)| format!("\"{name}\""));
        Self::parse(&format!("packs = [{}]", names.join(", ")))
    }

    /// When content is believed.
    #[must_use]
    pub const fn detection(&self) -> &Detection {
        &self.detection
    }

    /// True if a result of unknown origin is refused where it would be masked.
    #[must_use]
    pub const fn is_strict(&self) -> bool {
        self.strict
    }

    /// True if nothing is ever masked: there is no label.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// True if columns carry labels by their names, so that it matters which columns a statement
    /// touches. Detectors need no columns.
    #[must_use]
    pub const fn labels_columns(&self) -> bool {
        !self.patterns.is_empty()
    }

    /// The labels that there are.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Label)> {
        self.labels
            .iter()
            .map(|(name, label)| (name.as_str(), label))
    }

    /// The labels that some column of an account may carry by its name.
    #[must_use]
    pub fn patterned(&self, account: &str) -> BTreeSet<&str> {
        let patterns = self.patterns.iter();
        patterns
            .filter(|it| it.fits_account(account))
            .map(|it| it.label.as_str())
            .collect()
    }

    /// Every label: what data carries of which nothing is known.
    #[must_use]
    pub fn all(&self) -> BTreeSet<&str> {
        self.labels.keys().map(String::as_str).collect()
    }

    /// The labels of a column. A column that is not known carries every label that a column of its
    /// table could have, and a table whose name is not whole those of every table that it could be.
    #[must_use]
    pub fn of(&self, account: &str, column: &Column) -> BTreeSet<&str> {
        let because = self.because(account, column);
        because.into_iter().map(|it| it.label).collect()
    }

    /// The labels of a column with the patterns that give it them.
    #[must_use]
    pub fn because(&self, account: &str, column: &Column) -> BTreeSet<Because<'_>> {
        let table = &column.table;
        let Some(name) = &column.column else {
            let patterns = self.patterns.iter();
            let patterns = patterns.filter(|it| it.fits(account, table));
            return patterns.map(Because::new).collect();
        };
        let patterns = self.could_name(name);
        patterns
            .filter(|it| it.column.fits(name) && it.fits(account, table))
            .map(Because::new)
            .collect()
    }

    /// The labels that columns of a table may carry.
    #[must_use]
    pub fn of_table(&self, account: &str, table: &ObjectName) -> BTreeSet<&str> {
        let patterns = self.patterns.iter();
        patterns
            .filter(|it| it.fits(account, table))
            .map(|it| it.label.as_str())
            .collect()
    }

    /// The labels of an output column that is called like a labelled column of one of the tables
    /// that were read, or of any table if none is known.
    #[must_use]
    pub fn of_name(
        &self,
        account: &str,
        name: &str,
        tables: &mut dyn Iterator<Item = &ObjectName>,
    ) -> BTreeSet<&str> {
        let because = self.because_of_name(account, name, tables);
        because.into_iter().map(|it| it.label).collect()
    }

    /// The same with the patterns.
    #[must_use]
    pub fn because_of_name(
        &self,
        account: &str,
        name: &str,
        tables: &mut dyn Iterator<Item = &ObjectName>,
    ) -> BTreeSet<Because<'_>> {
        let tables: Vec<&ObjectName> = tables.collect();
        let fits = |pattern: &Pattern| {
            let in_table = |table: &&ObjectName| pattern.fits_table(table);
            // That everything in a table has a label says nothing of a name.
            !pattern.column.is_any()
                && pattern.column.fits_loosely(name)
                && pattern.fits_account(account)
                && (tables.is_empty() || tables.iter().any(in_table))
        };
        let patterns = self.could_name(name).filter(|it| fits(it));
        patterns.map(Because::new).collect()
    }

    /// Patterns that may fit a column of this name.
    fn could_name(&self, name: &str) -> impl Iterator<Item = &Pattern> {
        let named = self.by_column.get(upper(name).as_ref());
        let named = named.into_iter().flatten();
        named
            .chain(&self.any_column)
            .filter_map(|at| self.patterns.get(*at))
    }

    /// The patterns of a label, as they were written.
    pub fn columns(&self, label: &str) -> impl Iterator<Item = Because<'_>> {
        let patterns = self.patterns.iter();
        patterns
            .filter(move |it| it.label == label)
            .map(Because::new)
    }

    fn add(&mut self, pattern: Pattern) {
        let at = self.patterns.len();
        match &pattern.column {
            Part::Quoted(name) | Part::Plain(name) => {
                let name = upper(name).into_owned();
                self.by_column.entry(name).or_default().push(at);
            }
            Part::Glob(_) => self.any_column.push(at),
        }
        self.patterns.push(pattern);
    }
}

impl<'l> Because<'l> {
    fn new(pattern: &'l Pattern) -> Self {
        Self {
            label: &pattern.label,
            pattern: &pattern.text,
            pack: pattern.pack,
        }
    }
}

/// ` (did you mean …?)`, if one of the known names is like this one.
pub(crate) fn suggestion(name: &str, known: &[&str]) -> String {
    let scored = known.iter().map(|it| (strsim::jaro_winkler(name, it), it));
    let best = scored.max_by(|(one, _), (other, _)| one.total_cmp(other));
    match best {
        Some((score, it)) if score >= SUGGESTION_MIN => format!(" (did you mean `{it}`?)"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests;
