//! `snowfence config`.

use anyhow::Result;
use clap::Subcommand;

use super::output::Output;
use super::{ConfigPath, read_config};
use crate::config::show;

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Tells everything that is wrong with the configuration.
    Check(ConfigPath),
    /// Prints the configuration as the daemon uses it, defaults included, secrets never.
    Show(ConfigPath),
}

impl ConfigCommand {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<()> {
        match self {
            Self::Check(path) => {
                read_config(&path.config)?;
                output.line(&format!("{}: no errors", path.config.display()))
            }
            Self::Show(path) => output.text(&show(&read_config(&path.config)?)),
        }
    }
}
