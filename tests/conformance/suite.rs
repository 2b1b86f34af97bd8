//! Runs a driver's suite both ways and compares.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tests::{Client, Daemon, Environment, Warehouse, daemon, layout, process};

pub(crate) const PASSWORD: &str = "real-password-of-analyst";

/// Runs the suite of one driver directly and through the daemon; nothing may differ.
#[track_caller]
pub(crate) fn check(driver: &str) {
    let stage = Stage::new(driver, &[driver], EVERYTHING);
    let direct = stage.run(
        driver,
        stage.environment.outside(layout::warehouse_python()),
        PASSWORD,
    );
    let before = stage.warehouse.received().unwrap().len();
    let through = stage.run(
        driver,
        stage.environment.inside(layout::warehouse_python()),
        PLACEHOLDER,
    );

    // The comparison means nothing if the second run went round the daemon or nowhere.
    let received = stage.warehouse.received().unwrap().split_off(before);
    assert!(!received.is_empty());
    let arrived = serde_json::to_string(&received).unwrap();
    assert!(
        !arrived.contains(PLACEHOLDER),
        "the placeholder reached the stand-in"
    );

    let compared = Command::new(layout::warehouse_python())
        .arg(source("compare.py"))
        .args([&direct, &through])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&compared.stdout);
    assert!(
        compared.status.success(),
        "{told}\nthe daemon's log:\n{}",
        stage.daemon.log()
    );
}

/// What the client presents when the daemon is between.
pub(crate) const PLACEHOLDER: &str = "placeholder-of-no-value";

/// The daemon between drivers and the stand-in.
pub(crate) struct Stage {
    pub(crate) daemon: Daemon,
    pub(crate) warehouse: Warehouse,
    trust_store: PathBuf,
    pub(crate) environment: Environment,
}

/// What the drivers run through the daemon may do, and further tables of its configuration.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) policy: &'a str,
    pub(crate) labels: &'a str,
    pub(crate) more: &'a str,
    /// Further lines of the stand-in's configuration.
    pub(crate) warehouse: &'a str,
}

const EVERYTHING: Rules<'_> = Rules {
    policy: "@id(\"everything\")\npermit (principal, action, resource);",
    labels: "",
    more: "",
    warehouse: "",
};

impl Stage {
    pub(crate) fn new(name: &str, drivers: &[&str], rules: Rules<'_>) -> Self {
        for driver in drivers {
            let home = layout::target().join("drivers").join(driver);
            assert!(
                home.exists(),
                "no {}: run `cargo xtask setup`",
                home.display()
            );
        }
        let mut environment = Environment::new(name).unwrap();
        let config = format!(
            "seed_files = [{:?}]\n{}\n[[user]]\nname = \"ANALYST\"\npassword = \"{PASSWORD}\"\n",
            layout::tests().join("warehouse/demo.sql"),
            rules.warehouse
        );
        let warehouse = Warehouse::start(&environment, &config).unwrap();
        let daemon = start_daemon(&environment, &warehouse, rules);
        let authorities = [warehouse.certificate(), daemon.files().certificate()];
        for authority in &authorities {
            environment.trust(authority, &[]).unwrap();
        }
        let trust_store = make_trust_store(environment.dir(), &authorities);
        Self {
            daemon,
            warehouse,
            trust_store,
            environment,
        }
    }

    /// Runs the suite and gives the file with its results.
    #[track_caller]
    fn run(&self, driver: &str, client: Client, password: &str) -> PathBuf {
        let out = self.environment.dir().join(format!("{password}.jsonl"));
        let suite = self.suite(driver, client, password, &out);
        let output = suite.limit(SUITE_LIMIT).output().unwrap();
        assert!(
            output.status.success(),
            "{output:?}\nthe daemon's log:\n{}",
            self.daemon.log()
        );
        out
    }

    /// The suite of one driver, which writes its results to a file.
    pub(crate) fn suite(&self, driver: &str, client: Client, password: &str, out: &Path) -> Client {
        client
            .env("CONFORMANCE_DRIVERS", layout::target().join("drivers"))
            .env("CONFORMANCE_USER", "ANALYST")
            .env("CONFORMANCE_PASSWORD", password)
            .env("REQUESTS_CA_BUNDLE", BUNDLE)
            .env("SSL_CERT_FILE", BUNDLE)
            .env("NODE_EXTRA_CA_CERTS", BUNDLE)
            .env("JAVA_TRUST_STORE", &self.trust_store)
            .arg(source("run.py"))
            .args(["--driver", driver, "--out"])
            .arg(out)
    }
}

fn start_daemon(environment: &Environment, warehouse: &Warehouse, rules: Rules<'_>) -> Daemon {
    let secret = environment.dir().join("password");
    fs::write(&secret, PASSWORD).unwrap();
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    let credentials = format!(
        "[[credential]]\nname = \"analyst\"\naccount = \"testorg-testacct\"\nkind = \"password\"\n\
         user = \"ANALYST\"\npassword = {{ file = {secret:?} }}"
    );
    let setup = daemon::Setup {
        credentials: &credentials,
        default_credential: "analyst",
        workloads: "",
        policy: rules.policy,
        labels: rules.labels,
        scope: "",
        record: "",
        more: rules.more,
    };
    Daemon::start(environment, warehouse, &setup).unwrap()
}

/// Java reads no PEM: both authorities in the form that it takes.
fn make_trust_store(dir: &Path, authorities: &[PathBuf]) -> PathBuf {
    let store = dir.join("trust.p12");
    for (number, authority) in authorities.iter().enumerate() {
        let mut keytool = Command::new("keytool");
        keytool.args([
            "-importcert",
            "-noprompt",
            "-storetype",
            "PKCS12",
            "-storepass",
            "changeit",
        ]);
        keytool
            .args(["-alias", &number.to_string(), "-file"])
            .arg(authority);
        process::run(keytool.arg("-keystore").arg(&store)).unwrap();
    }
    store
}

fn source(file: &str) -> PathBuf {
    layout::tests().join("conformance").join(file)
}

/// The environment's own, with both authorities.
const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Above the limit that `run.py` itself has.
pub(crate) const SUITE_LIMIT: Duration = Duration::from_secs(330);
