//! `snowfence sessions`.

use anyhow::Result;
use clap::Args;
use jiff::Timestamp;

use super::source::{Source, Wanted, block_on};
use crate::cli::access::{cell, span};
use crate::cli::output::{Output, Tone};
use crate::record::index::query::SessionView;

/// Lists the sessions of a recording, the newest first.
#[derive(Debug, Args)]
pub(in crate::cli) struct Sessions {
    #[command(flatten)]
    wanted: Wanted,
    /// Only those that are open.
    #[arg(long)]
    open: bool,
    /// How many.
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    limit: u32,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: Source,
}

impl Sessions {
    pub(in crate::cli) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let filter = self.wanted.filter()?;
        let sessions = block_on(async {
            let mut index = self.source.open().await?;
            Ok(index.sessions(&filter, self.open, self.limit).await?)
        })?;
        match self.json {
            true => output.json(&sessions),
            false => table(&sessions, output),
        }
    }
}

fn table(sessions: &[SessionView], output: &mut Output<'_>) -> Result<()> {
    if sessions.is_empty() {
        return output.line("There are no such sessions.");
    }
    let heads = [
        "ID",
        "BEGUN",
        "LASTED",
        "WORKLOAD",
        "USER",
        "ACCOUNT",
        "STATEMENTS",
        "ALLOWED",
        "HELD",
        "DENIED",
        "MASKED",
        "ENDED",
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(sessions.iter().map(|session| {
        let denied = match session.denied {
            0 => "0".to_owned(),
            denied => output.paint(Tone::Bad, &denied.to_string()),
        };
        vec![
            cell(&session.session),
            session.begun.map_or_else(|| "-".to_owned(), moment),
            lasted(session),
            text(session.workload.as_deref()),
            text(session.user.as_deref()),
            text(session.account.as_deref()),
            session.statements.to_string(),
            session.allowed.to_string(),
            session.held.to_string(),
            denied,
            session.masked.to_string(),
            match (&session.reason, session.is_open) {
                (Some(reason), _) => cell(reason),
                (None, true) => output.paint(Tone::Good, "open"),
                (None, false) => "-".to_owned(),
            },
        ]
    }));
    output.table(&rows)
}

/// A time, as exactly as people need it.
pub(super) fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

pub(super) fn text(text: Option<&str>) -> String {
    cell(text.unwrap_or_default())
}

fn lasted(session: &SessionView) -> String {
    let end = session.closed.or(session.last);
    match (session.begun, end) {
        (Some(begun), Some(end)) => span(end.duration_since(begun).as_secs()),
        (Some(_) | None, _) => "-".to_owned(),
    }
}
