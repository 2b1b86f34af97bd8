//! Labels go with values that are copied under other names.

use super::{LABELS, World, fields, shown};
use crate::mask::outputs::{Origin, lasting_writes};
use crate::sql::writes;

/// Runs statements, then checks what is masked of a query.
#[track_caller]
fn check(before: &[&str], text: &str, expected: &str) {
    let mut world = World::new(LABELS);
    for statement in before {
        let facts = world.facts(statement);
        writes::absorb(&mut world.writes, lasting_writes(&facts));
    }
    let facts = world.facts(text);
    let plan = world.masked(Origin::whole(&facts), fields(&facts.lineage));
    assert_eq!(shown(&plan), expected, "{before:?} {text}");
}

const ALL: &str = "?card+email+payload+ssn=card";

#[test]
fn what_is_inserted_keeps_its_labels() {
    let cities = "select id, city, population from cities";
    check(&[], cities, "-, -, -");
    for insert in [
        "insert into cities (city, id) select ssn, id from people",
        "insert into cities select id, ssn, 1 from people",
        "insert overwrite into cities select id, upper(ssn) as id, 1 from people",
        "insert into cities values (1, (select max(ssn) from people), 2)",
        "with p as (select ssn from people) select 1; \
         insert into cities (city) select ssn from people",
        "update cities set city = (select max(ssn) from people)",
        "update cities c set c.city = p.ssn from people p where p.id = c.id",
        "merge into cities c using people p on p.id = c.id \
         when matched then update set c.city = p.ssn",
        "merge into cities c using people p on p.id = c.id \
         when not matched then insert (id, city) values (p.id, p.ssn)",
        "merge into cities using people p on p.id = cities.id \
         when not matched then insert values (p.id, p.ssn, 1)",
        "execute immediate 'insert into cities (city) select ssn from people'",
        "begin insert into cities (city) select ssn from people; end",
    ] {
        check(&[insert], cities, "-, ssn=ssn, -");
    }
    check(
        &["insert into cities (id, city) select id, name from people"],
        cities,
        "-, -, -",
    );
    check(
        &["insert into cities values (1, 'x', 2)"],
        cities,
        "-, -, -",
    );
    check(
        &["explain insert into cities select 1, ssn, 1 from people"],
        cities,
        "-, -, -",
    );
}

#[test]
fn several_targets_may_get_any_of_the_values() {
    let insert = "insert all when id = 1 then into cities (id) values (ssn) \
                  else into sales (region) values (id) select id, ssn from people";
    check(&[insert], "select city from cities", "ssn=ssn");
}

#[test]
fn a_new_table_has_the_labels_of_what_it_was_made_of() {
    let query = "select * from d.public.regions";
    for create in [
        "create table d.public.regions as select id, ssn as city from people",
        "create or replace temporary table d.public.regions (id, city) as select id, ssn from people",
        "create table d.public.regions as select * from (select id, code as city from codes)",
    ] {
        check(&[create], query, "-, ssn=ssn");
    }
    check(
        &["create table d.public.regions as select id, x as city from mystery"],
        query,
        &format!("{ALL}, {ALL}"),
    );
    check(
        &[
            "create dynamic table d.public.regions target_lag = '1 minute' warehouse = w as select ssn as city from people",
        ],
        query,
        "-, ssn=ssn",
    );
}

#[test]
fn clones_and_other_names_keep_the_labels_of_each_column() {
    check(
        &["create table d.s.cities clone d.s.people"],
        "select id, city from cities",
        "-, -",
    );
    let rename = "alter table people rename column ssn to name";
    check(&[rename], "select id, name from people", "-, ssn=ssn");
    let world = World::new(LABELS);
    for text in [
        "create table d.s.other clone d.s.people",
        "alter table people rename to d.s.other",
        "alter table people swap with d.s.other",
    ] {
        let writes = lasting_writes(&world.facts(text));
        let other = &writes[&super::name_of("D.S.OTHER")];
        assert!(other.like.contains(&super::name_of("D.S.PEOPLE")), "{text}");
    }
}

#[test]
fn copies_of_copies_are_followed_also_in_a_circle() {
    let first = "insert into cities (city) select ssn from people";
    let second = "insert into sales (region) select city from cities";
    let back = "insert into cities (city) select region from sales";
    let query = "select region, quarter from sales";
    check(&[first, second], query, "ssn=ssn, -");
    check(&[second, first, back], query, "ssn=ssn, -");
    // A query that nobody follows has every label that its tables hold by now.
    check(
        &[first],
        "select * from cities match_recognize (order by id measures last(city) as c pattern (a) define a as true)",
        "?ssn=ssn, ?ssn=ssn",
    );
}
