//! Texts about a statement: error messages and progress, which quote the values that it met.
//!
//! `TO_NUMBER(ssn)` fails with the number in its message. So besides what detectors find, a message
//! about a statement that touches labelled columns keeps nothing that could be a value: what it quotes
//! stays only where it is a name that the statement's own analysis knows. Literals of the statement do
//! not stay: a text of ten thousand guesses would learn which of them is in the table.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::content::Content;
use super::outputs::{Origin, Scope};
use super::plan::Plan;
use crate::sql::Facts;

/// What stands in place of what may be a value.
pub const HIDDEN: &str = "[masked]";

/// A number with fewer digits is a line, a position, a count.
const DIGITS_MIN: usize = 5;

/// How texts about a statement are worded.
#[derive(Clone, Debug, Default)]
pub struct Wording {
    content: Arc<Content>,
    /// Upper-case names that stay; `None` if no quoted value can be a labelled one.
    names: Option<BTreeSet<String>>,
}

impl Wording {
    /// The wording for what is told of a statement, with the detectors of its plan.
    #[must_use]
    pub fn of(scope: &Scope<'_>, origin: Origin<'_>, plan: &Plan) -> Self {
        Self {
            content: Arc::clone(&plan.content),
            names: origin
                .touches_labels(scope)
                .then(|| origin.facts().map(names).unwrap_or_default()),
        }
    }

    /// The text as it may be told.
    #[must_use]
    pub fn reword<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        if let Some(names) = &self.names {
            let hidden = numbers(&valued(&quoted(&text, names)));
            if hidden != *text {
                text = Cow::Owned(hidden);
            }
        }
        let mut masked = String::new();
        let hint = self.content.scanner().hint("");
        let found = &mut Vec::new();
        if !self.content.is_empty() && self.content.text(&text, &hint, &mut masked, found) {
            text = Cow::Owned(masked);
        }
        text
    }
}

/// A text about a statement without anything that it quotes, be it a name or a value.
#[must_use]
pub fn without_values(text: &str) -> String {
    numbers(&valued(&quoted(text, &BTreeSet::new())))
}

/// The names of everything that a statement speaks of, whole and in parts.
fn names(facts: &Facts) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let columns = facts.columns.iter();
    let objects = facts.accesses.iter();
    let objects = objects.filter_map(|access| access.object.name.as_ref());
    for name in objects.chain(columns.clone().map(|column| &column.table)) {
        names.insert(name.to_string().to_uppercase());
        names.insert(name.parts().join(".").to_uppercase());
        names.extend(name.parts().iter().map(|part| part.to_uppercase()));
    }
    names.extend(columns.filter_map(|column| Some(column.column.as_ref()?.to_uppercase())));
    names.extend(facts.functions.iter().map(|name| name.to_uppercase()));
    names
}

/// Hides what stands in quotes and is no name. A value may hold quotes itself: it ends at the last one
/// of its kind.
fn quoted(text: &str, names: &BTreeSet<String>) -> String {
    let mut output = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['\'', '"', '`']) {
        let (before, quoted) = rest.split_at(start);
        output.push_str(before);
        let quote = quoted.chars().next().unwrap_or('\'');
        let body = quoted.get(1..).unwrap_or_default();
        let end = body.find(quote);
        let name = end.and_then(|end| body.get(..end));
        if let Some((name, end)) = name.zip(end)
            && names.contains(&name.to_uppercase())
        {
            output.extend([quote].iter());
            output.push_str(name);
            output.push(quote);
            rest = body.get(end + 1..).unwrap_or_default();
            continue;
        }
        output.push_str(HIDDEN);
        // Without an end it goes on for as long as the text does.
        rest = body
            .rfind(quote)
            .and_then(|end| body.get(end + 1..))
            .unwrap_or_default();
    }
    output.push_str(rest);
    output
}

/// Hides what follows the word `value` and does not begin like a word: `variant value {"a":1} to DATE`.
fn valued(text: &str) -> String {
    const WORD: &str = "value ";
    let Some(at) = text.to_ascii_lowercase().find(WORD) else {
        return text.to_owned();
    };
    let (before, after) = text.split_at(at + WORD.len());
    // What is still in quotes is a name.
    let is_word = |c: char| c.is_alphabetic() || matches!(c, '\'' | '"' | '`');
    if after.starts_with(HIDDEN) || after.starts_with(is_word) {
        return format!("{before}{}", valued(after));
    }
    let end = [" to ", " is "].iter().filter_map(|word| after.rfind(word));
    let tail = end.max().and_then(|end| after.get(end..));
    format!("{before}{HIDDEN}{}", tail.unwrap_or_default())
}

/// Hides long numbers, with what separates their digits.
fn numbers(text: &str) -> String {
    let mut output = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        output.push_str(before);
        let is_part =
            |c: char| c.is_ascii_digit() || matches!(c, '-' | '.' | '/' | ':' | '+' | '_');
        let end = from.find(|c| !is_part(c)).unwrap_or(from.len());
        let (number, after) = from.split_at(end);
        let digits = number.bytes().filter(u8::is_ascii_digit).count();
        if digits < DIGITS_MIN {
            output.push_str(number);
        } else {
            output.push_str(HIDDEN);
            // What was cut off at its end is no part of it.
            let end = number.trim_end_matches(|c: char| !c.is_ascii_digit()).len();
            output.push_str(number.get(end..).unwrap_or_default());
        }
        rest = after;
    }
    output.push_str(rest);
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let names = ["SSN", "D.S.PEOPLE", "PEOPLE", "TO_NUMBER"];
        let wording = Wording {
            content: Arc::default(),
            names: Some(names.iter().map(|it| (*it).to_owned()).collect()),
        };
        assert_eq!(wording.reword(text), expected);
        let plain = Wording::default();
        assert_eq!(plain.reword(text), text);
    }

    #[test]
    fn a_message_keeps_names_and_no_values() {
        check(
            "Numeric value '078-05-1120' is not recognized",
            "Numeric value [masked] is not recognized",
        );
        check(
            "Numeric value 'it's '1' ' is not recognized",
            "Numeric value [masked] is not recognized",
        );
        check("Timestamp '2001-02-03", "Timestamp [masked]");
        check(
            "error line 1 at position 7\ninvalid identifier 'SSN'",
            "error line 1 at position 7\ninvalid identifier 'SSN'",
        );
        check(
            "Object 'D.S.PEOPLE' does not exist, nor does \"people\"",
            "Object 'D.S.PEOPLE' does not exist, nor does \"people\"",
        );
        check(
            "Failed to cast variant value \"anna@example.com\" to FIXED",
            "Failed to cast variant value [masked] to FIXED",
        );
        check(
            "Failed to cast variant value {\"a\":1} to DATE",
            "Failed to cast variant value [masked] to DATE",
        );
        check(
            "Number out of range: type FIXED[SB16](38,0), value 12345 to 1",
            "Number out of range: type FIXED[SB16](38,0), value [masked] to 1",
        );
        check("found 078-05-1120.", "found [masked].");
        check("Division by zero", "Division by zero");
        check("value is out of range", "value is out of range");
    }

    #[test]
    fn a_quote_that_begins_with_a_name_does_not_end_the_hiding() {
        check("value 'SSN' 'Anna' here", "value 'SSN' [masked] here");
        check("value 'Anna' in 'SSN' x", "value [masked] x");
    }
}
