//! Running other programs.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ::tests::layout;
use anyhow::{Context as _, Result, bail, ensure};
use nix::unistd::geteuid;

/// Runs a command with the user's terminal and fails if it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = show(command);
    let status = command
        .status()
        .with_context(|| format!("cannot start `{line}`"))?;
    ensure!(status.success(), "`{line}` ended with {status}");
    Ok(())
}

/// Runs a command quietly and gives its standard output; what it wrote on standard error is in the
/// error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = show(command);
    let done = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start `{line}`"))?;
    ensure!(
        done.status.success(),
        "`{line}` ended with {}: {}",
        done.status,
        String::from_utf8_lossy(&done.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// True if the command starts and succeeds.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    output(command).is_ok()
}

/// The cargo that runs us, at the top of the source tree.
///
/// What cargo told us about our own package is taken out: build scripts that ask to be run again
/// when it changes (ring's does) would otherwise rebuild half of the tree.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(layout::root());
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// A command that runs as root: as it is if we are root, through sudo if there is one.
pub(crate) fn as_root(program: impl AsRef<OsStr>) -> Result<Command> {
    if geteuid().is_root() {
        return Ok(Command::new(program));
    }
    if find("sudo").is_none() {
        bail!(
            "`{}` needs root, and there is no sudo: run this task as root",
            program.as_ref().display()
        );
    }
    let mut command = Command::new("sudo");
    // The environment holds where the target directory is.
    command.arg("-E").arg(program);
    Ok(command)
}

/// Looks for a program where a shell would, and where root's shell would.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(program))
        .find(|path| path.is_file())
}

/// The directory into which cargo installs programs.
pub(crate) fn cargo_bin() -> PathBuf {
    let home = env::var_os("HOME").unwrap_or_default();
    env::var_os("CARGO_HOME")
        .map_or_else(|| Path::new(&home).join(".cargo"), PathBuf::from)
        .join("bin")
}

/// The command as a person would type it.
pub(crate) fn show(command: &Command) -> String {
    let words = command.get_args().map(OsStr::to_string_lossy);
    [command.get_program().to_string_lossy()]
        .into_iter()
        .chain(words)
        .collect::<Vec<_>>()
        .join(" ")
}
