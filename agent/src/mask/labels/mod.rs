//! Which columns carry which labels: a strict reader of `labels.toml`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::detect::{Confidence, Detector};
use super::method::{DateRule, Method, Rule};
use crate::sql::ObjectName;
use crate::sql::facts::Column;

/// How alike two names must be (Jaro-Winkler) for one to be suggested in place of the other.
const SUGGESTION_MIN: f64 = 0.8;

const KEYS: [&str; 4] = ["columns", "method", "name", "rank"];

/// What can be done to a value, the more private first.
const METHODS: [&str; 6] = [
    "null",
    "redact",
    "hash",
    "format-preserving",
    "partial",
    "generalise",
];

/// The labels of columns.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    labels: BTreeMap<String, Label>,
    patterns: Vec<Pattern>,
    /// Patterns by the column that they name, and those that do not name one.
    by_column: HashMap<String, Vec<usize>>,
    any_column: Vec<usize>,
    detection: Detection,
    strict: bool,
}

/// What the file says of a label besides its columns.
#[derive(Clone, Debug, Default)]
pub struct Label {
    /// Of two labels on one column the higher decides about the method.
    pub rank: i64,
    /// What masking does to its values.
    pub rule: Rule,
    /// What finds its values by their looks.
    pub detectors: Vec<&'static Detector>,
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

impl Labels {
    /// Reads the text of `labels.toml`.
    ///
    /// # Errors
    /// With everything that is wrong with it, at once.
    pub fn parse(text: &str) -> Result<Self, Vec<Finding>> {
        let (file, errors) = DeTable::parse_recoverable(text);
        // What follows a syntax error is a guess, and findings about guesses mislead.
        if !errors.is_empty() {
            let findings = errors.iter().map(|error| Finding {
                offset: error.span().map_or(0, |span| span.start),
                message: error.message().to_owned(),
            });
            return Err(findings.collect());
        }
        let mut reader = Reader::default();
        reader.file(file.into_inner());
        if reader.findings.is_empty() {
            return Ok(reader.labels);
        }
        reader.findings.sort_by_key(|finding| finding.offset);
        Err(reader.findings)
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

    /// True if no column has a label.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// The labels that there are.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Label)> {
        self.labels
            .iter()
            .map(|(name, label)| (name.as_str(), label))
    }

    /// The labels of a column. A column that is not known carries every label that a column of its
    /// table could have, and a table whose name is not whole those of every table that it could be.
    #[must_use]
    pub fn of(&self, account: &str, column: &Column) -> BTreeSet<&str> {
        let Some(name) = &column.column else {
            return self.of_table(account, &column.table);
        };
        let named = self.by_column.get(name).into_iter().flatten();
        let patterns = named
            .chain(&self.any_column)
            .filter_map(|at| self.patterns.get(*at));
        patterns
            .filter(|it| it.column.fits(name) && it.fits(account, &column.table))
            .map(|it| it.label.as_str())
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

    /// The labels that some column of the account may carry.
    #[must_use]
    pub fn patterned(&self, account: &str) -> BTreeSet<&str> {
        let patterns = self.patterns.iter();
        patterns
            .filter(|it| it.account.as_ref().is_none_or(|part| part.fits(account)))
            .map(|it| it.label.as_str())
            .collect()
    }

    /// The labels that a column of this name would carry in one of these tables, or in any without
    /// them.
    #[must_use]
    pub fn of_name(
        &self,
        account: &str,
        name: &str,
        tables: &mut dyn Iterator<Item = &ObjectName>,
    ) -> BTreeSet<&str> {
        let name = name.to_uppercase();
        let tables: Vec<&ObjectName> = tables.collect();
        let patterns = self.patterns.iter();
        patterns
            .filter(|it| it.column.fits(&name))
            .filter(|it| it.account.as_ref().is_none_or(|part| part.fits(account)))
            .filter(|it| tables.is_empty() || tables.iter().any(|table| it.fits(account, table)))
            .map(|it| it.label.as_str())
            .collect()
    }

    fn add(&mut self, pattern: Pattern) {
        let at = self.patterns.len();
        match &pattern.column {
            Part::Exact(name) => self.by_column.entry(name.clone()).or_default().push(at),
            Part::Glob(_) => self.any_column.push(at),
        }
        self.patterns.push(pattern);
    }
}

/// Columns that carry a label.
#[derive(Clone, Debug)]
struct Pattern {
    account: Option<Part>,
    /// Database, schema and table.
    table: [Part; 3],
    column: Part,
    label: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Exact(String),
    /// What stands between the asterisks; at least two.
    Glob(Vec<String>),
}

impl Pattern {
    /// Reads `[account.]database.schema.table.column`.
    fn parse(text: &str, label: &str) -> Option<Self> {
        let mut parts = split(text)?;
        let account = match parts.as_slice() {
            [_, _, _, _, _] => Some(Part::parse(parts.remove(0), Folds::No)?),
            [_, _, _, _] => None,
            [..] => return None,
        };
        let parts = parts.into_iter().map(|part| Part::parse(part, Folds::Yes));
        let parts: Vec<Part> = parts.collect::<Option<_>>()?;
        let [database, schema, table, column] = <[Part; 4]>::try_from(parts).ok()?;
        Some(Self {
            account,
            table: [database, schema, table],
            column,
            label: label.to_owned(),
        })
    }

    fn fits(&self, account: &str, table: &ObjectName) -> bool {
        let same = self.account.as_ref().is_none_or(|it| it.fits(account));
        // From the right: parts that the name does not have could be any.
        let parts = self.table.iter().rev().zip(table.parts().iter().rev());
        same && parts.into_iter().all(|(part, name)| part.fits(name))
    }
}

/// Whether Snowflake folds the name to upper case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Folds {
    Yes,
    No,
}

impl Part {
    fn parse(text: &str, folds: Folds) -> Option<Self> {
        if let Some(body) = text.strip_prefix('"') {
            let body = body.strip_suffix('"')?;
            let fits = !body.is_empty() && !body.replace("\"\"", "").contains('"');
            return fits.then(|| Self::Exact(body.replace("\"\"", "\"")));
        }
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '*');
        let fits = |c: char| plain(c) || (folds == Folds::No && c == '-');
        if text.is_empty() || !text.chars().all(fits) {
            return None;
        }
        let name = match folds {
            Folds::Yes => text.to_uppercase(),
            Folds::No => text.to_owned(),
        };
        if !name.contains('*') {
            return Some(Self::Exact(name));
        }
        Some(Self::Glob(name.split('*').map(str::to_owned).collect()))
    }

    fn fits(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == name,
            Self::Glob(pieces) => glob(pieces, name),
        }
    }
}

/// Whether `pieces` with anything between them are the name.
fn glob(pieces: &[String], name: &str) -> bool {
    let [first, middle @ .., last] = pieces else {
        return false;
    };
    let rest = name.strip_prefix(first.as_str());
    let Some(mut rest) = rest.and_then(|rest| rest.strip_suffix(last.as_str())) else {
        return false;
    };
    for piece in middle {
        let Some((_, after)) = rest.split_once(piece.as_str()) else {
            return false;
        };
        rest = after;
    }
    true
}

/// Splits at the dots that are not in quotes.
fn split(text: &str) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => {
                parts.push(text.get(start..at)?);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..)?);
    (!quoted).then_some(parts)
}

#[derive(Debug, Default)]
struct Reader {
    labels: Labels,
    findings: Vec<Finding>,
}

impl Reader {
    fn wrong(&mut self, span: &Range<usize>, message: impl Into<String>) {
        self.findings.push(Finding {
            offset: span.start,
            message: message.into(),
        });
    }

    fn file(&mut self, file: DeTable<'_>) {
        for (key, value) in file {
            if key.get_ref() != "label" {
                let hint = suggestion(key.get_ref(), &["label"]);
                self.wrong(
                    &key.span(),
                    format!("unknown key `{}`{hint}", key.get_ref()),
                );
                continue;
            }
            let span = value.span();
            let DeValue::Array(tables) = value.into_inner() else {
                self.wrong(&span, "labels are tables: `[[label]]`");
                continue;
            };
            for table in tables {
                let span = table.span();
                match table.into_inner() {
                    DeValue::Table(table) => self.label(table, &span),
                    DeValue::Array(_)
                    | DeValue::Boolean(_)
                    | DeValue::Datetime(_)
                    | DeValue::Float(_)
                    | DeValue::Integer(_)
                    | DeValue::String(_) => self.wrong(&span, "labels are tables: `[[label]]`"),
                }
            }
        }
    }

    fn label(&mut self, table: DeTable<'_>, span: &Range<usize>) {
        let (mut name, mut columns, mut label) = (None, Vec::new(), Label::default());
        let mut has_columns = false;
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "name" => name = self.text("name", value),
                "columns" => {
                    has_columns = true;
                    columns = self.columns(value);
                }
                "method" => label.rule.method = self.method(value),
                "rank" => label.rank = self.rank(&value).unwrap_or_default(),
                unknown => {
                    let hint = suggestion(unknown, &KEYS);
                    self.wrong(&key.span(), format!("unknown key `{unknown}`{hint}"));
                }
            }
        }
        if !has_columns {
            self.wrong(span, "a label needs `columns`");
        }
        let Some(name) = name else {
            return self.wrong(span, "a label needs a `name`");
        };
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        let (at, name) = (name.span(), name.into_inner());
        if name.is_empty() || !name.chars().all(plain) {
            self.wrong(
                &at,
                format!("`{name}` is not a name of a-z, 0-9, `.`, `_`, `-`"),
            );
        }
        for column in columns {
            match Pattern::parse(column.get_ref(), &name) {
                Some(pattern) => self.labels.add(pattern),
                None => self.wrong(&column.span(), format!(
                    "`{}` is not `database.schema.table.column`, with `*` in unquoted names and an account before it if need be",
                    column.get_ref()
                )),
            }
        }
        if self.labels.labels.insert(name.clone(), label).is_some() {
            self.wrong(&at, format!("there is a label `{name}` already"));
        }
    }

    fn text(&mut self, key: &str, value: Spanned<DeValue<'_>>) -> Option<Spanned<String>> {
        let span = value.span();
        if let DeValue::String(text) = value.into_inner() {
            return Some(Spanned::new(span, text.into_owned()));
        }
        self.wrong(&span, format!("`{key}` must be a string"));
        None
    }

    fn columns(&mut self, value: Spanned<DeValue<'_>>) -> Vec<Spanned<String>> {
        let span = value.span();
        let DeValue::Array(elements) = value.into_inner() else {
            self.wrong(&span, "`columns` must be an array of strings");
            return Vec::new();
        };
        let elements = elements.into_iter();
        elements
            .filter_map(|element| self.text("columns", element))
            .collect()
    }

    fn method(&mut self, value: Spanned<DeValue<'_>>) -> Method {
        let Some(method) = self.text("method", value) else {
            return Method::Redact;
        };
        match method.get_ref().as_str() {
            "null" => Method::Null,
            "redact" => Method::Redact,
            "hash" => Method::Hash,
            "format-preserving" => Method::FormatPreserving,
            "partial" => Method::Partial { first: 0, last: 4 },
            "generalise" => Method::Date(DateRule::Year),
            unknown => {
                let hint = suggestion(unknown, &METHODS);
                self.wrong(&method.span(), format!("unknown method `{unknown}`{hint}"));
                Method::Redact
            }
        }
    }

    fn rank(&mut self, value: &Spanned<DeValue<'_>>) -> Option<i64> {
        let span = value.span();
        if let DeValue::Integer(number) = value.get_ref()
            && let Ok(rank) = i64::from_str_radix(number.as_str(), number.radix())
        {
            return Some(rank);
        }
        self.wrong(&span, "`rank` must be a whole number");
        None
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
