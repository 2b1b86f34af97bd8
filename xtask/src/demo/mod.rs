//! `cargo xtask demo`: the whole thing at work, on this machine, with nothing left behind.
//!
//! A stand-in for Snowflake with three tables, the daemon with a scope of its own, and one stock
//! Python script that is run twice with a made-up password: inside the scope and outside it.

mod people;
mod recording;
mod report;

use std::env;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ::tests::environment::Environment;
use ::tests::{Daemon, Output, Warehouse, daemon, interrupt, layout, process, record};
use anyhow::{Context as _, Result, ensure};
use nix::unistd::geteuid;

use crate::drivers::Driver;
use crate::{build_ebpf, setup, shell};

/// Sets up, builds, becomes root, and runs the demo.
pub(crate) fn run(prepared: bool) -> Result<()> {
    if !prepared {
        setup::run(setup::Need::Demo)?;
        build_ebpf::build()?;
    }
    if !geteuid().is_root() {
        println!("demo: cgroups, eBPF and port 443 need root");
        let program = env::current_exe().context("cannot find this program")?;
        // Only returns if it fails.
        let error = shell::as_root(program)?.args(["demo", "--prepared"]).exec();
        return Err(error).context("cannot become root");
    }
    // From here on Ctrl-C is an error like any other, and everything below cleans up on errors.
    interrupt::install()?;
    show()
}

fn show() -> Result<()> {
    report::title("Starting");
    let mut environment = Environment::new("demo")?;
    make_key(environment.dir())?;
    let agent = environment.dir().join("agent.py");
    fs::write(&agent, AGENT).context("cannot write the agent's script")?;

    println!("a stand-in for Snowflake, at the host name that every driver would use");
    let warehouse = Warehouse::start(&environment, &warehouse_config())?;
    environment.trust(&warehouse.certificate(), &[venv()])?;

    println!("the daemon, with one enforced scope");
    let setup = daemon::Setup {
        credentials: &credentials(environment.dir()),
        default_credential: "reporting",
        workloads: &workloads(&environment),
        policy: include_str!("policy.cedar"),
        labels: include_str!("labels.toml"),
        scope: "",
        record: "",
        more: "",
    };
    let daemon = Daemon::start(&environment, &warehouse, &setup)?;
    print!("{}", daemon.install_trust(&environment, &venv())?);

    report::title("The agent, outside the scope, with a made-up password");
    let outside = run_agent(environment.outside(venv().join("bin/python")), &agent)?;
    report::output(&outside);
    ensure!(
        outside.stdout.contains("refused"),
        "the stand-in took a made-up password"
    );

    report::title("The same agent, inside the scope");
    let inside = run_agent(environment.inside(venv().join("bin/python")), &agent)?;
    report::output(&inside);
    ensure!(
        inside.status.success(),
        "the agent failed inside the scope; the daemon's log ends:\n{}",
        process::tail(&environment.dir().join("daemon.log"))
    );

    people::show(&environment, &daemon, &people::MASKING)?;
    people::show(&environment, &daemon, &people::CLEAN_UP)?;

    let frames = record::frames(&daemon.files().record)?;
    report::identity(&frames);
    report::recording(&frames);
    recording::show(&environment, &daemon)?;
    report::received(&warehouse.received()?);
    report::metrics(&daemon.metrics()?);
    report::title("Cleaning up");
    Ok(())
}

/// Makes the key pair of the credential: the private half for the daemon, the public half for the
/// stand-in, nothing for the agent.
fn make_key(dir: &Path) -> Result<()> {
    let (private, public) = (dir.join("reporting.p8"), dir.join("reporting.pub"));
    let mut generate = Command::new("openssl");
    generate.args([
        "genpkey",
        "-quiet",
        "-algorithm",
        "RSA",
        "-pkeyopt",
        "rsa_keygen_bits:2048",
    ]);
    // Before 3.0 there is no -quiet, and the dots go to standard error.
    generate.stderr(Stdio::null()).arg("-out").arg(&private);
    process::run(&mut generate).context("cannot make a key")?;
    let mut extract = Command::new("openssl");
    extract
        .args(["pkey", "-pubout", "-in"])
        .arg(&private)
        .arg("-out")
        .arg(&public);
    process::run(&mut extract).context("cannot extract the public key")
}

/// One user who can only log in with the key, and the tables that ship with the stand-in.
fn warehouse_config() -> String {
    let seed = layout::tests().join("warehouse/demo.sql");
    format!(
        "seed_files = [\"{}\"]\n\
         [[user]]\n\
         name = \"REPORTING\"\n\
         public_key_file = \"reporting.pub\"\n\
         role = \"ANALYST\"\n",
        seed.display()
    )
}

fn credentials(dir: &Path) -> String {
    format!(
        r#"[[credential]]
name = "reporting"
account = "testorg-testacct"
kind = "key-pair"
user = "REPORTING"
private_key = {{ file = "{}" }}
role = "ANALYST"
warehouse = "COMPUTE_WH"
database = "DEMO"
schema = "PUBLIC""#,
        dir.join("reporting.p8").display()
    )
}

fn workloads(environment: &Environment) -> String {
    let scope = environment.tree().name(::tests::cgroup::Place::Agents);
    format!("[[workload]]\nname = \"reporting-agent\"\ncgroup = \"{scope}\"")
}

fn run_agent(client: ::tests::Client, script: &Path) -> Result<Output> {
    client
        // What the connector would otherwise try first has no place on a machine without a cloud.
        .env("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(script)
        .output()
}

/// The stock connector, as `pip install` left it.
fn venv() -> PathBuf {
    setup::drivers().join(Driver::PythonConnector4.name())
}

const AGENT: &str = include_str!("agent.py");
