//! `snowfence revoke`.

use anyhow::Result;
use clap::Args;

use super::access::{Access, EXIT_STATUS, grant_id};
use super::grant::print;
use super::output::Output;
use crate::access::GrantId;

/// Ends a grant now. Inside a scope: one of one's own.
#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS)]
pub(super) struct Revoke {
    /// The grant.
    #[arg(value_parser = grant_id)]
    id: GrantId,
    /// Kept with the grant.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    access: Access,
}

impl Revoke {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let Self { id, reason, access } = self;
        let grant = access.call(async |client| client.revoke(&id, reason).await)?;
        print(&grant, access.json, output)
    }
}
