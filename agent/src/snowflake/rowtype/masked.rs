//! The row type of a masked result.
//!
//! Drivers read cells by it, and some of them refuse or even leak rows that contradict it:
//! a column that becomes text says so here, in the Arrow field and in its metadata, or nowhere.

use std::ops::Range;

use serde_json::value::RawValue;

use super::Type;
use crate::mask::column::becomes_text;
use crate::mask::method::{Masking, Method, Otherwise};
use crate::mask::plan::{Column, Plan, Treatment};
use crate::snowflake::json::{self, Object};

/// Writes a `rowtype` as it is once its rows are masked; what a plan does not touch stays as the
/// bytes that came, in its order. An answer that only describes a statement and one with its rows
/// come out alike. `None` when it is not a row type of the plan's columns.
#[must_use]
pub fn masked(json: &[u8], plan: &Plan) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(json).ok()?;
    let entries: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    if entries.len() != plan.columns.len() {
        return None;
    }
    let mut edits = Edits { text, all: vec![] };
    for (at, (entry, column)) in entries.into_iter().zip(&plan.columns).enumerate() {
        let entry = Entry::parse(entry.get())?;
        let name = plan.other_name(at);
        if let Some(name) = name.or_else(|| masked_name(&column.field.name, plan)) {
            edits.set(&entry, "name", &json::write(&name))?;
        }
        match &column.treatment {
            Treatment::Mask(masking) => edits.mask(&entry, column, masking)?,
            Treatment::Scan(_) | Treatment::Clear => {}
        }
    }
    Some(edits.apply())
}

/// A column's name with every find in it masked; `None` when there is none. `PIVOT … IN (ANY)` makes
/// names of values, and a column without a name is called by its expression.
#[must_use]
pub fn masked_name(name: &str, plan: &Plan) -> Option<String> {
    if plan.content.is_empty() {
        return None;
    }
    let hint = plan.content.scanner().hint("");
    let mut masked = String::new();
    let is_found = plan.content.text(name, &hint, &mut masked, &mut Vec::new());
    is_found.then_some(masked)
}

/// One column of a row type.
struct Entry<'t> {
    text: &'t str,
    object: Object<'t>,
}

impl<'t> Entry<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        let object = Object::from_text(text).ok()?;
        Some(Self { text, object })
    }

    /// Its value of a key, a null as well.
    fn get(&self, key: &str) -> Option<&'t str> {
        let entries = self.object.entries();
        let found = entries.iter().find(|(other, _)| other == key);
        found.map(|(_, value)| value.get())
    }
}

/// What is written in place of parts of a text.
struct Edits<'t> {
    text: &'t str,
    all: Vec<(Range<usize>, Vec<u8>)>,
}

impl Edits<'_> {
    fn mask(&mut self, entry: &Entry<'_>, column: &Column, masking: &Masking) -> Option<()> {
        if becomes_text(column) {
            self.set(entry, "type", b"\"text\"")?;
            self.set(entry, "length", TEXT_LENGTH_MAX.to_string().as_bytes())?;
            self.set(entry, "byteLength", TEXT_LENGTH_MAX.to_string().as_bytes())?;
            // The last two call the column by a type that some drivers believe more (JDBC: geography).
            for key in ["precision", "scale", "extTypeName", "outputType"] {
                self.change(entry, key, b"null")?;
            }
        } else if column.field.kind == Type::Text && can_grow(masking) {
            for key in ["length", "byteLength"] {
                let length = entry.get(key).and_then(|it| it.parse::<u64>().ok());
                if length.is_some_and(|length| length < TEXT_LENGTH_MAX) {
                    self.set(entry, key, TEXT_LENGTH_MAX.to_string().as_bytes())?;
                }
            }
        }
        // Where a method fits no value, or gives one as it was, there is none.
        self.change(entry, "nullable", b"true")?;
        Some(())
    }

    /// Sets the value of a key; one that is missing is added.
    fn set(&mut self, entry: &Entry<'_>, key: &str, value: &[u8]) -> Option<()> {
        if entry.get(key).is_some() {
            return self.change(entry, key, value);
        }
        let end = self.range(entry.text)?.end.checked_sub(1)?;
        let comma = if entry.object.entries().is_empty() {
            ""
        } else {
            ","
        };
        let mut member = format!("{comma}\"{key}\":").into_bytes();
        member.extend_from_slice(value);
        self.all.push((end..end, member));
        Some(())
    }

    /// Changes the value of a key, if there is one.
    fn change(&mut self, entry: &Entry<'_>, key: &str, value: &[u8]) -> Option<()> {
        if let Some(old) = entry.get(key)
            && old.as_bytes() != value
        {
            self.all.push((self.range(old)?, value.to_vec()));
        }
        Some(())
    }

    /// Where a part of the text is in it.
    fn range(&self, part: &str) -> Option<Range<usize>> {
        let start = part.as_ptr().addr();
        let start = start.checked_sub(self.text.as_ptr().addr())?;
        let range = start..start.checked_add(part.len())?;
        (self.text.get(range.clone()) == Some(part)).then_some(range)
    }

    fn apply(mut self) -> Vec<u8> {
        // What is added to one entry stays in the order in which it was added.
        self.all.sort_by_key(|(range, _)| range.start);
        let text = self.text.as_bytes();
        let mut output = Vec::with_capacity(text.len() + 64);
        let mut done = 0;
        for (range, new) in self.all {
            output.extend_from_slice(text.get(done..range.start).unwrap_or_default());
            output.extend_from_slice(&new);
            done = range.end;
        }
        output.extend_from_slice(text.get(done..).unwrap_or_default());
        output
    }
}

/// True if a masked text can be longer than the text: clients that make room by the length of the
/// column would cut it.
const fn can_grow(masking: &Masking) -> bool {
    match masking.rule.method {
        Method::Null => false,
        // Those that keep the length do so of values that are long enough.
        Method::Redact
        | Method::Constant(_)
        | Method::Hash
        | Method::FormatPreserving
        | Method::Partial { .. }
        | Method::EmailDomain => true,
        Method::Date(_) | Method::Number(_) => {
            matches!(masking.rule.otherwise, Otherwise::Redact)
        }
    }
}

/// The length of a `VARCHAR` that says none.
const TEXT_LENGTH_MAX: u64 = 16_777_216;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use zeroize::Zeroizing;

    use super::*;
    use crate::mask::key::MasterKey;
    use crate::mask::method::{DateRule, Rule};
    use crate::snowflake::rowtype::parse;

    fn mask(method: Method, retype: bool) -> Treatment {
        let rule = Rule {
            method,
            otherwise: Otherwise::Null,
            retype,
        };
        let key = MasterKey::new(Zeroizing::new([7; 32])).of("x");
        Treatment::Mask(Arc::new(Masking::new("x".into(), 0, rule, key)))
    }

    fn write(rowtype: &str, treatments: &[Treatment]) -> Option<String> {
        let fields = parse(rowtype.as_bytes()).unwrap();
        let columns = fields.into_iter().zip(treatments);
        let columns = columns.map(|(field, treatment)| Column::new(field, treatment.clone()));
        let plan = Plan {
            columns: columns.collect(),
            content: Arc::default(),
            cleared: [].into(),
            hides_names: false,
        };
        let masked = masked(rowtype.as_bytes(), &plan)?;
        Some(String::from_utf8(masked).unwrap())
    }

    #[track_caller]
    fn check(entry: &str, treatment: Treatment, expected: &str) {
        let other = r#"{"type" : "fixed","name":"é","nullable":false , "x":{"length":1}}"#;
        let rowtype = format!(" [{other}, {entry} ,{other}]");
        let expected = format!(" [{other}, {expected} ,{other}]");
        let treatments = [Treatment::Clear, treatment, Treatment::Clear];
        assert_eq!(write(&rowtype, &treatments), Some(expected));
    }

    const FIXED: &str = r#"{"name":"A","nullable": false,"byteLength":null,"type":"fixed","length": null,"scale":2,"precision" : 38,"extTypeName":"G"}"#;
    const TEXT: &str = r#"{"name":"A","type":"text","length":10,"byteLength":40,"nullable":false}"#;

    #[test]
    fn a_column_that_becomes_text_says_so_everywhere() {
        check(
            FIXED,
            mask(Method::Redact, true),
            r#"{"name":"A","nullable": true,"byteLength":16777216,"type":"text","length": 16777216,"scale":null,"precision" : null,"extTypeName":null}"#,
        );
        // What is missing is added, but only what text must have.
        check(
            r#"{ "type":"date","nullable":false }"#,
            mask(Method::Null, true),
            r#"{ "type":"text","nullable":true ,"length":16777216,"byteLength":16777216}"#,
        );
        // Text fits as it is, and so does JSON text.
        let variant = r#"{"type":"variant","nullable":true,"length":null}"#;
        check(variant, mask(Method::Redact, true), variant);
    }

    #[test]
    fn what_is_masked_can_be_null() {
        let nullable = FIXED.replace("\"nullable\": false", "\"nullable\": true");
        check(FIXED, mask(Method::Redact, false), &nullable);
        check(FIXED, mask(Method::Null, false), &nullable);
        let text = TEXT.replace("false", "true");
        check(TEXT, mask(Method::Null, false), &text);
        check(TEXT, mask(Method::Date(DateRule::Year), true), &text);
        check(
            r#"{"type":"boolean"}"#,
            mask(Method::Redact, false),
            r#"{"type":"boolean"}"#,
        );
    }

    #[test]
    fn longer_text_has_room() {
        let wide = TEXT.replace("10", "16777216").replace("40", "16777216");
        let wide = wide.replace("false", "true");
        check(TEXT, mask(Method::Redact, false), &wide);
        check(TEXT, mask(Method::Hash, false), &wide);
        let huge = TEXT.replace("10", "134217728").replace("40", "134217728");
        let huge = huge.replace("false", "true");
        check(&huge, mask(Method::Redact, false), &huge);
        let unknown = r#"{"type":"text","length":null,"nullable":true}"#;
        check(unknown, mask(Method::Redact, false), unknown);
    }

    #[test]
    fn columns_that_nobody_masks_stay() {
        check(FIXED, Treatment::Clear, FIXED);
        check(
            TEXT,
            Treatment::Scan(crate::mask::detect::Hint::default()),
            TEXT,
        );
        assert_eq!(write("[]", &[]).as_deref(), Some("[]"));
    }

    #[test]
    fn what_is_not_the_row_type_of_the_plan_is_none() {
        let plan = Plan::default();
        for bad in ["", "null", "{}", "[{\"type\":\"text\"}]", "[", "[1]"] {
            assert_eq!(masked(bad.as_bytes(), &plan), None, "{bad}");
        }
        let twice = r#"[{"type":"text","name":"a","x":1,"x":2}]"#;
        assert_eq!(write(twice, &[mask(Method::Null, false)]), None);
    }
}
