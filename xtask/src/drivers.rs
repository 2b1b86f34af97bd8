//! The real drivers that tests run, installed under one directory at pinned versions.
//!
//! Each driver lives in a directory of its own and leaves a stamp when it is complete. The stamp
//! holds everything that decides what is installed, so a changed version installs again and an
//! interrupted installation is never mistaken for a finished one.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// One driver at one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Driver {
    /// snowflake-connector-python 3.17.4.
    PythonConnector3,
    /// snowflake-connector-python 4.8.1.
    PythonConnector4,
    /// snowflake-connector-python 5.2.0, whose core is Rust.
    PythonConnector5,
    /// snowflake-sdk 3.3.0 for Node.
    Node,
    /// adbc-driver-snowflake 1.11.0, which embeds the Go driver.
    Adbc,
    /// snowflake-jdbc 4.1.0.
    Jdbc,
    /// snowflake-connector-rs 1.1.1, built into its own suite.
    Rust,
}

/// How a driver is installed; its words are part of the stamp.
#[derive(Debug)]
enum Recipe {
    /// Packages in a virtual environment.
    Venv(&'static [&'static str]),
    /// Packages of npm.
    Npm(&'static [&'static str]),
    /// Wheels from which `jdbc_jars.py` takes the jars.
    Jars(&'static [&'static str]),
    /// A crate of this repository; its lock file holds the version.
    Crate(&'static str),
}

impl Driver {
    /// Every driver.
    pub(crate) const ALL: &'static [Self] = &[
        Self::PythonConnector3,
        Self::PythonConnector4,
        Self::PythonConnector5,
        Self::Node,
        Self::Adbc,
        Self::Jdbc,
        Self::Rust,
    ];

    /// Names the directory, which is also the name that `tests/conformance/run.py` knows.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::PythonConnector3 => "py317",
            Self::PythonConnector4 => "py48",
            Self::PythonConnector5 => "py52",
            Self::Node => "node",
            Self::Adbc => "adbc",
            Self::Jdbc => "jdbc",
            Self::Rust => "rust",
        }
    }

    const fn recipe(self) -> Recipe {
        match self {
            // Connector 3.17 imports pkg_resources, which newer setuptools lack.
            Self::PythonConnector3 => {
                Recipe::Venv(&["snowflake-connector-python==3.17.4", "setuptools<80"])
            }
            Self::PythonConnector4 => Recipe::Venv(&["snowflake-connector-python==4.8.1"]),
            Self::PythonConnector5 => Recipe::Venv(&["snowflake-connector-python==5.2.0"]),
            Self::Node => Recipe::Npm(&["snowflake-sdk@3.3.0"]),
            Self::Adbc => Recipe::Venv(&[
                "adbc-driver-snowflake==1.11.0",
                "adbc-driver-manager==1.13.0",
                "pyarrow==26.0.1",
            ]),
            // The second wheel holds the libraries that the driver in the first is built against.
            Self::Jdbc => Recipe::Jars(&[
                "atoti-server-directquery-snowflake==0.9.16",
                "atoti-server==0.9.16",
            ]),
            Self::Rust => Recipe::Crate("tests/conformance/suites/rust/Cargo.toml"),
        }
    }
}

/// Installs the drivers that are not installed yet, each under `target/<name>`.
pub(crate) fn install(target: &Path, which: &[Driver]) -> Result<()> {
    for driver in which {
        let home = target.join(driver.name());
        let recipe = driver.recipe();
        let wanted = format!("{recipe:?}\n");
        match recipe {
            // Cargo itself knows best whether there is anything to do.
            Recipe::Crate(manifest) => build(&home, manifest),
            Recipe::Venv(packages) => stamped(&home, &wanted, || venv(&home, packages)),
            Recipe::Npm(packages) => stamped(&home, &wanted, || npm(&home, packages)),
            Recipe::Jars(wheels) => stamped(&home, &wanted, || jars(&home, wheels)),
        }
        .with_context(|| format!("cannot install the driver {}", driver.name()))?;
    }
    Ok(())
}

/// Makes a virtual environment with these packages, unless it is there.
pub(crate) fn install_venv(home: &Path, packages: &[&str]) -> Result<()> {
    stamped(home, &format!("{packages:?}\n"), || venv(home, packages))
}

/// Does the work unless its stamp is there, and leaves the stamp last.
fn stamped(home: &Path, wanted: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let stamp = home.join(".installed");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    // A half-finished installation is not repaired but replaced.
    if home.exists() {
        fs::remove_dir_all(home).with_context(|| format!("cannot remove {}", home.display()))?;
    }
    fs::create_dir_all(home).with_context(|| format!("cannot make {}", home.display()))?;
    work()?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

fn venv(home: &Path, packages: &[&str]) -> Result<()> {
    run(Command::new("python3").args(["-m", "venv"]).arg(home))?;
    run(Command::new(home.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet"])
        .arg("--disable-pip-version-check")
        .args(packages))
}

fn npm(home: &Path, packages: &[&str]) -> Result<()> {
    run(Command::new("npm")
        .args(["install", "--silent", "--no-audit", "--no-fund"])
        // Otherwise npm climbs to the nearest package.json above.
        .arg("--prefix")
        .arg(home)
        .args(packages))
}

fn jars(home: &Path, wheels: &[&str]) -> Result<()> {
    let downloads = home.join("wheels");
    run(Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--no-deps"])
        .args(["--disable-pip-version-check", "--dest"])
        .arg(&downloads)
        .args(wheels))?;
    run(Command::new("python3")
        .arg(source("tests/conformance/jdbc_jars.py"))
        .args([&downloads, home]))?;
    // The wheels are ten times as large as what was taken out of them.
    fs::remove_dir_all(&downloads).context("cannot remove the wheels")
}

fn build(home: &Path, manifest: &str) -> Result<()> {
    run(Command::new("cargo")
        .args(["build", "--quiet", "--locked", "--manifest-path"])
        .arg(source(manifest))
        .arg("--target-dir")
        .arg(home))
}

fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Runs a command quietly; its output is part of the error.
fn run(command: &mut Command) -> Result<()> {
    let done = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    if done.status.success() {
        return Ok(());
    }
    bail!(
        "{} ended with {}: {}{}",
        command.get_program().display(),
        done.status,
        String::from_utf8_lossy(&done.stdout).trim(),
        String::from_utf8_lossy(&done.stderr).trim()
    )
}
