//! `snowfence detach`.

use anyhow::{Context as _, Result, bail};
use clap::Args;

use super::output::Output;
use super::{ConfigPath, read_config};
use crate::admin::client;
use crate::kernel;

/// Ends enforcement: removes the pinned programs, which outlive the daemon.
///
/// From then on agents reach Snowflake past everything, with whatever credentials they have.
#[derive(Debug, Args)]
pub(super) struct Detach {
    #[command(flatten)]
    path: ConfigPath,
}

impl Detach {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let config = read_config(&self.path.config)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("starting a runtime")?;
        // Under a running daemon the programs would be gone and its status would not show it.
        if runtime
            .block_on(client::status(&config.admin.socket))
            .is_ok()
        {
            bail!("the daemon is running: stop it first");
        }
        match kernel::detach(&config.kernel.pin_dir)? {
            0 => output.line("Nothing was attached."),
            links => output.line(&format!("Enforcement ended: {links} links removed.")),
        }
    }
}
