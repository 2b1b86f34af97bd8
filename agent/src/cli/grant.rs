//! `snowfence grant`.

use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::access::{Access, EXIT_STATUS, cell, duration};
use super::grants::ends;
use super::output::Output;
use crate::access::Grant;
use crate::access::socket::NewRoleGrant;
use crate::clock;

/// Gives a workload a role for a time, without an ask.
#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS)]
pub(super) struct GrantCommand {
    /// The role.
    role: String,
    /// The workload, by the name that the configuration gives it.
    #[arg(long, value_name = "NAME")]
    workload: String,
    /// How long, from its first use: `1h`.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    duration: Duration,
    /// Kept with the grant.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The one account it is for; without it: every account.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    #[command(flatten)]
    access: Access,
}

impl GrantCommand {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let access = self.access;
        let new = NewRoleGrant {
            role: self.role,
            workload: self.workload,
            for_seconds: self.duration.as_secs(),
            reason: self.reason,
            account: self.account,
        };
        let grant = access.call(async |client| client.grant(&new).await)?;
        print(&grant, access.json, output)
    }
}

/// Prints one grant.
pub(super) fn print(grant: &Grant, json: bool, output: &mut Output<'_>) -> Result<()> {
    if json {
        return output.json(grant);
    }
    output.line(&format!(
        "{}: role {} for workload {}, {} ({}).",
        grant.id,
        cell(&grant.role),
        cell(&grant.workload),
        grant.state.name(),
        ends(grant, clock::now())
    ))
}
