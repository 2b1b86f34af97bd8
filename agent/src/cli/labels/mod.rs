//! `snowfence labels`: everything about `labels.toml`. Only an import needs a daemon and an account,
//! unless it is one from a file.

mod check;
mod explain;
mod import;
mod scan;
mod source;
pub(in crate::cli) mod words;

use anyhow::Result;
use clap::Subcommand;

use super::output::Output;

#[derive(Debug, Subcommand)]
pub(super) enum LabelsCommand {
    /// Tells everything that is wrong with the labels, or what they are.
    Check(check::Check),
    /// Shows what is found in values, and the values as a result would carry them.
    Scan(scan::Scan),
    /// Says why a column is masked, or why not.
    Explain(explain::Explain),
    /// Makes labels of Snowflake's own classification.
    Import(import::Import),
}

impl LabelsCommand {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<()> {
        match self {
            Self::Check(command) => command.run(output),
            Self::Scan(command) => command.run(output),
            Self::Explain(command) => command.run(output),
            Self::Import(command) => command.run(output),
        }
    }
}

#[cfg(test)]
mod tests;
