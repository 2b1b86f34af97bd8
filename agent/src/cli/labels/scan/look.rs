//! Looks at the values of one column, and masks them as a result's would be.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::cell::{Given, Masked, decimal, field, written};
use crate::cli::labels::explain::ColumnName;
use crate::mask::column::{Cell, Cells};
use crate::mask::detect::{Hint, Hit};
use crate::mask::key::MasterKey;
use crate::mask::labels::Labels;
use crate::mask::masks::Masks;
use crate::mask::method::{Masking, Replaced};
use crate::mask::plan::{Column, Reason, Treatment};
use crate::snowflake::rowtype::Type;

/// What is looked at with.
#[derive(Debug)]
pub(in crate::cli::labels) struct Looker {
    labels: Labels,
    masks: Masks,
    /// The label of what a detector finds.
    by_detector: HashMap<&'static str, String>,
    account: String,
}

/// A line of a batch.
#[derive(Deserialize)]
pub(in crate::cli::labels) struct Question<'q> {
    #[serde(default, borrow)]
    pub(super) id: Option<&'q RawValue>,
    #[serde(default, borrow)]
    pub(super) column: Cow<'q, str>,
    #[serde(borrow)]
    pub(super) values: Vec<&'q RawValue>,
}

/// What is said of a column.
#[derive(Serialize)]
pub(super) struct Seen<'q> {
    pub(super) id: Option<&'q RawValue>,
    pub(super) column: &'q str,
    /// The label that all of its values carry.
    pub(super) label: Option<&'q str>,
    pub(super) reason: Option<Why>,
    pub(super) values: Vec<SeenCell<'q>>,
}

/// Why a column as a whole has a label.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Why {
    Name,
    Values,
}

#[derive(Serialize)]
pub(super) struct SeenCell<'q> {
    pub(super) found: Vec<Find<'q>>,
    pub(super) masked: Masked<'q>,
}

/// Something that was found: where, never what.
#[derive(Serialize)]
pub(super) struct Find<'q> {
    pub(super) detector: &'static str,
    pub(super) label: &'q str,
    /// The JSON pointer (RFC 6901) of the text in a value that is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<String>,
    /// Bytes of the text.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) confidence: u8,
}

/// What is looked at.
#[derive(Clone, Copy, Debug)]
enum Sight<'t> {
    Text(&'t str),
    Number(&'t str),
}

impl Why {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Name => "its name",
            Self::Values => "its values",
        }
    }
}

impl Looker {
    pub(in crate::cli::labels) fn new(labels: Labels, key: &MasterKey, account: String) -> Self {
        let masks = Masks::new(&labels, key);
        let mut by_detector = HashMap::new();
        for (name, label) in labels.iter() {
            let detectors = label.detectors.iter();
            by_detector.extend(detectors.map(|it| (it.name, name.to_owned())));
        }
        Self {
            labels,
            masks,
            by_detector,
            account,
        }
    }

    /// Looks at a column.
    pub(super) fn look<'q>(&'q self, question: &'q Question<'q>) -> Result<Seen<'q>> {
        let given = question.values.iter().map(|raw| Given::read(raw));
        let given: Vec<Given<'q>> = given.collect::<Result<_>>()?;
        let name = question.column.as_ref();
        let content = self.masks.content();
        let hint = content.scanner().hint(name);
        let column = self.column(name, &given, &hint);
        let mut cells = Cells::new(&column, content);
        if cells.votes() {
            let texts = given.iter().filter_map(Given::text);
            cells.vote(&mut texts.take(content.sample()));
        }
        let reason = match (&column.treatment, cells.masking()) {
            (_, None) => None,
            (Treatment::Mask(_), Some(_)) => Some(Why::Name),
            (Treatment::Scan(_) | Treatment::Clear, Some(_)) => Some(Why::Values),
        };
        let decided = cells.masking().map(Arc::clone);
        let values = given.iter().map(|value| SeenCell {
            found: self.found(value, column.field.kind, &hint),
            masked: mask(value, &mut cells),
        });
        let values = values.collect();
        let label = decided.and_then(|it| self.labels.iter().find(|(name, _)| **name == *it.label));
        Ok(Seen {
            id: question.id,
            column: name,
            label: label.map(|(name, _)| name),
            reason,
            values,
        })
    }

    fn column(&self, name: &str, values: &[Given<'_>], hint: &Hint) -> Column {
        let labels: BTreeSet<&str> = match ColumnName::parse(name) {
            Ok(column) => {
                let because = column.because(&self.labels, &self.account);
                because.into_iter().map(|it| it.label).collect()
            }
            // A result's column can be called anything.
            Err(_) => {
                let mut tables = std::iter::empty();
                self.labels.of_name(&self.account, name, &mut tables)
            }
        };
        let strictest = self.masks.strictest(&mut labels.iter().copied());
        let reason = strictest.map(|_| Reason::Name);
        let treatment = strictest.map_or_else(
            || Treatment::Scan(hint.clone()),
            |masking| Treatment::Mask(Arc::clone(masking)),
        );
        Column {
            labels: labels.into_iter().map(Arc::from).collect(),
            reason,
            ..Column::new(field(name, values), treatment)
        }
    }

    fn found(&self, value: &Given<'_>, kind: Type, hint: &Hint) -> Vec<Find<'_>> {
        let mut found = Vec::new();
        match value {
            Given::Null | Given::Boolean(_) => {}
            Given::Text(text) => self.scan(Sight::Text(text), None, hint, &mut found),
            Given::Number(text) if matches!(kind, Type::Fixed | Type::Real) => {
                self.scan(Sight::Number(text), None, hint, &mut found);
            }
            Given::Number(text) => self.scan(Sight::Text(text), None, hint, &mut found),
            Given::Nested(json) => self.nested(json, &mut String::new(), (hint, hint), &mut found),
        }
        found
    }

    fn scan<'s>(
        &'s self,
        sight: Sight<'_>,
        at: Option<&str>,
        hint: &Hint,
        found: &mut Vec<Find<'s>>,
    ) {
        let least = self.labels.detection().confidence;
        let mut hits: Vec<Hit> = Vec::new();
        let scanner = self.masks.content().scanner();
        match sight {
            Sight::Text(text) => scanner.scan(text, hint, least, &mut hits),
            Sight::Number(text) => scanner.scan_number(text, hint, least, &mut hits),
        }
        found.extend(hits.into_iter().map(|hit| {
            Find {
                detector: hit.detector.name,
                label: self
                    .by_detector
                    .get(hit.detector.name)
                    .map_or("", String::as_str),
                at: at.map(str::to_owned),
                start: hit.range.start,
                end: hit.range.end,
                confidence: hit.confidence,
            }
        }));
    }

    /// Looks at the texts and numbers inside a JSON text, by what the column and the nearest key make
    /// likelier. Its depth has the limit of `serde_json`, which has read it before.
    fn nested<'s>(
        &'s self,
        json: &str,
        path: &mut String,
        (column, hint): (&Hint, &Hint),
        found: &mut Vec<Find<'s>>,
    ) {
        let length = path.len();
        let scanner = self.masks.content().scanner();
        let mut inside = |name: &str, hint: &Hint, value: &RawValue| {
            path.push('/');
            path.push_str(&name.replace('~', "~0").replace('/', "~1"));
            self.nested(value.get(), path, (column, hint), found);
            path.truncate(length);
        };
        match json.as_bytes().first() {
            Some(b'{') => {
                let object: BTreeMap<String, &RawValue> =
                    serde_json::from_str(json).unwrap_or_default();
                for (name, value) in &object {
                    inside(name, &scanner.hint(name).and(column), value);
                }
            }
            Some(b'[') => {
                let array: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
                let array = array.iter().enumerate();
                array.for_each(|(at, value)| inside(&at.to_string(), hint, value));
            }
            Some(b'"') => {
                let text: String = serde_json::from_str(json).unwrap_or_default();
                self.scan(Sight::Text(&text), Some(path), hint, found);
            }
            Some(b'-' | b'0'..=b'9') => self.scan(Sight::Number(json), Some(path), hint, found),
            Some(_) | None => {}
        }
    }
}

/// Masks a value as the streams do.
fn mask<'q>(value: &Given<'q>, cells: &mut Cells<'_>) -> Masked<'q> {
    let masking = cells.masking().map(Arc::clone);
    let kind = cells.column.field.kind;
    match (value, masking) {
        (Given::Null, _) | (Given::Boolean(_), Some(_)) => Masked::Null,
        (Given::Boolean(_), None) => value.same(),
        (Given::Number(_), None) if kind == Type::Fixed || kind == Type::Real => value.same(),
        (Given::Number(text), Some(masking)) if kind == Type::Fixed || kind == Type::Real => {
            number(text, cells.column.field.scale, kind, &masking)
        }
        (Given::Text(text), _) if kind == Type::Variant => {
            // In a column of JSON a text is a JSON text.
            let json = serde_json::Value::from(text.as_str()).to_string();
            match cell(&json, value, cells) {
                Masked::Text(json) => Masked::Text(serde_json::from_str(&json).unwrap_or(json)),
                masked @ (Masked::Null | Masked::Number(_) | Masked::Boolean(_)) => masked,
            }
        }
        (Given::Text(text), _) => cell(text, value, cells),
        (Given::Number(text) | Given::Nested(text), _) => cell(text, value, cells),
    }
}

fn cell<'q>(text: &str, value: &Given<'q>, cells: &mut Cells<'_>) -> Masked<'q> {
    let mut output = String::new();
    match cells.text(text, &mut output) {
        Cell::Same => value.same(),
        Cell::Null => Masked::Null,
        Cell::Text => Masked::Text(output),
    }
}

fn number<'q>(text: &str, scale: u8, kind: Type, masking: &Arc<Masking>) -> Masked<'q> {
    if masking.retypes() {
        let mut output = String::new();
        return match masking.text(text, &mut output) {
            Replaced::Null => Masked::Null,
            Replaced::Text => Masked::Text(output),
        };
    }
    if kind == Type::Real {
        let masked = text.parse().ok().and_then(|it| masking.real(it));
        return masked.map_or(Masked::Null, |it| Masked::Number(it.to_string()));
    }
    // All values of a column have its scale.
    let unscaled = decimal(text).and_then(|(unscaled, own)| {
        let missing = u32::from(scale.saturating_sub(own));
        unscaled.checked_mul(10_i128.checked_pow(missing)?)
    });
    let masked = unscaled.and_then(|it| masking.number(it, scale));
    masked.map_or(Masked::Null, |it| Masked::Number(written(it, scale)))
}
