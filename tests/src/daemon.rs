//! The daemon under test: `snowfence run`, in a cgroup of its own, beside the scope.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use nix::sys::signal::Signal;

use crate::cgroup::Place;
use crate::environment::{ACCOUNT, ACCOUNT_HOST, Environment};
use crate::layout;
use crate::process::Process;
use crate::warehouse::Warehouse;

/// A running daemon.
#[derive(Debug)]
pub struct Daemon {
    process: Process,
    metrics: SocketAddr,
    files: Files,
}

/// Where a daemon of the harness keeps what it keeps.
#[derive(Clone, Debug)]
pub struct Files {
    pub config: PathBuf,
    pub ca: PathBuf,
    pub policies: PathBuf,
    pub record: PathBuf,
    /// Signs the recording; `host.pub` is beside it.
    pub host_key: PathBuf,
    pub index: PathBuf,
    pub socket: PathBuf,
    /// Where agents ask and people decide.
    pub access_socket: PathBuf,
    pub access: PathBuf,
}

impl Files {
    /// The files of the one daemon of an environment.
    #[must_use]
    pub fn of(environment: &Environment) -> Self {
        let dir = environment.dir().join("daemon");
        Self {
            config: dir.join("snowfence.toml"),
            ca: dir.join("ca"),
            policies: dir.join("policies"),
            record: dir.join("record"),
            host_key: dir.join("host.key"),
            index: dir.join("index.db"),
            socket: dir.join("admin.sock"),
            access_socket: dir.join("access.sock"),
            access: dir.join("access.db"),
        }
    }

    /// The certificate of the daemon's own authority.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.ca.join("ca.crt")
    }
}

/// What a test decides about its daemon. The rest is the environment's.
#[derive(Clone, Debug)]
pub struct Setup<'a> {
    /// The `[[credential]]` tables, as TOML.
    pub credentials: &'a str,
    /// The name of the credential that is used when the client names none.
    pub default_credential: &'a str,
    /// The `[[workload]]` tables, as TOML.
    pub workloads: &'a str,
    /// The policy set, in Cedar.
    pub policy: &'a str,
    /// What is protected, as `labels.toml`; empty for no such file.
    pub labels: &'a str,
    /// Further lines of the scope, as TOML.
    pub scope: &'a str,
    /// Further lines of the recording, as TOML.
    pub record: &'a str,
    /// Further tables, as TOML.
    pub more: &'a str,
}

impl Daemon {
    /// Writes the configuration, starts the daemon and waits until it enforces.
    ///
    /// # Errors
    /// When it does not start; the error shows its log.
    pub fn start(
        environment: &Environment,
        warehouse: &Warehouse,
        setup: &Setup<'_>,
    ) -> Result<Self> {
        Self::start_with(environment, warehouse, setup, &[])
    }

    /// Does the same with further environment variables.
    ///
    /// # Errors
    /// When it does not start; the error shows its log.
    pub fn start_with(
        environment: &Environment,
        warehouse: &Warehouse,
        setup: &Setup<'_>,
        variables: &[(&str, &OsStr)],
    ) -> Result<Self> {
        let files = Files::of(environment);
        write_files(environment, warehouse, &files, setup)?;
        Self::run(environment, variables)
    }

    /// Starts the daemon with the configuration that a former one had.
    ///
    /// # Errors
    /// When it does not start; the error shows its log.
    pub fn restart(environment: &Environment) -> Result<Self> {
        Self::run(environment, &[])
    }

    /// Does the same and does not wait until it is ready.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn restart_unready(environment: &Environment) -> Result<Process> {
        Self::spawn(environment, &[])
    }

    fn run(environment: &Environment, variables: &[(&str, &OsStr)]) -> Result<Self> {
        let metrics = environment.addresses().metrics();
        let mut process = Self::spawn(environment, variables)?;
        // The daemon serves its metrics last, when the programs are attached.
        process.wait_until(START_LIMIT, || get(metrics, "/metrics").is_ok())?;
        Ok(Self {
            process,
            metrics,
            files: Files::of(environment),
        })
    }

    fn spawn(environment: &Environment, variables: &[(&str, &OsStr)]) -> Result<Process> {
        let files = Files::of(environment);
        let binary = layout::snowfence();
        ensure!(
            binary.exists(),
            "there is no {}: build the daemon first",
            binary.display()
        );
        environment
            .client(Place::Daemon, &binary)
            .env("RUST_BACKTRACE", "1")
            // For whoever looks for a fault: everything the daemon can say.
            .env(
                "SNOWFENCE_LOG",
                std::env::var("SNOWFENCE_LOG").unwrap_or_default(),
            )
            .arg("run")
            .arg("--config")
            .arg(&files.config)
            .envs(variables)
            .start("daemon")
    }

    /// Puts the daemon's authority where a Python environment looks, with the command that an
    /// operator would use; in the environment's mount namespace, so that the host's own stores stay
    /// as they are. Returns what the command says.
    ///
    /// # Errors
    /// When the command fails.
    pub fn install_trust(&self, environment: &Environment, venv: &Path) -> Result<String> {
        let output = environment
            .outside(layout::snowfence())
            .args(["trust", "install", "--config"])
            .arg(&self.files.config)
            // This environment and no other: the namespace has copies of nothing else.
            .args(["--only-paths", "--path"])
            .arg(venv)
            .output()?;
        ensure!(
            output.status.success(),
            "`snowfence trust install` failed: {}",
            output.stderr
        );
        Ok(output.stdout)
    }

    /// The text of `/metrics`.
    ///
    /// # Errors
    /// When the daemon does not answer.
    pub fn metrics(&self) -> Result<String> {
        get(self.metrics, "/metrics")
    }

    /// The sum of a counter or gauge over all its labels; 0 when there is none of that name.
    ///
    /// # Errors
    /// When the daemon does not answer.
    pub fn metric(&self, name: &str) -> Result<f64> {
        Ok(sum(&self.metrics()?, name))
    }

    /// Where it keeps what it keeps.
    #[must_use]
    pub const fn files(&self) -> &Files {
        &self.files
    }

    /// What the daemon logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// The process.
    pub const fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Makes the daemon read its policies again.
    ///
    /// # Errors
    /// When it has ended.
    pub fn reload(&self) -> Result<()> {
        self.process.signal(Signal::SIGHUP)
    }
}

fn write_files(
    environment: &Environment,
    warehouse: &Warehouse,
    files: &Files,
    setup: &Setup<'_>,
) -> Result<()> {
    for dir in [&files.ca, &files.policies, &files.record] {
        DirBuilder::new()
            .recursive(true)
            // The daemon takes neither keys nor recordings that others could read.
            .mode(0o700)
            .create(dir)
            .with_context(|| format!("cannot make {}", dir.display()))?;
    }
    let policy = files.policies.join("policy.cedar");
    fs::write(&policy, setup.policy).context("cannot write the policy")?;
    if !setup.labels.is_empty() {
        let labels = files.policies.join("labels.toml");
        fs::write(&labels, setup.labels).context("cannot write the labels")?;
    }
    let text = config(environment, &warehouse.certificate(), files, setup);
    fs::write(&files.config, text).context("cannot write the configuration")
}

fn config(
    environment: &Environment,
    upstream_ca: &Path,
    files: &Files,
    setup: &Setup<'_>,
) -> String {
    let tree = environment.tree();
    format!(
        r#"[[scope]]
cgroup = "{scope}"
{scope_more}

[[account]]
name = "{ACCOUNT}"
hosts = ["{ACCOUNT_HOST}"]
default_credential = "{default_credential}"

{credentials}

{workloads}

[kernel]
attach = "{attach}"
pin_dir = "{pins}"

[tls]
ca_dir = "{ca}"
upstream_ca_files = ["{upstream_ca}"]

[policy]
dir = "{policies}"

[access]
store = "{access}"
socket = "{access_socket}"

[record]
dir = "{record}"
key_file = "{host_key}"
index = "{index}"
{record_more}

[mask]
key_file = "{mask_key}"

[admin]
socket = "{socket}"
metrics = "{metrics}"

{more}
"#,
        scope = tree.name(Place::Agents),
        scope_more = setup.scope,
        default_credential = setup.default_credential,
        credentials = setup.credentials,
        workloads = setup.workloads,
        attach = tree.root_name(),
        pins = environment.pins().path().display(),
        ca = files.ca.display(),
        upstream_ca = upstream_ca.display(),
        policies = files.policies.display(),
        record = files.record.display(),
        host_key = files.host_key.display(),
        index = files.index.display(),
        record_more = setup.record,
        access = files.access.display(),
        access_socket = files.access_socket.display(),
        mask_key = files.access.with_file_name("mask.key").display(),
        socket = files.socket.display(),
        metrics = environment.addresses().metrics(),
        more = setup.more,
    )
}

/// A plain GET, because a test needs no HTTP client for it.
fn get(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address).context("cannot connect")?;
    stream
        .set_read_timeout(Some(GET_LIMIT))
        .context("cannot set a limit")?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).context("cannot ask")?;
    let mut reply = String::new();
    stream
        .read_to_string(&mut reply)
        .context("cannot read the answer")?;
    let (head, body) = reply
        .split_once("\r\n\r\n")
        .ok_or_else(|| anyhow!("half an answer"))?;
    ensure!(head.starts_with("HTTP/1.1 200"), "the answer is {head}");
    Ok(body.to_owned())
}

/// Adds up the samples of one metric: `name{labels} value`.
fn sum(text: &str, name: &str) -> f64 {
    text.lines()
        .filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let value = match rest.strip_prefix('{') {
                Some(labelled) => labelled.rsplit_once("} ")?.1,
                None => rest.strip_prefix(' ')?,
            };
            value.parse::<f64>().ok()
        })
        .sum()
}

/// Loading and verifying the programs takes a second or two on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(30);
const GET_LIMIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: f64) {
        let text = "# TYPE a_total counter\na_total{x=\"1\"} 2\na_total{x=\"}\"} 3\na_total_more 7\nb 1.5\n";
        assert!((sum(text, name) - expected).abs() < f64::EPSILON, "{name}");
    }

    #[test]
    fn a_metric_is_the_sum_over_its_labels() {
        check("a_total", 5.0);
        check("b", 1.5);
        check("c", 0.0);
    }
}
