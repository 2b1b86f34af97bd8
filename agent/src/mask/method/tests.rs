//! What all methods promise.

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::mask::key::MasterKey;
use crate::mask::marker;

fn masking(method: Method) -> Masking {
    let rule = Rule {
        method,
        ..Rule::default()
    };
    let key = MasterKey::new(Zeroizing::new([3; 32])).of("pii.x");
    Masking::new("pii.x".into(), 0, rule, key)
}

fn text(masking: &Masking, value: &str) -> Option<String> {
    let mut output = "kept ".to_owned();
    let replaced = masking.text(value, &mut output);
    let masked = output.strip_prefix("kept ").unwrap();
    match replaced {
        Replaced::Text => Some(masked.to_owned()),
        Replaced::Null => {
            assert_eq!(masked, "");
            None
        }
    }
}

fn span(masking: &Masking, value: &str) -> String {
    let mut output = String::new();
    masking.span(value, &mut output);
    output
}

fn json(masking: &Masking, value: &str) -> Option<String> {
    let mut output = String::new();
    (masking.json(value, &mut output) == Replaced::Text).then_some(output)
}

/// Every method that hides a value, not those that say less of it.
fn hiding() -> Vec<Method> {
    vec![
        Method::Null,
        Method::Redact,
        Method::Constant("x".to_owned()),
        Method::Constant(String::new()),
        Method::Hash,
        Method::FormatPreserving,
        Method::Partial { first: 0, last: 4 },
        Method::Partial { first: 2, last: 2 },
        Method::EmailDomain,
        Method::Date(DateRule::Shift { days: 10 }),
    ]
}

fn generalising() -> Vec<Method> {
    vec![
        Method::Date(DateRule::Year),
        Method::Date(DateRule::Month),
        Method::Number(NumberRule::Round { digits: 2 }),
        Method::Number(NumberRule::Bucket { size: 10 }),
    ]
}

/// Values with a meaning to some method, and all others.
fn value() -> impl Strategy<Value = String> {
    let known = [
        "",
        "x",
        "[masked:pii.x]",
        "[masked]",
        "****",
        "****1111",
        "****@example.com",
        "masked_5bdcc146bf60754e6a042426089575c7",
        "4111 1111 1111 1111",
        "john@example.com",
        "2024-01-01",
        "0",
        "100",
    ];
    prop_oneof![
        prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        any::<String>(),
        "[ -~]{0,24}",
        "[0-9 -]{0,24}",
        "[a-z]{1,8}@[a-z]{1,8}\\.[a-z]{2}",
    ]
}

proptest! {
    #[test]
    fn no_value_comes_out_as_it_went_in(value in value()) {
        for method in hiding() {
            let masking = masking(method);
            prop_assert_ne!(text(&masking, &value), Some(value.clone()));
            prop_assert_ne!(span(&masking, &value), value.clone());
            prop_assert_eq!(text(&masking, &value), text(&masking, &value));
        }
    }

    /// What says no more than is let through stays. By month the writing may lose which number is
    /// the month, and with it the month.
    #[test]
    fn what_is_generalised_twice_is_generalised(value in value()) {
        let by_month = Method::Date(DateRule::Month);
        for method in generalising().into_iter().filter(|method| *method != by_month) {
            let masking = masking(method);
            if let Some(once) = text(&masking, &value) {
                prop_assert_eq!(text(&masking, &once), Some(once.clone()));
            }
        }
    }

    #[test]
    fn what_is_recognised_is_recognised(value in any::<String>()) {
        for method in [
            Method::Redact,
            Method::Hash,
            Method::Partial { first: 0, last: 4 },
            Method::Partial { first: 3, last: 0 },
            Method::Partial { first: 1, last: 1 },
            Method::EmailDomain,
        ] {
            let masking = masking(method);
            for masked in text(&masking, &value).into_iter().chain([span(&masking, &value)]) {
                prop_assert!(marker::find(&masked), "{masked}");
            }
        }
    }

    #[test]
    fn no_leaf_of_json_stays(value in value(), number in any::<i32>(), flag in any::<bool>()) {
        let cell = serde_json::json!({ "k": [value, number, flag, null], "l": value });
        for method in hiding().into_iter().filter(|method| *method != Method::Null) {
            let masking = masking(method);
            let masked = json(&masking, &cell.to_string()).unwrap();
            let masked: serde_json::Value = serde_json::from_str(&masked).unwrap();
            let expected = text(&masking, &value).map_or(serde_json::Value::Null, Into::into);
            prop_assert_eq!(&masked["k"], &serde_json::json!([expected, null, null, null]));
            prop_assert_eq!(&masked["l"], &expected);
        }
    }
}

#[test]
fn each_method_has_its_text() {
    let hash = text(&masking(Method::Hash), "john@example.com").unwrap();
    assert_eq!(hash.len(), "masked_".len() + 32);
    let cases = [
        (Method::Null, None),
        (Method::Redact, Some("[masked:pii.x]")),
        (Method::Constant("-".to_owned()), Some("-")),
        (Method::Hash, Some(hash.as_str())),
        (Method::Partial { first: 1, last: 3 }, Some("j****com")),
        (
            Method::Partial { first: 9, last: 9 },
            Some("[masked:pii.x]"),
        ),
        (Method::EmailDomain, Some("****@example.com")),
        (Method::Date(DateRule::Year), None),
        (Method::Number(NumberRule::Bucket { size: 10 }), None),
    ];
    for (method, expected) in cases {
        let masked = text(&masking(method.clone()), "john@example.com");
        assert_eq!(masked.as_deref(), expected, "{method:?}");
    }
}

#[test]
fn a_method_that_does_not_fit_gives_way() {
    let mut masking = masking(Method::EmailDomain);
    assert_eq!(text(&masking, "John"), None);
    assert_eq!(span(&masking, "John"), "[masked:pii.x]");
    masking.rule.otherwise = Otherwise::Redact;
    assert_eq!(text(&masking, "John").as_deref(), Some("[masked:pii.x]"));
    // A value that is the marker itself.
    assert_eq!(text(&masking, "[masked:pii.x]"), None);
    assert_eq!(span(&masking, "[masked:pii.x]"), "[masked]");
    assert_eq!(masking.number(7, 0), None);
}

#[test]
fn only_the_method_of_a_type_keeps_it() {
    for method in hiding().into_iter().chain(generalising()) {
        let masking = masking(method.clone());
        let is_date = matches!(method, Method::Date(_));
        let is_number = matches!(method, Method::Number(_));
        assert_eq!(masking.date(19_787).is_some(), is_date, "{method:?}");
        assert_eq!(
            masking.timestamp(1_709_649_201, 5).is_some(),
            is_date,
            "{method:?}"
        );
        assert_eq!(masking.number(12_345, 2).is_some(), is_number, "{method:?}");
        assert_eq!(masking.real(123.45).is_some(), is_number, "{method:?}");
    }
    let year = masking(Method::Date(DateRule::Year));
    assert_eq!(year.date(19_787), Some(19_723));
    assert_eq!(year.timestamp(1_709_649_201, 5), Some((19_723 * 86_400, 0)));
    let shift = masking(Method::Date(DateRule::Shift { days: u16::MAX }));
    assert!(shift.date(i32::MAX).is_none_or(|day| day < i32::MAX));
}

#[test]
fn dates_of_one_day_move_together_in_every_type() {
    let masking = masking(Method::Date(DateRule::Shift { days: 100 }));
    let day = i64::from(masking.date(19_787).unwrap());
    assert_eq!(
        masking.timestamp(19_787 * 86_400 + 7, 9),
        Some((day * 86_400 + 7, 9))
    );
    let span = jiff::Span::new().days(day);
    let expected = jiff::civil::date(1970, 1, 1).checked_add(span).unwrap();
    assert_eq!(text(&masking, "2024-03-05"), Some(expected.to_string()));
}

#[test]
fn json_keeps_its_shape() {
    let number = masking(Method::Number(NumberRule::Round { digits: 2 }));
    let cell = r#"{"b": [149.5, -1e3, true, NaN], "a":{"b":"151", "c":"x"}, "d":undefined}"#;
    let expected = r#"{"b": [100.0, -1e3, null, null], "a":{"b":"200", "c":null}, "d":undefined}"#;
    assert_eq!(json(&number, cell).as_deref(), Some(expected));
    let redact = masking(Method::Redact);
    assert_eq!(
        json(&redact, r#""a\"b""#).as_deref(),
        Some(r#""[masked:pii.x]""#)
    );
    assert_eq!(json(&redact, "[]").as_deref(), Some("[]"));
    // XML in a VARIANT.
    let xml = "<person>John</person>";
    assert_eq!(json(&redact, xml).as_deref(), Some(r#""[masked:pii.x]""#));
    assert_eq!(
        json(&number, r#"[1, "4111"#).as_deref(),
        Some(r#""[masked:pii.x]""#)
    );
    for cell in [xml, cell, "null", "[]"] {
        assert_eq!(json(&masking(Method::Null), cell), None);
    }
    // Escaped again.
    let constant = masking(Method::Constant("\"\\\n".to_owned()));
    assert_eq!(json(&constant, "\"a\"").as_deref(), Some(r#""\"\\\n""#));
}

#[test]
fn a_label_has_a_hash_of_its_own() {
    let key = MasterKey::new(Zeroizing::new([3; 32]));
    let of = |label: &str| {
        let rule = Rule {
            method: Method::Hash,
            ..Rule::default()
        };
        text(&Masking::new(label.into(), 0, rule, key.of(label)), "x")
    };
    assert_eq!(of("a"), of("a"));
    assert_ne!(of("a"), of("b"));
}

#[test]
fn a_large_value_is_masked_as_a_small_one() {
    for value in [
        "1".repeat(1 << 20),
        "a@".repeat(1 << 19),
        "\u{1f600}".repeat(1 << 18),
    ] {
        for method in hiding().into_iter().chain(generalising()) {
            let masked = span(&masking(method.clone()), &value);
            assert!(masked.len() < 64, "{method:?}");
        }
    }
}
