//! A label's rule with its keys, and which method sees which type.

use std::sync::Arc;

use super::format_preserving::Cipher;
use super::hash::Hasher;
use super::{
    Method, Otherwise, Rule, constant, date, date_text, email_domain, null, number, partial, redact,
};
use crate::mask::key::LabelKey;
use crate::mask::leaves::{self, Change, Leaf, NotJson};

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
    hasher: Hasher,
    shifter: Hasher,
    /// `None`: another method is used, so the keys of this one are not made.
    cipher: Option<Cipher>,
}

impl Masking {
    #[must_use]
    pub fn new(label: Arc<str>, rank: i64, rule: Rule, key: LabelKey) -> Self {
        let cipher = match rule.method {
            Method::FormatPreserving => Cipher::new(&key),
            Method::Null
            | Method::Redact
            | Method::Constant(_)
            | Method::Hash
            | Method::Partial { .. }
            | Method::EmailDomain
            | Method::Date(_)
            | Method::Number(_) => None,
        };
        let hasher = Hasher::new(&key.of_use("hash"));
        let shifter = Hasher::new(&key.of_use("shift"));
        // Wiped: those of its uses are all that is needed.
        drop(key);
        Self {
            label,
            rank,
            rule,
            hasher,
            shifter,
            cipher,
        }
    }

    /// The same label with a method that keeps nothing: for what is stored.
    #[must_use]
    pub fn redacting(&self) -> Self {
        self.with(Method::Redact)
    }

    /// The same label, whose values are all this text.
    #[must_use]
    pub fn saying(&self, text: String) -> Self {
        self.with(Method::Constant(text))
    }

    /// The same label by a method without keys.
    fn with(&self, method: Method) -> Self {
        Self {
            label: Arc::clone(&self.label),
            rank: self.rank,
            rule: Rule {
                method,
                ..Rule::default()
            },
            hasher: self.hasher.clone(),
            shifter: self.shifter.clone(),
            cipher: None,
        }
    }

    /// Masks a text. Never gives the text back as it was, but for generalised dates and numbers.
    pub fn text(&self, value: &str, output: &mut String) -> Replaced {
        let start = output.len();
        let replaced = self.written(value, output);
        // A value that is itself a marker or the constant.
        let is_same = output.get(start..) == Some(value) && !self.generalises();
        if replaced == Replaced::Null || is_same {
            output.truncate(start);
            return Replaced::Null;
        }
        Replaced::Text
    }

    /// Masks what was found inside a longer text, where NULL has no place: what would be NULL is the
    /// marker.
    pub fn span(&self, value: &str, output: &mut String) {
        if self.text(value, output) == Replaced::Null {
            redact::instead_of(value, &self.label, output);
        }
    }

    /// Masks a value that is no text, as it is shown, in a column that becomes text.
    pub fn retyped(&self, shown: &str, output: &mut String) -> Replaced {
        self.text(shown, output)
    }

    /// Masks the values of a JSON text: keys stay. A text that is no JSON becomes one JSON string. By
    /// `null` the whole is NULL.
    pub fn json(&self, value: &str, output: &mut String) -> Replaced {
        if self.rule.method == Method::Null {
            return null::written();
        }
        let start = output.len();
        let rewritten = leaves::rewrite(value, output, &mut |leaf, output| match leaf {
            Leaf::Text(text) => match self.text(text, output) {
                Replaced::Null => Change::Null,
                Replaced::Text => Change::Text,
            },
            Leaf::Number(text) => self.number_text(text, output),
            Leaf::Boolean(_) => Change::Null,
        });
        match rewritten {
            // `undefined`, `null` and brackets say nothing.
            Ok(_) => Replaced::Text,
            Err(NotJson) => {
                output.truncate(start);
                output.push('"');
                redact::write(&self.label, output);
                output.push('"');
                Replaced::Text
            }
        }
    }

    /// Masks a number of `unscaled / 10^scale`, in the same scale; `None` is NULL.
    #[must_use]
    pub fn number(&self, unscaled: i128, scale: u8) -> Option<i128> {
        let Method::Number(rule) = self.rule.method else {
            return None;
        };
        number::unscaled(rule, unscaled, scale)
    }

    /// `None` is NULL.
    #[must_use]
    pub fn real(&self, value: f64) -> Option<f64> {
        let Method::Number(rule) = self.rule.method else {
            return None;
        };
        number::real(rule, value)
    }

    /// Masks days since 1970-01-01; `None` is NULL.
    #[must_use]
    pub fn date(&self, days: i32) -> Option<i32> {
        let masked = self.day(i64::from(days))?;
        i32::try_from(masked).ok()
    }

    /// Masks seconds since 1970-01-01 in the value's own zone, with nanoseconds; `None` is NULL. The
    /// nanoseconds of what is truncated are 0.
    #[must_use]
    pub fn timestamp(&self, seconds: i64, nanoseconds: u32) -> Option<(i64, u32)> {
        let Method::Date(rule) = self.rule.method else {
            return None;
        };
        date::timestamp(rule, &self.shifter, seconds, nanoseconds)
    }

    /// Of two maskings the greater decides: the higher rank, then the method that says less, then the
    /// name.
    #[must_use]
    pub fn strictness(&self) -> (i64, u8, &str) {
        (self.rank, self.rule.method.privacy(), &self.label)
    }

    /// True if columns that are no text become text.
    #[must_use]
    pub const fn retypes(&self) -> bool {
        self.rule.retype
    }

    fn day(&self, days: i64) -> Option<i64> {
        let Method::Date(rule) = self.rule.method else {
            return None;
        };
        date::day(rule, &self.shifter, days)
    }

    fn written(&self, value: &str, output: &mut String) -> Replaced {
        let fits = match &self.rule.method {
            Method::Null => return null::written(),
            Method::Redact => {
                redact::write(&self.label, output);
                true
            }
            Method::Constant(constant) => {
                constant::write(constant, output);
                true
            }
            Method::Hash => {
                self.hasher.write(value, output);
                true
            }
            Method::FormatPreserving => {
                let cipher = self.cipher.as_ref();
                // Joins go on to hold; what the hash of a short value gives away, any deterministic
                // method would.
                if !cipher.is_some_and(|cipher| cipher.write(value, output)) {
                    self.hasher.write(value, output);
                }
                true
            }
            Method::Partial { first, last } => {
                if !partial::write(value, *first, *last, output) {
                    redact::write(&self.label, output);
                }
                true
            }
            Method::EmailDomain => email_domain::write(value, output),
            Method::Date(rule) => date_text::write(*rule, &self.shifter, value, output),
            Method::Number(rule) => number::write(*rule, value, output),
        };
        match (fits, self.rule.otherwise) {
            (true, _) => Replaced::Text,
            (false, Otherwise::Null) => Replaced::Null,
            (false, Otherwise::Redact) => {
                redact::write(&self.label, output);
                Replaced::Text
            }
        }
    }

    /// A number in JSON, whose writing may have an exponent.
    fn number_text(&self, text: &str, output: &mut String) -> Change {
        let Method::Number(rule) = self.rule.method else {
            return Change::Null;
        };
        if number::write(rule, text, output) {
            return Change::Number;
        }
        let real = text.parse().ok().and_then(|real| number::real(rule, real));
        match real {
            Some(real) => {
                output.push_str(&format!("{real:e}"));
                Change::Number
            }
            None => Change::Null,
        }
    }

    const fn generalises(&self) -> bool {
        match self.rule.method {
            Method::Date(_) | Method::Number(_) => true,
            Method::Null
            | Method::Redact
            | Method::Constant(_)
            | Method::Hash
            | Method::FormatPreserving
            | Method::Partial { .. }
            | Method::EmailDomain => false,
        }
    }
}
