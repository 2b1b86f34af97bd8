//! What is refused, and what is replaced.

use proptest::prelude::*;

use super::*;

fn refused(sql: &str, bindings: Option<&str>, effects: &[Effect]) -> Option<Place> {
    let bindings = bindings.map(|text| RawValue::from_string(text.to_owned()).unwrap());
    let facts = Facts::for_test(effects);
    write_back(sql, bindings.as_deref(), &facts).map(|refused| refused.place)
}

#[test]
fn a_marker_that_would_be_written_is_refused() {
    let hash = "masked_5bdcc146bf60754e6a042426089575c7";
    for sql in [
        "insert into t values ('[masked:pii.email]')",
        "update t set a = 'x [masked:pii.email] y'",
        "update t set a = '****1111'",
        "update t set a = '****'",
        r"update t set a = '\x5bmasked:a]'",
        r"update t set a = '\u005Bmasked\072a]'",
        &format!("insert into t select '{hash}'"),
        "insert into t select $$[masked:a]$$",
        "execute immediate $$ insert into t values ('****') $$",
        "create procedure p() as 'begin /** x **/ insert into t values (''[masked:a]''); end'",
        // Not read for certain.
        "insert into t values ('[masked:a]') #",
    ] {
        assert_eq!(
            refused(sql, None, &[Effect::Insert]),
            Some(Place::Literal),
            "{sql}"
        );
    }
    for bindings in [
        r#"{"1":{"type":"TEXT","value":"****1111"}}"#,
        r#"{"1":{"type":"TEXT","value":["a",null,"[masked:a]"]}}"#,
        r#"{"1":{"type":"TEXT","value":"\u005bmasked:a]"}}"#,
    ] {
        let found = refused(
            "insert into t values (?)",
            Some(bindings),
            &[Effect::Insert],
        );
        assert_eq!(found, Some(Place::Binding), "{bindings}");
    }
}

#[test]
fn other_statements_go_on() {
    for sql in [
        "insert into t values ('masked', '* * * *', 'a ** b', '[mask]')",
        "insert into t select a from b -- [masked:a]",
        "insert into t select \"[masked:a]\" from b /* **** */",
        "insert into t select a*****b from c",
        "create procedure p() as $$ /****\n * Copies.\n ****/ begin return 1; end $$",
        "create procedure p() as '/**** x ****/ begin return 1; end'",
    ] {
        assert_eq!(
            refused(sql, None, &[Effect::Insert, Effect::Create]),
            None,
            "{sql}"
        );
    }
    let bindings = r#"{"1":{"type":"TEXT","value":"***"},"2":{"type":"FIXED","value":"1"}}"#;
    assert_eq!(
        refused(
            "insert into t values (?)",
            Some(bindings),
            &[Effect::Insert]
        ),
        None
    );
}

#[test]
fn only_what_writes_is_refused() {
    let sql = "select '[masked:a]'";
    let refusing = Effect::ALL
        .into_iter()
        .filter(|it| refused(sql, None, &[*it]).is_some());
    let names: Vec<&str> = refusing.map(Effect::name).collect();
    let expected = [
        "admin", "alter", "create", "execute", "export", "import", "insert", "merge", "opaque",
        "session", "update",
    ];
    assert_eq!(names, expected);
    assert!(refused(sql, None, &[Effect::Read, Effect::Insert]).is_some());
}

#[test]
fn a_refusal_says_what_to_do() {
    let facts = Facts::for_test(&[Effect::Insert]);
    let refused = write_back("insert into t values ('****')", None, &facts).unwrap();
    let told = refused.to_string();
    assert!(told.starts_with("a string of the statement holds a masked value"));
    assert!(told.ends_with("copy it inside Snowflake with INSERT … SELECT"));
}

#[test]
fn escapes_are_undone() {
    let cases = [
        ("plain", "plain"),
        ("it''s", "it's"),
        (r#"\'\"\\"#, "'\"\\"),
        (r"\b\f\n\r\t\0", "\u{8}\u{c}\n\r\t\0"),
        (r"\101\x41\u0041", "AAA"),
        (r"\x4\u41\18\é\", "x4u4118é"),
        (r"\ud800", "\u{fffd}"),
        (r"\x+1", "x+1"),
    ];
    for (body, expected) in cases {
        assert_eq!(unescape(body), expected, "{body}");
    }
}

/// Masks every `4111` as a detector would its finds.
fn redacted(sql: &str) -> String {
    redact_with(sql, sql::parts(sql), &mut |text, output| {
        let found = text.contains("4111");
        if found {
            output.push_str(&text.replace("4111", "[x]"));
        }
        found
    })
    .into_owned()
}

#[test]
fn finds_are_replaced_and_nothing_else() {
    let cases = [
        ("select '4111', 'a'", "select '[x]', 'a'"),
        (r"select 'it''s 4111 \\'", r"select 'it''s [x] \\'"),
        (r"select '\x34111'", "select '[x]'"),
        ("select 4111 , 1-4111-2", "select [x] , 1-[x]-2"),
        ("select $$a 4111$$, 1", "select $$a [x]$$, 1"),
        ("select 1 as \"a\"\"4111\"", "select 1 as \"a\"\"[x]\""),
        (
            "select 1 -- 4111\n, 2 /* 4111 */",
            "select 1 -- [x]\n, 2 /* [x] */",
        ),
        (
            "/* 4111 */ select '4111' -- 4111",
            "/* [x] */ select '[x]' -- [x]",
        ),
        // A bare word is a name.
        ("select c4111 from t", "select c4111 from t"),
        // Not read for certain: all of it.
        ("select c4111 # '4111'", "select c[x] # '[x]'"),
        ("", ""),
    ];
    for (sql, expected) in cases {
        assert_eq!(redacted(sql), expected, "{sql}");
    }
}

#[test]
fn nothing_found_copies_nothing() {
    let sql = "select 'a', 1 -- b";
    let kept = redact_with(sql, sql::parts(sql), &mut |_, _| false);
    assert!(matches!(kept, Cow::Borrowed(_)));
    assert!(matches!(redact(sql, &Content::default()), Cow::Borrowed(_)));
}

#[test]
fn the_words_of_a_statement_are_context() {
    let parts = sql::parts("select \"Ssn\" from t where a = 'b' and c = 1").unwrap();
    assert_eq!(words(Some(&parts)), "select Ssn from t where a and c ");
    let long = format!("select {}", "a,".repeat(10_000));
    assert!(words(sql::parts(&long).as_deref()).len() <= WORDS_BYTES_MAX);
}

proptest! {
    #[test]
    fn what_was_found_is_gone(text in r"[a4'\\x1 \-/*$\n]{0,12}", ends in "['a\n1]{0,2}") {
        let redacted = redacted(&format!("select '{text}', '4111{text}4111{ends}'"));
        let parts = sql::parts(&redacted).unwrap_or_default();
        for part in parts.iter().filter(|part| part.kind != PartKind::Word) {
            prop_assert!(!unescape(part.body).contains("4111"), "{redacted}");
        }
    }
}
