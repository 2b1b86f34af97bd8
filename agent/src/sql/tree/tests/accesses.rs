//! Which objects are touched in which part, and what decides.

use super::{context, found, found_in, parse, short};
use crate::sql::context::{Context, SessionState};
use crate::sql::facts::{Effect, Lineage, ObjectKind};
use crate::sql::tree::walk;
use std::sync::Arc;

/// The accesses, without the session's database and schema: `read:PEOPLE`, `ai` on the account.
fn accesses(text: &str, context: &Context) -> String {
    let found = found_in(text, context);
    let accesses = found.accesses.iter().map(|access| {
        let effect = access.effect.name();
        let kind = access.object.kind.entity();
        match &access.object.name {
            None => effect.to_owned(),
            Some(name) => {
                let name = name.to_string().replace("D.S.", "");
                match access.object.kind {
                    ObjectKind::Table => format!("{effect}:{name}"),
                    _ => format!("{effect}:{kind}:{name}"),
                }
            }
        }
    });
    accesses.collect::<Vec<_>>().join(" ")
}

/// Compares what was found for each text, and shows every difference at once.
#[track_caller]
fn check(cases: &[(&str, &str)], find: impl Fn(&str) -> String) {
    let differences = cases.iter().filter_map(|(text, expected)| {
        let found = find(text);
        (found != *expected).then(|| format!("{text}\n  found    {found}\n  expected {expected}"))
    });
    let differences: Vec<String> = differences.collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn every_object_has_its_part() {
    let cases = [
        ("select 1", "read"),
        ("select * from people", "read:PEOPLE"),
        (
            "select 1 from people, orders, (select 1 from cities)",
            "read:CITIES read:ORDERS read:PEOPLE",
        ),
        (
            "select (select max(id) from orders) from people",
            "read:ORDERS read:PEOPLE",
        ),
        (
            "with people as (select 1 as a) select a from people",
            "read",
        ),
        (
            "with c as (select id from people) select * from c",
            "read:PEOPLE",
        ),
        (
            "with people as (select * from people) select * from people",
            "read:PEOPLE",
        ),
        (
            "with recursive n as (select 1 as i union all select i + 1 from n) select i from n",
            "read",
        ),
        (
            "with people as (select 1 as id union all select id from people) select id from people",
            "read:PEOPLE",
        ),
        (
            "select * from x.y.z, y.z, x..z",
            "read:D.Y.Z read:X.PUBLIC.Z read:X.Y.Z",
        ),
        ("select * from codes3", "read:CODES3"),
        (
            "select * from mystery",
            "read:D.PUBLIC.MYSTERY read:MYSTERY",
        ),
        ("select * from regions", "read:D.PUBLIC.REGIONS"),
        (
            "select * from information_schema.tables",
            "read:D.INFORMATION_SCHEMA.TABLES",
        ),
        (
            "select * from snowflake.account_usage.query_history",
            "read:SNOWFLAKE.ACCOUNT_USAGE.QUERY_HISTORY",
        ),
        (
            "select * from table(information_schema.query_history())",
            "read:D.INFORMATION_SCHEMA.QUERY_HISTORY",
        ),
        ("select * from identifier('d.s.people')", "read:PEOPLE"),
        ("select * from identifier($name)", "read:PEOPLE"),
        ("select * from identifier($read)", "opaque read"),
        ("select * from table($read)", "opaque read"),
        ("select * from table('people')", "read:PEOPLE"),
        ("select * from a.b.c.d", "opaque read"),
        ("select $1 from @d.s.stage/path/x.csv", "read:Stage:STAGE"),
        (
            "select $1 from @x.y.\"my stage\"/p.q",
            "read:Stage:X.Y.\"my stage\"",
        ),
        ("select $1 from @~/x", "read:Stage:\"~\""),
        ("select $1 from @s.%people/x", "read:Stage:\"%PEOPLE\""),
        ("select $1 from '@d.s.stage/x'", "read:Stage:STAGE"),
        ("select $1 from 's3://bucket/x'", "import read"),
        (
            "select upper(name), count(*) from people group by 1",
            "read:PEOPLE",
        ),
        ("select x.y.f(1)", "execute:Function:X.Y.F read"),
        (
            "select f(1)",
            "execute:Function:D.PUBLIC.F execute:Function:F read",
        ),
        (
            "select * from table(x.y.f(1))",
            "execute:Function:X.Y.F execute:Procedure:X.Y.F read",
        ),
        ("select * from table(flatten(parse_json('[]')))", "read"),
        (
            "select ai_complete('m', name) from people",
            "ai read:PEOPLE",
        ),
        ("select snowflake.cortex.complete('m', 'x')", "ai read"),
        ("select system$typeof(1)", "read"),
        ("select system$cancel_query('x')", "read session"),
        ("select system$abort_session(1)", "admin read"),
        ("select get_ddl('table', 'people')", "describe read"),
        ("select seq.nextval", "read:Object:SEQ"),
        (
            "insert into people select * from orders",
            "insert:PEOPLE read:ORDERS",
        ),
        ("insert into people (id) values (1)", "insert:PEOPLE"),
        (
            "insert overwrite into people select 1",
            "insert:PEOPLE truncate:PEOPLE",
        ),
        (
            "insert into people with c as (select 1) select * from c",
            "insert:PEOPLE",
        ),
        (
            "insert all into people into orders (id) values (a) select id as a from cities",
            "insert:ORDERS insert:PEOPLE read:CITIES",
        ),
        (
            "insert first when a > 1 then into people else into orders select id as a from cities",
            "insert:ORDERS insert:PEOPLE read:CITIES",
        ),
        ("update people set id = 1", "update:PEOPLE"),
        ("update people set id = id + 1", "read:PEOPLE update:PEOPLE"),
        (
            "update people set id = 1 where ssn = '1'",
            "read:PEOPLE update:PEOPLE",
        ),
        (
            "update people p set id = o.id from orders o where o.id = p.id",
            "read:ORDERS read:PEOPLE update:PEOPLE",
        ),
        (
            "update people set id = (select max(id) from orders)",
            "read:ORDERS read:PEOPLE update:PEOPLE",
        ),
        ("delete from people", "delete:PEOPLE"),
        (
            "delete from people where id = 1",
            "delete:PEOPLE read:PEOPLE",
        ),
        (
            "delete from people p using orders o where o.id = p.id",
            "delete:PEOPLE read:ORDERS read:PEOPLE",
        ),
        (
            "merge into people p using (select * from orders) o on p.id = o.id when matched then \
             update set name = 'x' when not matched then insert (id) values (o.id)",
            "merge:PEOPLE read:ORDERS read:PEOPLE",
        ),
        ("create table t (a int)", "create:T"),
        (
            "create table t as select * from people",
            "create:T read:PEOPLE",
        ),
        ("create table t like people", "create:T describe:PEOPLE"),
        ("create table t clone people", "create:T read:PEOPLE"),
        (
            "create view v as select * from people",
            "create:V read:PEOPLE",
        ),
        (
            "copy into people from @stage/x",
            "import:PEOPLE read:Stage:D.PUBLIC.STAGE read:Stage:STAGE",
        ),
        (
            "copy into @d.s.stage/x from people",
            "export:Stage:STAGE read:PEOPLE",
        ),
        (
            "copy into @d.s.stage/x from (select ssn from people)",
            "export:Stage:STAGE read:PEOPLE",
        ),
        (
            "copy into 's3://bucket/' from people storage_integration = i",
            "export export:Integration:I read:PEOPLE",
        ),
        ("explain select * from people", "describe describe:PEOPLE"),
        ("explain delete from people", "describe describe:PEOPLE"),
        (
            "call x.y.p((select max(ssn) from people))",
            "execute:Procedure:X.Y.P read:PEOPLE",
        ),
        (
            "set v = (select max(ssn) from people)",
            "read:PEOPLE session",
        ),
    ];
    check(&cases, |text| accesses(text, &context()));
}

#[test]
fn the_search_path_is_the_sessions_own() {
    let with = |path: &[&str]| {
        let session = SessionState {
            database: Some("D".to_owned()),
            schema: Some("S".to_owned()),
            search_path: Some(path.iter().map(|&it| it.to_owned()).collect()),
            ..SessionState::default()
        };
        Context {
            session: Arc::new(session),
            ..context()
        }
    };
    let read = |path: &[&str]| accesses("select * from mystery", &with(path));
    assert_eq!(read(&["$current"]), "read:MYSTERY");
    assert_eq!(
        read(&["$public", "x.y"]),
        "read:D.PUBLIC.MYSTERY read:X.Y.MYSTERY"
    );
    assert_eq!(read(&["$current", "z"]), "read:MYSTERY read:D.Z.MYSTERY");
    // Not a schema's name: what is meant is not known.
    assert_eq!(read(&["a.b.c"]), "read:MYSTERY");
    let nothing = Context::default();
    let unresolved = found_in("select * from mystery", &nothing);
    let access = unresolved.accesses.first().unwrap();
    assert_eq!(access.effect, Effect::Read);
    assert_eq!(access.object.name.as_ref().unwrap().parts(), ["MYSTERY"]);
}

#[test]
fn what_decides_is_told() {
    let cases = [
        ("select id from people where ssn = '1'", "PEOPLE.SSN"),
        (
            "select id from people group by name having max(ssn) > '1'",
            "PEOPLE.NAME, PEOPLE.SSN",
        ),
        (
            "select id from people qualify rank() over (order by ssn) = 1",
            "PEOPLE.SSN",
        ),
        ("select id from people order by ssn limit 1", "PEOPLE.SSN"),
        (
            "select id, ssn from people order by 2 limit 1",
            "PEOPLE.SSN",
        ),
        ("select id, ssn as x from people order by x", "PEOPLE.SSN"),
        (
            "select id, ssn from people order by all",
            "PEOPLE.ID, PEOPLE.SSN",
        ),
        (
            "select ssn, id from people union select email, id from people order by 1",
            "PEOPLE.EMAIL, PEOPLE.SSN",
        ),
        ("select count(*) from people group by ssn", "PEOPLE.SSN"),
        (
            "select case when ssn like '1%' then 1 end from people",
            "PEOPLE.SSN",
        ),
        ("select iff(ssn = '1', 1, 2) from people", "PEOPLE.SSN"),
        (
            "select id from cities c where exists (select 1 from people p where p.ssn = c.city)",
            "CITIES.CITY, PEOPLE.SSN",
        ),
        (
            "select id from cities where city in (select ssn from people)",
            "CITIES.CITY, PEOPLE.SSN",
        ),
        (
            "select 1 from cities c join people p on p.ssn = c.city",
            "CITIES.CITY, PEOPLE.SSN",
        ),
        (
            "select 1 from people join orders using (id)",
            "ORDERS.ID, PEOPLE.ID",
        ),
        (
            "select 1 from people natural join orders",
            "ORDERS.ID, PEOPLE.ID",
        ),
        (
            "select x.i from (select id as i, ssn as s from people) x where x.s = '1'",
            "PEOPLE.SSN",
        ),
        (
            "select id from codes where code = '1'",
            "CODES.CODE, PEOPLE.SSN",
        ),
        ("select id from filtered", ""),
        (
            "select id from mystery where secret = 1",
            "D.PUBLIC.MYSTERY.SECRET, MYSTERY.SECRET",
        ),
        ("delete from people where ssn = '1'", "PEOPLE.SSN"),
        ("update people set id = 1 where ssn = '1'", "PEOPLE.SSN"),
        (
            "merge into people p using orders o on p.ssn = o.card when matched and o.total > 1 then delete",
            "ORDERS.CARD, ORDERS.TOTAL, PEOPLE.SSN",
        ),
        (
            "select id from people order by 1 limit (select max(ssn) from people)",
            "PEOPLE.ID, PEOPLE.SSN",
        ),
        (
            "select name from people minus select ssn from people",
            "PEOPLE.NAME, PEOPLE.SSN",
        ),
        (
            "select 1 from tree start with ssn = '1' connect by prior id = parent",
            "TREE.ID, TREE.PARENT, TREE.SSN",
        ),
        ("select ssn from people", ""),
    ];
    check(&cases, |text| short(found(text).predicates));
}

#[test]
fn every_column_that_can_be_touched_is_told() {
    let cases = [
        (
            "select id from people where ssn = '1'",
            "PEOPLE.ID, PEOPLE.SSN",
        ),
        ("select count(*) from people", ""),
        (
            "select 1 from cities where exists (select * from tree)",
            "TREE.ID, TREE.NAME, TREE.PARENT, TREE.SSN",
        ),
        ("select * from mystery", "D.PUBLIC.MYSTERY.*, MYSTERY.*"),
        ("select code from codes", "CODES.CODE, PEOPLE.SSN"),
        (
            "insert into cities (city) select ssn from people",
            "CITIES.CITY, PEOPLE.SSN",
        ),
        (
            "insert into sales select 1, 2, 3",
            "SALES.AMOUNT, SALES.QUARTER, SALES.REGION",
        ),
        (
            "update people set name = email",
            "PEOPLE.EMAIL, PEOPLE.NAME",
        ),
        (
            "create table t clone cities",
            "CITIES.CITY, CITIES.ID, CITIES.POPULATION",
        ),
        (
            "copy into @d.s.stage from cities",
            "CITIES.CITY, CITIES.ID, CITIES.POPULATION",
        ),
    ];
    check(&cases, |text| short(found(text).columns));
}

#[test]
fn changes_return_no_data_and_unknown_tables_are_told() {
    for text in [
        "insert into people select * from orders",
        "delete from people",
        "create table t as select * from people",
        "explain select * from people",
    ] {
        assert_eq!(found(text).lineage, Lineage::NoData, "{text}");
    }
    let missing = found("select * from elsewhere, x.y.z").missing;
    let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
    assert_eq!(missing, ["OTHER.SCHEMA.UNSEEN", "X.Y.Z"]);
}

#[test]
fn statements_that_words_tell_are_not_walked() {
    for text in [
        "show tables",
        "drop table t",
        "use role r",
        "begin",
        "grant select on table t to role r",
    ] {
        for statement in parse(text) {
            assert_eq!(walk(&statement, &context()), None, "{text}");
        }
    }
}

/// What would grow beyond all bounds is unknown in time, not wrong.
#[test]
fn queries_made_to_grow_are_bounded() {
    let mut doubling = "with c0 as (select * from people)".to_owned();
    let mut nested = "select ssn from people".to_owned();
    let mut aliases = "select ssn as a0".to_owned();
    let mut backwards = "select 1 as z".to_owned();
    for at in 1..=30 {
        doubling.push_str(&format!(
            ", c{at} as (select a.*, b.* from c{0} a, c{0} b)",
            at - 1
        ));
        if at > 6 {
            continue;
        }
        nested = format!(
            "with recursive r{at} as (select 1 as i union all select r{at}.i from r{at}, ({nested})) select i from r{at}"
        );
    }
    for at in 1..=5_000 {
        aliases.push_str(&format!(", a{0} || a{0} as a{at}", at - 1));
        backwards.push_str(&format!(", b{} as b{at}", at + 1));
    }
    let wide: Vec<String> = (0..9_000).map(|at| format!("c{at}")).collect();
    for text in [
        nested,
        format!("{doubling} select * from c30"),
        format!("{doubling} select ssn from c30"),
        format!("{aliases} from people"),
        format!("{backwards}, ssn as b5001 from mystery"),
        format!(
            "select {} from mystery where {} = 1",
            wide.join(" || "),
            wide.join(" || ")
        ),
        format!("select {} from mystery", wide.join(", ")),
    ] {
        let found = std::thread::Builder::new()
            .stack_size(64 << 20)
            .spawn(move || {
                let started = std::time::Instant::now();
                let found = found(&text);
                (found, started.elapsed(), text.len())
            })
            .unwrap()
            .join()
            .unwrap();
        let (found, elapsed, _) = found;
        println!("TIME {elapsed:?}");
        assert!(elapsed.as_secs() < 20, "{elapsed:?}");
        assert!(!found.columns.is_empty());
    }
}

#[test]
fn zz_time() {
    let text = std::fs::read_to_string("/work/shared/corpora/tpcds.jsonl").unwrap();
    let mut times = Vec::new();
    for line in text.lines() {
        let v: serde_json::Value = serde_json::from_str(line).unwrap();
        let sql = v["sql"].as_str().unwrap();
        let statements = parse(sql);
        let c = Context::default();
        let t = (0..7)
            .map(|_| {
                let started = std::time::Instant::now();
                for s in &statements {
                    walk(s, &c);
                }
                started.elapsed()
            })
            .min()
            .unwrap();
        times.push((t, v["origin"].to_string(), sql.len()));
    }
    times.sort();
    println!(
        "TPCDS p50 {:?} {:?}",
        times[times.len() / 2],
        &times[times.len() - 10..]
    );
}
