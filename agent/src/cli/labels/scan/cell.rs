//! Values of a question as the cells of a column.

use anyhow::Result;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::snowflake::rowtype::{Field, Type};

/// `NUMBER` has 38 digits.
const DIGITS_MAX: usize = 38;

/// A value as it was given.
#[derive(Clone, Debug)]
pub(super) enum Given<'q> {
    Null,
    Text(String),
    /// As it is written.
    Number(&'q str),
    Boolean(&'q str),
    /// An object or an array, as it is written.
    Nested(&'q str),
}

/// A value as a result would carry it.
#[derive(Clone, Debug)]
pub(super) enum Masked<'q> {
    Null,
    Text(String),
    Number(String),
    Boolean(&'q str),
}

impl<'q> Given<'q> {
    pub(super) fn read(raw: &'q RawValue) -> Result<Self> {
        let text = raw.get();
        Ok(match text.as_bytes().first() {
            Some(b'"') => Self::Text(serde_json::from_str(text)?),
            Some(b'{' | b'[') => Self::Nested(text),
            Some(b't' | b'f') => Self::Boolean(text),
            Some(b'n') | None => Self::Null,
            Some(_) => Self::Number(text),
        })
    }

    /// What is looked at.
    pub(super) const fn text(&self) -> Option<&str> {
        match self {
            Self::Null | Self::Boolean(_) => None,
            Self::Text(text) => Some(text.as_str()),
            Self::Number(text) | Self::Nested(text) => Some(text),
        }
    }

    /// The value as it would be without masking.
    pub(super) fn same(&self) -> Masked<'q> {
        match self {
            Self::Null => Masked::Null,
            Self::Text(text) => Masked::Text(text.clone()),
            Self::Number(text) => Masked::Number((*text).to_owned()),
            Self::Boolean(text) => Masked::Boolean(text),
            Self::Nested(text) => Masked::Text((*text).to_owned()),
        }
    }
}

impl Masked<'_> {
    /// For people.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Text(text) | Self::Number(text) => text.clone(),
            Self::Boolean(text) => (*text).to_owned(),
        }
    }
}

impl Serialize for Masked<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = |text: &str| RawValue::from_string(text.to_owned());
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(text) => match raw(text) {
                Ok(raw) => raw.serialize(serializer),
                Err(_) => serializer.serialize_str(text),
            },
            Self::Boolean(text) => serializer.serialize_bool(*text == "true"),
        }
    }
}

/// The column that has these values, as Snowflake would type it.
pub(super) fn field(name: &str, values: &[Given<'_>]) -> Field {
    let mut present = values.iter().filter(|it| !matches!(it, Given::Null));
    let any = |fits: fn(&Given<'_>) -> bool| values.iter().any(fits);
    let numbers = values.iter().filter_map(|it| match it {
        Given::Number(text) => Some(decimal(text)),
        Given::Null | Given::Text(_) | Given::Boolean(_) | Given::Nested(_) => None,
    });
    let numbers: Vec<Option<(i128, u8)>> = numbers.collect();
    let all_numbers = present.all(|it| matches!(it, Given::Number(_))) && !numbers.is_empty();
    let scales = numbers.iter().flatten().map(|(_, scale)| *scale);
    let scale = scales.max().unwrap_or(0);
    let kind = if any(|it| matches!(it, Given::Nested(_))) {
        Type::Variant
    } else if all_numbers && numbers.iter().all(Option::is_some) {
        Type::Fixed
    } else if all_numbers {
        Type::Real
    } else {
        Type::Text
    };
    Field {
        name: name.to_owned(),
        scale: if kind == Type::Fixed { scale } else { 0 },
        kind,
        precision: 38,
        nullable: true,
        fields: Vec::new(),
    }
}

/// A number as `unscaled / 10^scale`.
pub(super) fn decimal(text: &str) -> Option<(i128, u8)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction}");
    if digits.trim_start_matches('-').len() > DIGITS_MAX {
        return None;
    }
    Some((digits.parse().ok()?, u8::try_from(fraction.len()).ok()?))
}

/// `unscaled / 10^scale` as a number is written.
pub(super) fn written(unscaled: i128, scale: u8) -> String {
    if scale == 0 {
        return unscaled.to_string();
    }
    let scale = usize::from(scale);
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(scale));
    let sign = if unscaled < 0 { "-" } else { "" };
    format!("{sign}{whole}.{fraction}")
}
