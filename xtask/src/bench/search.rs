//! `cargo xtask bench search`: how fast a recording is indexed and searched.

use std::path::PathBuf;

use ::tests::layout;
use anyhow::Result;
use clap::Args;

use crate::shell;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Statements in the recording; 10 million take some minutes
    #[arg(long, default_value_t = 10_000_000)]
    entries: u64,
    /// Distinct statements among them
    #[arg(long, default_value_t = 300_000)]
    texts: u64,
    /// Where the index is made; its disk decides how fast
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Builds for release and measures; a table for people comes out.
pub(super) fn run(options: &Options) -> Result<()> {
    let mut cargo = shell::cargo();
    cargo.args(["bench", "--quiet", "--package", "agent"]);
    cargo.args(["--bench", "search", "--"]);
    cargo.args(["--entries", &options.entries.to_string()]);
    cargo.args(["--texts", &options.texts.to_string()]);
    cargo.arg("--dir");
    cargo.arg(options.dir.clone().unwrap_or_else(layout::target));
    shell::run(&mut cargo)
}
