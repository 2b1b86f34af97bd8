//! An operator has the daemon read Snowflake's own classification; nobody else does.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt as _;

use agent::mask::labels::Labels;
use serde_json::{Value, json};
use tests::record::Kind;
use tests::{Client, Environment, Output, layout};

use crate::bench::{Bench, Plan};

/// Nobody but root operates, and no workload may do anything.
const POLICY: &str = r#"
@id("root-operates")
permit (principal == User::"root", action == Action::"operate", resource);
"#;

/// Nine tags: the answer has none of them, the first chunk four. An account that answers at once that
/// a statement still runs.
const WAREHOUSE: &str = r#"
inline_rows = 0
chunk_rows = 4
poll_seconds = 0
seed = ["""
create database snowflake;
create schema snowflake.account_usage;
create table snowflake.account_usage.tag_references (
    tag_database varchar, tag_schema varchar, tag_name varchar, tag_value varchar, domain varchar,
    object_database varchar, object_schema varchar, object_name varchar, column_name varchar,
    object_deleted timestamp_ltz);
insert into snowflake.account_usage.tag_references values
    ('SNOWFLAKE', 'CORE', 'SEMANTIC_CATEGORY', 'EMAIL', 'COLUMN', 'CRM', 'PUBLIC', 'PEOPLE', 'MAIL', null),
    ('SNOWFLAKE', 'CORE', 'PRIVACY_CATEGORY', 'IDENTIFIER', 'COLUMN', 'CRM', 'PUBLIC', 'PEOPLE', 'MAIL', null),
    ('SNOWFLAKE', 'CORE', 'SEMANTIC_CATEGORY', 'US_SSN', 'COLUMN', 'CRM', 'PUBLIC', 'Leute 2026', 'so nr', null),
    ('SNOWFLAKE', 'CORE', 'SEMANTIC_CATEGORY', 'PHONE_NUMBER', 'COLUMN', 'CRM', 'PUBLIC', 'PEOPLE', 'PHONE', null),
    ('SNOWFLAKE', 'CORE', 'SEMANTIC_CATEGORY', 'SHOE_SIZE', 'COLUMN', 'CRM', 'PUBLIC', 'PEOPLE', 'SHOE', null),
    ('SNOWFLAKE', 'CORE', 'PRIVACY_CATEGORY', 'QUASI_IDENTIFIER', 'COLUMN', 'CRM', 'PUBLIC', 'PEOPLE', 'ZIP', null),
    ('SNOWFLAKE', 'CORE', 'SEMANTIC_CATEGORY', 'EMAIL', 'COLUMN', 'CRM', 'PUBLIC', 'GONE', 'MAIL', '2026-01-01'),
    ('GOV', 'TAGS', 'LEVEL', 'high', 'TABLE', 'HR', 'PUBLIC', 'STAFF', null, null),
    ('GOV', 'TAGS', 'LEVEL', 'low', 'WAREHOUSE', null, null, 'BIG', null, null),
    ('GOV', 'TAGS', 'LEVEL', 'high', 'SCHEMA', 'HR', null, 'PAY', null, null),
    ('GOV', 'TAGS', 'COST', '1', 'TABLE', 'HR', 'PUBLIC', 'STAFF', null, null);
"""]
[[user]]
name = "GOVERNOR"
password = "real-password-of-analyst"
role = "GOVERNOR"
"#;

struct Import {
    bench: Bench,
}

impl Import {
    fn new() -> Self {
        let environment = Environment::new("imported").unwrap();
        let file = format!(
            "file = \"{}\"",
            environment.dir().join("password").display()
        );
        let credential = |name: &str, user: &str, secret: &str| {
            format!(
                "[[credential]]\nname = \"{name}\"\naccount = \"testorg-testacct\"\n\
                 kind = \"password\"\nuser = \"{user}\"\npassword = {{ {secret} }}\n"
            )
        };
        let credentials = [
            credential("c", "ANALYST", &file),
            credential("governor", "GOVERNOR", &file),
            credential("wrong", "NOBODY", &file),
            credential("lost", "GOVERNOR", "command = [\"/bin/false\"]"),
        ];
        let plan = Plan {
            warehouse: WAREHOUSE,
            credentials: Some(&credentials.join("\n")),
            policy: POLICY,
            ..Plan::default()
        };
        let bench = Bench::within(environment, &plan);
        // Other users must get to the socket, as they do below /run.
        let socket = &bench.daemon.files().access_socket;
        for dir in socket.ancestors().skip(1).take(2) {
            set_permissions(dir, Permissions::from_mode(0o711)).unwrap();
        }
        Self { bench }
    }

    fn run(&self, client: Client, arguments: &[&str]) -> Output {
        let client = client.args(["labels", "import", "--account", "testorg-testacct"]);
        let socket = &self.bench.daemon.files().access_socket;
        let client = client.args(arguments).arg("--socket").arg(socket);
        client.output().unwrap()
    }

    fn operator(&self, arguments: &[&str]) -> Output {
        let client = self.bench.environment.outside(layout::snowfence());
        self.run(client, arguments)
    }

    #[track_caller]
    fn refused(&self, output: &Output, part: &str) {
        let log = self.bench.daemon.log();
        assert_eq!(output.status.code(), Some(1), "{output:#?}\n{log}");
        assert!(output.stderr.contains(part), "{part}: {output:#?}\n{log}");
        assert_eq!(output.stdout, "");
    }

    /// What the stand-in has seen, by path.
    fn received(&self, part: &str) -> usize {
        let received = self.bench.warehouse.received().unwrap();
        let has = |row: &&Value| row["path"].as_str().is_some_and(|path| path.contains(part));
        received.iter().filter(has).count()
    }
}

#[test]
fn an_operator_imports_what_snowflake_has_classified() {
    let import = Import::new();
    let bench = &import.bench;
    let governor = ["--credential", "governor", "--tag", "tags.level"];

    // The agent runs as root, whom the policies let operate.
    let agent = bench.environment.inside(layout::snowfence());
    import.refused(&import.run(agent, &governor), "an agent imports no labels");
    assert_eq!(import.received(""), 0, "nothing was sent for it");

    let output = import.operator(&governor);
    let log = bench.daemon.log();
    assert!(output.status.success(), "{output:#?}\n{log}");
    let packs = "packs = [\"pii\"]";
    assert!(output.stdout.contains(packs), "{}", output.stdout);
    let labels = Labels::parse(&format!("{packs}\n{}", output.stdout)).unwrap();
    let patterns = [
        ("pii.email", "testorg-testacct.CRM.PUBLIC.PEOPLE.MAIL"),
        (
            "pii.national-id",
            r#"testorg-testacct.CRM.PUBLIC.\"Leute 2026\".\"so nr\""#,
        ),
        ("pii.phone", "testorg-testacct.CRM.PUBLIC.PEOPLE.PHONE"),
        ("pii.quasi-identifier", "CRM.PUBLIC.PEOPLE.ZIP"),
        ("snowflake.shoe-size", "CRM.PUBLIC.PEOPLE.SHOE"),
        ("tag.level.high", "HR.PAY.*.*"),
        ("tag.level.high", "HR.PUBLIC.STAFF.*"),
    ];
    for (label, pattern) in patterns {
        assert!(labels.all().contains(label), "{label}");
        let has = |line: &str| line.contains(pattern) || line.contains(&pattern.replace('\\', ""));
        assert!(
            output.stdout.lines().any(has),
            "{pattern} in {}",
            output.stdout
        );
    }
    assert!(!output.stdout.contains("GONE"), "{}", output.stdout);
    let told = "9 tags read: 6 labels for 7 columns or groups of them; 1 skipped";
    assert!(output.stderr.contains(told), "{}", output.stderr);

    // It was found by its name, asked again until it had ended, and read in three chunks.
    assert!(import.received("/result") >= 1);
    let received = bench.warehouse.received().unwrap();
    let storage = received.iter().filter(|row| row["host"] == STORAGE);
    assert_eq!(storage.count(), 3);
    let closed = received.iter().filter(|row| row["path"] == "/session");
    assert_eq!(closed.count(), 1, "logged out");

    let frames = bench.await_frames(|frames| {
        let ended = frames.iter().filter(|frame| frame.kind == Kind::Ended);
        ended.count() >= 6
    });
    let decided: Vec<&Value> = frames
        .iter()
        .filter(|frame| frame.kind == Kind::Decided)
        .map(|frame| &frame.payload)
        .collect();
    // A login, the statement, its result and the chunks; each is the operator's.
    assert!(decided.len() >= 6, "{decided:#?}");
    for payload in &decided {
        assert_eq!(payload["operation"], "labels");
        assert_eq!(payload["operator"], "root");
        assert_eq!(payload["policies"], json!(["snowfence.labels"]));
        assert_eq!(payload["credential"], "governor");
        assert_eq!(payload["connection"], decided[0]["connection"]);
    }
    let asks = |payload: &&&Value| {
        let text = payload["statement"]["text"].as_str();
        text.is_some_and(|text| text.contains("TAG_REFERENCES"))
    };
    assert_eq!(decided.iter().filter(asks).count(), 1);
    bench.assert_record_is_whole();
}

#[test]
fn what_stands_against_an_import_is_told() {
    let import = Import::new();
    let named = |name| import.operator(&["--credential", name]);
    // The default credential's role may not read the view: Snowflake's own words.
    let refused = import.operator(&[]);
    import.refused(&refused, "Schema 'SNOWFLAKE.ACCOUNT_USAGE' does not exist");
    import.refused(
        &refused,
        "needs the database role SNOWFLAKE.GOVERNANCE_VIEWER",
    );
    import.refused(&named("nobody"), "has no credential `nobody`");
    import.refused(&named("wrong"), "Snowflake refused the login");
    import.refused(&named("lost"), "has nothing to prove itself with");
    let other = import.operator(&["--credential", "governor", "--tag", "none.such"]);
    assert!(other.status.success(), "{other:#?}");
    assert!(!other.stdout.contains("tag."), "{}", other.stdout);
    import.bench.assert_record_is_whole();
}

const STORAGE: &str = "sfc-stage.s3.test.amazonaws.com";
