//! `snowfence run`.

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};

use super::{ConfigPath, read_config};
use crate::app;
use crate::telemetry::{self, Format};

/// Runs the daemon in the foreground until it is told to stop.
#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    path: ConfigPath,
    /// How log lines look: text on a terminal, JSON otherwise, unless given.
    #[arg(long, value_enum)]
    log_format: Option<LogFormat>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Json,
    Text,
}

impl Run {
    pub(super) fn run(self) -> Result<()> {
        let format = match self.log_format {
            Some(LogFormat::Json) => Format::Json,
            Some(LogFormat::Text) => Format::Text,
            None => Format::detect(),
        };
        telemetry::init(format).context("setting up logging")?;
        app::run(read_config(&self.path.config)?)
    }
}
