//! `snowfence grants`.

use anyhow::Result;
use clap::Args;
use jiff::Timestamp;

use super::access::{Access, EXIT_STATUS, cell, until, whole};
use super::output::Output;
use crate::access::{Grant, GrantState};
use crate::clock;

/// Shows who has which role, and for how long.
///
/// Outside every scope: all grants; inside: those of one's own workload.
#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS)]
pub(super) struct Grants {
    /// Also those that are over.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    access: Access,
}

impl Grants {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let access = &self.access;
        let grants = access.call(async |client| client.grants(!self.all).await)?;
        match access.json {
            true => output.json(&grants),
            false => table(&grants, clock::now(), output),
        }
    }
}

/// Prints grants, one a line.
pub(super) fn table(grants: &[Grant], now: Timestamp, output: &mut Output<'_>) -> Result<()> {
    if grants.is_empty() {
        return output.line("There are no grants.");
    }
    let heads = ["ID", "ROLE", "WORKLOAD", "ACCOUNT", "STATE", "ENDS", "BY"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(grants.iter().map(|grant| {
        let workload = match &grant.anchor {
            Some(anchor) => format!("{} in {anchor}", grant.workload),
            None => grant.workload.clone(),
        };
        vec![
            grant.id.to_string(),
            cell(&grant.role),
            cell(&workload),
            cell(grant.account.as_deref().unwrap_or("every")),
            grant.state.name().to_owned(),
            ends(grant, now),
            cell(&grant.granted_by.join(", ")),
        ]
    }));
    output.table(&rows)
}

/// When a grant ends, or why it did.
pub(super) fn ends(grant: &Grant, now: Timestamp) -> String {
    match (grant.state, grant.ends) {
        (GrantState::Waiting, _) => {
            let unused = until(grant.use_by, now);
            format!("{} from first use; lapses {unused}", whole(grant.duration))
        }
        (GrantState::Active, Some(ends)) => until(ends, now),
        (GrantState::Active | GrantState::Ended, None) => "-".to_owned(),
        (GrantState::Ended, Some(ends)) => format!("{ends}"),
        (GrantState::Revoked, _) => cell(grant.ended_by.as_deref().unwrap_or_default()),
    }
}
