//! Names of columns that are values.

use super::{LABELS, World, field};
use crate::mask::column::{Cell, Cells};
use crate::mask::outputs::Origin;
use crate::snowflake::rowtype::{Type, masked};

/// What the columns of an answer are called in the end.
fn names(text: &str, answered: &[&str]) -> String {
    let world = World::new(LABELS);
    let facts = world.facts(text);
    let fields = answered.iter().map(|name| field(name, Type::Text));
    let plan = world.masked(Origin::whole(&facts), fields.collect());
    let entries = answered.iter();
    let entries = entries.map(|name| format!(r#"{{"name":"{name}","type":"text"}}"#));
    let rowtype = format!("[{}]", entries.collect::<Vec<_>>().join(","));
    let masked = masked(rowtype.as_bytes(), &plan).unwrap();
    let masked = crate::snowflake::rowtype::parse(&masked).unwrap();
    let names = masked.iter().map(|field| field.name.as_str());
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_pivot_makes_no_names_of_labelled_values() {
    let answer = &["ID", "'078-05-1120'", "'219-09-9999'"];
    let hidden = "COLUMN_1 COLUMN_2 COLUMN_3";
    for text in [
        "select * from (select id, name, ssn from people) pivot (max(name) for ssn in (any))",
        "select * from (select id, name, ssn from people) \
         pivot (max(name) for ssn in (any order by ssn))",
        "select * from (select id, name, ssn from people) \
         pivot (max(name) for ssn in (select distinct ssn from people))",
        "with p as (select * from (select id, name, ssn from people) \
         pivot (max(name) for ssn in (any))) select * from p",
        "execute immediate 'select * from people pivot (max(name) for ssn in (any))'",
        "call d.s.anything()",
        "begin return 1; end",
        "select * from table(result_scan('01b2c3d4-0000-1111-0000-00000000000b'))",
    ] {
        assert_eq!(names(text, answer), hidden, "{text}");
    }
}

#[test]
fn other_names_stay() {
    let sales = "select * from (select region, quarter, amount from sales) \
                 pivot (sum(amount) for quarter in (any))";
    assert_eq!(names(sales, &["REGION", "'Q1'"]), "REGION 'Q1'");
    let listed = "select * from (select id, name, ssn from people) \
                  pivot (max(name) for ssn in ('x'))";
    assert_eq!(names(listed, &["ID", "'x'"]), "ID 'x'");
    for text in [
        "select * from mystery",
        "select secret_function(id) from people",
    ] {
        assert_eq!(names(text, &["X"]), "X", "{text}");
    }
}

/// Whether objects in the only column keep their keys.
#[track_caller]
fn check_keys(text: &str, kind: Type, keeps: bool) {
    let world = World::new(LABELS);
    let facts = world.facts(text);
    let plan = world.masked(Origin::whole(&facts), vec![field("O", kind)]);
    let mut cells = Cells::new(&plan.columns[0], &plan.content);
    let mut output = String::new();
    let cell = cells.text(r#"{"078-05-1120":[1]}"#, &mut output);
    match keeps {
        true => assert!(output.contains("078-05-1120"), "{text}"),
        false => assert_eq!((cell, output.as_str()), (Cell::Null, ""), "{text}"),
    }
    let mut output = String::new();
    cells.text("[1,\"x\"]", &mut output);
    assert!(
        output.starts_with('['),
        "what has no keys is masked by its values: {output}"
    );
}

#[test]
fn no_value_becomes_a_key() {
    for text in [
        "select object_construct(ssn, 1) as o from people",
        "select object_agg(ssn, id::variant) as o from people",
        "select parse_json('{\"' || ssn || '\":1}') as o from people",
        "select map_from_arrays([ssn], [1]) as o from people",
        "select o from (select object_construct(*) as o from people)",
        "select secret_function(payload) as o from events",
        "call d.s.anything()",
    ] {
        check_keys(text, Type::Object, false);
    }
    check_keys("select payload as o from events", Type::Variant, true);
    check_keys("select payload:a as o from events", Type::Variant, true);
    check_keys("select payload as o from events", Type::Map, false);
}

#[test]
fn a_result_with_a_find_in_a_name_is_not_passed_on_as_it_came() {
    let world = World::new("[[label]]\nname = \"email\"\ndetectors = [\"email\"]");
    let facts = world.facts("select * from sales");
    let is_clear = |name: &str| {
        let fields = vec![field(name, Type::Boolean)];
        world.masked(Origin::whole(&facts), fields).is_clear()
    };
    assert!(is_clear("IS_PAID"));
    assert!(!is_clear("jane.doe@example.com"), "Arrow says names again");
}
