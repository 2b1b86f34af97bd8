//! Which columns are touched, and which decide.

use super::{check, found, short};

/// Statements and the columns that decide about rows or values in them.
const DECIDING: &[(&str, &str)] = &[
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

#[test]
fn what_decides_is_told() {
    check(DECIDING, |text| short(found(text).predicates));
}

/// Statements and every column that they can touch.
const TOUCHED: &[(&str, &str)] = &[
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

#[test]
fn every_column_that_can_be_touched_is_told() {
    check(TOUCHED, |text| short(found(text).columns));
}
