//! `cargo xtask bench record`: what a durable decision costs, and how fast a recording is verified.

use std::fs;
use std::path::{Path, PathBuf};

use ::tests::layout;
use anyhow::{Context as _, Result};
use clap::Args;

use crate::shell;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where is recorded; the disk below it decides what a decision costs
    #[arg(long)]
    record_dir: Option<PathBuf>,
    /// MiB that are recorded to be verified
    #[arg(long, default_value_t = 1024)]
    mib: u64,
}

/// Builds for release and measures; a table for people comes out.
pub(super) fn run(options: &Options) -> Result<()> {
    let target = layout::target();
    let dir: &Path = options.record_dir.as_deref().unwrap_or(&target);
    // Cargo runs a benchmark in its package's directory.
    let whole = fs::canonicalize(dir);
    let whole = whole.with_context(|| format!("cannot find `{}`", dir.display()))?;
    let mut cargo = shell::cargo();
    cargo.args([
        "bench",
        "--quiet",
        "--package",
        "agent",
        "--bench",
        "record",
    ]);
    cargo.arg("--").arg(whole).arg(options.mib.to_string());
    shell::run(&mut cargo)
}
