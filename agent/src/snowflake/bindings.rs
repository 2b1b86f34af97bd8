//! The values that are bound to a statement, read for the record. What is sent is what came.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::json::Object;

/// The bindings of a statement.
#[derive(Debug, Default)]
pub struct Bindings<'a> {
    /// By position or name, in their order, at most as many as were asked for; of array binds the
    /// values of the first row.
    pub values: Vec<Binding<'a>>,
    /// The values of all rows.
    pub count: u64,
}

/// One bound value.
#[derive(Debug)]
pub struct Binding<'a> {
    pub name: String,
    /// `TEXT`, `FIXED` …, as the client says.
    pub kind: String,
    /// It is JSON in a string.
    pub is_json: bool,
    /// A number or a boolean as it is written; `None` for NULL.
    pub value: Option<Cow<'a, str>>,
}

impl<'a> Bindings<'a> {
    /// Reads `bindings` as a request carries them; `None` if they are not of that shape, which no
    /// request is that was decoded.
    #[must_use]
    pub fn read(bindings: &'a RawValue, values_max: usize) -> Option<Self> {
        let object = Object::from_text(bindings.get()).ok()?;
        let mut entries: Vec<_> = object.entries().iter().collect();
        // Drivers send positions in any order. A name that is none stays where it came, at the end.
        entries.sort_by_key(|(name, _)| name.parse::<u64>().unwrap_or(u64::MAX));
        let mut read = Self::default();
        for (name, binding) in entries {
            let binding = Object::from_text(binding.get()).ok()?;
            let column = binding.get("value").map(column);
            let (first, rows) = column.unwrap_or(Some((None, 1)))?;
            read.count += rows;
            // An array without rows binds nothing.
            if rows == 0 || read.values.len() == values_max {
                continue;
            }
            let text = |key| binding.string(key).ok().flatten().unwrap_or_default();
            let kind = text("type");
            let is_nested = ["ARRAY", "JSON", "MAP", "OBJECT", "VARIANT"]
                .iter()
                .any(|it| it.eq_ignore_ascii_case(&kind));
            read.values.push(Binding {
                name: name.clone(),
                is_json: is_nested || text("fmt").eq_ignore_ascii_case("json"),
                kind,
                value: first,
            });
        }
        Some(read)
    }
}

type First<'a> = (Option<Cow<'a, str>>, u64);

/// The first of a column's values and how many there are.
fn column(value: &RawValue) -> Option<First<'_>> {
    if !value.get().starts_with('[') {
        return Some((scalar(value)?, 1));
    }
    let Counted { first, count } = serde_json::from_str(value.get()).ok()?;
    match first {
        Some(first) => Some((scalar(first)?, count)),
        None => Some((None, 0)),
    }
}

fn scalar(value: &RawValue) -> Option<Option<Cow<'_, str>>> {
    match value.get() {
        "null" => Some(None),
        text if text.starts_with('"') => serde_json::from_str(text).ok().map(Some),
        text => Some(Some(Cow::Borrowed(text))),
    }
}

/// An array of which only the first value is kept.
struct Counted<'a> {
    first: Option<&'a RawValue>,
    count: u64,
}

impl<'de> Deserialize<'de> for Counted<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values;

        impl<'de> Visitor<'de> for Values {
            type Value = Counted<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
                let first = array.next_element()?;
                let mut count = u64::from(first.is_some());
                while array.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Counted { first, count })
            }
        }

        deserializer.deserialize_seq(Values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row<'a> = (&'a str, &'a str, bool, Option<&'a str>);

    #[track_caller]
    fn check(bindings: &str, expected: &[Row<'_>], count: u64) {
        let raw = RawValue::from_string(bindings.to_owned()).unwrap();
        let read = Bindings::read(&raw, 3).unwrap();
        let values: Vec<Row<'_>> = read
            .values
            .iter()
            .map(|it| (&*it.name, &*it.kind, it.is_json, it.value.as_deref()))
            .collect();
        assert_eq!(values, expected);
        assert_eq!(read.count, count);
    }

    #[test]
    fn values_are_read_by_position_with_their_types() {
        check(
            r#"{"10":{"type":"TEXT","value":"it's \u0041"},"2":{"type":"FIXED","value":7},
                "1":{"type":"BOOLEAN","value":true}}"#,
            &[
                ("1", "BOOLEAN", false, Some("true")),
                ("2", "FIXED", false, Some("7")),
                ("10", "TEXT", false, Some("it's A")),
            ],
            3,
        );
        check(
            r#"{"b":{"type":"TEXT","fmt":"json","value":"{}"},"a":{"type":"variant","value":null},
                "1":{"type":"REAL"}}"#,
            &[
                ("1", "REAL", false, None),
                ("b", "TEXT", true, Some("{}")),
                ("a", "variant", true, None),
            ],
            3,
        );
    }

    #[test]
    fn of_array_binds_there_is_the_first_row_and_how_many_values_there_are() {
        check(
            r#"{"1":{"type":"TEXT","value":["a","b",null]},"2":{"type":"TEXT","value":[null,"c"]}}"#,
            &[("1", "TEXT", false, Some("a")), ("2", "TEXT", false, None)],
            5,
        );
        check(r#"{"1":{"type":"TEXT","value":[]}}"#, &[], 0);
        let many: Vec<String> = (1..=1000)
            .map(|it| format!(r#""{it}":{{"value":"v"}}"#))
            .collect();
        let first = |name| (name, "", false, Some("v"));
        let expected = [first("1"), first("2"), first("3")];
        check(&format!("{{{}}}", many.join(",")), &expected, 1000);
    }

    #[test]
    fn what_has_another_shape_is_not_read() {
        for bindings in ["[]", r#"{"1":1}"#, "7"] {
            let raw = RawValue::from_string(bindings.to_owned()).unwrap();
            assert!(Bindings::read(&raw, 3).is_none(), "{bindings}");
        }
    }
}
