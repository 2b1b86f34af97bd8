//! What a client saw by right is not recorded.

use serde_json::{Value, json};

use super::{ALL, CARD, LABELS, Table, arrow_data, masks, of_json, plan, recorded, texts};
use crate::mask::masks::Masks;
use crate::mask::plan::{Column, Plan, Treatment};
use crate::snowflake::rowtype::{Field, Type};

fn mark(label: &str) -> Value {
    json!({"masked": format!("[unmasked:{label}]")})
}

#[test]
fn a_column_that_is_shown_by_right_is_recorded_as_its_label() {
    let masks = masks(LABELS);
    let mut columns = texts(&["ID", "SSN"]);
    columns[1].1 = &["ssn"];
    let plan = plan(&masks, &columns, &["ssn"]);
    let table = of_json(&plan, &masks, &json!([["1", "078-05-1120"], ["2", null]]));
    assert_eq!(table["rows"][0], json!(["1", mark("ssn")]));
    // Where the value is NULL, that is a value as well.
    assert_eq!(table["rows"][1], json!(["2", mark("ssn")]));
    assert_eq!(table["columns"][1]["labels"], json!(["ssn"]));
    assert!(!table.to_string().contains("1120"));
}

#[test]
fn so_is_a_result_of_which_nothing_is_read() {
    let only = LABELS.split("\n[[label]]\nname = \"card\"").next().unwrap();
    let masks = masks(only);
    let mut columns = texts(&["ID", "SSN"]);
    columns[1].1 = &["ssn"];
    let plan = plan(&masks, &columns, &["ssn"]);
    assert!(plan.is_clear());
    let table = of_json(&plan, &masks, &json!([["1", "078-05-1120"]]));
    assert_eq!(table["rows"], json!([["1", mark("ssn")]]));
}

#[test]
fn of_two_labels_the_one_counts_that_would_mask() {
    let masks = masks(LABELS);
    let mut columns = texts(&["X"]);
    columns[0].1 = &["born", "ssn"];
    let rows = json!([["secret"]]);
    // `ssn` decides. Who may see it gets what `born` leaves, and the record does not say even that.
    let one = of_json(&plan(&masks, &columns, &["ssn"]), &masks, &rows);
    assert_eq!(one["rows"][0][0], mark("ssn"));
    // Who may see `born` gets what anyone gets.
    let other = of_json(&plan(&masks, &columns, &["born"]), &masks, &rows);
    let all = of_json(&plan(&masks, &columns, &[]), &masks, &rows);
    assert_eq!(other["rows"], all["rows"]);
    assert!(all["rows"][0][0]["masked"].is_string());
}

#[test]
fn finds_that_are_shown_by_right_are_recorded_as_their_labels() {
    let masks = masks(LABELS);
    let mut columns = texts(&["NOTE", "IT"]);
    columns[1].0.kind = Type::Variant;
    let text = format!("pay {CARD}, thanks");
    let inside = format!(r#"{{"card": "{CARD}", "n": 1}}"#);
    let both = format!("{CARD} of joe@example.org");
    let rows = json!([[text, inside], ["nothing", "[1, 2]"], [both, null]]);
    for rights in [&["card"][..], &["card", "mail"]] {
        let table = of_json(&plan(&masks, &columns, rights), &masks, &rows);
        let seen = &table["rows"];
        assert_eq!(seen[0][0], json!({"masked": "pay [unmasked:card], thanks"}));
        let inside = json!({"masked": r#"{"card": "[unmasked:card]", "n": 1}"#});
        assert_eq!(seen[0][1], inside);
        assert_eq!(seen[1], json!(["nothing", "[1, 2]"]));
        let both = match rights {
            // What other labels leave of the cell is not told apart from what is shown.
            [_] => json!({"masked": "[unmasked:card]"}),
            _ => json!({"masked": "[unmasked:card] of [unmasked:mail]"}),
        };
        assert_eq!(seen[2], json!([both, null]));
        assert!(!table.to_string().contains("4111"));
    }
}

/// Numbers are cards only where most of a column are: as for who sees none, more rows vote than are
/// recorded.
#[test]
fn a_column_that_votes_for_a_label_is_one_of_it() {
    let masks = masks(LABELS);
    let columns = [(Field::new("N", Type::Fixed, 0), &[][..])];
    let rows: Value = (0..30).map(|_| json!(["4111111111111111"])).collect();
    let few = super::Limits { rows_max: 3, ..ALL };
    let sampled = |rights: &[&str]| -> Value {
        let plan = plan(&masks, &columns, rights);
        let table = recorded(&plan, &masks, &super::data(&plan, &rows), few);
        serde_json::to_value(table.unwrap()).unwrap()
    };
    let shown = sampled(&["card"]);
    let cell = mark("card");
    assert_eq!(shown["rows"], json!([[cell], [cell], [cell]]));
    assert_eq!(shown["columns"][0]["labels"], json!(["card"]));
    let hidden = sampled(&[]);
    assert_eq!(hidden["rows"][0][0], json!({"masked": null}));
}

#[test]
fn values_of_a_type_that_is_not_known_carry_every_label_that_is_shown() {
    let masks = masks(LABELS);
    let columns = [(Field::new("X", Type::Other, 0), &[][..])];
    let plan = plan(&masks, &columns, &["card", "mail"]);
    let table = of_json(&plan, &masks, &json!([["x"]]));
    assert_eq!(table["rows"][0][0], mark("card"));
    assert_eq!(table["columns"][0]["labels"], json!(["card", "mail"]));
}

#[test]
fn a_name_that_may_be_a_value_is_a_number_in_the_record() {
    let masks = masks(LABELS);
    let mut columns = texts(&["'078-05-1120'", "B"]);
    columns[0].1 = &["ssn"];
    let plan = Plan {
        hides_names: true,
        ..plan(&masks, &columns, &["ssn"])
    };
    let table = of_json(&plan, &masks, &json!([["x", "y"]]));
    assert_eq!(table["columns"][0]["name"], "COLUMN_1");
    assert_eq!(table["columns"][1]["name"], "B");
}

#[test]
fn arrow_is_recorded_like_json() {
    let masks = masks(LABELS);
    let mut columns = texts(&["SSN", "NOTE"]);
    columns[0].1 = &["ssn"];
    let rows = [("078-05-1120", "a"), ("x", CARD), ("y", "joe@example.org")];
    let stream = super::types::stream(&[
        super::types::text(rows.iter().map(|it| Some(it.0))),
        super::types::text(rows.iter().map(|it| Some(it.1))),
    ]);
    let json: Value = rows.iter().map(|(one, two)| json!([one, two])).collect();
    for rights in [&[][..], &["ssn"], &["card"], &["ssn", "card", "mail"]] {
        let plan = plan(&masks, &columns, rights);
        let of = |data: &Value| -> Table { recorded(&plan, &masks, data, ALL).unwrap() };
        let table = of(&arrow_data(&plan, &stream, 3));
        assert_eq!(table, of(&super::data(&plan, &json)), "{rights:?}");
        assert_eq!(table.rows.len(), 3);
        let text = serde_json::to_string(&table).unwrap();
        assert!(!text.contains("4111") && !text.contains("1120"), "{text}");
    }
}

/// Whatever the rights: no cell that is recorded as clear is one that another principal sees masked.
#[test]
fn what_is_clear_in_the_record_is_clear_to_everyone() {
    let masks = masks(LABELS);
    let labels: [&[&str]; 4] = [&[], &["ssn"], &["born"], &["ssn", "born"]];
    let names = ["A", "B", "C", "D"];
    let columns = names.iter().zip(labels);
    let columns: Vec<_> = columns
        .map(|(name, labels)| (Field::new(name, Type::Text, 0), labels))
        .collect();
    let values = [
        "plain",
        CARD,
        "joe@example.org",
        "both joe@example.org 4111111111111111",
    ];
    let rows: Value = values.iter().map(|it| json!([it, it, it, it])).collect();
    let everyone = of_json(&plan(&masks, &columns, &[]), &masks, &rows);
    for set in 0..16 {
        let all = ["ssn", "born", "card", "mail"].into_iter().enumerate();
        let rights: Vec<&str> = all
            .filter_map(|(at, label)| (set >> at & 1 == 1).then_some(label))
            .collect();
        let table = of_json(&plan(&masks, &columns, &rights), &masks, &rows);
        for row in 0..values.len() {
            for column in 0..names.len() {
                let (seen, hidden) = (&table["rows"][row][column], &everyone["rows"][row][column]);
                assert!(
                    seen.is_object() || seen == hidden,
                    "{rights:?} {row} {column}: {seen}"
                );
            }
        }
        assert!(!table.to_string().contains("1111"), "{rights:?}");
        assert!(!table.to_string().contains("joe@"), "{rights:?} {table}");
    }
    let clear = Column::new(Field::new("X", Type::Text, 0), Treatment::Clear);
    let plan = Plan {
        columns: vec![clear],
        ..Plan::default()
    };
    let none: Masks = super::masks("");
    assert_eq!(
        of_json(&plan, &none, &json!([["x"]]))["rows"],
        json!([["x"]])
    );
}

#[test]
fn a_secret_is_not_recorded_whatever_the_labels() {
    let token = format!("ghp_{}", "A1b2C3d4E5f6".repeat(3));
    let inside = format!(r#"{{"note": "use {token}"}}"#);
    let long = format!("{} {token} {}", "x".repeat(1000), "y".repeat(100_000));
    let rows = json!([
        [format!("use {token}."), inside, "hunter2!"],
        ["nothing", "[1]", null],
        [long, null, null],
    ]);
    for labels in ["", LABELS] {
        let masks = masks(labels);
        let mut columns = texts(&["NOTE", "IT", "PASSWORD"]);
        columns[1].0.kind = Type::Variant;
        let plan = plan(&masks, &columns, &[]);
        let table = of_json(&plan, &masks, &rows);
        let seen = &table["rows"];
        assert_eq!(seen[0][0], json!({"masked": "use [unmasked:secret]."}));
        let inside = json!({"masked": r#"{"note": "use [unmasked:secret]"}"#});
        assert_eq!(seen[0][1], inside);
        assert_eq!(seen[0][2], mark("secret"));
        assert_eq!(seen[1], json!(["nothing", "[1]", null]));
        let long = seen[2][0]["masked"].as_str().unwrap();
        assert!(
            long.contains(" [unmasked:secret] yy") && !long.contains("ghp_"),
            "{long}"
        );
        assert!(long.ends_with(" more bytes]"), "{long}");
        let text = table.to_string();
        assert!(
            !text.contains("ghp_") && !text.contains("hunter2"),
            "{text}"
        );
    }
    let masks = masks("");
    let plan = plan(
        &masks,
        &[(Field::new(&format!("'{token}'"), Type::Text, 0), &[])],
        &[],
    );
    let table = of_json(&plan, &masks, &json!([["x"]]));
    assert_eq!(table["columns"][0]["name"], "'[unmasked:secret]'");
}
