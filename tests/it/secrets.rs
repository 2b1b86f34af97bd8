//! Every kind of credential works, and nothing that only the daemon may know leaves it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tests::{Environment, Output, layout, process};

use crate::bench::{Bench, PASSWORD, Plan, reported, write_private};

const TOKEN: &str = "real-access-token-of-bearer-4711";
const CLIENT_SECRET: &str = "real-client-secret-of-machine-4711";
const PASSPHRASE: &str = "real-passphrase-of-locked-4711";
const WRONG: &str = "wrong-secret-of-somebody-4711";

const WAREHOUSE: &str = r#"
inline_rows = 10
chunk_rows = 100
[[user]]
name = "KEYED"
public_key_file = "keyed.pub"
[[user]]
name = "LOCKED"
public_key_file = "locked.pub"
[[user]]
name = "BEARER"
access_tokens = ["real-access-token-of-bearer-4711"]
[[user]]
name = "MACHINE"
oauth_client_id = "machine"
oauth_client_secret = "real-client-secret-of-machine-4711"
"#;

const CREDENTIALS: &str = include_str!("credentials.toml");

/// Logs in with each credential, and with each that works runs a statement, fetches a chunk of its
/// result and renews the tokens.
const CLIENT: &str = r#"
import sys
from urllib.parse import urlsplit
from client import *
seen = {}
for name in sys.argv[1:]:
    answer = login(LOGIN_NAME=name)
    if not answer["success"]:
        seen[name] = shown(answer)
        print(answer)
        continue
    tokens = answer["data"]
    result = query(tokens["token"], "select seq4() from table(generator(rowcount => 500))")
    chunk = urlsplit(result["data"]["chunks"][0]["url"])
    status = request("GET", chunk.path, None, **result["data"]["chunkHeaders"])["status"]
    renewal = {"oldSessionToken": tokens["token"], "requestType": "RENEW"}
    renewed = request("POST", "/session/token-request", renewal, tokens["masterToken"])
    again = query(renewed["data"]["sessionToken"], "select 'again'")
    seen[name] = [status, rows(again)]
    print(answer, result, renewed, again)
report(seen)
"#;

/// Makes a key pair, and gives the private half's file.
pub(crate) fn make_key(dir: &Path, name: &str) {
    let (private, public) = (
        dir.join(format!("{name}.p8")),
        dir.join(format!("{name}.pub")),
    );
    let openssl = |arguments: &[&str], out: &Path| {
        let mut command = Command::new("openssl");
        process::run(command.args(arguments).arg("-out").arg(out)).unwrap();
    };
    let size = "rsa_keygen_bits:2048";
    openssl(
        &["genpkey", "-algorithm", "RSA", "-pkeyopt", size],
        &private,
    );
    openssl(
        &["pkey", "-pubout", "-in", private.to_str().unwrap()],
        &public,
    );
}

fn write_secrets(dir: &Path) {
    for name in ["keyed", "locked", "stranger"] {
        make_key(dir, name);
    }
    let plain = dir.join("locked.p8");
    let locked = dir.join("locked.enc");
    let mut lock = Command::new("openssl");
    lock.args(["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout"]);
    lock.arg(format!("pass:{PASSPHRASE}"))
        .arg("-in")
        .arg(&plain)
        .arg("-out")
        .arg(&locked);
    process::run(&mut lock).unwrap();
    fs::rename(&plain, dir.join("locked.plain")).unwrap();
    write_private(&plain, &fs::read_to_string(&locked).unwrap());
    write_private(&dir.join("passphrase"), PASSPHRASE);
    write_private(&dir.join("client_secret"), CLIENT_SECRET);
    write_private(&dir.join("wrong"), WRONG);
    DirBuilder::new()
        .mode(0o700)
        .create(dir.join("systemd"))
        .unwrap();
    write_private(&dir.join("systemd/bearer"), TOKEN);
}

/// Everything that must be nowhere: what we gave the daemon, and what the stand-in saw.
fn forbidden(bench: &Bench) -> BTreeSet<String> {
    let mut secrets: BTreeSet<String> = [PASSWORD, TOKEN, CLIENT_SECRET, PASSPHRASE, WRONG]
        .map(str::to_owned)
        .into();
    for key in ["keyed.p8", "locked.p8", "locked.plain", "stranger.p8"] {
        let text = fs::read_to_string(bench.environment.dir().join(key)).unwrap();
        secrets.extend(
            text.lines()
                .filter(|line| line.len() == 64)
                .map(str::to_owned),
        );
    }
    let keys = secrets.len();
    let mut add = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        let text = text.strip_prefix("Snowflake Token=\"").unwrap_or(text);
        let text = text
            .strip_prefix("Basic ")
            .unwrap_or(text)
            .trim_end_matches('"');
        if text.len() > 8 && text != "not-the-real-password" {
            secrets.insert(text.to_owned());
        }
    };
    let received = bench.warehouse.received().unwrap();
    let renewals = received
        .iter()
        .filter(|row| row["path"] == "/session/token-request");
    assert_eq!(renewals.count(), 5);
    for row in &received {
        for header in row["headers"].as_object().unwrap() {
            let name = header.0.to_ascii_lowercase();
            if name == "authorization" || name.contains("customer-key") {
                add(header.1);
            }
        }
        add(&row["body"]["data"]["TOKEN"]);
        add(&row["body"]["data"]["PASSWORD"]);
        add(&row["body"]["oldSessionToken"]);
        add(&row["query"]["Signature"]);
    }
    assert!(
        secrets.len() > keys + 20,
        "the stand-in saw tokens of every kind"
    );
    secrets
}

/// Everything that anybody but the daemon can read.
fn outputs(bench: &Bench, client: &Output) -> Vec<(&'static str, String)> {
    let shell = |command: &[&str]| {
        let client = bench.environment.outside(layout::snowfence()).args(command);
        let output = client.arg("--config").arg(&bench.daemon.files().config);
        let output = output.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    };
    let mut outputs = vec![
        ("the client", format!("{}{}", client.stdout, client.stderr)),
        ("the metrics", bench.daemon.metrics().unwrap()),
        ("the status", shell(&["status", "--json"])),
        ("the configuration", shell(&["config", "show"])),
        ("the log", bench.daemon.log()),
    ];
    bench.assert_record_is_whole();
    for entry in fs::read_dir(&bench.daemon.files().record).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "sfr") {
            continue;
        }
        let bytes = fs::read(path).unwrap();
        outputs.push(("the record", String::from_utf8_lossy(&bytes).into_owned()));
    }
    assert!(bench.daemon.log().contains("\"TRACE\""), "all of the log");
    outputs
}

#[test]
fn every_credential_works_and_no_secret_leaves_the_daemon() {
    let environment = Environment::new("secrets").unwrap();
    let dir = environment.dir().to_owned();
    write_secrets(&dir);
    let systemd = dir.join("systemd");
    let variables = [
        ("SNOWFENCE_LOG", OsStr::new("trace")),
        ("CREDENTIALS_DIRECTORY", systemd.as_os_str()),
    ];
    let plan = Plan {
        warehouse: WAREHOUSE,
        credentials: Some(&CREDENTIALS.replace("DIR", dir.to_str().unwrap())),
        variables: &variables,
        ..Plan::default()
    };
    let bench = Bench::within(environment, &plan);
    let good = ["c", "keyed", "locked", "bearer", "machine"];
    let bad = [
        "bad-password",
        "bad-key",
        "bad-phrase",
        "bad-token",
        "bad-client",
        "no-secret",
    ];
    let client = bench.python(CLIENT).args(good).args(bad);
    // Once for each user, so that the daemon also sends its master tokens.
    for user in ["ANALYST", "KEYED", "LOCKED", "BEARER", "MACHINE"] {
        let again = "select 'again'";
        bench.inject(&json!({"kind": "session_expired", "user": user, "sql": again}));
    }
    let output = client.output().unwrap();
    let seen = reported(&output);
    for name in good {
        assert_eq!(seen[name], json!([200, [["again"]]]), "{name}: {seen:#}");
    }
    for name in bad {
        assert_eq!(seen[name][1], "390100", "{name}: {seen:#}");
        let message = seen[name][2].as_str().unwrap();
        assert!(message.contains(&format!("`{name}`")), "{name}: {message}");
        println!("{name}: {message}");
    }
    let outputs = outputs(&bench, &output);
    let secrets = forbidden(&bench);
    println!("{} secrets in {} outputs", secrets.len(), outputs.len());
    for (name, text) in &outputs {
        assert!(text.len() > 100, "{name} says something");
        let found = secrets.iter().find(|secret| text.contains(secret.as_str()));
        assert_eq!(found, None, "{name}");
    }
}
