//! What is done to each column of a result, and why: layer two, with the answer's own row type.
//!
//! The answer can only widen what the statement foretold. Another number of columns than foreseen,
//! or a column under another name, says that we and Snowflake read the statement differently; then
//! every column counts as one of unknown origin.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::content::Content;
use super::detect::Hint;
use super::masks::Masks;
use super::method::Masking;
use super::outputs::{Origin, Scope, Told, known, no_data, unknown};
use crate::snowflake::rowtype::{self, Field, Type};
use crate::sql::facts::Output;

/// Numbers with fewer digits are not identifiers: the shortest that detectors know have nine.
const DIGITS_MIN: u8 = 9;

/// What is done to a result. The columns are those of its row type, in order.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub columns: Vec<Column>,
    /// The detectors for the columns that are scanned; without the labels that stay clear.
    pub content: Arc<Content>,
    /// Labels whose finds are shown as they are.
    pub cleared: BTreeSet<Arc<str>>,
    /// Values may be names of columns: those of unknown origin are counted in their place.
    pub hides_names: bool,
}

/// One column of a result.
#[derive(Clone, Debug)]
pub struct Column {
    pub field: Field,
    pub treatment: Treatment,
    pub labels: BTreeSet<Arc<str>>,
    pub reason: Option<Reason>,
    /// Set where the principal may see labels of this column that are masked elsewhere.
    pub cleared: Option<Cleared>,
    /// The keys of its JSON are names of fields, as they are stored; otherwise they may be values.
    pub keeps_keys: bool,
}

impl Column {
    /// A column without labels, whose JSON is as it is stored.
    #[must_use]
    pub const fn new(field: Field, treatment: Treatment) -> Self {
        Self {
            field,
            treatment,
            labels: BTreeSet::new(),
            reason: None,
            cleared: None,
            keeps_keys: true,
        }
    }
}

/// What is shown of one column and not of others.
#[derive(Clone, Debug)]
pub struct Cleared {
    pub labels: BTreeSet<Arc<str>>,
    /// The detectors for this column.
    pub content: Arc<Content>,
}

/// What is done to the values of a column.
#[derive(Clone, Debug)]
pub enum Treatment {
    /// Nobody looks at them: bytes are passed on as they came.
    Clear,
    /// Detectors look at each.
    Scan(Hint),
    /// All of them are masked.
    Mask(Arc<Masking>),
}

/// Why a column is masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its values come from labelled columns.
    Lineage,
    /// It is called like one.
    Name,
    /// Where its values come from is not known, and the statement touches labelled columns.
    Unknown(String),
}

impl Reason {
    /// The name in the record, in metrics and for programs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Lineage => "lineage",
            Self::Name => "name",
            Self::Unknown(_) => "unknown",
        }
    }
}

impl Plan {
    /// The plan for a result with these columns.
    #[must_use]
    pub fn of(scope: &Scope<'_>, origin: Origin<'_>, fields: Vec<Field>) -> Self {
        let masks = scope.masks;
        let detected = masks.detected().cloned();
        let cleared: BTreeSet<Arc<str>> = detected
            .filter(|label| (scope.unmasked)(label, None))
            .collect();
        let content = masks.content_without(&cleared);
        let outputs = origin.outputs();
        let foreseen = outputs.is_some_and(|outputs| agree(outputs, &fields));
        let columns = fields.into_iter().enumerate().map(|(at, field)| {
            let output = outputs.and_then(|outputs| outputs.get(at));
            let told = match output {
                _ if origin.is_no_data() => no_data(scope, origin, &field.name),
                Some(output) if foreseen => known(scope, origin, output, &field.name),
                Some(_) | None => unknown(scope, origin, output, &field.name),
            };
            column(masks, (&content, &cleared), field, told)
        });
        Self {
            columns: columns.collect(),
            content,
            cleared,
            hides_names: !foreseen && origin.names_by_values(),
        }
    }

    /// What a column is called, counted from 0, where its own name could be a value.
    #[must_use]
    pub fn other_name(&self, at: usize) -> Option<String> {
        let column = self.columns.get(at)?;
        let is_unknown = matches!(column.reason, Some(Reason::Unknown(_)));
        (self.hides_names && is_unknown).then(|| numbered(at))
    }

    /// True if nothing has to be read: the result is passed on as it came.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        let clear = |column: &Column| {
            // Arrow says the names of columns once more, in each chunk.
            matches!(column.treatment, Treatment::Clear)
                && rowtype::masked_name(&column.field.name, self).is_none()
        };
        self.columns.iter().all(clear)
    }

    /// The first column that is masked because nobody knows where it comes from, counted from 1,
    /// with why that is.
    #[must_use]
    pub fn uncertain(&self) -> Option<(usize, &Column, &str)> {
        let mut columns = self.columns.iter().zip(1..);
        columns.find_map(|(column, at)| match &column.reason {
            Some(Reason::Unknown(why)) => Some((at, column, why.as_str())),
            Some(Reason::Lineage | Reason::Name) | None => None,
        })
    }

    /// Every label that the principal sees in this result and others would not.
    #[must_use]
    pub fn shown(&self) -> BTreeSet<Arc<str>> {
        let columns = self.columns.iter();
        let of_columns = columns.filter_map(|column| column.cleared.as_ref());
        let of_columns = of_columns.flat_map(|cleared| cleared.labels.iter().cloned());
        let is_scanned = |column: &Column| matches!(column.treatment, Treatment::Scan(_));
        let finds = self.cleared.iter().cloned();
        let any_scanned = self.columns.iter().any(is_scanned);
        of_columns.chain(finds.filter(|_| any_scanned)).collect()
    }

    /// The same for plans that do the same: what was masked under one may go on under the other.
    #[must_use]
    pub fn digest(&self, masks: &Masks) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(masks.digest());
        hasher.update(format!("{:?} {}", self.cleared, self.hides_names).as_bytes());
        for column in &self.columns {
            let treatment = match &column.treatment {
                Treatment::Clear => "clear".to_owned(),
                Treatment::Scan(hint) => format!("scan {hint:?}"),
                Treatment::Mask(masking) => format!("mask {:?}", masking.label),
            };
            let cleared = column.cleared.as_ref().map(|cleared| &cleared.labels);
            let (field, keys) = (&column.field, column.keeps_keys);
            hasher.update(format!("{field:?} {treatment} {cleared:?} {keys};").as_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}

/// What a column is called that is not called by its name, counted from 0.
#[must_use]
pub fn numbered(at: usize) -> String {
    format!("COLUMN_{}", at.saturating_add(1))
}

/// Whether an answer has the columns that were foreseen. Names are compared as a session could fold
/// them; one that could not be told fits any.
fn agree(outputs: &[Output], fields: &[Field]) -> bool {
    outputs.len() == fields.len()
        && outputs.iter().zip(fields).all(|(output, field)| {
            let same = |name: &String| name.to_uppercase() == field.name.to_uppercase();
            output.name.as_ref().is_none_or(same)
        })
}

fn column(
    masks: &Masks,
    (content, cleared): (&Arc<Content>, &BTreeSet<Arc<str>>),
    field: Field,
    told: Told,
) -> Column {
    let own = (!told.cleared.is_empty()).then(|| {
        let labels: BTreeSet<Arc<str>> = told.cleared.union(cleared).cloned().collect();
        Cleared {
            content: masks.content_without(&labels),
            labels: told.cleared.clone(),
        }
    });
    let content = own.as_ref().map_or(content, |own| &own.content);
    let keeps_keys = told.keeps_keys && field.kind != Type::Map;
    let (masking, mut labels) = (told.masking, told.labels);
    let treatment = match (masking, &field.kind) {
        (Some(masking), _) => Treatment::Mask(masking),
        _ if content.is_empty() => Treatment::Clear,
        // Nobody can look for anything in it, and nobody knows what is in it.
        (None, Type::Other) => {
            let shown =
                |label: &&Arc<str>| !told.cleared.contains(*label) && !cleared.contains(*label);
            let hidden: BTreeSet<Arc<str>> = masks.detected().filter(shown).cloned().collect();
            let masking = masks.strictest(&mut hidden.iter().map(|it| &**it));
            let masking = masking.cloned();
            labels = hidden;
            masking.map_or(Treatment::Clear, Treatment::Mask)
        }
        (None, kind) if is_read(*kind, &field, content) => {
            Treatment::Scan(content.scanner().hint(&field.name))
        }
        (None, _) => Treatment::Clear,
    };
    let is_other = told.reason.is_none() && matches!(treatment, Treatment::Mask(_));
    let reason = told.reason.or_else(|| {
        is_other.then(|| Reason::Unknown("its type is not one that can be looked into".to_owned()))
    });
    Column {
        field,
        treatment,
        labels,
        reason,
        cleared: own,
        keeps_keys,
    }
}

/// Whether detectors can find anything in values of this kind.
fn is_read(kind: Type, field: &Field, content: &Content) -> bool {
    match kind {
        Type::Text | Type::Variant | Type::Object | Type::Array | Type::Map => true,
        Type::Fixed => {
            field.scale == 0 && field.precision >= DIGITS_MIN && content.scanner().reads_numbers()
        }
        Type::Real
        | Type::Decfloat
        | Type::Binary
        | Type::Boolean
        | Type::Date
        | Type::Time
        | Type::TimestampNtz
        | Type::TimestampLtz
        | Type::TimestampTz
        | Type::Vector
        | Type::IntervalYearMonth
        | Type::IntervalDayTime
        | Type::Other => false,
    }
}

#[cfg(test)]
mod tests;
