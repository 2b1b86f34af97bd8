//! People decide: one statement waits for a person, and a role is asked for and granted.

use std::fs;
use std::time::Duration;

use ::tests::environment::Environment;
use ::tests::process::Process;
use ::tests::{Daemon, layout, wait};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::report;

/// Runs the agent that has to wait, and decides about what it asks.
pub(super) fn show(environment: &Environment, daemon: &Daemon) -> Result<()> {
    report::title("A statement that waits for a person, and a role for ten minutes");
    let script = environment.dir().join("cleanup.py");
    fs::write(&script, AGENT).context("cannot write the agent's script")?;
    let mut agent = environment
        .inside(super::venv().join("bin/python"))
        .env("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(&script)
        .arg(layout::snowfence())
        .arg(&daemon.files().access_socket)
        .start("cleanup")?;
    let decided = NOTES
        .iter()
        .try_for_each(|note| decide(environment, daemon, &mut agent, note));
    let ended = wait::until("the agent to end", LIMIT, || {
        Ok((!agent.is_running()).then_some(()))
    });
    println!("  what the agent saw:");
    for line in agent.log().lines() {
        println!("    {line}");
    }
    decided.and(ended)?;
    ensure!(
        agent.log().matches("Error").count() == 1,
        "the agent should have been refused once"
    );
    Ok(())
}

/// Waits for the next ask, shows it as a person would see it, and approves.
fn decide(
    environment: &Environment,
    daemon: &Daemon,
    agent: &mut Process,
    note: &str,
) -> Result<()> {
    let id = wait::until("an ask", LIMIT, || {
        ensure!(agent.is_running(), "the agent ended: {}", agent.log());
        let asks = person(environment, daemon, &["asks", "--json"])?;
        let asks: Value = serde_json::from_str(&asks).context("the asks are not JSON")?;
        Ok(asks
            .pointer("/0/id")
            .and_then(Value::as_str)
            .map(str::to_owned))
    })?;
    for arguments in [["asks"].as_slice(), &["approve", &id, "--note", note]] {
        println!("  # snowfence {}", arguments.join(" "));
        for line in person(environment, daemon, arguments)?.lines() {
            println!("    {line}");
        }
    }
    Ok(())
}

/// Runs a command outside the scope, as the operator of the host would.
fn person(environment: &Environment, daemon: &Daemon, arguments: &[&str]) -> Result<String> {
    let output = environment
        .outside(layout::snowfence())
        .args(arguments)
        .arg("--socket")
        .arg(&daemon.files().access_socket)
        .output()?;
    ensure!(
        output.status.success(),
        "`snowfence {}` failed: {}",
        arguments.join(" "),
        output.stderr
    );
    Ok(output.stdout)
}

const AGENT: &str = include_str!("cleanup.py");
const NOTES: [&str; 2] = ["the list was reviewed", "until noon"];
const LIMIT: Duration = Duration::from_secs(60);
