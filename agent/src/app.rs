//! Builds and wires everything; nothing else constructs.
#![forbid(unsafe_code)]

use anyhow::{Result, bail};

use crate::config::Config;

/// Runs the daemon until it is told to stop.
pub fn run(_config: Config) -> Result<()> {
    bail!("this build has no daemon")
}
