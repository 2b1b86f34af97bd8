//! Takes keys out of a TOML table, and knows which are left.
//!
//! A reader never stops at the first finding. What it cannot read is `None` and has been reported.

use std::fmt::Display;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::report::Problems;
use super::schema::{Key, Section};

/// How alike two names must be (Jaro-Winkler) for one to be suggested in place of the other: high
/// enough that `socket` is not offered for `scope`, low enough for a swapped or missing letter.
const SUGGESTION_MIN: f64 = 0.8;

/// One table of the file. Everything must be taken out of it before [`Reader::finish`].
#[derive(Debug)]
pub(super) struct Reader<'p, 'i> {
    table: DeTable<'i>,
    span: Range<usize>,
    section: &'static Section,
    problems: &'p Problems,
}

impl<'p, 'i> Reader<'p, 'i> {
    pub(super) fn new(
        table: Spanned<DeTable<'i>>,
        section: &'static Section,
        problems: &'p Problems,
    ) -> Self {
        let span = table.span();
        Self {
            table: table.into_inner(),
            span,
            section,
            problems,
        }
    }

    /// A table of `section` in which nothing is given.
    pub(super) fn empty(&self, section: &'static Section) -> Self {
        let table = Spanned::new(self.span.clone(), DeTable::new());
        Self::new(table, section, self.problems)
    }

    pub(super) fn problems(&self) -> &'p Problems {
        self.problems
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    pub(super) fn take(&mut self, key: &'static str) -> Option<Spanned<DeValue<'i>>> {
        debug_assert!(
            self.section.keys.iter().any(|known| known.name == key),
            "`{key}` of {} is not documented in schema.rs",
            self.section.heading
        );
        self.table.remove(key)
    }

    /// Reports a finding about the table as a whole.
    pub(super) fn problem(&self, message: impl Into<String>) {
        self.problems.at(&self.span, message);
    }

    /// Reports that `key` is not there.
    pub(super) fn missing(&self, key: &str) {
        self.problems.at(
            &self.span,
            format!("{} needs `{key}`", self.section.heading),
        );
    }

    pub(super) fn string(&mut self, key: &'static str) -> Option<Spanned<String>> {
        let value = self.take(key)?;
        text(key, value, self.problems)
    }

    /// A string that may not be left out.
    pub(super) fn required(&mut self, key: &'static str) -> Option<Spanned<String>> {
        if !self.has(key) {
            self.missing(key);
        }
        self.string(key)
    }

    /// A string that `parse` turns into a value.
    pub(super) fn parsed<T, E: Display>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let value = self.string(key)?;
        checked(key, &value, parse, self.problems)
    }

    /// As [`Reader::parsed`], with its place, and may not be left out.
    pub(super) fn required_as<T, E: Display>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<Spanned<T>> {
        if !self.has(key) {
            self.missing(key);
        }
        self.given(key, parse)
    }

    /// As [`Reader::parsed`], with its place.
    pub(super) fn given<T, E: Display>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<Spanned<T>> {
        let value = self.string(key)?;
        let parsed = checked(key, &value, parse, self.problems)?;
        Some(Spanned::new(value.span(), parsed))
    }

    /// One of a closed set of words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let value = self.string(key)?;
        let word = value.get_ref();
        let found = choices
            .iter()
            .find(|(name, _)| name == word)
            .map(|(_, choice)| *choice);
        if found.is_none() {
            let names: Vec<_> = choices
                .iter()
                .map(|(name, _)| format!("`{name}`"))
                .collect();
            let message = format!("`{key}` must be one of {}, not `{word}`", names.join(", "));
            self.problems.at(&value.span(), message);
        }
        found
    }

    /// As [`Reader::choice`], and may not be left out.
    pub(super) fn required_choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        if !self.has(key) {
            self.missing(key);
        }
        self.choice(key, choices)
    }

    /// A list of strings, each turned into a value. Not given is the empty list.
    pub(super) fn list<T, E: Display>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<Spanned<T>> {
        let elements = self.elements(key);
        self.each(key, elements, parse)
    }

    /// Strings that [`Reader::elements`] took, each turned into a value.
    pub(super) fn each<T, E: Display>(
        &self,
        key: &str,
        elements: Vec<Spanned<DeValue<'i>>>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<Spanned<T>> {
        let problems = self.problems;
        let strings = elements
            .into_iter()
            .filter_map(|value| text(key, value, problems));
        strings
            .filter_map(|value| {
                let span = value.span();
                checked(key, &value, &parse, problems).map(|value| Spanned::new(span, value))
            })
            .collect()
    }

    /// The elements of an array. Not given is the empty array.
    pub(super) fn elements(&mut self, key: &'static str) -> Vec<Spanned<DeValue<'i>>> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let (span, found) = (value.span(), type_of(value.get_ref()));
        let DeValue::Array(array) = value.into_inner() else {
            wrong_type(key, "an array", found, &span, self.problems);
            return Vec::new();
        };
        array.into_iter().collect()
    }

    /// An integer from `range`.
    pub(super) fn integer(&mut self, key: &'static str, range: Range<u64>) -> Option<u64> {
        let value = self.take(key)?;
        integer(key, &value, range, self.problems)
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let value = self.take(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            let found = type_of(value.get_ref());
            wrong_type(key, "a boolean", found, &value.span(), self.problems);
        }
        flag
    }

    /// The table at `key`.
    pub(super) fn table(&mut self, key: &'static str, section: &'static Section) -> Option<Self> {
        let value = self.take(key)?;
        self.child(key, value, section)
    }

    /// Tables `[[key]]`.
    pub(super) fn tables(&mut self, key: &'static str, section: &'static Section) -> Vec<Self> {
        let elements = self.elements(key);
        elements
            .into_iter()
            .filter_map(|value| self.child(key, value, section))
            .collect()
    }

    pub(super) fn child(
        &self,
        key: &str,
        value: Spanned<DeValue<'i>>,
        section: &'static Section,
    ) -> Option<Self> {
        let (span, found) = (value.span(), type_of(value.get_ref()));
        let DeValue::Table(table) = value.into_inner() else {
            wrong_type(key, "a table", found, &span, self.problems);
            return None;
        };
        Some(Self::new(Spanned::new(span, table), section, self.problems))
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(self) {
        for (key, _) in &self.table {
            let name: &str = key.get_ref();
            let known = self.section.keys.iter().map(|Key { name, .. }| *name);
            let hint = closest(name, known)
                .map(|known| format!(", did you mean `{known}`?"))
                .unwrap_or_default();
            let message = format!("unknown key `{name}` in {}{hint}", self.section.heading);
            self.problems.at(&key.span(), message);
        }
    }
}

/// Reads a string.
fn text(key: &str, value: Spanned<DeValue<'_>>, problems: &Problems) -> Option<Spanned<String>> {
    let (span, found) = (value.span(), type_of(value.get_ref()));
    let DeValue::String(text) = value.into_inner() else {
        wrong_type(key, "a string", found, &span, problems);
        return None;
    };
    Some(Spanned::new(span, text.into_owned()))
}

/// Reads an integer from `range`.
pub(super) fn integer(
    key: &str,
    value: &Spanned<DeValue<'_>>,
    range: Range<u64>,
    problems: &Problems,
) -> Option<u64> {
    let span = value.span();
    let Some(integer) = value.get_ref().as_integer() else {
        wrong_type(key, "an integer", type_of(value.get_ref()), &span, problems);
        return None;
    };
    let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
    let number = number.filter(|number| range.contains(number));
    if number.is_none() {
        let last = range.end.saturating_sub(1);
        problems.at(
            &span,
            format!("`{key}` must be from {} to {last}", range.start),
        );
    }
    number
}

fn checked<T, E: Display>(
    key: &str,
    value: &Spanned<String>,
    parse: impl FnOnce(&str) -> Result<T, E>,
    problems: &Problems,
) -> Option<T> {
    match parse(value.get_ref()) {
        Ok(value) => Some(value),
        Err(error) => {
            problems.at(&value.span(), format!("`{key}`: {error}"));
            None
        }
    }
}

/// Names both types, never the value: it may be a secret in the wrong place.
pub(super) fn wrong_type(
    key: &str,
    wanted: &str,
    found: &str,
    span: &Range<usize>,
    problems: &Problems,
) {
    problems.at(span, format!("`{key}` must be {wanted}, not {found}"));
}

pub(super) fn type_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// The known name that is most like `name`, if one is like it at all.
pub(super) fn closest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    known
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness >= SUGGESTION_MIN)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, known)| known)
}
