//! Which columns detectors look at.

use super::{World, field};
use crate::mask::outputs::Origin;
use crate::mask::plan::{Reason, Treatment};
use crate::snowflake::rowtype::{Field, Type};
use crate::sql::facts::Lineage;
use crate::sql::{Facts, ObjectName};

const DETECTED: &str = r#"
[[label]]
name = "card"
columns = ["D.S.ORDERS.CARD"]
detectors = ["card"]

[[label]]
name = "bank"
detectors = ["iban"]
"#;

/// What is done to a column of this kind that carries no label.
fn treated(kind: Type, precision: u8, unmasked: &[&str]) -> &'static str {
    let world = World::new(DETECTED);
    let facts = Facts {
        lineage: Lineage::NoData,
        ..Facts::for_test(&[])
    };
    let field = Field {
        precision,
        ..field("C", kind)
    };
    let sees = |label: &str, table: Option<&ObjectName>| {
        assert_eq!(table, None);
        unmasked.contains(&label)
    };
    let plan = world.plan(Origin::whole(&facts), vec![field], &sees);
    let [column] = plan.columns.as_slice() else {
        panic!("{plan:?}");
    };
    assert_eq!(
        plan.is_clear(),
        matches!(column.treatment, Treatment::Clear)
    );
    match (&column.treatment, &column.reason) {
        (Treatment::Clear, None) => "clear",
        (Treatment::Scan(_), None) => "scan",
        (Treatment::Mask(_), Some(Reason::Unknown(_))) => "mask",
        (_, _) => panic!("{column:?}"),
    }
}

#[test]
fn detectors_look_where_they_can_find_anything() {
    for kind in [
        Type::Text,
        Type::Variant,
        Type::Object,
        Type::Array,
        Type::Map,
    ] {
        assert_eq!(treated(kind, 38, &[]), "scan", "{kind:?}");
        assert_eq!(treated(kind, 38, &["card"]), "scan", "{kind:?}");
        assert_eq!(treated(kind, 38, &["card", "bank"]), "clear", "{kind:?}");
    }
    assert_eq!(treated(Type::Fixed, 38, &[]), "scan");
    assert_eq!(treated(Type::Fixed, 8, &[]), "clear");
    // Account numbers have letters.
    assert_eq!(treated(Type::Fixed, 38, &["card"]), "clear");
    for kind in [
        Type::Real,
        Type::Boolean,
        Type::Date,
        Type::Binary,
        Type::Vector,
    ] {
        assert_eq!(treated(kind, 38, &[]), "clear", "{kind:?}");
    }
}

#[test]
fn what_cannot_be_looked_into_is_masked_where_anything_is_looked_for() {
    assert_eq!(treated(Type::Other, 38, &[]), "mask");
    assert_eq!(treated(Type::Other, 38, &["card"]), "mask");
    assert_eq!(treated(Type::Other, 38, &["card", "bank"]), "clear");
}

#[test]
fn a_label_that_is_shown_in_one_column_is_still_looked_for_in_others() {
    let world = World::new(DETECTED);
    let facts = world.facts("select card, id::varchar as x from orders");
    let fields = ["CARD", "X"].map(|name| field(name, Type::Text)).to_vec();
    let sees = |label: &str, table: Option<&ObjectName>| label == "card" && table.is_some();
    let plan = world.plan(Origin::whole(&facts), fields, &sees);
    let [card, other] = plan.columns.as_slice() else {
        panic!("{plan:?}");
    };
    let text = "4111 1111 1111 1111, GB82 WEST 1234 5698 7654 32";
    let found = |content: &crate::mask::content::Content| {
        let (mut output, mut found) = (String::new(), Vec::new());
        let hint = content.scanner().hint("C");
        content.text(text, &hint, &mut output, &mut found);
        let labels = found.iter().map(|masking| masking.label.to_string());
        labels.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(found(&card.cleared.as_ref().unwrap().content), "bank");
    assert!(other.cleared.is_none());
    assert_eq!(found(&plan.content), "card bank");
}
