//! What each statement is taken for, and above all what is not taken for a read.

mod families;
mod hostile;

use proptest::prelude::{any, prop, prop_assert, proptest};

use super::context::Context;
use super::text::facts_for_test as facts;
use super::{Analyst, Effect};

/// Checks kinds and effects, both written with spaces between.
#[track_caller]
fn check(text: &str, kinds: &str, effects: &str) {
    let facts = facts(text);
    let names: Vec<&str> = facts.effects.iter().map(|effect| effect.name()).collect();
    assert_eq!(
        (facts.kinds.join("; "), names.join(" ")),
        (kinds.into(), effects.into()),
        "{text}"
    );
}

#[track_caller]
fn check_opaque(text: &str) {
    let facts = facts(text);
    assert!(
        facts.effects.contains(&Effect::Opaque) && facts.obscurity.is_some(),
        "{text:?} is {:?}",
        facts.kinds
    );
}

const UNDERSTOOD: &[(&str, &str, &str)] = &[
    ("select 1", "SELECT", "read"),
    ("select 1;", "SELECT", "read"),
    (
        " -- hi\n (select a from t) union all select b from u",
        "SELECT",
        "read",
    ),
    ("with x as (select 1) select * from x", "SELECT", "read"),
    (
        "with x as (delete from t) select 1",
        "SELECT",
        "delete opaque read",
    ),
    ("values (1)", "SELECT", "read"),
    ("show tables in schema a.b", "SHOW", "describe"),
    ("show terse objects", "SHOW", "describe"),
    ("show warehouses", "SHOW", "describe"),
    ("desc table t", "DESCRIBE", "describe"),
    ("explain select 1", "EXPLAIN", "describe read"),
    ("use database d", "USE DATABASE", "session"),
    ("use role r", "USE ROLE", "session"),
    (
        "alter session set query_tag = 'x'",
        "ALTER SESSION",
        "session",
    ),
    ("set a = 1", "SET", "session"),
    ("set a = (select max(b) from t)", "SET", "read session"),
    ("begin", "BEGIN", "transaction"),
    ("begin transaction", "BEGIN", "transaction"),
    ("commit", "COMMIT", "transaction"),
    ("rollback", "ROLLBACK", "transaction"),
    ("insert into t values (1)", "INSERT", "insert"),
    ("insert into t select * from u", "INSERT", "insert read"),
    (
        "insert overwrite into t select * from u",
        "INSERT",
        "insert read truncate",
    ),
    ("update t set a = 1", "UPDATE", "read update"),
    ("delete from t where a = 1", "DELETE", "delete read"),
    (
        "merge into t using u on t.a = u.a when matched then delete",
        "MERGE",
        "merge read",
    ),
    ("truncate table t", "TRUNCATE", "truncate"),
    ("copy into t from @s", "COPY INTO TABLE", "import"),
    ("copy into @s from t", "COPY INTO LOCATION", "export read"),
    (
        "copy into 's3://b/' from (select * from t)",
        "COPY INTO LOCATION",
        "export read",
    ),
    ("create table t (a int)", "CREATE TABLE", "create"),
    (
        "create table t as select * from u",
        "CREATE TABLE",
        "create read",
    ),
    ("drop table t", "DROP TABLE", "drop"),
    ("drop user u", "DROP USER", "admin drop"),
    ("alter table t add column b int", "ALTER TABLE", "alter"),
    (
        "alter table t modify column a set masking policy p",
        "ALTER TABLE",
        "admin alter",
    ),
    ("grant select on table t to role r", "GRANT", "grant"),
    ("call p()", "CALL", "execute"),
    ("select 1; delete from t", "SELECT; DELETE", "delete read"),
    ("select system$typeof(1)", "SELECT", "read"),
    ("select system$abort_session(1)", "SELECT", "admin read"),
    ("select \"SYSTEM$ABORT_SESSION\"(1)", "SELECT", "admin read"),
    (
        "select system$cancel_all_queries(1)",
        "SELECT",
        "read session",
    ),
    (
        "select snowflake.cortex.complete('m', a) from t",
        "SELECT",
        "ai read",
    ),
    ("select ai_complete('m', a) from t", "SELECT", "ai read"),
    (
        "select * from table(flatten(input => parse_json('[1]')))",
        "SELECT",
        "read",
    ),
    (
        "select * from table(information_schema.query_history())",
        "SELECT",
        "read",
    ),
    (
        "select * from table(db.information_schema.query_history())",
        "SELECT",
        "read",
    ),
    (
        "select * from table(my_procedure())",
        "SELECT",
        "execute read",
    ),
    ("select 'drop table t; $a$' || $$ x $$", "SELECT", "read"),
];

#[test]
fn statements_do_what_they_say() {
    for (text, kinds, effects) in UNDERSTOOD {
        check(text, kinds, effects);
    }
}

#[test]
fn what_readers_could_take_for_different_things_is_opaque() {
    for text in [
        "",
        ";",
        "-- only a comment",
        "select $a$ , ssn , $a$ from t",
        "select 1 # delete from t",
        "select 1 #",
        "select n'x'",
        "select 1 -- x\rdelete from t",
        "select\u{a0}1",
        "select 1 -- \u{2028} delete from t",
        "select\u{200b} 1",
        "select 'open",
        "select /* open",
        "select /* a /* b */ 1 */",
        "begin transaction; delete from t; end",
        "select 1 into t from u",
        "select * from (select a into b from c)",
        "from t",
        "frobnicate the database",
        "select E'a\\'' , b, '",
        "execute immediate $sql",
        "execute immediate 'drop ' || name",
        "execute immediate from @s/a.sql",
    ] {
        check_opaque(text);
    }
}

#[test]
fn opaque_tells_its_first_word() {
    check(
        "/* x */ declare a int; begin null;",
        "OPAQUE(DECLARE)",
        "opaque",
    );
    check(
        "create or replace procedure p() returns int as $a$ x $a$",
        "OPAQUE(CREATE)",
        "opaque",
    );
    check("", "OPAQUE", "opaque");
}

#[test]
fn file_transfers_are_seen_whether_or_not_they_parse() {
    for text in [
        "put file:///tmp/a @~",
        "/* x */ GET @~/a file:///tmp/",
        "-- x\n put 'file:///tmp/#a' @s",
        "put file:///tmp/a#b @s",
        "select 1; get @s file:///tmp",
    ] {
        assert!(facts(text).file_transfer, "{text}");
    }
    assert!(!facts("select get(a, 'put') from t").file_transfer);
}

const ID: &str = "01b2c3d4-0000-1111-0000-00000000000a";

#[test]
fn every_name_of_a_result_is_found() {
    for template in [
        "select * from table(result_scan('ID'))",
        "select * from table(result_scan('ID', 1))",
        "select 'ID'",
        "select * from table(RESULT_SCAN( /* x */ 'ID'))",
        "describe result 'ID'",
        "select $$ID$$",
        "execute immediate 'select * from table(result_scan(''ID''))'",
        "begin let x := 'ID'; end",
    ] {
        let text = template.replace("ID", &ID.to_uppercase());
        assert_eq!(facts(&text).named_results, [ID], "{text}");
    }
    assert!(facts("select * from table(result_scan(last_query_id(-2)))").uses_last_query_id);
    assert!(facts("begin return last_query_id(); end").uses_last_query_id);
    assert!(!facts("select 1").uses_last_query_id);
}

#[test]
fn a_result_that_hides_is_told_in_texts_that_are_not_understood_too() {
    for text in [
        "select * from table(result_scan($id))",
        "begin let r := (select * from table(result_scan(:id))); end",
        "execute immediate 'select * from table(result_scan(' || id || '))'",
        "execute immediate $$begin select * from table(result_scan(:id)); end$$",
    ] {
        assert!(facts(text).hides_result, "{text}");
    }
    for text in [
        "select * from table(result_scan(last_query_id()))",
        "begin select * from table(result_scan(last_query_id())); end",
        "select 'result_scan(x)'",
        &format!("execute immediate 'select * from table(result_scan(''{ID}''))'"),
    ] {
        assert!(!facts(text).hides_result, "{text}");
    }
}

#[test]
fn a_result_named_by_more_than_a_literal_is_opaque() {
    for argument in [
        "$id",
        "(select id from t)",
        "'01b2c3d4-0000-1111-0000-' || '00000000000a'",
        "'\\u0030\\u0031b2c3d4-0000-1111-0000-00000000000a'",
        "lower('x')",
        "'01b2c3d4-0000-1111-0000-00000000000a'::string",
        "last_query_id($n)",
    ] {
        check_opaque(&format!("select * from table(result_scan({argument}))"));
        check_opaque(&format!("select * from table(\"RESULT_SCAN\"({argument}))"));
    }
    check(
        "select * from table(result_scan(last_query_id()))",
        "SELECT",
        "read",
    );
}

/// Runs on the real stacks: an overflow would abort the test process.
#[tokio::test]
async fn statements_made_to_exhaust_us_are_survived() {
    let analyst = Analyst::new().unwrap();
    let chain = |unit: &str, count: usize| format!("select 1{}", unit.repeat(count));
    for text in [
        chain("+1", 24_000),
        chain(" and 1", 24_000),
        chain("::int", 16_000),
        chain(":b", 24_000),
        chain("+1", 200_000),
        chain(" union select 1", 450),
        chain(" union select 1", 20_000),
        format!("select {}1{}", "(".repeat(100_000), ")".repeat(100_000)),
        format!("select {}1{}", "(".repeat(20_000), ")".repeat(20_000)),
        format!("select {}", "case when ".repeat(10_000)),
        format!("select {}", "not ".repeat(40_000)),
        format!("select 1 in ({}1)", "1,".repeat(24_000)),
        "x".repeat(10 << 20),
        format!("select '{}'", "x".repeat(2 << 20)),
    ] {
        let facts = analyst.facts(&text, &Context::default()).await.unwrap();
        assert!(!facts.effects.is_empty());
    }
    assert_eq!(
        analyst
            .facts("select 1", &Context::default())
            .await
            .unwrap()
            .kinds,
        ["SELECT"]
    );
}

#[test]
fn texts_over_a_limit_are_opaque() {
    check_opaque(&format!("select 1{}", "+1".repeat(25_000)));
    check_opaque(&format!("select 1{}", " union select 1".repeat(501)));
    check_opaque(&format!("select '{}'", "x".repeat(1 << 20)));
    check(
        &format!("select '{}'", "x".repeat(1 << 19)),
        "SELECT",
        "read",
    );
}

proptest! {
    #[test]
    fn no_text_panics_or_is_without_effect(text in any::<String>()) {
        prop_assert!(!facts(&text).effects.is_empty());
    }

    #[test]
    fn no_arrangement_of_sql_hides_a_write(
        words in prop::collection::vec(prop::sample::select(vec![
            "select", "1", "from", "t", "(", ")", ";", "'", "\"", "$$", "--", "\n", "/*", "*/",
            "begin", "end", "with", "as", ",", "x", "union", "table", "//", "\\", "$", "explain",
        ]), 0..14),
        at in any::<prop::sample::Index>(),
    ) {
        // The write stands in code, in a string or in a comment. If it is in code, the text must
        // not be a mere read; that is decided here by cutting the text where the write begins.
        let mut words = words;
        words.insert(at.index(words.len() + 1), ";delete from victim;");
        let text = words.join(" ");
        let facts = facts(&text);
        let quiet = facts.effects.iter().all(|effect| {
            matches!(effect, Effect::Read | Effect::Describe | Effect::Session | Effect::Transaction)
        });
        if quiet {
            let harmless = text.replace("delete from victim", "          x        ");
            let without = super::text::facts_for_test(&harmless);
            // Code in `$$ … $$` is part of a fingerprint, and of nothing else here.
            let without = super::Facts { fingerprint: facts.fingerprint.clone(), ..without };
            prop_assert!(without == facts, "{text:?} hides a write: {facts:?}");
        }
    }
}
