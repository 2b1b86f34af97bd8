//! What a rewrite leaves alone, and what it changes.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Change, Leaf, NotJson, rewrite, rewrite_keyed, unescaped};

fn leaves(json: &str) -> Result<Vec<String>, NotJson> {
    let mut found = Vec::new();
    let mut output = String::new();
    let changed = rewrite(json, &mut output, &mut |leaf, _| {
        found.push(match leaf {
            Leaf::Text(text) => format!("t:{text}"),
            Leaf::Number(text) => format!("n:{text}"),
            Leaf::Boolean(value) => format!("b:{value}"),
        });
        Change::Same
    })?;
    assert!(!changed);
    assert_eq!(output, json);
    Ok(found)
}

#[track_caller]
fn check(json: &str, change: Change, expected: &str) {
    let mut output = "before ".to_owned();
    let changed = rewrite(json, &mut output, &mut |_, output| {
        if change != Change::Null {
            output.push_str("1\"\\\n\u{1}é");
        }
        change
    });
    assert_eq!(changed, Ok(true));
    assert_eq!(output, format!("before {expected}"));
}

#[test]
fn values_change_and_nothing_else() {
    let json = " {\"a b\" : [1, \"x\",\n null,undefined,true] ,\"a b\":{ }, \"\\u0041\":\"\"} ";
    let text = r#""1\"\\\n\u0001é""#;
    check(
        json,
        Change::Text,
        &format!(
            " {{\"a b\" : [{text}, {text},\n null,undefined,{text}] ,\"a b\":{{ }}, \"\\u0041\":{text}}} "
        ),
    );
    check(
        json,
        Change::Null,
        " {\"a b\" : [null, null,\n null,undefined,null] ,\"a b\":{ }, \"\\u0041\":null} ",
    );
    check("\"top\"", Change::Null, "null");
    check("[-Infinity,NaN]", Change::Null, "[null,null]");
}

#[test]
fn leaves_have_the_nearest_key() {
    let json = r#"[0, {"a": 1, "b": [2, {"c": 3}, 4, [5]], "\u0064": {"e": {}, "f": []}, "g": [[], 6]}, 7]"#;
    let mut keys = Vec::new();
    let mut each = |key: &str, leaf: Leaf<'_>, _: &mut String| {
        keys.push(format!("{key}{leaf:?}"));
        Change::Same
    };
    rewrite_keyed(json, &mut String::new(), &mut each).unwrap();
    let keys: Vec<_> = keys
        .iter()
        .map(|it| it.replace(['"', '(', ')'], "").replace("Number", "="))
        .collect();
    assert_eq!(keys, ["=0", "a=1", "b=2", "c=3", "b=4", "b=5", "g=6", "=7"]);
}

#[test]
fn keys_are_given_as_they_are_written() {
    let mut keys = Vec::new();
    let mut each = |key: &str, _: Leaf<'_>, _: &mut String| {
        keys.push(key.to_owned());
        Change::Same
    };
    let json = r#"{"\u0073sn": 1, "\x": 2}"#;
    rewrite_keyed(json, &mut String::new(), &mut each).unwrap();
    assert_eq!(keys, ["\\u0073sn", "\\x"]);
    assert_eq!(unescaped("\\u0073sn"), "ssn");
    assert_eq!(unescaped("\\x"), "\\x", "no escape");
}

#[test]
fn leaves_are_given_unescaped() {
    let cases = [
        (r#""a\"\\\/\b\f\n\r\t""#, "t:a\"\\/\u{8}\u{c}\n\r\t"),
        (r#""\u0041\u00e9\ud83d\ude00z""#, "t:Aé😀z"),
        // Half a pair, the halves in the wrong order, half a pair and another character.
        (r#""\ud83dx""#, "t:\u{fffd}x"),
        (r#""\ude00\ud83d""#, "t:\u{fffd}\u{fffd}"),
        (r#""\ud83d\u0041""#, "t:\u{fffd}A"),
        ("\"raw\ncontrol\"", "t:raw\ncontrol"),
        ("-1.50E+07", "n:-1.50E+07"),
        (" false ", "b:false"),
        ("-inf", "n:-inf"),
    ];
    for (json, expected) in cases {
        assert_eq!(leaves(json), Ok(vec![expected.to_owned()]), "{json}");
    }
    assert_eq!(leaves("[null,undefined,[],{}]"), Ok(Vec::new()));
}

#[test]
fn what_is_not_json_is_told() {
    let cases = [
        "",
        " ",
        "a",
        "[",
        "]",
        "{",
        "[1",
        "[1,]",
        "[,1]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{1:2}",
        "1 2",
        "[1 2]",
        "[1}",
        "{\"a\":1]",
        "\"",
        "\"\\",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u+123\"",
        "01",
        "1.",
        ".5",
        "-",
        "1e",
        "1e+",
        "+1",
        "tru",
        "True",
        "nullx",
        "<a>1</a>",
        "\"a\"b",
        "{\"a\" 1}",
        "\u{feff}1",
        "'a'",
    ];
    for json in cases {
        assert_eq!(leaves(json), Err(NotJson), "{json}");
    }
}

#[test]
fn depth_has_a_limit_that_costs_no_stack() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(leaves(&nested(4096)), Ok(vec!["n:1".to_owned()]));
    assert_eq!(leaves(&nested(4097)), Err(NotJson));
    assert_eq!(leaves(&"[".repeat(10_000_000)), Err(NotJson));
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The same with every leaf as `each` makes it.
fn mapped(value: &Value, each: &impl Fn(&Value) -> Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(|it| mapped(it, each)).collect(),
        Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| (key.clone(), mapped(value, each)))
            .collect(),
        Value::Null => Value::Null,
        leaf @ (Value::Bool(_) | Value::Number(_) | Value::String(_)) => each(leaf),
    }
}

proptest! {
    #[test]
    fn untouched_json_comes_out_as_it_went_in(value in value(), pretty in any::<bool>()) {
        let json = if pretty {
            serde_json::to_string_pretty(&value)
        } else {
            serde_json::to_string(&value)
        };
        prop_assert!(leaves(&json.unwrap()).is_ok());
    }

    #[test]
    fn changed_json_is_what_a_parser_would_make_of_it(value in value(), text in any::<String>()) {
        let json = serde_json::to_string(&value).unwrap();
        let mut output = String::new();
        rewrite(&json, &mut output, &mut |leaf, output| match leaf {
            Leaf::Text(old) => {
                output.push_str(old);
                output.push_str(&text);
                Change::Text
            }
            Leaf::Number(_) => {
                output.push_str("-7");
                Change::Number
            }
            Leaf::Boolean(_) => Change::Null,
        })
        .unwrap();
        let expected = mapped(&value, &|leaf| match leaf.as_str() {
            Some(old) => json!(format!("{old}{text}")),
            None if leaf.is_number() => json!(-7),
            None => Value::Null,
        });
        prop_assert_eq!(serde_json::from_str::<Value>(&output).unwrap(), expected);
    }

    #[test]
    fn no_text_is_too_much(text in any::<String>()) {
        let accepted = leaves(&text).is_ok();
        // All that a strict reader takes is taken here.
        prop_assert!(accepted || serde_json::from_str::<Value>(&text).is_err());
    }

    #[test]
    fn text_that_looks_like_json_is_taken_where_a_strict_reader_takes_it(
        text in r#"[\[\]{},:"\\ua0-2e.\- \n]{0,24}"#,
    ) {
        let accepted = leaves(&text).is_ok();
        prop_assert!(accepted || serde_json::from_str::<Value>(&text).is_err());
    }
}
