//! What is recorded of results: from an answer as it came to the table in the record.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use bytes::Bytes;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{CELL_BYTES_MAX, Limits, Table};
use crate::mask::Admitted;
use crate::mask::key::MasterKey;
use crate::mask::labels::Labels;
use crate::mask::masks::Masks;
use crate::mask::plan::{Cleared, Column, Plan, Treatment};
use crate::mask::text::Wording;
use crate::snowflake::result::{self, Asked, api};
use crate::snowflake::rowtype::{self, Field, Type};

mod cuts;
mod rights;
mod types;

const LABELS: &str = r#"
[[label]]
name = "ssn"
columns = ["*.*.*.SSN"]
method = "hash"
rank = 20

[[label]]
name = "born"
columns = ["*.*.*.BORN"]
method = "null"
rank = 10

[[label]]
name = "card"
detectors = ["card"]
method = "redact"
rank = 30

[[label]]
name = "mail"
detectors = ["email"]
method = "email-domain"
rank = 5
"#;

const CARD: &str = "4111 1111 1111 1111";
const ALL: Limits = Limits {
    rows_max: 1000,
    bytes_max: 1 << 20,
};

fn masks(labels: &str) -> Masks {
    let labels = Labels::parse(labels).unwrap();
    Masks::new(&labels, &MasterKey::new(Zeroizing::new([7; 32])))
}

/// The plan for columns that carry labels, for who may see some of them.
fn plan(masks: &Masks, columns: &[(Field, &[&str])], rights: &[&str]) -> Plan {
    let set = |labels: &[&str]| -> BTreeSet<Arc<str>> {
        labels.iter().map(|it| Arc::<str>::from(*it)).collect()
    };
    let rights = set(rights);
    let cleared = masks.detected().filter(|it| rights.contains(*it));
    let cleared: BTreeSet<Arc<str>> = cleared.cloned().collect();
    let content = masks.content_without(&cleared);
    let columns = columns.iter().map(|(field, labels)| {
        let all = set(labels);
        let shown: BTreeSet<_> = all.intersection(&rights).cloned().collect();
        let labels: BTreeSet<_> = all.difference(&rights).cloned().collect();
        let own = masks.content_without(&shown.union(&cleared).cloned().collect());
        let is_read = matches!(field.kind, Type::Text | Type::Variant | Type::Fixed);
        let treatment = match masks.strictest(&mut labels.iter().map(|it| &**it)) {
            Some(masking) => Treatment::Mask(Arc::clone(masking)),
            None if is_read && !own.is_empty() => Treatment::Scan(own.scanner().hint(&field.name)),
            None => Treatment::Clear,
        };
        Column {
            labels,
            cleared: (!shown.is_empty()).then_some(Cleared {
                labels: shown,
                content: own,
            }),
            ..Column::new(field.clone(), treatment)
        }
    });
    Plan {
        columns: columns.collect(),
        content,
        cleared,
        hides_names: false,
    }
}

fn row_type(plan: &Plan) -> Value {
    let columns = plan.columns.iter().map(|column| {
        let Field {
            name, kind, scale, ..
        } = &column.field;
        json!({"name": name, "type": kind.name(), "scale": scale, "nullable": true})
    });
    columns.collect()
}

fn texts(names: &[&'static str]) -> Vec<(Field, &'static [&'static str])> {
    let field = |name: &&str| (Field::new(name, Type::Text, 0), &[][..]);
    names.iter().map(field).collect()
}

/// What is recorded of an answer of a driver's.
#[track_caller]
fn recorded(plan: &Plan, masks: &Masks, data: &Value, limits: Limits) -> Option<Table> {
    let body = json!({"data": data, "code": null, "message": null, "success": true});
    let asked = Asked::Query {
        asynchronous: false,
    };
    let admitted = result::admit(&Bytes::from(body.to_string()), asked).unwrap();
    let mut admitted = Admitted::of(admitted).unwrap();
    // As where they are kept.
    drop(admitted.take_chunks());
    let ready = admitted.mask(plan, &Wording::default()).unwrap();
    ready.sample(plan, masks, limits)
}

fn data(plan: &Plan, rows: &Value) -> Value {
    let count = rows.as_array().unwrap().len();
    json!({
        "queryResultFormat": "json", "rowtype": row_type(plan), "rowset": rows,
        "total": count, "returned": count, "queryId": "01b00000-0000-0000-0000-000000000001",
    })
}

fn arrow_data(plan: &Plan, stream: &[u8], count: usize) -> Value {
    json!({
        "queryResultFormat": "arrow", "rowtype": row_type(plan),
        "rowsetBase64": base64::engine::general_purpose::STANDARD.encode(stream),
        "total": count, "returned": count, "queryId": "01b00000-0000-0000-0000-000000000001",
    })
}

/// What is recorded of rows in JSON, as JSON.
#[track_caller]
fn of_json(plan: &Plan, masks: &Masks, rows: &Value) -> Value {
    let table = recorded(plan, masks, &data(plan, rows), ALL).unwrap();
    serde_json::to_value(table).unwrap()
}

#[test]
fn cells_are_recorded_as_the_client_saw_them() {
    let masks = masks(LABELS);
    let mut columns = texts(&["ID", "SSN", "BORN", "NOTE"]);
    columns[1].1 = &["ssn"];
    columns[2].1 = &["born"];
    let plan = plan(&masks, &columns, &[]);
    let rows = json!([
        ["1", "078-05-1120", "1980-01-01", "nothing"],
        ["2", null, null, null],
        ["3", "a", "b", format!("it is {CARD}.")],
    ]);
    let table = of_json(&plan, &masks, &rows);
    let seen = table["rows"].as_array().unwrap();
    let hash = seen[0][1]["masked"].as_str().unwrap();
    assert!(hash.starts_with("masked_") && hash.len() == 39, "{hash}");
    let null = json!({"masked": null});
    assert_eq!(
        seen[0],
        json!(["1", {"masked": hash}, {"masked": null}, "nothing"])
    );
    // In a masked column nobody can tell one NULL from the other.
    assert_eq!(
        seen[1],
        json!(["2", {"masked": null}, {"masked": null}, null])
    );
    let note = json!({"masked": "it is [masked:card]."});
    assert_eq!((&seen[2][2], &seen[2][3]), (&null, &note));
    assert_eq!(
        table["columns"],
        json!([
            {"name": "ID", "type": "text", "labels": []},
            {"name": "SSN", "type": "text", "labels": ["ssn"]},
            {"name": "BORN", "type": "text", "labels": ["born"]},
            {"name": "NOTE", "type": "text", "labels": []},
        ])
    );
    assert_eq!((&table["of"], &table["cut"]), (&json!(3), &Value::Null));
    assert!(!table.to_string().contains("4111"));
}

#[test]
fn a_column_that_becomes_text_is_recorded_as_text() {
    let retype = LABELS.replace("method = \"hash\"", "method = \"hash\"\nretype = true");
    let masks = masks(&retype);
    let columns = [(Field::new("SSN", Type::Fixed, 0), &["ssn"][..])];
    let plan = plan(&masks, &columns, &[]);
    let table = of_json(&plan, &masks, &json!([["78051120"], [null]]));
    assert_eq!(table["columns"][0]["type"], "text");
    let hash = table["rows"][0][0]["masked"].as_str().unwrap();
    assert!(hash.starts_with("masked_"), "{hash}");
    assert_eq!(table["rows"][1][0], json!({"masked": null}));
}

#[test]
fn names_are_recorded_as_the_client_got_them() {
    let masks = masks(LABELS);
    let columns = texts(&["'4111 1111 1111 1111'", "B"]);
    let hidden = plan(&masks, &columns, &[]);
    let table = of_json(&hidden, &masks, &json!([["x", "y"]]));
    assert_eq!(table["columns"][0]["name"], "'[masked:card]'");
    // By right the client gets the name itself.
    let shown = plan(&masks, &columns, &["card"]);
    let table = of_json(&shown, &masks, &json!([["x", "y"]]));
    assert_eq!(table["columns"][0]["name"], "'[unmasked:card]'");
}

#[test]
fn where_there_is_nothing_to_record_nothing_is() {
    let masks = masks(LABELS);
    let plan = plan(&masks, &texts(&["A"]), &[]);
    let rows = data(&plan, &json!([["x"]]));
    let none = Limits { rows_max: 0, ..ALL };
    assert_eq!(recorded(&plan, &masks, &rows, none), None);
    let nothing = json!({"queryId": "01b00000-0000-0000-0000-000000000001"});
    assert_eq!(recorded(&Plan::default(), &masks, &nothing, ALL), None);
    // A result without rows has its columns.
    let empty = recorded(&plan, &masks, &data(&plan, &json!([])), ALL).unwrap();
    assert_eq!((empty.columns.len(), empty.rows.len()), (1, 0));
    assert_eq!((empty.of, empty.cut), (0, None));
}

#[test]
fn a_query_that_still_runs_has_no_rows() {
    let masks = masks(LABELS);
    let id = "01b00000-0000-0000-0000-000000000001";
    let body = json!({
        "data": {"queryId": id, "getResultUrl": format!("/queries/{id}/result")},
        "code": "333333", "message": "running", "success": true,
    });
    let admitted = result::admit(&Bytes::from(body.to_string()), Asked::Result).unwrap();
    let ready = Admitted::of(admitted).unwrap();
    let ready = ready.mask(&Plan::default(), &Wording::default()).unwrap();
    let plan = plan(&masks, &texts(&["A"]), &[]);
    assert_eq!(ready.sample(&plan, &masks, ALL), None);
}

#[test]
fn the_sql_api_is_recorded_alike_each_partition_for_itself() {
    let masks = masks(LABELS);
    let mut columns = texts(&["ID", "SSN"]);
    columns[1].1 = &["ssn"];
    let plan = plan(&masks, &columns, &[]);
    let id = "01b00000-0000-0000-0000-000000000001";
    let first = json!({
        "resultSetMetaData": {
            "format": "jsonv2", "numRows": 3, "rowType": row_type(&plan),
            "partitionInfo": [
                {"rowCount": 2, "uncompressedSize": 10},
                {"rowCount": 1, "uncompressedSize": 5},
            ],
        },
        "data": [["1", "a"], ["2", "b"]], "statementHandle": id,
    });
    let sampled = |body: &Value, asked: api::Asked<'_>| {
        let admitted = api::admit(200, &Bytes::from(body.to_string()), asked).unwrap();
        let shape = admitted.shape();
        let ready = Admitted::of(admitted).unwrap();
        let ready = ready.mask(&plan, &Wording::default()).unwrap();
        (ready.sample(&plan, &masks, ALL).unwrap(), shape)
    };
    let (table, shape) = sampled(&first, api::Asked::Result);
    assert_eq!((table.rows.len(), table.of), (2, 3));
    assert_eq!(table.cut.as_deref(), Some("chunks"));
    let second = json!({"data": [["3", "c"]]});
    let (table, _) = sampled(&second, api::Asked::Partition(&shape.unwrap(), 1));
    assert_eq!((table.rows.len(), table.of, &table.cut), (1, 1, &None));
    let told = serde_json::to_value(&table.rows).unwrap();
    assert!(told[0][1]["masked"].is_string(), "{told}");
    assert_eq!(rowtype::parse(b"[]").map(|it| it.len()), Some(0));
}
