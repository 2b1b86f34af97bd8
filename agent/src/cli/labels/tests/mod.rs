//! What people and programs get from the commands about labels.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use clap::Parser as _;
use serde_json::Value;
use tempfile::TempDir;

use crate::cli::output::Output;
use crate::cli::{Cli, dispatch, exit_code};

mod scan;

const LABELS: &str = r#"
packs = ["pci", "phi"]

[detection]
confidence = 70

[[label]]
name = "sales.margin"
rank = 15
columns = ["SALES.FINANCE.*.MARGIN*", "prod.SALES.FINANCE.*.DISCOUNT"]
method = "number"
round = 3

[[label]]
name = "crm.mail"
rank = 20
columns = ['CRM.PUBLIC."Leute 2026"."mail"', "*.*.*.PAN"]
detectors = ["email"]
method = "email-domain"
otherwise = "redact"
"#;

/// What a command line prints and why it failed, if it did.
fn run(arguments: &[&str]) -> (String, Option<(u8, String)>) {
    let cli = Cli::try_parse_from([&["snowfence", "labels"], arguments].concat());
    let cli = cli.unwrap_or_else(|error| panic!("{error}"));
    let mut bytes = Vec::new();
    let result = dispatch(cli.command, &mut Output::plain(&mut bytes));
    let failure = result.err();
    let failure = failure.map(|error| (exit_code(&error), format!("{error:#}")));
    (String::from_utf8(bytes).unwrap(), failure)
}

fn write(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

fn labels(text: &str) -> (TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), "labels.toml", text);
    (dir, file)
}

/// The output with the directory's name taken out, and the exit code.
#[track_caller]
fn check(dir: &TempDir, arguments: &[&str], code: u8) -> String {
    let (said, failure) = run(arguments);
    let found = failure.as_ref().map_or(0, |(code, _)| *code);
    assert_eq!(found, code, "{said}\n{failure:?}");
    let why = failure.map(|(code, why)| format!("---- exit {code}: {why}\n"));
    let dir = dir.path().display().to_string();
    format!("{said}{}", why.unwrap_or_default()).replace(&dir, "DIR")
}

#[test]
fn check_shows_the_labels_or_everything_that_is_wrong() {
    let (dir, file) = labels(LABELS);
    let said = check(&dir, &["check", &file], 0);
    insta::assert_snapshot!(said);
    let shown = dir.path().display().to_string();
    assert_eq!(check(&dir, &["check", &shown], 0), said);
    let json: Value = serde_json::from_str(&check(&dir, &["check", &file, "--json"], 0)).unwrap();
    let margin = &json["labels"].as_array().unwrap().iter();
    let margin = margin
        .clone()
        .find(|it| it["name"] == "sales.margin")
        .unwrap();
    assert_eq!(margin["columns"][0], "SALES.FINANCE.*.MARGIN*");
    assert_eq!(margin["pack"], Value::Null);

    let wrong = LABELS
        .replace("\"pci\"", "\"pic\"")
        .replace("round", "rond")
        .replace("\"email\"", "\"e-mail\"");
    fs::write(&file, wrong).unwrap();
    insta::assert_snapshot!(check(&dir, &["check", &file], 1));
    let (said, _) = run(&["check", &file, "--json"]);
    let json: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(json["problems"].as_array().unwrap().len(), 4, "{json}");
    assert_eq!(json["problems"][0]["line"], 2);
}

#[test]
fn the_shipped_file_is_good() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../policies");
    let (said, failure) = run(&["check", shipped]);
    assert!(failure.is_none(), "{failure:?}");
    for label in ["pci.card", "pii.email", "phi.identity", "secret.key"] {
        assert!(said.contains(label), "{said}");
    }
}

#[test]
fn explain_says_which_label_decides_and_why() {
    let (dir, file) = labels(LABELS);
    let explain = |column: &str, more: &[&str]| {
        let arguments = [&["explain", column, "--labels", &file], more].concat();
        check(&dir, &arguments, 0)
    };
    let said = [
        explain("shop.public.cards.pan", &[]),
        explain(r#"crm.public."Leute 2026"."mail""#, &[]),
        explain(r#"crm.public."Leute 2026".mail"#, &[]),
        explain("crm.public.people.mail", &[]),
        explain("sales.finance.q1.discount", &[]),
        explain("sales.finance.q1.discount", &["--account", "prod"]),
        explain("pan", &[]),
    ];
    insta::assert_snapshot!(said.join("\n========\n"));
    let json = explain("shop.public.cards.pan", &["--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["label"], "pci.card");
    assert_eq!(json["labels"][1]["source"], "pack pci");
    // Beside the policies.
    let shown = dir.path().display().to_string();
    let said = check(&dir, &["explain", "pan", "--policies", &shown], 0);
    assert_eq!(said, explain("pan", &[]));
    for wrong in ["a.b.c.d.e", "a..b", "\"a", ""] {
        let said = check(&dir, &["explain", wrong, "--labels", &file], 2);
        assert!(said.contains("is not `DB.SCHEMA.TABLE.COLUMN`"), "{said}");
    }
    fs::write(&file, "labels = 3").unwrap();
    let said = check(&dir, &["explain", "pan", "--labels", &file], 1);
    assert!(
        said.contains("DIR/labels.toml:1:1: unknown key `labels`"),
        "{said}"
    );
}

const ROWS: &str = r#"{"TAG_DATABASE":"SNOWFLAKE","TAG_SCHEMA":"CORE","TAG_NAME":"SEMANTIC_CATEGORY","TAG_VALUE":"PAYMENT_CARD","DOMAIN":"COLUMN","OBJECT_DATABASE":"SHOP","OBJECT_SCHEMA":"PUBLIC","OBJECT_NAME":"ORDERS","COLUMN_NAME":"Paid by"}
{"TAG_DATABASE":"GOV","TAG_SCHEMA":"TAGS","TAG_NAME":"LEVEL","TAG_VALUE":"3","DOMAIN":"TABLE","OBJECT_DATABASE":"SHOP","OBJECT_SCHEMA":"PUBLIC","OBJECT_NAME":"PLANS"}
"#;

#[test]
fn import_prints_labels_that_are_read_back() {
    let (dir, file) = labels("");
    let rows = write(dir.path(), "rows.json", ROWS);
    let arguments = [
        "import",
        "--account",
        "prod",
        "--from",
        &rows,
        "--tag",
        "level",
    ];
    let said = check(&dir, &arguments, 0);
    insta::assert_snapshot!(said);
    fs::write(&file, format!("packs = [\"pci\"]\n{said}")).unwrap();
    let column = r#"shop.public.orders."Paid by""#;
    let explained = ["explain", column, "--labels", &file, "--account", "prod"];
    assert!(check(&dir, &explained, 0).contains("as pci.card"));

    let query = check(&dir, &["import", "--query"], 0);
    assert!(query.starts_with("SELECT TAG_DATABASE"), "{query}");
    fs::write(&rows, "A,B\n4111111111111111,2\n").unwrap();
    let said = check(&dir, &arguments, 1);
    assert!(
        said.contains("the rows in `DIR/rows.json`: there is no column"),
        "{said}"
    );
    assert!(!said.contains("4111"), "{said}");
    let other = ["import", "--account", "a b", "--from", &rows];
    check(&dir, &other, 2);
}
