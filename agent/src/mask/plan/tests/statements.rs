//! Statements and what is masked of their results.

use super::{LABELS, World, field, fields, shown};
use crate::mask::outputs::Origin;
use crate::snowflake::rowtype::Type;

/// Statements, and what becomes of each column.
const CASES: &[(&str, &str)] = &[
    ("select 1, 'x'", "-, -"),
    ("select id, name from people", "-, -"),
    ("select ssn from people", "ssn=ssn"),
    ("select p.ssn, p.id from people p", "ssn=ssn, -"),
    ("select * from people", "-, -, ssn=ssn, email=email, -"),
    ("select * exclude (ssn) from people", "-, -, email=email, -"),
    ("select * exclude (ssn, email) from people", "-, -, -"),
    (
        "select * rename (ssn as x) from people",
        "-, -, ssn=ssn, email=email, -",
    ),
    (
        "select * replace (ssn as name) from people",
        "-, ssn=ssn, ssn=ssn, email=email, -",
    ),
    ("select * ilike '%n%' from people", "-, ssn=ssn, -"),
    ("select $3 from people", "ssn=ssn"),
    (
        "select id as ssn, ssn as id from people",
        "~ssn=ssn, ssn=ssn",
    ),
    ("select id as email from people", "~email=email"),
    ("select \"SSN\" from people", "ssn=ssn"),
    (
        "select max(ssn), min(ssn), count(ssn), count(*) from people",
        "ssn=ssn, ssn=ssn, ssn=ssn, -",
    ),
    ("select count(distinct ssn) from people", "ssn=ssn"),
    (
        "select md5(ssn), sha2(email, 256), hash(card) from people, orders",
        "ssn=ssn, email=email, card=card",
    ),
    (
        "select base64_encode(ssn), hex_encode(email) from people",
        "ssn=ssn, email=email",
    ),
    (
        "select substr(ssn, 1, 1), left(ssn, 3), right(email, 2) from people",
        "ssn=ssn, ssn=ssn, email=email",
    ),
    (
        "select ssn || email, concat(name, ssn), concat_ws(',', id, name) from people",
        "email+ssn=ssn, ssn=ssn, -",
    ),
    (
        "select object_construct('a', ssn), object_construct(*) from people",
        "ssn=ssn, email+ssn=ssn",
    ),
    (
        "select array_construct(id, email), to_json(object_construct('k', card)) from people, orders",
        "email=email, card=card",
    ),
    (
        "select {'a': ssn}, [email] from people",
        "ssn=ssn, email=email",
    ),
    (
        "select row_number() over (order by id), lag(ssn) over (order by id) from people",
        "-, ssn=ssn",
    ),
    (
        "select listagg(ssn, ','), array_agg(email) from people",
        "ssn=ssn, email=email",
    ),
    (
        "select ssn::varchar, try_to_number(ssn), cast(email as binary) from people",
        "ssn=ssn, ssn=ssn, email=email",
    ),
    (
        "select reverse(ssn), ascii(ssn), length(ssn), ssn is null from people",
        "ssn=ssn, ssn=ssn, ssn=ssn, ssn=ssn",
    ),
    (
        "select case when ssn like '1%' then 1 else 0 end from people",
        "ssn=ssn",
    ),
    (
        "select iff(id = 1, email, name), coalesce(name, ssn), nvl(null, name) from people",
        "email=email, ssn=ssn, -",
    ),
    (
        "select regexp_substr(ssn, '[0-9]'), split(email, '@')[0] from people",
        "ssn=ssn, email=email",
    ),
    (
        "with c as (select ssn as x from people) select x from c",
        "ssn=ssn",
    ),
    (
        "with people as (select id, name from d.s.people) select * from people",
        "-, -",
    ),
    (
        "select name from people union all select email from people",
        "email=email",
    ),
    (
        "select id from people union select card from orders",
        "card=card",
    ),
    (
        "select city from cities minus select ssn from people",
        "ssn=ssn",
    ),
    (
        "select id, name from people intersect select id, email from people",
        "-, email=email",
    ),
    ("select (select max(ssn) from people) as m, 1", "ssn=ssn, -"),
    (
        "select c.city from cities c where exists (select 1 from people p where p.ssn = c.city)",
        "-",
    ),
    (
        "select x.s from (select ssn as s, id from people) x",
        "ssn=ssn",
    ),
    (
        "select f.value from people, lateral flatten(input => parse_json(email)) f",
        "email=email",
    ),
    (
        "select f.value, e.id from events e, lateral flatten(input => e.payload:items) f",
        "payload=payload, -",
    ),
    (
        "select payload:a.b::string, payload['c'] from events",
        "payload=payload, payload=payload",
    ),
    (
        "select t.value from people, table(split_to_table(ssn, '-')) t",
        "ssn=ssn",
    ),
    (
        "select * from sales pivot (sum(amount) for quarter in ('a', 'b'))",
        "-, -, -",
    ),
    (
        "select * from (select region, quarter, amount from sales) pivot (sum(amount) for quarter in (any))",
        "-, -",
    ),
    (
        "select * from (select id, ssn, email from people) unpivot (v for n in (ssn, email))",
        "-, -, email+ssn=ssn",
    ),
    ("select id, code from codes", "-, ssn=ssn"),
    ("select * from codes2", "-, ssn=ssn"),
    ("select b as id from codes2", "ssn=ssn"),
    ("select * from safe", "-, -"),
    ("select * from stale", "?email+ssn=ssn, ?email+ssn=ssn"),
    ("select city from regions", "-"),
    (
        "select x, y from mystery",
        "?card+email+payload+ssn=card, ?card+email+payload+ssn=card",
    ),
    (
        "select * from mystery",
        "?card+email+payload+ssn=card, ?card+email+payload+ssn=card",
    ),
    (
        "select m.x, p.id from mystery m join people p on p.id = m.id",
        "?card+email+payload+ssn=card, -",
    ),
    (
        "select * from table(result_scan('01b2c3d4-0000-1111-0000-00000000000a'))",
        "ssn=ssn, -",
    ),
    ("select name from table(result_scan(last_query_id()))", "-"),
    (
        "select * from table(result_scan('01b2c3d4-0000-1111-0000-00000000000b'))",
        "?card+email+payload+ssn=card, ?card+email+payload+ssn=card",
    ),
    (
        "select secret_function(id) from people",
        "?card+email+payload+ssn=card",
    ),
    (
        "select secret_function(id), name from people",
        "?card+email+payload+ssn=card, -",
    ),
    (
        "select * from table(secret_rows(1))",
        "?card+email+payload+ssn=card, ?card+email+payload+ssn=card",
    ),
    (
        "select $1, $2 from @stage/file.csv",
        "?card+email+payload+ssn=card, ?card+email+payload+ssn=card",
    ),
    ("select $x", "?card+email+payload+ssn=card"),
    (
        "select ai_complete('m', ssn), ai_complete('m', name) from people",
        "ssn=ssn, -",
    ),
    ("select id from identifier('d.s.people')", "-"),
    ("select ssn from identifier('d.s.people')", "ssn=ssn"),
    (
        "select table_name, comment from d.information_schema.tables",
        "-, -",
    ),
    (
        "select name, email from snowflake.account_usage.users",
        "-, email=email",
    ),
    (
        "select query_text from table(d.information_schema.query_history())",
        "-",
    ),
    ("show tables in schema d.s", "-, -"),
    ("show users", "-, -"),
    (
        "show variables",
        "?card+email+payload+ssn=card, ?card+email+payload+ssn=card",
    ),
    ("describe table d.s.people", "-, -"),
    ("explain select ssn from people", "-, -"),
    ("insert into people (ssn) values ('x')", "-, -"),
    ("create table d.s.copy as select ssn from people", "-, -"),
    ("update people set name = ssn", "-, -"),
    (
        "call d.s.procedure()",
        "?card+email+payload+ssn=card, ?card+email+payload+ssn=card",
    ),
    ("execute immediate 'select ssn from people'", "ssn=ssn"),
    (
        "execute immediate $$begin return (select ssn from people); end$$",
        "?card+email+payload+ssn=card, ?card+email+payload+ssn=card",
    ),
    (
        "begin return (select ssn from people); end",
        "?card+email+payload+ssn=card, ?card+email+payload+ssn=card",
    ),
    (
        "select ssn from people ->> select $1 from $1",
        "?card+email+payload+ssn=card, ?card+email+payload+ssn=card",
    ),
    ("copy into people from @stage", "-, -"),
    (
        "copy into @stage from (select ssn from people) validation_mode = return_rows",
        "?card+email+payload+ssn=card, ?card+email+payload+ssn=card",
    ),
    (
        "select object_agg(name, ssn), approx_top_k(email, 3) from people",
        "ssn=ssn, email=email",
    ),
    ("select any_value(ssn) from people group by id", "ssn=ssn"),
    ("select id from people order by ssn limit 1", "-"),
    (
        "select first_value(email) over (partition by id order by ssn) from people",
        "email+ssn=ssn",
    ),
    ("select ssn from people sample (1)", "ssn=ssn"),
    (
        "select a.id, b.ssn from people a join people b on a.id = b.id",
        "-, ssn=ssn",
    ),
    (
        "select * from people natural join orders",
        "-, -, ssn=ssn, email=email, -, -, -, card=card, -",
    ),
    ("values (1, 'x')", "-, -"),
];

#[test]
fn what_carries_a_label_is_masked_whatever_is_done_to_it() {
    let world = World::new(LABELS);
    let mut differences = Vec::new();
    for (text, expected) in CASES {
        let facts = world.facts(text);
        let plan = world.masked(Origin::whole(&facts), fields(&facts.lineage));
        let found = shown(&plan);
        if found != *expected {
            differences.push(format!("    (\"{text}\", \"{found}\"),"));
        }
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

/// Columns of the answer by name, for a statement that returns an id, a number and a name.
#[track_caller]
fn check_answer(names: &[&str], expected: &str) {
    let world = World::new(LABELS);
    let facts = world.facts("select id, ssn, name from people");
    let fields = names.iter().map(|name| field(name, Type::Text));
    let plan = world.masked(Origin::whole(&facts), fields.collect());
    assert_eq!(shown(&plan), expected, "{names:?}");
}

#[test]
fn an_answer_that_was_not_foreseen_is_masked_as_one_of_unknown_origin() {
    check_answer(&["ID", "SSN", "NAME"], "-, ssn=ssn, -");
    // A session may fold names otherwise.
    check_answer(&["id", "Ssn", "NAME"], "-, ssn=ssn, -");
    let all = "?email+ssn=ssn";
    check_answer(&["ID", "NAME", "SSN"], &[all; 3].join(", "));
    check_answer(&["ID", "SSN"], &[all; 2].join(", "));
    check_answer(&["ID", "SSN", "NAME", "MORE"], &[all; 4].join(", "));
    check_answer(&[], "");
}

#[test]
fn each_statement_of_a_text_has_a_result_of_its_own() {
    let world = World::new(LABELS);
    let facts = world.facts("select ssn from people; select id from cities; delete from sales");
    let names = |names: &[&str]| names.iter().map(|it| field(it, Type::Text)).collect();
    let part = |place| Origin::part(&facts, place);
    let plan = world.masked(part(Some(0)), names(&["SSN"]));
    assert_eq!(shown(&plan), "ssn=ssn");
    let plan = world.masked(part(Some(1)), names(&["ID"]));
    assert_eq!(shown(&plan), "-");
    let plan = world.masked(part(Some(2)), names(&["number of rows deleted"]));
    assert_eq!(shown(&plan), "-");
    for place in [None, Some(3)] {
        let plan = world.masked(part(place), names(&["ID"]));
        assert_eq!(shown(&plan), "?card+email+payload+ssn=card", "{place:?}");
    }
    // The text as a whole has no rows of its own, but that it ran.
    let plan = world.masked(Origin::whole(&facts), names(&["ID"]));
    assert_eq!(shown(&plan), "?card+email+payload+ssn=card");
    let plan = world.masked(Origin::status(&facts), names(&["status"]));
    assert_eq!(shown(&plan), "-");
}

#[test]
fn a_statement_that_is_forgotten_could_have_read_anything() {
    let world = World::new(LABELS);
    let plan = world.masked(Origin::FORGOTTEN, vec![field("ID", Type::Fixed)]);
    assert_eq!(shown(&plan), "?card+email+payload+ssn=card");
    let (at, column, why) = plan.uncertain().unwrap();
    assert_eq!((at, &*column.field.name), (1, "ID"));
    assert_eq!(why, "the statement is no longer known");
    let none = World::new("");
    let plan = none.masked(Origin::FORGOTTEN, vec![field("ID", Type::Other)]);
    assert!(plan.is_clear() && plan.uncertain().is_none());
}
