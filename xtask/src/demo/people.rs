//! People decide: a statement waits for a person, and roles are asked for and granted.

use std::fs;
use std::time::Duration;

use ::tests::environment::Environment;
use ::tests::process::Process;
use ::tests::{Daemon, layout, wait};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::report;

/// An agent that has to wait for people.
#[derive(Debug)]
pub(super) struct Scene {
    title: &'static str,
    name: &'static str,
    agent: &'static str,
    /// What the person says with each decision.
    notes: &'static [&'static str],
    /// How often the agent is refused.
    errors: usize,
    /// What the agent must see, in this order.
    sees: &'static [&'static str],
    /// What it must not see before it asks.
    hidden: &'static [&'static str],
}

/// A statement waits, and a role gives a right for a time.
pub(super) const CLEAN_UP: Scene = Scene {
    title: "A statement that waits for a person, and a role for ten minutes",
    name: "cleanup",
    agent: include_str!("cleanup.py"),
    notes: &["the list was reviewed", "until noon"],
    errors: 1,
    sees: &[],
    hidden: &[],
};

/// Card numbers are masked until a role lets the agent see them.
pub(super) const MASKING: Scene = Scene {
    title: "Protected values stay in Snowflake, until a person lets one agent see one kind",
    name: "masking",
    agent: include_str!("masking.py"),
    notes: &["the bank wants both numbers"],
    errors: 0,
    sees: &[
        "[masked:pii.national-id]",
        "****1111",
        "****@example.org",
        ASKS,
        "4111111111111111",
        "[masked:pii.national-id]",
    ],
    hidden: &["078-05-1120", "4111111111111111", "ada@", "212 555"],
};

/// How an agent's script shows that it asks.
const ASKS: &str = "$ snowfence ask";

/// Runs the agent, and decides about what it asks.
pub(super) fn show(environment: &Environment, daemon: &Daemon, scene: &Scene) -> Result<()> {
    report::title(scene.title);
    let script = environment.dir().join(format!("{}.py", scene.name));
    fs::write(&script, scene.agent).context("cannot write the agent's script")?;
    let mut agent = environment
        .inside(super::venv().join("bin/python"))
        .env("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(&script)
        .arg(layout::snowfence())
        .arg(&daemon.files().access_socket)
        .start(scene.name)?;
    let decided = scene
        .notes
        .iter()
        .try_for_each(|note| decide(environment, daemon, &mut agent, note));
    let ended = wait::until("the agent to end", LIMIT, || {
        Ok((!agent.is_running()).then_some(()))
    });
    println!("  what the agent saw:");
    let log = agent.log();
    for line in log.lines() {
        println!("    {line}");
    }
    decided.and(ended)?;
    let errors = log.matches("Error").count();
    ensure!(
        errors == scene.errors,
        "the agent was refused {errors} times instead of {}",
        scene.errors
    );
    let mut rest = log.as_str();
    for part in scene.sees {
        let (_, after) = rest
            .split_once(part)
            .with_context(|| format!("the agent did not see `{part}`, or not where it belongs"))?;
        rest = after;
    }
    let before = log.split(ASKS).next().unwrap_or_default();
    // Its own statements say what it looks for.
    let answers = before.lines().filter(|line| !line.starts_with('>'));
    for answer in answers {
        let seen = scene.hidden.iter().find(|part| answer.contains(**part));
        ensure!(seen.is_none(), "the agent saw too much: {answer}");
    }
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

const LIMIT: Duration = Duration::from_secs(60);
