//! Which objects are touched in which part.

use std::sync::Arc;

use super::{check, context, found, found_in, parse};
use crate::sql::context::{Context, SessionState};
use crate::sql::facts::{Effect, Lineage, ObjectKind};
use crate::sql::tree::walk;

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
                if access.object.kind == ObjectKind::Table {
                    format!("{effect}:{name}")
                } else {
                    format!("{effect}:{kind}:{name}")
                }
            }
        }
    });
    accesses.collect::<Vec<_>>().join(" ")
}

/// Statements and their accesses.
const PARTS: &[(&str, &str)] = &[
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
    ("select $1 from @~/x", "read"),
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

#[test]
fn every_object_has_its_part() {
    check(PARTS, |text| accesses(text, &context()));
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
