//! Whatever is put around a column, and however deep, its name stays among the sources; and what
//! no secret is put into stays clean.

use proptest::prelude::{Strategy, prop, prop_assert, prop_assume, proptest};

use super::{SECRET, found, try_parse};
use crate::sql::facts::{Lineage, Sources};

/// Expressions around an expression.
const EXPRESSIONS: &[&str] = &[
    "upper(E)",
    "(E)",
    "E || 'x'",
    "'x' || E",
    "E::varchar",
    "cast(E as varchar)",
    "try_cast(E as int)",
    "substr(E, 1, 2)",
    "substring(E from 1 for 2)",
    "trim(both 'x' from E)",
    "position('x' in E)",
    "E is null",
    "E like 'x%'",
    "'x' like E",
    "E in ('1', '2')",
    "'1' in ('2', E)",
    "E between 'a' and 'b'",
    "'a' between E and 'b'",
    "case when E = '1' then 1 else 2 end",
    "case 1 when 1 then E end",
    "case 1 when 2 then 3 else E end",
    "iff(true, E, null)",
    "iff(E = 'x', 1, 2)",
    "decode(1, 2, E)",
    "coalesce(null, E)",
    "[1, E]",
    "[E][0]",
    "{'a': E}",
    "{'a': E}:a",
    "object_construct('a', E):a.b[0]",
    "array_construct(1, E)[1]::string",
    "transform([E], x -> x)",
    "transform([1], x -> E)",
    "reduce([E], '', (a, x) -> a || x)",
    "(select E)",
    "(select max(E) from cities)",
    "exists (select 1 from cities where city = E)",
    "E in (select city from cities)",
    "max(E) over (partition by 1)",
    "row_number() over (order by E)",
    "row_number() over (partition by E order by 1)",
    "lag(E) over (order by 1)",
    "listagg(E, ',') over ()",
    "not E = '1'",
    "-length(E)",
    "E at time zone 'UTC'",
    "E collate 'en'",
    "extract(year from E::date)",
    "dateadd(day, length(E), current_date)",
    "ceil(length(E))",
    "floor(length(E))",
    "hash(1, E)",
    "md5(E)",
    "regexp_replace(E, 'a', 'b')",
    "regexp_replace('a', E, 'b')",
    "E rlike 'x'",
    "parse_json(E):a",
    "get_path(parse_json(E), 'a')",
    "any_value(E) over ()",
    "ai_complete('m', E)",
    "nullif(E, '1')",
    "equal_null(E, '1')",
    "E is distinct from '1'",
    "E = any (select city from cities)",
];

/// Queries around a query of two columns, the second of which is watched. They name it `B`.
const QUERIES: &[&str] = &[
    "select * from (Q)",
    "select x.* from (Q) x",
    "select a, b from (Q)",
    "select x.a, x.b from (Q) as x",
    "select $1 as a, $2 as b from (Q)",
    "select x.$1 as a, x.$2 as b from (Q) x",
    "with c as (Q) select * from c",
    "with c (a, b) as (Q) select a, b from c",
    "with c as (Q), d as (select * from c) select d.* from d",
    "with c as (select 1 as z) select * from (with c as (Q) select * from c)",
    "with recursive r as (select a, b from (Q) union all select a, b from r where a > 1) select * from r",
    "select * from (Q) union all select 1, 'x'",
    "select 1 as a, 'x' as b union all select * from (Q)",
    "select 1 as a, 'x' as b union all by name select b, a from (Q)",
    "select 1 as a, 'x' as b union all by name select * from (Q)",
    "select * exclude (z) from (select 1 as z, * from (Q))",
    "select * rename (y as b) from (select a, b as y from (Q))",
    "select * replace (b as b) from (Q)",
    "select * replace (b as a) from (select a, b from (Q))",
    "select a, max(b) as b from (Q) group by all",
    "select any_value(a) as a, array_agg(b) as b from (Q)",
    "select a, f.value as b from (Q) x, lateral flatten(input => [x.b]) f",
    "select a, y.b from (Q) x, lateral (select x.b as b) y",
    "select 1 as a, (select max(b) from (Q)) as b",
    "select a, v as b from (Q) unpivot (v for n in (b))",
    "select x.a, y.b from (Q) x join (Q) y on x.a = y.a",
    "select a, x.b from (Q) x join (Q) y using (a)",
    "select * from (Q) order by 2 limit 1",
    "select top 1 * from (Q)",
    "select distinct * from (Q)",
    "select a, z as b from (select a, b as y, y as z from (Q))",
    "select * from (Q) qualify row_number() over (order by a) = 1",
    "select * from (Q) minus select 1, 'x'",
    "select object_construct(*) as a, b from (Q)",
    "(Q)",
];

fn text(column: &str, expressions: &[&str], queries: &[&str]) -> String {
    let mut expr = column.to_owned();
    for around in expressions {
        expr = around.replace('E', &format!("({expr})"));
    }
    let mut query = format!("select id as a, {expr} as b from people");
    for around in queries {
        query = around.replace('Q', &query);
    }
    query
}

/// The sources of the output `B`, or `None` if nothing is known of the outputs.
fn watched(text: &str) -> Option<Vec<Sources>> {
    let outputs = match found(text).lineage {
        Lineage::Columns(outputs) => outputs,
        Lineage::Unknown(_) | Lineage::NoData => return None,
    };
    let watched = outputs
        .into_iter()
        .filter(|it| it.name.as_deref() == Some("B"));
    Some(watched.map(|it| it.sources).collect())
}

fn is_secret(sources: &Sources) -> bool {
    match sources {
        Sources::Unknown(_) => true,
        Sources::Known(columns) => columns.iter().any(|column| {
            let column = column.column.as_deref();
            column.is_none_or(|column| SECRET.contains(&column))
        }),
    }
}

/// Every `E` or `Q` doubles what is inside, so a few levels are enough.
fn around(all: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    let some = prop::sample::select(all);
    prop::collection::vec(some, 0..4)
}

proptest! {
    #[test]
    fn a_secret_is_never_lost(
        expressions in around(EXPRESSIONS),
        queries in around(QUERIES),
        column in prop::sample::select(vec!["ssn", "people.ssn", "d.s.people.ssn", "\"SSN\"", "$3"]),
    ) {
        // `$3` in a subquery is one of another relation.
        let column = if expressions.iter().any(|it| it.contains("from") || it.contains("select")) {
            "ssn"
        } else {
            column
        };
        let text = text(column, &expressions, &queries);
        prop_assume!(try_parse(&text).is_ok());
        if let Some(watched) = watched(&text) {
            prop_assert!(!watched.is_empty(), "{text}");
            for sources in watched {
                prop_assert!(is_secret(&sources), "{text}: {sources:?}");
            }
        }
    }

    #[test]
    fn what_holds_no_secret_is_proven_clean(
        expressions in around(EXPRESSIONS),
        queries in around(QUERIES),
    ) {
        let text = text("name", &expressions, &queries);
        prop_assume!(try_parse(&text).is_ok());
        let watched = watched(&text);
        prop_assert!(watched.is_some(), "{text} is unknown");
        for sources in watched.unwrap_or_default() {
            prop_assert!(!is_secret(&sources), "{text}: {sources:?}");
        }
    }

    #[test]
    fn a_secret_that_is_named_is_touched(
        expressions in around(EXPRESSIONS),
        queries in around(QUERIES),
        clause in prop::sample::select(vec!["where", "having", "qualify", "order by", "group by"]),
    ) {
        let mut expr = "ssn".to_owned();
        for around in &expressions {
            expr = around.replace('E', &format!("({expr})"));
        }
        let mut query = format!("select id as a, name as b from people {clause} {expr}");
        for around in &queries {
            query = around.replace('Q', &query);
        }
        prop_assume!(try_parse(&query).is_ok());
        let found = found(&query);
        let has = |columns: &std::collections::BTreeSet<crate::sql::facts::Column>| {
            columns.iter().any(|it| it.column.as_deref() == Some("SSN"))
        };
        prop_assert!(has(&found.columns), "{query}: {:?}", found.columns);
        prop_assert!(has(&found.predicates), "{query}: {:?}", found.predicates);
    }
}

/// Deeper nestings than the parser reads are left out above: every single one must be read.
#[test]
fn everything_that_is_put_around_is_read() {
    for expression in EXPRESSIONS {
        let text = text("ssn", &[expression], &[]);
        assert_eq!(try_parse(&text).map(|it| it.len()), Ok(1), "{text}");
    }
    for query in QUERIES {
        let text = text("ssn", &[], &[query]);
        assert_eq!(try_parse(&text).map(|it| it.len()), Ok(1), "{text}");
    }
}
