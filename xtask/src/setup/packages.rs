//! Debian packages.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::shell;

/// Programs that the harness and the stand-in call, each with the package it is in.
const TOOLS: [(&str, &str); 5] = [
    ("cc", "build-essential"),
    ("ip", "iproute2"),
    ("openssl", "openssl"),
    ("unshare", "util-linux"),
    ("update-ca-certificates", "ca-certificates"),
];

/// Programs that only the drivers of other languages call.
const LANGUAGES: [(&str, &str); 3] = [
    ("java", "default-jdk-headless"),
    ("javac", "default-jdk-headless"),
    ("node", "nodejs"),
];

pub(super) const TOOLS_BY_HAND: &str = "apt-get install build-essential ca-certificates iproute2 openssl python3-venv \
     util-linux";
pub(super) const LANGUAGES_BY_HAND: &str = "apt-get install default-jdk-headless nodejs npm";

pub(super) fn tools_missing() -> bool {
    !missing(&TOOLS).is_empty() || venv_missing()
}

pub(super) fn install_tools() -> Result<()> {
    let mut packages = missing(&TOOLS);
    if venv_missing() {
        packages.push("python3-venv");
    }
    install(&packages)
}

/// Debian's Python comes without what makes virtual environments.
fn venv_missing() -> bool {
    !shell::succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"]))
}

pub(super) fn languages_missing() -> bool {
    !missing(&LANGUAGES).is_empty() || shell::find("npm").is_none()
}

pub(super) fn install_languages() -> Result<()> {
    let mut packages = missing(&LANGUAGES);
    // A Node from elsewhere brings its own npm, and Debian's would conflict with it.
    if shell::find("npm").is_none() {
        packages.push("npm");
    }
    install(&packages)
}

fn missing(programs: &[(&str, &'static str)]) -> Vec<&'static str> {
    let mut packages: Vec<&str> = programs
        .iter()
        .filter(|(program, _)| shell::find(program).is_none())
        .map(|(_, package)| *package)
        .collect();
    packages.dedup();
    packages
}

/// Installs packages that are not installed, after one update of the package lists.
pub(super) fn install(packages: &[&str]) -> Result<()> {
    let packages: Vec<&&str> = packages
        .iter()
        .filter(|package| !is_installed(package))
        .collect();
    if packages.is_empty() {
        return Ok(());
    }
    if shell::find("apt-get").is_none() {
        bail!("this is not a Debian machine: install what corresponds to {packages:?} by hand");
    }
    shell::run(apt()?.args(["-qq", "update"])).context("cannot update the package lists")?;
    shell::run(
        apt()?
            .args(["-qq", "-y", "--no-install-recommends", "install"])
            .args(packages),
    )
}

fn apt() -> Result<Command> {
    // Through `env`, because sudo does not hand every variable on.
    let mut command = shell::as_root("env")?;
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    Ok(command)
}

fn is_installed(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat=${db:Status-Status}", package]);
    shell::output(&mut query).is_ok_and(|status| status == "installed")
}
