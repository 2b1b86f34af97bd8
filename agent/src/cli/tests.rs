//! What people see, and that what `init` writes is what `config check` accepts.

use std::fs;
use std::io::BufRead;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use clap::{CommandFactory as _, Parser as _};
use tempfile::TempDir;

use super::output::Output;
use super::{Cli, Command, dispatch, exit_code, init, status};
use crate::admin::{
    HeadStatus, HoldStatus, LinkStatus, PolicyStatus, RecorderStatus, ScopeStatus, Status,
    UnshippedStatus,
};
use crate::policy;
use crate::tls::Authority;

/// What a command line prints, or its exit code and why.
fn run(arguments: &[&str]) -> Result<String, (u8, String)> {
    let cli = Cli::try_parse_from([&["snowfence"], arguments].concat())
        .map_err(|error| (2, error.to_string()))?;
    let mut bytes = Vec::new();
    let result = dispatch(cli.command, &mut Output::plain(&mut bytes));
    result.map_err(|error| (exit_code(&error), format!("{error:#}")))?;
    Ok(String::from_utf8(bytes).expect("text"))
}

fn init_arguments(dir: &Path) -> Vec<String> {
    let dir = dir.display();
    format!(
        "init --dir {dir} --account testorg-testacct.snowflakecomputing.com --user SVC \
         --secret-file {dir}/etc/snowfence/secrets/key.p8 --scope agents.slice"
    )
    .split_whitespace()
    .map(str::to_owned)
    .collect()
}

fn run_init(dir: &Path, more: &[&str]) -> Result<String, (u8, String)> {
    let arguments = init_arguments(dir);
    let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    arguments.extend(more);
    run(&arguments)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn help_tells_every_command() {
    let mut pages = String::new();
    let mut command = Cli::command().term_width(100);
    command.build();
    pages.push_str(&command.render_long_help().to_string());
    for sub in command
        .get_subcommands_mut()
        .filter(|sub| sub.get_name() != "help")
    {
        let help = sub.render_help();
        pages.push_str(&format!("\n---- {}\n{help}", sub.get_name()));
    }
    insta::assert_snapshot!(pages);
}

#[test]
fn what_init_writes_is_what_check_accepts() {
    let dir = TempDir::new().expect("a directory");
    let said = run_init(dir.path(), &["--role", "ETL"]).expect("initialised");
    insta::assert_snapshot!(said.replace(&dir.path().display().to_string(), "DIR"));
    let config = dir.path().join("etc/snowfence/snowfence.toml");
    let text = fs::read_to_string(&config).expect("written");
    insta::assert_snapshot!(text.replace(&dir.path().display().to_string(), "DIR"));

    let shown = config.display().to_string();
    assert_eq!(
        run(&["config", "check", "--config", &shown]),
        Ok(format!("{shown}: no errors\n"))
    );
    let shown = run(&["config", "show", "--config", &shown]).expect("shown");
    insta::assert_snapshot!(shown.replace(&dir.path().display().to_string(), "DIR"));
    let policies = policy::Store::open(&dir.path().join("etc/snowfence/policies"));
    assert!(
        !policies
            .expect("the first policy is valid")
            .snapshot()
            .is_empty()
    );
    let config_path = config.display().to_string();
    let column = "SHOP.PUBLIC.USERS.EMAIL";
    let labels = run(&["labels", "explain", column, "--config", &config_path]);
    let labels = labels.expect("explained");
    assert!(labels.contains("pii.email"), "{labels}");
    assert_eq!(mode(&config), 0o600);
    assert_eq!(mode(&dir.path().join("etc/snowfence/secrets")), 0o700);
    assert_eq!(mode(&dir.path().join("var/lib/snowfence/record")), 0o700);
    assert_eq!(mode(&dir.path().join("var/lib/snowfence/ca/ca.key")), 0o600);
}

#[test]
fn init_replaces_only_when_forced_and_keeps_the_authority() {
    let dir = TempDir::new().expect("a directory");
    run_init(dir.path(), &[]).expect("initialised");
    let config = dir.path().join("etc/snowfence/snowfence.toml");
    let certificate = dir.path().join("var/lib/snowfence/ca/ca.crt");
    let before = (
        fs::read(&config).expect("there"),
        fs::read(&certificate).expect("there"),
    );

    let (code, why) = run_init(dir.path(), &["--role", "OTHER"]).expect_err("refused");
    assert!(
        code == 1 && why.contains("`--force` replaces it"),
        "{code} {why}"
    );
    assert_eq!(fs::read(&config).expect("there"), before.0);

    run_init(dir.path(), &["--role", "OTHER", "--force"]).expect("forced");
    assert_ne!(fs::read(&config).expect("there"), before.0);
    assert_eq!(fs::read(&certificate).expect("there"), before.1);
    assert_eq!(mode(&config), 0o600);
}

#[test]
fn answers_that_make_no_configuration_write_nothing() {
    let dir = TempDir::new().expect("a directory");
    let (code, why) = run_init(dir.path(), &["--workload", "unknown"]).expect_err("refused");
    assert!(
        code == 2 && why.contains("`unknown` is the name"),
        "{code} {why}"
    );
    assert_eq!(fs::read_dir(dir.path()).expect("there").count(), 0);
}

fn flags(arguments: &[&str]) -> init::Init {
    let arguments = [&["snowfence", "init"], arguments].concat();
    let cli = Cli::try_parse_from(arguments).expect("parsed");
    let Command::Init(flags) = cli.command else {
        panic!("not init")
    };
    *flags
}

#[test]
fn without_a_terminal_every_missing_answer_is_told_at_once() {
    let mut bytes = Vec::new();
    let answers = init::Answers::complete(flags(&[]), None, &mut Output::plain(&mut bytes));
    let error = answers.expect_err("incomplete");
    assert_eq!(exit_code(&error), 2);
    assert!(
        error
            .to_string()
            .ends_with("--account, --user, --secret-file, --scope"),
        "{error}"
    );
}

#[test]
fn what_no_flag_says_is_asked() {
    let mut bytes = Vec::new();
    let mut input: &[u8] =
        b"a.snowflakecomputing.com\nhttps://idp.example.com/token\nid\nagents.slice\n";
    let flags = flags(&[
        "--kind",
        "oauth-client-credentials",
        "--secret-systemd",
        "oauth",
    ]);
    let input: &mut dyn BufRead = &mut input;
    let answers = init::Answers::complete(flags, Some(input), &mut Output::plain(&mut bytes));
    insta::assert_debug_snapshot!(answers.expect("complete"));
    let asked = String::from_utf8(bytes).expect("text");
    assert!(
        asked.contains("Token endpoint") && !asked.contains("Snowflake user"),
        "{asked}"
    );
}

#[test]
fn a_wrong_configuration_is_misuse_and_a_missing_one_is_failure() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("snowfence.toml");
    let shown = path.display().to_string();
    let (code, _) = run(&["config", "check", "--config", &shown]).expect_err("missing");
    assert_eq!(code, 1);
    fs::write(&path, "[kernal]\n").expect("written");
    let (code, why) = run(&["config", "check", "--config", &shown]).expect_err("wrong");
    assert!(
        code == 2 && why.contains(&format!("{shown}:1:2: unknown key `kernal`")),
        "{why}"
    );
}

#[test]
fn a_configuration_that_others_can_write_is_refused() {
    let dir = TempDir::new().expect("a directory");
    run_init(dir.path(), &[]).expect("initialised");
    let path = dir.path().join("etc/snowfence/snowfence.toml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("changed");
    let shown = path.display().to_string();
    let (code, why) = run(&["config", "check", "--config", &shown]).expect_err("refused");
    assert!(
        code == 1 && why.contains("can be written by others"),
        "{why}"
    );
}

#[test]
fn status_is_a_table_that_shouts_what_is_wrong() {
    let status = Status {
        version: "0.1.0".to_owned(),
        pid: 4242,
        uptime_seconds: 3725,
        scopes: vec![ScopeStatus {
            cgroup: "/agents.slice".to_owned(),
            enforced: true,
        }],
        sessions: 2,
        connections: 5,
        links: vec![
            LinkStatus {
                program: "connect4".to_owned(),
                attached: true,
            },
            LinkStatus {
                program: "cgroup_egress".to_owned(),
                attached: false,
            },
        ],
        counters: [("flows_taken".to_owned(), 17), ("flows_lost".to_owned(), 0)].into(),
        recorder: RecorderStatus {
            writable: false,
            entries: 12,
            segment: String::new(),
            host: "5a".repeat(32),
            head: Some(HeadStatus {
                segment: 3,
                next_entry: 12,
                digest: "c4".repeat(32),
            }),
            unshipped: Some(UnshippedStatus {
                segments: 3,
                bytes: 7_340_032,
            }),
            ..RecorderStatus::default()
        },
        holds: vec![HoldStatus {
            ask: Some("ask-7k3m9q2f".to_owned()),
            workload: "etl".to_owned(),
            session: "s3".to_owned(),
            query: "00000000-0000-0000-0000-000000000011".to_owned(),
            seconds: 754,
            frozen: true,
        }],
        policy: PolicyStatus {
            version: "9f86d081".to_owned(),
            policies: 3,
            rejected: Some("first.cedar:3:1: unexpected token".to_owned()),
        },
    };
    let mut bytes = Vec::new();
    status::print(&status, &mut Output::plain(&mut bytes)).expect("printed");
    insta::assert_snapshot!(String::from_utf8(bytes).expect("text"));
}

#[test]
fn without_a_unit_the_whole_scope_is_the_workload_and_nothing_beside_it() {
    let dir = TempDir::new().expect("a directory");
    run_init(dir.path(), &[]).expect("initialised");
    let path = dir.path().join("etc/snowfence/snowfence.toml");
    let config = super::read_config(&path).expect("read");
    let pattern = config.workloads[0].cgroup.as_deref().expect("a pattern");
    let glob = globset::GlobBuilder::new(pattern)
        .literal_separator(true)
        .build()
        .expect("valid");
    let glob = glob.compile_matcher();
    assert!(glob.is_match("/agents.slice") && glob.is_match("/agents.slice/a.service/b"));
    assert!(!glob.is_match("/agents.slice2") && !glob.is_match("/x/agents.slice"));
}

#[test]
fn trust_goes_into_a_python_and_out_of_it_again() {
    let dir = TempDir::new().expect("a directory");
    run_init(dir.path(), &[]).expect("initialised");
    let config = dir
        .path()
        .join("etc/snowfence/snowfence.toml")
        .display()
        .to_string();
    let venv = dir.path().join("venv");
    let bundle = venv.join("lib/python3.11/site-packages/certifi/cacert.pem");
    fs::create_dir_all(bundle.parent().expect("a parent")).expect("made");
    let other = Authority::open_or_create(&dir.path().join("other"), &[]).expect("made");
    let roots = format!("# roots\n{}", other.certificate_pem());
    fs::write(&bundle, &roots).expect("written");

    let state = |command: &str| {
        let path = venv.display().to_string();
        let arguments = ["trust", command, "--config", &config, "--path", &path];
        let said = run(&[&arguments[..], &["--only-paths", "--json"]].concat()).expect("done");
        let places: serde_json::Value = serde_json::from_str(&said).expect("JSON");
        let places = places.as_array().expect("an array").clone();
        let ours = places
            .iter()
            .find(|place| place["path"] == bundle.display().to_string());
        ours.expect("found")["state"]
            .as_str()
            .expect("a state")
            .to_owned()
    };
    assert_eq!(state("status"), "absent");
    assert_eq!(state("install"), "added");
    assert_eq!(state("status"), "present");
    let authority = fs::read_to_string(dir.path().join("var/lib/snowfence/ca/ca.crt"));
    let authority = authority.expect("there");
    let text = fs::read_to_string(&bundle).expect("there");
    assert!(
        text.starts_with(&roots) && text.contains(authority.trim()),
        "{text}"
    );
    assert_eq!(state("remove"), "removed");
    assert_eq!(fs::read_to_string(&bundle).expect("there"), roots);
}

#[test]
fn looking_at_trust_makes_no_authority() {
    let dir = TempDir::new().expect("a directory");
    run_init(dir.path(), &[]).expect("initialised");
    let ca = dir.path().join("var/lib/snowfence/ca");
    fs::remove_dir_all(&ca).expect("removed");
    let config = dir
        .path()
        .join("etc/snowfence/snowfence.toml")
        .display()
        .to_string();
    let path = dir.path().display().to_string();
    let arguments = [
        "trust",
        "status",
        "--config",
        &config,
        "--path",
        &path,
        "--only-paths",
    ];
    let (code, why) = run(&arguments).expect_err("no authority");
    assert!(
        code == 1 && why.contains("there is no authority yet"),
        "{why}"
    );
    assert!(!ca.exists());
}

#[test]
fn commands_about_access_say_what_is_missing() {
    for (arguments, part) in [
        (&["ask", "writer", "--for", "30m"][..], "--reason"),
        (&["ask", "writer", "--reason", "x"], "--for"),
        (&["ask", "--wait"], "<ROLE>"),
        (&["ask", "writer", "--for", "30", "--reason", "x"], "`30m`"),
        (&["approve", "7k3m9q2f"], "`ask-7k3m9q2f`"),
        (&["deny", "ask-7k3m9q2f"], "--note"),
        (&["revoke", "ask-7k3m9q2f"], "`grant-7k3m9q2f`"),
        (&["asks", "--wait"], "<ID>"),
        (&["extend", "grant-7k3m9q2f"], "--by"),
    ] {
        let (code, why) = run(arguments).expect_err("refused");
        assert!(
            code == 2 && why.contains(part),
            "{arguments:?}: {code} {why}"
        );
    }
    let (code, why) = run(&["grants", "--socket", "/nowhere/access.sock"]).expect_err("failed");
    assert!(
        code == 1 && why.contains("is `snowfence run` running?"),
        "{code} {why}"
    );
}
