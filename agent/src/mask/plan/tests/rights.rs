//! What a principal may see stays clear, where it may be seen, and nowhere else.

use super::{LABELS, World, field, fields, name_of, shown};
use crate::mask::outputs::Origin;
use crate::snowflake::rowtype::Type;
use crate::sql::ObjectName;

/// Checks a statement under the rights to see labels in tables; without a table, everywhere.
#[track_caller]
fn check(text: &str, rights: &[(&str, Option<&str>)], expected: &str, seen: &str) {
    let world = World::new(LABELS);
    let facts = world.facts(text);
    let unmasked = |label: &str, table: Option<&ObjectName>| {
        rights.iter().any(|(it, place)| {
            let place = place.map(name_of);
            *it == label && (place.is_none() || place.as_ref() == table)
        })
    };
    let plan = world.plan(Origin::whole(&facts), fields(&facts.lineage), &unmasked);
    assert_eq!(shown(&plan), expected, "{text} {rights:?}");
    let labels: Vec<String> = plan.shown().iter().map(ToString::to_string).collect();
    assert_eq!(labels.join(" "), seen, "{text} {rights:?}");
}

#[test]
fn a_label_stays_clear_only_where_it_may_be_seen_in_every_table_it_comes_from() {
    let text = "select ssn, email, name from people";
    check(text, &[], "ssn=ssn, email=email, -", "");
    check(text, &[("ssn", None)], "-, email=email, -", "ssn");
    check(
        text,
        &[("ssn", Some("D.S.PEOPLE"))],
        "-, email=email, -",
        "ssn",
    );
    check(
        text,
        &[("ssn", Some("D.S.OTHER"))],
        "ssn=ssn, email=email, -",
        "",
    );
    let both = "select ssn || email as x from people";
    check(both, &[("ssn", None)], "email=email", "ssn");
    check(both, &[("ssn", None), ("email", None)], "-", "email ssn");
    let two = "select p.email || u.email as x from people p, snowflake.account_usage.users u";
    check(two, &[("email", Some("D.S.PEOPLE"))], "email=email", "");
    let users = ("email", Some("SNOWFLAKE.ACCOUNT_USAGE.USERS"));
    check(two, &[("email", Some("D.S.PEOPLE")), users], "-", "email");
}

#[test]
fn what_comes_from_nowhere_known_is_seen_with_a_right_to_the_label_everywhere() {
    let text = "select x from mystery";
    let here = [("ssn", Some("D.S.MYSTERY")), ("card", Some("D.S.PEOPLE"))];
    check(text, &here, "?card+email+payload+ssn=card", "");
    check(text, &[("card", None)], "?email+payload+ssn=ssn", "card");
    let all = ["card", "email", "payload", "ssn"].map(|label| (label, None));
    check(text, &all, "-", "card email payload ssn");
    // A name is a label of the table that the values come from.
    let named = "select id as email from people";
    check(named, &[("email", Some("D.S.PEOPLE"))], "-", "email");
    check(named, &[("email", Some("D.S.OTHER"))], "~email=email", "");
    check(
        "select 1 as email",
        &[("email", Some("D.S.PEOPLE"))],
        "~email=email",
        "",
    );
}

#[test]
fn plans_that_do_the_same_have_the_same_digest() {
    let world = World::new(LABELS);
    let facts = world.facts("select ssn, id from people");
    let origin = Origin::whole(&facts);
    let fields = || fields(&facts.lineage);
    let digest = |rights: &[&str]| {
        let plan = world.plan(origin, fields(), &|label, _| rights.contains(&label));
        plan.digest(&world.masks)
    };
    assert_eq!(digest(&[]), digest(&["card"]));
    assert_ne!(digest(&[]), digest(&["ssn"]));
    let other = World::new(&LABELS.replace("rank = 20", "rank = 21"));
    let plan = other.masked(origin, fields());
    assert_ne!(digest(&[]), plan.digest(&other.masks));
    let mut retyped = fields();
    retyped.pop();
    retyped.push(field("ID", Type::Date));
    let plan = world.masked(origin, retyped);
    assert_ne!(digest(&[]), plan.digest(&world.masks));
}
