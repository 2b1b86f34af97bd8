//! What a label does, in words.

use crate::mask::labels::{Because, Label};
use crate::mask::method::{DateRule, Method, NumberRule, Otherwise, Rule};

/// A method with its parameters: `partial: first 6, last 4; otherwise redact`.
pub(super) fn rule(rule: &Rule) -> String {
    let mut words = method(&rule.method);
    match rule.otherwise {
        Otherwise::Null => {}
        Otherwise::Redact => words.push_str("; otherwise redact"),
    }
    if rule.retype {
        words.push_str("; as text");
    }
    words
}

/// The method as `labels.toml` calls it.
pub(in crate::cli) const fn name(method: &Method) -> &'static str {
    match method {
        Method::Null => "null",
        Method::Redact => "redact",
        Method::Constant(_) => "constant",
        Method::Hash => "hash",
        Method::FormatPreserving => "format-preserving",
        Method::Partial { .. } => "partial",
        Method::EmailDomain => "email-domain",
        Method::Date(_) => "date",
        Method::Number(_) => "number",
    }
}

fn method(method: &Method) -> String {
    let name = name(method);
    match method {
        Method::Null
        | Method::Redact
        | Method::Hash
        | Method::FormatPreserving
        | Method::EmailDomain => name.to_owned(),
        Method::Constant(text) => format!("{name}: `{text}`"),
        Method::Partial { first: 0, last } => format!("{name}: last {last}"),
        Method::Partial { first, last: 0 } => format!("{name}: first {first}"),
        Method::Partial { first, last } => format!("{name}: first {first}, last {last}"),
        Method::Date(DateRule::Year) => format!("{name}: year"),
        Method::Date(DateRule::Month) => format!("{name}: month"),
        Method::Date(DateRule::Shift { days }) => format!("{name}: shift by up to {days} days"),
        Method::Number(NumberRule::Round { digits }) => {
            format!("{name}: round to 10^{digits}")
        }
        Method::Number(NumberRule::Bucket { size }) => format!("{name}: buckets of {size}"),
    }
}

/// Where something is written.
pub(super) fn place(pack: Option<&str>, file: &str) -> String {
    pack.map_or_else(|| file.to_owned(), |pack| format!("pack {pack}"))
}

/// `because` as a place.
pub(super) fn source(because: &Because<'_>, file: &str) -> String {
    place(because.pack, file)
}

/// The detectors of a label.
pub(super) fn detectors(label: &Label) -> Vec<&'static str> {
    label.detectors.iter().map(|it| it.name).collect()
}
