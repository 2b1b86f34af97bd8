//! The columns of a result as an answer announces them: `rowtype`.
//!
//! Names and types are those of `wire-protocol` drivers read: `type` in lower case, numbers as
//! unscaled digits with a `scale`.

mod masked;

use serde::Deserialize;

pub use self::masked::{masked, masked_name};

/// What kind of values a column has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// `NUMBER`: digits with a scale.
    Fixed,
    Real,
    Decfloat,
    Text,
    Binary,
    Boolean,
    Date,
    Time,
    TimestampNtz,
    TimestampLtz,
    TimestampTz,
    /// JSON text of any kind.
    Variant,
    /// JSON text, or a structured value when [`Field::fields`] are told.
    Object,
    /// JSON text, or a structured value when [`Field::fields`] are told.
    Array,
    Map,
    Vector,
    IntervalYearMonth,
    IntervalDayTime,
    /// A type that is not known: its values are neither read nor passed on unless nothing protects
    /// them.
    Other,
}

impl Type {
    /// As row types have it; `other` for one that is not known.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Real => "real",
            Self::Decfloat => "decfloat",
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Time => "time",
            Self::TimestampNtz => "timestamp_ntz",
            Self::TimestampLtz => "timestamp_ltz",
            Self::TimestampTz => "timestamp_tz",
            Self::Variant => "variant",
            Self::Object => "object",
            Self::Array => "array",
            Self::Map => "map",
            Self::Vector => "vector",
            Self::IntervalYearMonth => "interval_year_month",
            Self::IntervalDayTime => "interval_day_time",
            Self::Other => "other",
        }
    }

    fn parse(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "fixed" => Self::Fixed,
            "real" => Self::Real,
            "decfloat" => Self::Decfloat,
            "text" => Self::Text,
            "binary" => Self::Binary,
            "boolean" => Self::Boolean,
            "date" => Self::Date,
            "time" => Self::Time,
            "timestamp_ntz" => Self::TimestampNtz,
            "timestamp_ltz" => Self::TimestampLtz,
            "timestamp_tz" => Self::TimestampTz,
            "variant" => Self::Variant,
            "object" => Self::Object,
            "array" => Self::Array,
            "map" => Self::Map,
            "vector" => Self::Vector,
            "interval_year_month" => Self::IntervalYearMonth,
            "interval_day_time" => Self::IntervalDayTime,
            _ => Self::Other,
        }
    }
}

/// One column of a result, or one part of a structured one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub kind: Type,
    /// Digits after the point, or of a second; 0 where the type has none.
    pub scale: u8,
    /// Digits of a number; 38 where it is not told.
    pub precision: u8,
    pub nullable: bool,
    /// The parts of a structured value; empty for any other.
    pub fields: Vec<Self>,
}

impl Field {
    /// A field with what a row type says where it says no more.
    #[must_use]
    pub fn new(name: &str, kind: Type, scale: u8) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            scale,
            precision: PRECISION_MAX,
            nullable: true,
            fields: Vec::new(),
        }
    }
}

/// Of a number, as Snowflake has it (docs: "Numeric data types").
const PRECISION_MAX: u8 = 38;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    #[serde(default)]
    name: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    scale: Option<u8>,
    #[serde(default)]
    precision: Option<u8>,
    #[serde(default)]
    nullable: Option<bool>,
    #[serde(default)]
    fields: Option<Vec<Self>>,
}

impl From<Raw> for Field {
    fn from(raw: Raw) -> Self {
        let fields = raw.fields.unwrap_or_default();
        Self {
            name: raw.name.unwrap_or_default(),
            kind: Type::parse(&raw.kind),
            scale: raw.scale.unwrap_or(0),
            precision: raw.precision.unwrap_or(PRECISION_MAX),
            nullable: raw.nullable.unwrap_or(true),
            fields: fields.into_iter().map(Self::from).collect(),
        }
    }
}

/// Reads a `rowtype`; `None` when it is not one.
#[must_use]
pub fn parse(json: &[u8]) -> Option<Vec<Field>> {
    let raw: Vec<Raw> = serde_json::from_slice(json).ok()?;
    Some(raw.into_iter().map(Field::from).collect())
}
