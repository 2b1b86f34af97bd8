//! `snowfence extend`.

use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::access::{Access, EXIT_STATUS, duration, grant_id};
use super::grant::print;
use super::output::Output;
use crate::access::GrantId;

/// Lets a grant last longer.
#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS)]
pub(super) struct Extend {
    /// The grant.
    #[arg(value_parser = grant_id)]
    id: GrantId,
    /// How much longer: `30m`.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    by: Duration,
    #[command(flatten)]
    access: Access,
}

impl Extend {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let Self { id, by, access } = self;
        let grant = access.call(async |client| client.extend(&id, by).await)?;
        print(&grant, access.json, output)
    }
}
