//! What labels promise.

use super::Labels;
use crate::mask::method::Method;
use crate::sql::ObjectName;
use crate::sql::facts::Column;

const FILE: &str = r#"
[[label]]
name = "pci.card"
columns = ["SALES.PUBLIC.CARDS.PAN", "*.*.*.card_*number", 'prod.sales."Kunden.2026"."Karte*"']
rank = 3
method = "redact"

[[label]]
name = "pii.email"
columns = ["acme-eu.*.*.*.*EMAIL*"]
"#;

fn column(table: &str, column: Option<&str>) -> Column {
    Column {
        table: ObjectName::parse(table).unwrap(),
        column: column.map(str::to_owned),
    }
}

#[test]
fn a_column_carries_the_labels_of_the_patterns_that_it_fits() {
    let labels = Labels::parse(FILE).unwrap();
    let cases: [(&str, &str, Option<&str>, &[&str]); 14] = [
        ("acme", "sales.public.cards", Some("PAN"), &["pci.card"]),
        ("acme", "sales.public.cards", Some("pan"), &[]),
        ("acme", "sales.other.cards", Some("PAN"), &[]),
        ("acme", "a.b.c", Some("CARD_NUMBER"), &["pci.card"]),
        ("acme", "a.b.c", Some("CARD_HOLDER_NUMBER"), &["pci.card"]),
        ("acme", "a.b.c", Some("CARD_NUMBERS"), &[]),
        ("acme", "a.b.c", Some("CARD_NUMBE"), &[]),
        (
            "acme",
            r#"prod.sales."Kunden.2026""#,
            Some("Karte*"),
            &["pci.card"],
        ),
        ("acme", r#"prod.sales."Kunden.2026""#, Some("Karte1"), &[]),
        ("acme", "a.b.c", Some("EMAIL"), &[]),
        ("acme-eu", "a.b.c", Some("WORK_EMAIL_2"), &["pii.email"]),
        // Not known: whatever a column of the table could carry.
        ("acme", "a.b.c", None, &["pci.card"]),
        ("acme-eu", "a.b.c", None, &["pci.card", "pii.email"]),
        // The table's database and schema are not known.
        ("acme", "cards", Some("PAN"), &["pci.card"]),
    ];
    for (account, table, name, expected) in cases {
        let found = labels.of(account, &column(table, name));
        let found: Vec<&str> = found.into_iter().collect();
        assert_eq!(found, expected, "{account} {table} {name:?}");
    }
    let (_, card) = labels.iter().next().unwrap();
    assert_eq!((card.rank, &card.rule.method), (3, &Method::Redact));
}

#[test]
fn everything_wrong_is_told_at_once() {
    let text = r#"
[[label]]
nam = "a"
columns = ["A.B.C"]

[[label]]
name = "Bad Name"
columns = "A.B.C.D"
method = "redacted"
rank = "high"

[[label]]
name = "twice"
columns = ["A.B..D", 'A.B.C."D', 7, "A.B.C.D-E"]

[[label]]
name = "twice"
columns = []

[labels]
"#;
    let findings = Labels::parse(text).unwrap_err();
    let told: Vec<String> = findings
        .iter()
        .map(|it| {
            let line = text.split_at(it.offset).0.matches('\n').count() + 1;
            format!("{line}: {}", it.message)
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    Labels::parse("[[label]\nname = ").unwrap_err();
    assert!(Labels::parse("").unwrap().is_empty());
}
