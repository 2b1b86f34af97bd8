//! What an import promises.

use super::*;
use crate::sql::facts::Column;

const CSV: &str = "TAG_DATABASE,TAG_SCHEMA,TAG_NAME,TAG_VALUE,OBJECT_DATABASE,OBJECT_SCHEMA,OBJECT_NAME,OBJECT_DELETED,DOMAIN,COLUMN_NAME\r\n\
SNOWFLAKE,CORE,SEMANTIC_CATEGORY,EMAIL,CRM,PUBLIC,PEOPLE,,COLUMN,MAIL\r\n\
SNOWFLAKE,CORE,PRIVACY_CATEGORY,IDENTIFIER,CRM,PUBLIC,PEOPLE,,COLUMN,MAIL\r\n\
SNOWFLAKE,CORE,SEMANTIC_CATEGORY,US_SSN,CRM,PUBLIC,\"Leute, \"\"alt\"\" 2026\",,COLUMN,\"so*cial.nr\"\r\n\
SNOWFLAKE,CORE,SEMANTIC_CATEGORY,SHOE_SIZE,CRM,PUBLIC,PEOPLE,,COLUMN,shoe\r\n\
SNOWFLAKE,CORE,PRIVACY_CATEGORY,QUASI_IDENTIFIER,CRM,PUBLIC,PEOPLE,,COLUMN,ZIP\r\n\
SNOWFLAKE,CORE,SEMANTIC_CATEGORY,EMAIL,CRM,PUBLIC,GONE,2026-01-01 00:00:00,COLUMN,MAIL\r\n\
GOV,TAGS,PII_LEVEL,High (3),HR,,,,DATABASE,\r\n\
";

fn rows() -> Vec<Reference> {
    // The row of a database has its name as the object's.
    let tags = read(&CSV.replace("High (3),HR,,,", "High (3),,,HR,")).unwrap();
    // The deleted one is left out.
    assert_eq!((tags.rows, tags.skipped, tags.references.len()), (7, 1, 6));
    tags.references
}

fn tags() -> Vec<ObjectName> {
    vec![ObjectName::parse("tags.pii_level").unwrap()]
}

#[test]
fn tags_become_labels() {
    let rows = rows();
    let imported = labels("acme-eu", &rows, &tags());
    assert_eq!((imported.labels, imported.patterns), (5, 5));
    insta::assert_snapshot!(imported.text);
    assert_eq!(imported.packs, BTreeSet::from(["pii"]));
    // A tag of one's own counts only when it is named.
    assert!(!labels("acme", &rows, &[]).text.contains("tag."));
}

#[test]
fn what_is_imported_is_read_back_with_every_name_as_it_was() {
    let imported = labels("acme-eu", &rows(), &tags());
    let text = format!("packs = [\"pii\"]\n{}", imported.text);
    let labels = Labels::parse(&text).unwrap();
    let of = |account: &str, table: [&str; 3], column: &str| {
        let table = table.map(str::to_owned).to_vec();
        let column = Column {
            table: ObjectName::new(table).unwrap(),
            column: Some(column.to_owned()),
        };
        let found: Vec<String> = labels
            .of(account, &column)
            .into_iter()
            .map(str::to_owned)
            .collect();
        found.join(" ")
    };
    let (old, people) = (
        ["CRM", "PUBLIC", "Leute, \"alt\" 2026"],
        ["CRM", "PUBLIC", "PEOPLE"],
    );
    assert_eq!(of("acme-eu", old, "so*cial.nr"), "pii.national-id");
    assert_eq!(of("acme-eu", old, "social.nr"), "");
    assert_eq!(of("other", old, "so*cial.nr"), "");
    assert_eq!(of("acme-eu", people, "MAIL"), "pii.email");
    assert_eq!(of("acme-eu", people, "shoe"), "snowflake.shoe-size");
    assert_eq!(of("acme-eu", people, "ZIP"), "pii.quasi-identifier");
    assert_eq!(of("acme-eu", ["HR", "A", "B"], "C"), "tag.pii-level.high-3");
    assert_eq!(of("acme-eu", ["CRM", "PUBLIC", "GONE"], "MAIL"), "");
}

#[test]
fn every_label_of_a_category_is_a_packs_or_has_a_method() {
    let labels = Labels::shipped().unwrap();
    let known = labels.all();
    for (category, label) in category::CATEGORIES {
        let quasi = label == "pii.quasi-identifier";
        assert!(quasi || known.contains(label), "{category}: {label}");
    }
    // What detectors call their finds is a category that has a label.
    for (name, label) in labels.iter() {
        for detector in &label.detectors {
            let of = category::semantic(detector.category);
            assert!(
                !of.unwrap().starts_with("snowflake."),
                "{} of {name}",
                detector.name
            );
        }
    }
}

#[test]
fn json_lines_are_the_same_rows() {
    let lines = r#"{"TAG_DATABASE":"SNOWFLAKE","TAG_SCHEMA":"CORE","TAG_NAME":"SEMANTIC_CATEGORY","TAG_VALUE":"EMAIL","DOMAIN":"COLUMN","OBJECT_DATABASE":"CRM","OBJECT_SCHEMA":"PUBLIC","OBJECT_NAME":"PEOPLE","COLUMN_NAME":"MAIL","LEVEL":null}

{"tag_database":"GOV","tag_schema":"TAGS","tag_name":"PII_LEVEL","tag_value":"High (3)","domain":"DATABASE","object_name":"HR"}
{"tag_database":"GOV","tag_schema":"TAGS","tag_name":"COST","tag_value":"1","domain":"WAREHOUSE","object_name":"BIG"}
"#;
    let found = read(lines).unwrap().references;
    let rows = rows();
    assert_eq!(found, [rows[0].clone(), rows[5].clone()]);
}

#[test]
fn broken_rows_are_told_without_their_values() {
    let header = CSV.lines().next().unwrap();
    let secret = "secret";
    let cases = [
        (
            format!("A,B\n{secret},1\n"),
            "there is no column `TAG_DATABASE`",
        ),
        (
            format!("{header}\n{secret}\n"),
            "row 2 has another number of cells",
        ),
        (
            format!("{header}\nA,B,C,D,,,{secret},,COLUMN,X\n"),
            "row 2 does not say",
        ),
        (format!("{header}\n\"{secret}\n"), "a quote is not closed"),
        (
            format!("{header}\n\"{secret}\"x,\n"),
            "a quote is not closed",
        ),
        (format!("{{\"a\": {secret}}}"), "row 1 is no JSON object"),
        (format!("{{\"a\": \"{secret}\"}}"), "there is no column"),
        (String::new(), "there is no column"),
    ];
    for (text, expected) in cases {
        let error = read(&text).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
        assert!(!error.contains(secret), "{error}");
    }
    assert_eq!(read(&format!("{header}\n")), Ok(Tags::default()));
}

#[test]
fn the_statement_asks_for_what_is_read() {
    let tag = ObjectName::parse("gov.tags.\"it's\"").unwrap();
    insta::assert_snapshot!(query(&[tag]));
}
