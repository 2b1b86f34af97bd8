//! The virtual environment of the stand-in warehouse.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use ::tests::layout;
use anyhow::{Context as _, Result};

use crate::shell;

pub(super) const WAREHOUSE_BY_HAND: &str = "python3 -m venv target/warehouse-venv && \
     target/warehouse-venv/bin/pip install -r tests/warehouse/requirements.txt";

/// The environment is there, and was made from the requirements as they are.
pub(super) fn warehouse_missing() -> bool {
    !layout::warehouse_python().exists() || fs::read(requirements()).ok() != fs::read(stamp()).ok()
}

pub(super) fn install_warehouse() -> Result<()> {
    let venv = venv();
    let mut make = Command::new("python3");
    make.args(["-m", "venv", "--clear"]).arg(&venv);
    shell::output(&mut make).context("is the package python3-venv installed?")?;
    let mut install = Command::new(layout::warehouse_python());
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
    ]);
    shell::run(install.arg(requirements()))?;
    // Last, so that an installation that was cut short is done again.
    fs::copy(requirements(), stamp()).context("cannot write the stamp")?;
    Ok(())
}

fn venv() -> PathBuf {
    layout::target().join("warehouse-venv")
}

fn requirements() -> PathBuf {
    layout::root().join("tests/warehouse/requirements.txt")
}

fn stamp() -> PathBuf {
    venv().join("requirements.txt")
}
