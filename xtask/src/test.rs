//! `cargo xtask test`: every test there is.

use std::env::{self, consts::ARCH};
use std::process::Command;

use anyhow::Result;
use nix::unistd::geteuid;

use crate::{build_ebpf, setup, shell};

/// Sets up, builds the daemon, and runs the tests of the whole workspace.
pub(crate) fn run(filter: Option<&str>) -> Result<()> {
    setup::run(setup::Need::Everything)?;
    build_ebpf::build()?;
    let mut cargo = tests(&EVERY_TARGET)?;
    cargo.args(filter);
    shell::run(&mut cargo)
}

/// The seed of property tests.
const CASES: &str = "PROPTEST_RNG_SEED";

/// What of each crate is tested: everything but doctests.
pub(crate) const EVERY_TARGET: [&str; 3] = ["--lib", "--bins", "--tests"];

/// `cargo test` of the workspace's targets of these kinds, with what is built running as root.
///
/// Cargo itself stays with the user, so that no file in the target directory belongs to root.
pub(crate) fn tests(targets: &[&str]) -> Result<Command> {
    let mut cargo = shell::cargo();
    cargo.args([
        "test",
        "--workspace",
        "--exclude",
        "agent-ebpf",
        "--features",
        "ebpf",
    ]);
    cargo.args(targets);
    // The same cases each time, unless asked otherwise: a change that fails does so again.
    if env::var_os(CASES).is_none() {
        cargo.env(CASES, "1");
    }
    if !geteuid().is_root() {
        // Asks for the password here, in the open, and not below the first test.
        shell::run(shell::as_root("true")?.stdin(std::process::Stdio::inherit()))?;
        cargo.env(
            format!(
                "CARGO_TARGET_{}_UNKNOWN_LINUX_GNU_RUNNER",
                ARCH.to_uppercase()
            ),
            "sudo -E",
        );
    }
    Ok(cargo)
}
