//! What `explain --batch` says of masks.

use std::sync::Arc;

use serde_json::{Value, json};

use super::lines;
use crate::cli::output::Output;
use crate::cli::policy::batch::{self, Batch, Judge};
use crate::cli::policy::judge::Asker;
use crate::cli::policy::masks;
use crate::policy::PolicySet;
use crate::sql::Context;

const LABELS: &str = r#"
[[label]]
name = "pci.card"
columns = ["*.*.*.PAN"]
method = "partial"
keep_last = 4

[[label]]
name = "pii.email"
columns = ["*.*.*.EMAIL"]
"#;

const POLICY: &str = r#"
@id("read") permit (principal, action in Action::"observe", resource);
@id("fraud") permit (principal, action == Action::"unmask", resource == Label::"pii.email")
when { context has table && context.table in Schema::"D.S" };
"#;

/// The masks of a statement, with the catalog empty.
fn masks_of(sql: &str) -> Value {
    let policies = PolicySet::parse(&[("a.cedar", POLICY), ("labels.toml", LABELS)]).unwrap();
    let now = "2026-03-02T09:30:00Z".parse().unwrap();
    let judge = Some(Judge {
        masks: Arc::new(masks::masks(&policies)),
        policies: Arc::new(policies),
        asker: Asker::workload("agent", now),
    });
    let context = Context::default();
    let mut bytes = Vec::new();
    let input = lines(&json!({"id": 1, "sql": sql}).to_string());
    batch::run(
        input,
        &Batch { context, judge },
        &mut Output::plain(&mut bytes),
    )
    .unwrap();
    let mut answer: Value = serde_json::from_slice(&bytes).unwrap();
    answer["masks"].take()
}

#[test]
fn a_batch_tells_what_would_be_masked_of_each_column() {
    let mask = |column: Value, labels: Value, reason: Value, why: Value, method: Value| {
        json!({"column": column, "labels": labels, "reason": reason, "why": why,
               "method": method, "unmasked": []})
    };
    let unread = json!("what `D.S.CARDS` reads is not known");
    let all = json!(["pci.card", "pii.email"]);
    // Every column of what may be a view may be any other.
    let cards = masks_of("select pan, 1 from d.s.cards");
    let pan = mask(
        json!("PAN"),
        all.clone(),
        json!("unknown"),
        unread,
        json!("redact"),
    );
    assert_eq!(cards[0], pan);
    assert_eq!(
        (&cards[1]["labels"], &cards[1]["method"]),
        (&json!([]), &Value::Null)
    );
    assert_eq!(
        masks_of("select table_name as pan from d.information_schema.tables"),
        json!([mask(
            json!("PAN"),
            json!(["pci.card"]),
            json!("name"),
            Value::Null,
            json!("partial")
        )])
    );
    let email = masks_of("select email from snowflake.account_usage.users");
    assert_eq!(email[0]["reason"], "lineage");
    let every = masks_of("call d.s.p()");
    assert_eq!(
        (&every[0]["column"], &every[0]["labels"]),
        (&Value::Null, &all)
    );
    assert_eq!(masks_of("show tables in schema d.s"), json!([]));
}
