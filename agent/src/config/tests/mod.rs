//! Golden reports and pages, and the rules that hold between the reader and its description.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, io};

use super::schema::{self, Need};
use super::{Config, ConfigError, load, raw, reference, show};

const MINIMAL: &str = include_str!("minimal.toml");
const COMPLETE: &str = include_str!("complete.toml");
const BROKEN: &str = include_str!("broken.toml");

#[track_caller]
fn read(text: &str) -> Config {
    raw::read(text, "snowfence.toml").unwrap_or_else(|report| panic!("refused:\n{report}"))
}

/// The findings about `text`, with places, one a line.
fn findings(text: &str) -> String {
    raw::read(text, "snowfence.toml").map_or_else(|report| report.to_string(), |_| String::new())
}

/// `rest` added to the minimal configuration must be refused with a message that has `part`.
#[track_caller]
fn check_refused(rest: &str, part: &str) {
    let findings = findings(&format!("{MINIMAL}\n{rest}"));
    assert!(
        findings.contains(part),
        "`{rest}` must be refused with `{part}`, got: {findings}"
    );
}

#[test]
fn every_error_is_told_at_once_with_its_place() {
    insta::assert_snapshot!(findings(BROKEN));
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_repeated() {
    let report = findings(BROKEN);
    assert!(report.contains("`private_key` must not be written into this file"));
    assert!(!report.contains("hunter2"));
}

#[test]
fn a_secret_of_the_wrong_kind_is_still_refused_and_not_repeated() {
    for key in [
        "private_key",
        "passphrase",
        "token",
        "client_secret",
        "password",
    ] {
        let text = format!("[[credential]]\nname = \"c\"\n{key} = \"hunter2\"");
        check_refused(
            &text,
            &format!("`{key}` must not be written into this file"),
        );
        assert!(!findings(&format!("{MINIMAL}{text}")).contains("hunter2"));
        for source in ["file", "systemd", "command"] {
            let text = text.replace("\"hunter2\"", &format!("{{ {source} = \"hunter2 !\" }}"));
            assert!(!findings(&format!("{MINIMAL}{text}")).contains("hunter2"));
        }
    }
}

#[test]
fn every_syntax_error_is_told_and_nothing_else() {
    insta::assert_snapshot!(findings("[[scope]\ncgroup = agents\nports = [1,, 2]\n"));
}

#[test]
fn an_empty_file_is_refused() {
    insta::assert_snapshot!(findings(""));
}

#[test]
fn rules_between_tables_hold() {
    check_refused(
        "[[scope]]\ncgroup = \"/agents.slice\"",
        "scope `/agents.slice` is given twice",
    );
    check_refused(
        "[[scope]]\ncgroup = \"/\"",
        "a scope cannot be the whole host",
    );
    check_refused(
        "[[scope]]\ncgroup = \"1/2/3/4/5/6/7/8/9/10/11/12\"",
        "a scope can be at most 11 levels deep",
    );
    check_refused(
        "[kernel]\nattach = \"/agents\"",
        "is not below `kernel.attach`, `/agents`",
    );
    check_refused(
        "[[account]]\nname = \"b\"\nhosts = [\"TESTORG-testacct.snowflakecomputing.com\"]",
        "host `testorg-testacct.snowflakecomputing.com` is given twice",
    );
    check_refused(
        "[[account]]\nname = \"b\"\nhosts = [\"b.snowflakecomputing.com\"]\n\
         default_credential = \"c\"\n[[credential]]\nname = \"c\"\n\
         account = \"testorg-testacct\"\nkind = \"password\"\nuser = \"u\"\n\
         password = { systemd = \"p\" }",
        "credential `c` is not one of account `b`",
    );
}

#[test]
fn receivers_are_told_apart_and_their_addresses_are_not_repeated() {
    let webhook = "[[webhook]]\nname = \"w\"\nsecret = { systemd = \"w\" }\nurl =";
    let slack = "[[slack]]\nname = \"w\"\nurl =";
    check_refused(
        &format!("{webhook} \"https://a.example/\"\n{slack} {{ systemd = \"s\" }}"),
        "receiver `w` is given twice",
    );
    for url in [
        "http://a.example/hunter2",
        "https://u:hunter2@a.example/",
        "hunter2",
    ] {
        let text = format!("{webhook} \"{url}\"");
        check_refused(&text, "`url`: not an https URL");
        assert!(!findings(&format!("{MINIMAL}\n{text}")).contains("hunter2"));
    }
    check_refused(
        &format!("{slack} \"https://hooks.example/hunter2\""),
        "`url` must not be written into this file",
    );
    check_refused(
        &format!("{slack} {{ systemd = \"s\" }}\nevents = [\"ask_open\"]"),
        "no event is called `ask_open`, did you mean `ask_opened`?",
    );
    check_refused(
        "[[webhook]]\nredact = 1",
        "`redact` must be a boolean, not an integer",
    );
    check_refused("[[webhook]]\nname = \"w\"", "[[webhook]] needs `secret`");
}

#[test]
fn what_is_shipped_where_and_as_whom_must_fit() {
    let ship = |lines: &str| format!("[record.ship]\n{lines}");
    let key = "secret_access_key = { systemd = \"s\" }";
    check_refused(&ship("auth = \"keys\""), "[record.ship] needs `url`");
    check_refused(&ship("url = \"s3://b/p\""), "[record.ship] needs `auth`");
    check_refused(
        &ship("url = \"s3://b/p\"\nauth = \"keys\"\naccess_key_id = \"a\""),
        "[record.ship] needs `secret_access_key`",
    );
    check_refused(
        &ship(&format!("url = \"az://b/p\"\nauth = \"keys\"\n{key}")),
        "[record.ship] needs `access_key_id`",
    );
    check_refused(
        &ship("url = \"s3://b/p\"\nsecret_access_key = \"hunter2\""),
        "`secret_access_key` must not be written into this file",
    );
    check_refused(
        &ship(&format!("url = \"s3://b/p\"\nauth = \"instance\"\n{key}")),
        "`secret_access_key` has no effect",
    );
    check_refused(
        &ship("url = \"file:///srv/copy\"\nauth = \"instance\""),
        "no effect with `file://`",
    );
    check_refused(
        &ship("url = \"s3://b\"\nendpoint = \"http://10.0.0.1\"\nauth = \"instance\""),
        "`endpoint`:",
    );
}

#[test]
fn the_hosts_of_accounts_may_be_signed() {
    let config = read(COMPLETE);
    assert_eq!(
        config.tls.extra_names,
        ["stage.example.internal", "snow.example.internal"]
    );
}

#[test]
fn defaults_are_filled_in() {
    insta::assert_snapshot!(show(&read(MINIMAL)));
}

#[test]
fn what_show_prints_reads_back_as_itself() {
    for text in [MINIMAL, COMPLETE] {
        let config = read(text);
        assert_eq!(read(&show(&config)), config);
    }
}

#[test]
fn every_documented_key_is_read() {
    let given: toml::Table = COMPLETE.parse().expect("the fixture is TOML");
    for section in schema::SECTIONS {
        let name = section.heading.trim_matches(['[', ']']);
        let (outer, inner) = name.split_once('.').unwrap_or((name, ""));
        let table = given.get(outer);
        let table = table.and_then(|it| {
            if inner.is_empty() {
                Some(it)
            } else {
                it.get(inner)
            }
        });
        let tables: Vec<&toml::Table> = match table {
            Some(toml::Value::Array(tables)) => {
                tables.iter().filter_map(|t| t.as_table()).collect()
            }
            Some(table) => table.as_table().into_iter().collect(),
            None => given["credential"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(toml::Value::as_table)
                .flat_map(|table| table.values().filter_map(toml::Value::as_table))
                .filter(|table| !table.contains_key("timezone"))
                .collect(),
        };
        let used: BTreeSet<&str> = tables
            .iter()
            .flat_map(|table| table.keys().map(String::as_str))
            .collect();
        let documented: BTreeSet<&str> = section.keys.iter().map(|key| key.name).collect();
        assert_eq!(
            used, documented,
            "complete.toml shows every key of {}",
            section.heading
        );
    }
    read(COMPLETE);
}

#[test]
fn documented_defaults_are_the_defaults() {
    let mut text = MINIMAL.to_owned();
    for section in schema::SECTIONS
        .iter()
        .filter(|s| !s.heading.starts_with("[["))
        // A table that needs a key has no defaults as a whole.
        .filter(|s| !s.keys.iter().any(|key| matches!(key.need, Need::Required)))
    {
        if section.heading.starts_with('[') {
            text.push_str(&format!("{}\n", section.heading));
            for key in section.keys {
                let Need::Default(value) = key.need else {
                    continue;
                };
                text.push_str(&format!("{} = {value}\n", key.name));
            }
        }
    }
    assert_eq!(read(&text), read(MINIMAL));
}

#[test]
fn the_reference_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, reference()).expect("the page can be written");
    }
    let page = fs::read_to_string(&path).expect("the page is there");
    assert!(
        page == reference(),
        "docs/configuration.md is stale, run with UPDATE_GOLDEN=1"
    );
}

#[test]
fn a_source_that_refuses_is_an_error_with_its_cause() {
    let refuse = |_: &Path| Err(io::Error::other("writable by others"));
    let error = load(Path::new("/etc/snowfence/snowfence.toml"), &refuse);
    assert!(matches!(error, Err(ConfigError::Read { .. })));
}
