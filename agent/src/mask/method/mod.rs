//! What masking does to a value: one file per method.
//!
//! A method is a pure function of value, label and key. It never fails: where it does not fit a
//! value, the value is replaced by something that says less.

use std::sync::Arc;

use super::key::LabelKey;

/// What is done to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    Null,
    /// A marker that names the label.
    Redact,
    Constant(String),
    /// A keyed hash: the same value has the same hash under the same label.
    Hash,
    /// Letters and digits for letters and digits, by FF1.
    FormatPreserving,
    /// The first and last characters stay.
    Partial {
        first: u8,
        last: u8,
    },
    /// Of an e-mail address the domain stays.
    EmailDomain,
    Date(DateRule),
    Number(NumberRule),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateRule {
    /// To the first day of the year.
    Year,
    Month,
    /// Moved by up to so many days, the same for the same value.
    Shift {
        days: u16,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberRule {
    /// To a multiple of ten to this power.
    Round { digits: u8 },
    /// To the lower end of a bucket of this size.
    Bucket { size: u32 },
}

/// How the values of a label are masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub method: Method,
    /// For values whose type the method does not fit.
    pub otherwise: Otherwise,
    /// Columns that are no text become text, so that a method for text fits them.
    pub retype: bool,
}

/// What is done where a method does not fit: both fit everything that is text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Otherwise {
    #[default]
    Null,
    /// Text becomes the marker; anything else NULL.
    Redact,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            method: Method::Redact,
            otherwise: Otherwise::Null,
            retype: false,
        }
    }
}

impl Method {
    /// Of two methods for one value the one with the higher number says less: null > redact,
    /// constant > hash > format-preserving > partial, e-mail domain > generalised.
    #[must_use]
    pub const fn privacy(&self) -> u8 {
        match self {
            Self::Null => 6,
            Self::Redact | Self::Constant(_) => 5,
            Self::Hash => 4,
            Self::FormatPreserving => 3,
            Self::Partial { .. } | Self::EmailDomain => 2,
            Self::Date(_) | Self::Number(_) => 1,
        }
    }
}

/// What became of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    Null,
    /// The new text was appended to the output.
    Text,
}

/// A label's rule with its key: masks values.
#[derive(Debug)]
pub struct Masking {
    pub label: Arc<str>,
    pub rank: i64,
    pub rule: Rule,
    key: LabelKey,
}

impl Masking {
    #[must_use]
    pub const fn new(label: Arc<str>, rank: i64, rule: Rule, key: LabelKey) -> Self {
        Self {
            label,
            rank,
            rule,
            key,
        }
    }

    /// Masks a text. Never gives the text back as it was, but for generalised dates and numbers.
    pub fn text(&self, value: &str, output: &mut String) -> Replaced {
        let _ = (value, output, &self.key);
        Replaced::Null
    }

    /// Masks the values of a JSON text: keys stay.
    pub fn json(&self, value: &str, output: &mut String) -> Replaced {
        let _ = (value, output);
        Replaced::Null
    }

    /// Masks a number of `unscaled / 10^scale`, in the same scale; `None` is NULL.
    #[must_use]
    pub fn number(&self, unscaled: i128, scale: u8) -> Option<i128> {
        let _ = (unscaled, scale);
        None
    }

    /// `None` is NULL.
    #[must_use]
    pub fn real(&self, value: f64) -> Option<f64> {
        let _ = value;
        None
    }

    /// Masks days since 1970-01-01; `None` is NULL.
    #[must_use]
    pub fn date(&self, days: i32) -> Option<i32> {
        let _ = days;
        None
    }

    /// Masks seconds since 1970-01-01 in the value's own zone, with nanoseconds; `None` is NULL. The
    /// nanoseconds of what is truncated are 0.
    #[must_use]
    pub fn timestamp(&self, seconds: i64, nanoseconds: u32) -> Option<(i64, u32)> {
        let _ = (seconds, nanoseconds);
        None
    }

    /// True if columns that are no text become text.
    #[must_use]
    pub const fn retypes(&self) -> bool {
        self.rule.retype
    }
}
