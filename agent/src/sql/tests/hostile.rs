//! Texts that were made to exhaust us or to be read in two ways.

use crate::sql::facts::Effect;
use crate::sql::text::facts_for_test as facts;
use crate::sql::{Analyst, Context};

/// Far above what the slowest takes in a build without optimisation, on a machine that does other
/// things: what it guards against takes minutes.
const TIME_MAX: std::time::Duration = std::time::Duration::from_secs(20);

fn chain(unit: &str, count: usize) -> String {
    format!("select 1{}", unit.repeat(count))
}

/// Each text, and a word of the reason why it is refused.
fn refused() -> Vec<(String, &'static str)> {
    vec![
        ("x".repeat(10 << 20), "longer than"),
        (format!("select '{}'", "x".repeat(10 << 20)), "longer than"),
        (
            format!("select {}1{}", "(".repeat(100_000), ")".repeat(100_000)),
            "nested",
        ),
        (format!("select {}1", "[".repeat(100_000)), "nested"),
        (
            format!("select 1 in ({}1)", "1,".repeat(100_000)),
            "words and symbols",
        ),
        (
            format!("select a{}", ":b".repeat(33_000)),
            "make it shorter",
        ),
        (chain("+1", 25_000), "make it shorter"),
        (chain("::int", 20_000), "make it shorter"),
        (
            format!("select a{}", "[0]".repeat(12_000)),
            "make it shorter",
        ),
        (chain(" union select 1", 20_000), "UNION"),
        (";select 1".repeat(30_000), "words and symbols"),
        ("execute immediate $$".repeat(9), "closed"),
        (format!("{}select 1", "explain ".repeat(10_000)), "deep"),
        ("select 'open".into(), "close it with '"),
        ("select \"open".into(), "close it with \""),
        ("select $$open".into(), "close it with $$"),
        ("select /* open".into(), "close it with */"),
        (
            "select /* a /* b */ 1 */".into(),
            "comment inside a comment",
        ),
        ("select 1 # delete from t".into(), "`#`"),
        (
            "select $a$ , ssn , $a$ from t".into(),
            "$a$".get(..1).unwrap(),
        ),
        ("select 1 -- x\rdelete from t".into(), "may end it"),
        ("select\r1".into(), "carriage return"),
        ("select 1 -- \u{2028} delete from t".into(), "may end it"),
        ("select\u{a0}1".into(), "plain spaces"),
        ("select\u{200b} 1".into(), "plain spaces"),
        ("select * from \u{440}eople".into(), "double quotes"),
        (
            "select * from people\u{ff1b} drop table t".into(),
            "plain spaces",
        ),
        ("select \u{2018}x\u{2019}".into(), "plain spaces"),
        ("select 1\0; drop table t".into(), "NUL"),
        ("select 'a\0b'".into(), "close it"),
        ("select n'x'".into(), "letter right before a string"),
        (
            "select E'a\\'' , b, '".into(),
            "letter right before a string",
        ),
        ("select * from @files//x, secrets".into(), "stage path"),
        ("select * from @files/--x\n, secrets".into(), "stage path"),
        ("select file://x\n, secrets from t".into(), "file://"),
        ("select a$$b$$".into(), "$$"),
        ("".into(), "no statement"),
        (" ; ;; ".into(), "no statement"),
        ("-- nothing".into(), "no statement"),
    ]
}

/// Runs on the real stacks: an overflow would abort the test process.
#[test]
fn what_is_made_to_exhaust_or_mislead_is_refused_with_a_reason() {
    let analyst = Analyst::new().unwrap();
    for (text, reason) in refused() {
        let start = std::time::SystemTime::now();
        let facts = analyst.facts_blocking(&text, &Context::default()).unwrap();
        let shown: String = text.chars().take(60).collect();
        assert_eq!(facts.effects, [Effect::Opaque].into(), "{shown:?}");
        let told = facts.obscurity.unwrap();
        assert!(told.contains(reason), "{shown:?}: {told}");
        assert!(start.elapsed().unwrap() < TIME_MAX, "{shown:?}");
    }
}

/// As long, as deep and as chained as the limits let through.
#[test]
fn what_is_just_within_the_limits_is_answered() {
    let analyst = Analyst::new().unwrap();
    for text in [
        chain("+1", 9_900),
        chain(" and 1", 9_900),
        chain("::int", 6_600),
        format!("select a{}", ":b".repeat(9_900)),
        format!("select a{}", "[0]".repeat(9_900)),
        chain(" union select 1", 499),
        format!("select {}1{}", "(".repeat(490), ")".repeat(490)),
        format!("select {}", "case when ".repeat(9_000)),
        format!("select {}1", "not ".repeat(19_000)),
        format!("select {}1", "- ".repeat(19_000)),
        format!("select 1 in ({}1)", "1,".repeat(24_000)),
        format!("select {}1", "f(1),".repeat(9_000)),
        format!("select '{}'", "x".repeat(1 << 19)),
        "select 1;".repeat(16_000),
        format!("begin {} end", "delete from t;".repeat(9_000)),
        format!("begin {}", "begin ".repeat(20_000)),
        format!("declare {}", "case ".repeat(19_000)),
        format!("{}select 1", "call p() ->> ".repeat(8_000)),
        format!(
            "call p({})",
            ["(execute immediate ".repeat(490), ")".repeat(490)].concat()
        ),
        format!(
            "select * from a directed join b on {}",
            "a.x = b.y and ".repeat(2_400)
        ),
        format!(
            "select {}1 from a directed join b",
            [", f(".repeat(480), ")".repeat(480)].concat()
        ),
        format!("execute immediate '{}'", "select 1;".repeat(16_000)),
        format!(
            "select {}",
            "'01b2c3d4-0000-1111-0000-00000000000a',".repeat(24_000)
        ),
        format!("{} x", "grant a on b to c;".repeat(6_000)),
    ] {
        let start = std::time::SystemTime::now();
        let facts = analyst.facts_blocking(&text, &Context::default());
        let shown: String = text.chars().take(60).collect();
        assert!(!facts.unwrap().effects.is_empty(), "{shown:?}");
        assert!(
            start.elapsed().unwrap() < TIME_MAX,
            "{shown:?} took {:?}",
            start.elapsed()
        );
    }
}

/// Quotes and comments that only look as if they ended.
#[test]
fn what_stands_in_strings_and_comments_does_nothing() {
    for text in [
        "select '; drop table t; --'",
        "select 'it''s; drop table t'",
        "select 'a\\'; drop table t; --'",
        "select $$ '; drop table t; $$",
        "select \"; drop table t\" from t",
        "select 1 -- ; drop table t",
        "select 1 // ; drop table t",
        "select 1 /* ; drop table t */",
        "select 1 /* -- */ /* ' */ -- '",
    ] {
        assert_eq!(facts(text).effects, [Effect::Read].into(), "{text}");
    }
    for text in [
        "select 'a\\\\'; drop table t; --'",
        "select '''; drop table t; --'; drop table t",
        "select 1 /* */; drop table t /* */",
        "select 1 --\n; drop table t",
        "select 1 -- */ /*\n; drop table t",
        "select $$ $$; drop table t",
    ] {
        assert!(facts(text).effects.contains(&Effect::Drop), "{text}");
    }
}

/// Where the parser has a gap, a write that stands where a statement can begin is not overlooked.
#[test]
fn no_write_hides_in_a_query_that_the_parser_does_not_know() {
    let writes = [
        "delete from t",
        "insert into t select 1",
        "update t set a = 1",
        "call p()",
        "merge into t using u on 1 = 1 when matched then delete",
        "drop table t",
        "execute immediate 'drop table t'",
        "create table x (a int)",
        "truncate table t",
        "copy into @s from t",
        "grant select on table t to role r",
        "alter table t drop column a",
    ];
    let gap = "select * from a directed join b on true";
    for write in writes {
        for text in [
            format!("with x as ({write}) {gap}"),
            format!("{gap} where exists ({write})"),
            format!("with x as (select 1) {write} directed join"),
            format!("with x as {write} {gap}"),
            format!("begin {gap}; {write}; end"),
            format!("{gap} ->> {write}"),
            format!("explain {gap}; {write}"),
        ] {
            let effects = facts(&text).effects;
            let quiet = [Effect::Read, Effect::Describe];
            assert!(
                effects.iter().any(|effect| !quiet.contains(effect)),
                "{text}"
            );
        }
    }
}

#[test]
fn a_fingerprint_is_that_of_the_statement_without_its_values() {
    let same = |a: &str, b: &str| assert_eq!(facts(a).fingerprint, facts(b).fingerprint, "{a} {b}");
    let other =
        |a: &str, b: &str| assert_ne!(facts(a).fingerprint, facts(b).fingerprint, "{a} {b}");
    same(
        "select a from t where b = 1",
        "SELECT  a\nFROM t -- x\nWHERE b = 27;",
    );
    same(
        "select a from t where b = 'x'",
        "select a from t where b = 'y''z'",
    );
    same(
        "select a from t where b = -1",
        "select a from t where b = 1",
    );
    same("select a in (1)", "select a in (1, 2, 'x')");
    same(
        "insert into t values (1, 2)",
        "insert into t values (1, 2), (3, 4), (5, ?)",
    );
    same("select 'open", "select 'open");
    other("select a from t", "select a from u");
    other("select a from t", "select \"a\" from t");
    other("select $a", "select $b");
    other("select a - 1", "select a + 1");
    other(
        "execute immediate $$ drop table t $$",
        "execute immediate $$ drop table u $$",
    );
    other("select 'open", "select 'shut");
    assert_eq!(facts("select 1").fingerprint.len(), 64);
}

/// Whoever may count the rows with a value finds the value by guessing, so that what chooses rows
/// must be told also where the parser has a gap, and where a step of a flow gave it another name.
#[test]
fn what_chooses_rows_is_told_where_no_tree_is() {
    let texts = [
        "select count(*) filter (where pan = '1') from d.s.cards",
        "select 1 from d.s.cards ->> select count(*) from $1, d.s.cards where pan = '1'",
        "select pan as k from d.s.cards ->> select count(*) from $1 where k = '1'",
    ];
    for text in texts {
        let facts = facts(text);
        let tables = facts.predicates.iter().map(|it| it.table.to_string());
        assert!(tables.into_iter().any(|it| it == "D.S.CARDS"), "{text}");
    }
}

#[test]
fn mail_is_seen_however_its_function_is_named() {
    let texts = [
        "call system$send_email('i', 'a', 'b', 'c')",
        "call identifier('SYSTEM$SEND_EMAIL')('i', 'a', 'b', 'c')",
        "begin call system$send_email('i', 'a', 'b', 'c'); end",
        "select \"SYSTEM$SEND_EMAIL\"('i', 'a', 'b', 'c')",
        "select identifier('SYSTEM$SEND_EMAIL')('i', 'a', 'b', 'c')",
    ];
    for text in texts {
        let facts = facts(text);
        assert!(facts.functions.contains("SYSTEM$SEND_EMAIL"), "{text}");
        assert!(facts.effects.contains(&Effect::Admin), "{text}");
    }
}
