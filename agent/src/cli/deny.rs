//! `snowfence deny`.

use anyhow::Result;
use clap::Args;

use super::access::{Access, EXIT_STATUS, ask_id};
use super::approve::print;
use super::output::Output;
use crate::access::AskId;

/// Says no to an ask, which decides it.
#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS)]
pub(super) struct Deny {
    /// The ask.
    #[arg(value_parser = ask_id)]
    id: AskId,
    /// Why: whoever asked reads it.
    #[arg(long, value_name = "TEXT")]
    note: String,
    #[command(flatten)]
    access: Access,
}

impl Deny {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let Self { id, note, access } = self;
        let ask = access.call(async |client| client.vote(&id, false, Some(note)).await)?;
        print(&ask, access.json, output)
    }
}
