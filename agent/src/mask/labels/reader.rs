//! Reads `labels.toml`: strictly, and everything that is wrong with it at once.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::method::{self, Draft};
use super::packs::PACKS;
use super::pattern::Pattern;
use super::{Detection, Finding, Label, suggestion};
use crate::mask::content::VOTERS_MIN;
use crate::mask::detect::{self, Detector};

const FILE_KEYS: [&str; 4] = ["detection", "label", "packs", "strict"];
const DETECTION_KEYS: [&str; 3] = ["confidence", "sample", "share"];
const LABEL_KEYS: [&str; 6] = ["columns", "detectors", "extend", "method", "name", "rank"];

/// More classes of data than anybody tells apart.
const LABELS_MAX: usize = 256;

/// All of them are tried for a table whose columns are not known.
const PATTERNS_MAX: usize = 10_000;

/// In masked cells, metrics and the record.
const NAME_CHARS_MAX: usize = 64;

const RANK_MAX: u64 = 1000;

/// Looking at more values than these delays the first row.
const SAMPLE_MAX: u64 = 10_000;

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) labels: BTreeMap<String, Entry>,
    pub(super) detection: Detection,
    pub(super) strict: bool,
    pub(super) findings: Vec<Finding>,
    /// The shipped pack that is read, if it is one.
    pack: Option<&'static str>,
    /// Those of the packs, until the file's own are known.
    shipped: BTreeMap<String, Entry>,
    /// The label of the file that has a detector.
    taken: BTreeMap<&'static str, String>,
    patterns: usize,
}

/// A label with its patterns.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) label: Label,
    pub(super) patterns: Vec<Pattern>,
}

/// A `[[label]]` while its keys are read.
#[derive(Debug, Default)]
struct Table {
    name: Option<Spanned<String>>,
    columns: Vec<Spanned<String>>,
    detectors: Vec<&'static Detector>,
    /// `columns` or `detectors` is there and not empty, right or wrong.
    finds: bool,
    extend: bool,
    rank: Option<(i64, Range<usize>)>,
    method: Draft,
}

impl Reader {
    /// Reads the text of a file.
    pub(super) fn read(text: &str) -> Self {
        let mut reader = Self::default();
        reader.parse(text);
        reader.findings.sort_by_key(|finding| finding.offset);
        reader
    }

    fn parse(&mut self, text: &str) {
        let (file, errors) = DeTable::parse_recoverable(text);
        // What follows a syntax error is a guess, and findings about guesses mislead.
        if !errors.is_empty() {
            self.findings.extend(errors.iter().map(|error| Finding {
                offset: error.span().map_or(0, |span| span.start),
                message: error.message().to_owned(),
            }));
            return;
        }
        self.file(file.into_inner());
    }

    pub(super) fn wrong(&mut self, span: &Range<usize>, message: impl Into<String>) {
        self.findings.push(Finding {
            offset: span.start,
            message: message.into(),
        });
    }

    fn file(&mut self, file: DeTable<'_>) {
        let (mut packs, mut labels) = (None, None);
        for (key, value) in file {
            match key.get_ref().as_ref() {
                "packs" if self.pack.is_none() => packs = Some(value),
                "label" => labels = Some(value),
                "strict" if self.pack.is_none() => {
                    self.strict = self.flag("strict", &value).unwrap_or_default();
                }
                "detection" if self.pack.is_none() => self.detection(value),
                unknown => {
                    let hint = suggestion(unknown, &FILE_KEYS);
                    self.wrong(&key.span(), format!("unknown key `{unknown}`{hint}"));
                }
            }
        }
        if let Some(packs) = packs {
            self.packs(packs);
        }
        if let Some(labels) = labels {
            self.tables(labels);
        }
        // What the file itself says of a detector goes before what packs say.
        for entry in self.shipped.values_mut() {
            let taken = &self.taken;
            let detectors = &mut entry.label.detectors;
            detectors.retain(|it| !taken.contains_key(it.name));
        }
        for (name, entry) in std::mem::take(&mut self.shipped) {
            self.labels.entry(name).or_insert(entry);
        }
    }

    fn packs(&mut self, value: Spanned<DeValue<'_>>) {
        let names = self.texts("packs", value);
        let known = PACKS.map(|(name, _)| name);
        let mut seen = BTreeSet::new();
        for given in names {
            let (span, given) = (given.span(), given.into_inner());
            let Some((name, text)) = PACKS.into_iter().find(|(name, _)| *name == given) else {
                let hint = suggestion(&given, &known);
                let known = known.join(", ");
                let message = format!("there is no pack `{given}`{hint}: there are {known}");
                self.wrong(&span, message);
                continue;
            };
            if !seen.insert(name) {
                self.wrong(&span, format!("the pack `{name}` is named twice"));
                continue;
            }
            let mut pack = Self {
                pack: Some(name),
                ..Self::default()
            };
            pack.parse(text);
            if let Some(finding) = pack.findings.first() {
                let message = format!("the pack `{name}` is broken: {}", finding.message);
                self.wrong(&span, message);
            }
            self.shipped.append(&mut pack.labels);
        }
    }

    fn detection(&mut self, value: Spanned<DeValue<'_>>) {
        let span = value.span();
        let DeValue::Table(table) = value.into_inner() else {
            return self.wrong(&span, "`detection` is a table: `[detection]`");
        };
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "confidence" => {
                    if let Some(percent) = self.percent("confidence", &value) {
                        self.detection.confidence = percent;
                    }
                }
                "share" => {
                    if let Some(percent) = self.percent("share", &value) {
                        self.detection.share = percent;
                    }
                }
                "sample" => {
                    let least = u64::try_from(VOTERS_MIN).unwrap_or(u64::MAX);
                    let number = self.number("sample", &value, least..=SAMPLE_MAX);
                    if let Some(number) = number.and_then(|it| usize::try_from(it).ok()) {
                        self.detection.sample = number;
                    }
                }
                unknown => {
                    let hint = suggestion(unknown, &DETECTION_KEYS);
                    self.wrong(&key.span(), format!("unknown key `{unknown}`{hint}"));
                }
            }
        }
    }

    fn percent(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<u8> {
        let number = self.number(key, value, 1..=100)?;
        u8::try_from(number).ok()
    }

    fn tables(&mut self, value: Spanned<DeValue<'_>>) {
        let span = value.span();
        let DeValue::Array(tables) = value.into_inner() else {
            return self.wrong(&span, "labels are tables: `[[label]]`");
        };
        for (at, table) in tables.into_iter().enumerate() {
            let span = table.span();
            if at == LABELS_MAX {
                let message = format!("there are more than {LABELS_MAX} labels");
                return self.wrong(&span, message);
            }
            if let DeValue::Table(table) = table.into_inner() {
                self.label(table, &span);
            } else {
                self.wrong(&span, "labels are tables: `[[label]]`");
            }
        }
    }

    fn label(&mut self, keys: DeTable<'_>, span: &Range<usize>) {
        let mut table = Table::default();
        for (key, value) in keys {
            let at = key.span();
            match key.get_ref().as_ref() {
                "name" => table.name = self.text("name", value),
                "columns" => {
                    table.columns = self.texts("columns", value);
                    table.finds = true;
                }
                "detectors" => {
                    table.detectors = self.detectors(value);
                    table.finds = true;
                }
                "extend" => table.extend = self.flag("extend", &value).unwrap_or_default(),
                "rank" => {
                    let rank = self.number("rank", &value, 0..=RANK_MAX);
                    table.rank = rank.and_then(|it| Some((i64::try_from(it).ok()?, at)));
                }
                "method" => table.method.take("method", value, self),
                known if known == method::SHIFT_DAYS || method::PARAMETERS.contains(&known) => {
                    table.method.take(known, value, self);
                }
                unknown => {
                    let known = LABEL_KEYS.iter().chain(&method::PARAMETERS);
                    let known: Vec<&str> = known.chain([&method::SHIFT_DAYS]).copied().collect();
                    let hint = suggestion(unknown, &known);
                    self.wrong(&at, format!("unknown key `{unknown}`{hint}"));
                }
            }
        }
        self.close(table, span);
    }

    fn close(&mut self, table: Table, span: &Range<usize>) {
        if !table.finds {
            self.wrong(span, "a label needs `columns` or `detectors`");
        }
        let rule = table.method.rule(span, self);
        let has_card = table.detectors.iter().any(|it| it.name == "card");
        let Some(name) = table.name else {
            return self.wrong(span, "a label needs a `name`");
        };
        let (at, name) = (name.span(), name.into_inner());
        self.check_name(&name, &at);
        if (has_card || name == "pci.card")
            && let Some(message) = method::shows_too_much_of_a_card(&rule.method)
        {
            self.wrong(&at, message);
        }
        let mut patterns = Vec::new();
        for column in table.columns {
            let pattern = Pattern::parse(column.get_ref(), &name, self.pack);
            self.patterns += 1;
            match pattern {
                Some(_) if self.patterns == PATTERNS_MAX + 1 => {
                    let message = format!("there are more than {PATTERNS_MAX} patterns of columns");
                    self.wrong(&column.span(), message);
                }
                Some(pattern) => patterns.push(pattern),
                None => self.wrong(&column.span(), format!(
                    "`{}` is not `database.schema.table.column`, with `*` in unquoted names and an account before it if need be",
                    column.get_ref()
                )),
            }
        }
        for detector in &table.detectors {
            if let Some(other) = self.taken.insert(detector.name, name.clone()) {
                let message = format!("the label `{other}` has the detector `{}`", detector.name);
                self.wrong(&at, format!("{message}: what is found carries one label"));
            }
        }
        if table.extend {
            let said = table.method.first();
            let said = said.or_else(|| table.rank.map(|(_, at)| ("rank", at)));
            if let Some((key, span)) = said {
                let message = format!("`{key}` is the pack's: leave it out, or `extend`");
                self.wrong(&span, message);
            }
            return self.extend(name, &at, patterns, table.detectors);
        }
        let label = Label {
            rank: table.rank.map_or(0, |(rank, _)| rank),
            rule,
            detectors: table.detectors,
            pack: self.pack,
        };
        let entry = Entry { label, patterns };
        if self.labels.insert(name.clone(), entry).is_some() {
            self.wrong(&at, format!("there is a label `{name}` already"));
        }
    }

    /// Adds to a pack's label in place of replacing it.
    fn extend(
        &mut self,
        name: String,
        at: &Range<usize>,
        patterns: Vec<Pattern>,
        detectors: Vec<&'static Detector>,
    ) {
        if self.labels.contains_key(&name) {
            return self.wrong(at, format!("there is a label `{name}` already"));
        }
        let Some(mut entry) = self.shipped.remove(&name) else {
            let message = format!("no pack in `packs` has a label `{name}` to extend");
            return self.wrong(at, message);
        };
        entry.patterns.extend(patterns);
        for detector in detectors {
            let has = entry
                .label
                .detectors
                .iter()
                .any(|it| it.name == detector.name);
            if !has {
                entry.label.detectors.push(detector);
            }
        }
        self.labels.insert(name, entry);
    }

    fn check_name(&mut self, name: &str, at: &Range<usize>) {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        if name.is_empty() || !name.chars().all(plain) {
            let message = format!("`{name}` is not a name of a-z, 0-9, `.`, `_`, `-`");
            self.wrong(at, message);
        } else if name.len() > NAME_CHARS_MAX {
            let message = format!("the name is longer than {NAME_CHARS_MAX} characters");
            self.wrong(at, message);
        }
    }

    fn detectors(&mut self, value: Spanned<DeValue<'_>>) -> Vec<&'static Detector> {
        let mut found: Vec<&'static Detector> = Vec::new();
        for name in self.texts("detectors", value) {
            let text = name.get_ref();
            let message = match detect::by_name(text) {
                Some(detector) if found.iter().any(|it| it.name == detector.name) => {
                    format!("the detector `{text}` is named twice")
                }
                Some(detector) => {
                    found.push(detector);
                    continue;
                }
                None => {
                    let known: Vec<&str> = detect::all().map(|it| it.name).collect();
                    let hint = suggestion(text, &known);
                    format!("there is no detector `{text}`{hint}")
                }
            };
            self.wrong(&name.span(), message);
        }
        found
    }
}
