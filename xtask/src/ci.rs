//! `cargo xtask ci`: everything that must pass before a change is merged, cheapest first.

use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context as _, Result};

use crate::{build_ebpf, demo, deny, fuzz, setup, shell, test, tidy};

/// One thing that must pass.
struct Step {
    name: &'static str,
    run: fn() -> Result<()>,
}

/// Steps that build alike stand beside each other, so that one takes what the other built.
const STEPS: [Step; 11] = [
    Step {
        name: "format",
        run: format,
    },
    Step {
        name: "tidy",
        run: tidy::run,
    },
    Step {
        name: "dependencies",
        run: deny::run,
    },
    Step {
        name: "clippy",
        run: || clippy(&[]),
    },
    Step {
        name: "clippy with programs",
        run: || clippy(&["--features", "ebpf"]),
    },
    Step {
        name: "documentation",
        run: documentation,
    },
    Step {
        name: "build with programs",
        run: || build_ebpf::build().map(drop),
    },
    Step {
        name: "tests",
        run: tests,
    },
    Step {
        name: "documentation's examples",
        run: examples,
    },
    Step {
        name: "fuzz targets",
        run: fuzz::ci,
    },
    Step {
        name: "demo",
        run: || demo::run(false),
    },
];

/// Sets up, then runs every step; the first that fails ends it.
pub(crate) fn run() -> Result<()> {
    time("set-up", || setup::run(setup::Need::Everything))?;
    for step in &STEPS {
        time(step.name, step.run)?;
    }
    println!("ci: passed");
    Ok(())
}

fn time(name: &str, run: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("ci: {name} …");
    let start = SystemTime::now();
    let result = run();
    let outcome = if result.is_ok() { "passed" } else { "FAILED" };
    println!(
        "ci: {name} {outcome} after {:.1?}",
        start.elapsed().unwrap_or_default()
    );
    result.with_context(|| format!("{name} failed"))
}

fn format() -> Result<()> {
    shell::run(shell::cargo().args(["fmt", "--all", "--check"]))
}

fn clippy(features: &[&str]) -> Result<()> {
    shell::run(
        workspace("clippy")
            .arg("--all-targets")
            .args(features)
            .args(["--", "--deny", "warnings"]),
    )
}

/// With private items: these pages are for those who work on the code.
fn documentation() -> Result<()> {
    shell::run(
        workspace("doc")
            .args(["--no-deps", "--document-private-items"])
            .env(
                "RUSTDOCFLAGS",
                "--deny warnings --allow rustdoc::private_intra_doc_links",
            ),
    )
}

fn tests() -> Result<()> {
    shell::run(&mut test::tests(&test::EVERY_TARGET)?)
}

fn examples() -> Result<()> {
    shell::run(workspace("test").args(["--doc", "--features", "ebpf"]))
}

/// A cargo command for every crate that is built for the host. The kernel half is not: its types
/// are checked with the agent that reads them, its programs by the build of the agent.
fn workspace(command: &str) -> Command {
    let mut cargo = shell::cargo();
    cargo.args([command, "--workspace", "--exclude", "agent-ebpf"]);
    cargo
}
