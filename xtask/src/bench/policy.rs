//! `cargo xtask bench policy`: how long a statement waits for its facts and for its verdict.

use std::fs;
use std::path::PathBuf;

use ::tests::layout;
use anyhow::{Context as _, Result};
use clap::Args;

use crate::shell;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Files with a JSON object with `sql` on each line; the corpus of the fuzz targets if none is
    /// given
    #[arg(value_name = "CORPUS.jsonl")]
    corpora: Vec<PathBuf>,
}

/// Builds for release and measures; a table for people comes out.
pub(super) fn run(options: &Options) -> Result<()> {
    let mut cargo = shell::cargo();
    cargo.args([
        "bench",
        "--quiet",
        "--package",
        "agent",
        "--bench",
        "policy",
        "--",
    ]);
    // Cargo runs a benchmark in its package's directory.
    for corpus in &options.corpora {
        let whole = fs::canonicalize(corpus);
        cargo.arg(whole.with_context(|| format!("cannot find `{}`", corpus.display()))?);
    }
    if options.corpora.is_empty() {
        cargo.arg(layout::tests().join("fuzz/corpus/facts"));
    }
    shell::run(&mut cargo)
}
