//! What masking does to a value: one file per method.
//!
//! A method is a pure function of value, label and key. It never fails: where it does not fit a
//! value, the value is replaced by something that says less.
//!
//! What comes out is never what went in. The exceptions are `date` by year or month and `number`,
//! which say less of a value than it says itself, and nothing less of one that says no more: the
//! first of January stays what it is.

mod calendar;
mod constant;
mod date;
mod date_text;
mod email_domain;
mod format_preserving;
mod hash;
mod masking;
mod null;
mod number;
mod partial;
mod rank;
mod redact;

pub use masking::{Masking, Replaced};

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

#[cfg(test)]
mod tests;
