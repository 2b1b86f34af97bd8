//! Who has labels imported, and what they get.

use serde_json::json;

use super::{ALICE, Bench, ETL};

const IMPORT: &str = "POST /v1/labels/import";

#[test]
fn an_operator_imports_labels_and_nobody_else() {
    let Some(bench) = Bench::new() else { return };
    let body = json!({"account": "a", "tags": ["gov.tags.level"]});
    let refused = bench.agent(ETL, IMPORT, &body, 403);
    assert_eq!(refused["code"], "wrong_side");
    let refused = bench.agent(0, IMPORT, &body, 403);
    assert_eq!(refused["code"], "wrong_side", "an agent that runs as root");
    let refused = bench.person(ALICE, IMPORT, &body, 403);
    assert_eq!(refused["code"], "not_permitted");

    let imported = bench.person(0, IMPORT, &body, 200);
    assert_eq!(
        (&imported["rows"], &imported["skipped"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(imported["packs"], json!(["pii"]));
    let text = imported["text"].as_str().unwrap();
    assert!(text.contains("name = \"pii.email\""), "{text}");
    assert!(text.contains("a.D.S.T.C"), "{text}");
}

#[test]
fn what_cannot_be_imported_is_told() {
    let Some(bench) = Bench::new() else { return };
    let wrong = [
        json!({"account": "b"}),
        json!({"account": "a", "tags": ["a.b.c.d"]}),
        json!({"account": "a", "tags": vec!["t"; 33]}),
        json!({"account": "a", "credential": ""}),
        json!({"account": "a", "sql": "select 1"}),
    ];
    for body in wrong {
        let refused = bench.person(0, IMPORT, &body, 400);
        assert_eq!(refused["code"], "bad_request", "{body}");
    }
    let body = json!({"account": "a", "credential": "c"});
    let refused = bench.person(0, IMPORT, &body, 502);
    assert_eq!(refused["message"], "refused to `root`");
}
