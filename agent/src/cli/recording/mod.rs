//! Commands that read the recording. They need no daemon, and none of them changes it.

pub(super) mod export;
mod film;
mod index;
mod keys;
pub(super) mod replay;
mod screen;
mod search;
mod sessions;
mod source;
mod stats;
mod table;
pub(super) mod verify;
mod when;

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::cli::{ConfigPath, read_config};
use crate::config::Config;
use crate::record::read::Identities;

pub(super) use index::IndexCommand;
pub(super) use search::Search;
pub(super) use sessions::Sessions;
pub(super) use stats::Stats;

/// Which recording is read.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// The directory of the recording; without it, that of the configuration.
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// What opens encrypted segments, as `age-keygen` writes it; can be given more than once.
    #[arg(long, value_name = "FILE")]
    identity: Vec<PathBuf>,
    #[command(flatten)]
    config: ConfigPath,
}

impl Which {
    /// Where the segments are.
    pub(super) fn dir(&self) -> Result<PathBuf> {
        match &self.record {
            Some(dir) => Ok(dir.clone()),
            None => Ok(self.config()?.record.dir),
        }
    }

    /// Where the index is that the daemon keeps; none for a recording that was named.
    pub(super) fn index(&self) -> Result<Option<PathBuf>> {
        match &self.record {
            Some(_dir) => Ok(None),
            None => Ok(self.config()?.record.index),
        }
    }

    pub(super) fn identities(&self) -> Result<Identities> {
        Identities::read(&self.identity).context("reading the identities")
    }

    fn config(&self) -> Result<Config> {
        Ok(read_config(&self.config.config)?)
    }
}

#[cfg(test)]
mod tests;
