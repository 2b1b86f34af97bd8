//! `snowfence approve`.

use anyhow::Result;
use clap::Args;

use super::access::{Access, EXIT_STATUS, ask_id, votes};
use super::output::Output;
use crate::access::{Ask, AskId, AskState};

/// Says yes to an ask. Look at it first: `snowfence asks ID`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS)]
pub(super) struct Approve {
    /// The ask.
    #[arg(value_parser = ask_id)]
    id: AskId,
    /// Kept with the vote.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    access: Access,
}

impl Approve {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let Self { id, note, access } = self;
        let ask = access.call(async |client| client.vote(&id, true, note).await)?;
        print(&ask, access.json, output)
    }
}

/// Prints where the ask stands after a vote.
pub(super) fn print(ask: &Ask, json: bool, output: &mut Output<'_>) -> Result<()> {
    if json {
        return output.json(ask);
    }
    match (ask.state, &ask.grant) {
        (AskState::Open, _) => output.line(&format!("{}: {} approvals.", ask.id, votes(ask))),
        (state, Some(grant)) => output.line(&format!(
            "{} is {}: {grant}, to be ended with `snowfence revoke {grant}`.",
            ask.id,
            state.name()
        )),
        (state, None) => output.line(&format!("{} is {}.", ask.id, state.name())),
    }
}
