//! `snowfence asks`.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use jiff::Timestamp;

use super::access::{Access, EXIT_STATUS, LINE_CHARS_MAX, ask_id, cell, since, until, votes, what};
use super::ask::{decided, finish};
use super::output::{Output, Tone, one_line, several_lines};
use crate::access::{Ask, AskId, AskState, HeldStatement, Subject};
use crate::clock;

/// Shows asks: all that wait for a decision, or one with everything that a decision needs.
///
/// Outside every scope: those that one may decide; inside: those of one's own workload.
#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS)]
pub(super) struct Asks {
    /// The ask to be shown.
    #[arg(value_parser = ask_id)]
    id: Option<AskId>,
    /// Also those that are decided or over.
    #[arg(long, conflicts_with = "id")]
    all: bool,
    /// Waits for the decision; exit status 0 only if it is a yes.
    #[arg(long, requires = "id")]
    wait: bool,
    #[command(flatten)]
    access: Access,
}

impl Asks {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let access = &self.access;
        let Some(id) = &self.id else {
            let asks = access.call(async |client| client.asks(!self.all).await)?;
            return match access.json {
                true => output.json(&asks),
                false => table(&asks, self.all, clock::now(), output),
            };
        };
        let ask = access.call(async |client| {
            let ask = client.find(id, Duration::ZERO).await?;
            match self.wait {
                true => decided(client, ask).await,
                false => Ok(ask),
            }
        })?;
        match (self.wait, access.json) {
            (true, json) => finish(&ask, json, output),
            (false, true) => output.json(&ask),
            (false, false) => detail(&ask, clock::now(), output),
        }
    }
}

/// Prints asks, one a line.
pub(super) fn table(
    asks: &[Ask],
    all: bool,
    now: Timestamp,
    output: &mut Output<'_>,
) -> Result<()> {
    if asks.is_empty() {
        return output.line(match all {
            true => "There are no asks.",
            false => "No ask waits for a decision.",
        });
    }
    let heads = ["ID", "WHO", "WHAT", "ACCOUNT", "VOTES", "AGE", "EXPIRES"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(asks.iter().map(|ask| {
        let expires = match ask.state {
            AskState::Open => until(ask.expires, now),
            AskState::Approved
            | AskState::Denied
            | AskState::Expired
            | AskState::Withdrawn
            | AskState::Void
            | AskState::Used => ask.state.name().to_owned(),
        };
        vec![
            ask.id.to_string(),
            who(ask),
            what(ask),
            cell(&ask.account),
            votes(ask),
            since(ask.asked, now),
            expires,
        ]
    }));
    output.table(&rows)
}

fn who(ask: &Ask) -> String {
    match &ask.asker.user {
        Some(user) => cell(&format!("{} for {user}", ask.asker.workload)),
        None => cell(&ask.asker.workload),
    }
}

/// Prints everything that whoever decides needs.
pub(super) fn detail(ask: &Ask, now: Timestamp, output: &mut Output<'_>) -> Result<()> {
    let state = match (ask.break_glass, ask.state) {
        (true, _) => output.paint(Tone::Bad, "BREAK-GLASS: nobody was asked"),
        (false, AskState::Open) => format!("open, {} approvals", votes(ask)),
        (false, state) => state.name().to_owned(),
    };
    let asker = &ask.asker;
    let mut rows = vec![
        row("ask", ask.id.to_string()),
        row("state", state),
        row("who", format!("{} (uid {})", who(ask), asker.uid)),
        row("host", cell(&asker.host)),
        row("cgroup", long(&asker.anchor)),
    ];
    let optional = [("unit", &asker.unit), ("program", &asker.exe)];
    rows.extend(optional.into_iter().filter_map(|(name, value)| {
        let value = value.as_ref()?;
        Some(row(name, long(value)))
    }));
    rows.push(row("account", cell(&ask.account)));
    rows.push(row("what", what(ask)));
    rows.push(row("reason", long(ask.reason.as_deref().unwrap_or("-"))));
    rows.push(row("message", long(&ask.message)));
    if let Subject::Statement(held) = &ask.subject {
        rows.extend(facts(held));
    }
    rows.push(row("approvers", long(&ask.approvers.join(", "))));
    let (age, end) = (since(ask.asked, now), until(ask.expires, now));
    rows.push(row("asked", format!("{} ({age} ago)", ask.asked)));
    rows.push(row("expires", format!("{} ({end})", ask.expires)));
    rows.push(row("policies", cell(&ask.policy_version)));
    rows.extend(
        ask.grant
            .as_ref()
            .map(|grant| row("grant", grant.to_string())),
    );
    output.table(&rows)?;
    if let Subject::Statement(held) = &ask.subject {
        output.line("")?;
        for line in several_lines(&held.text, STATEMENT_CHARS_MAX).lines() {
            output.line(&format!("    {line}"))?;
        }
    }
    print_votes(ask, now, output)?;
    if ask.state == AskState::Open {
        output.line("")?;
        let id = &ask.id;
        output.line(&format!(
            "Decide with `snowfence approve {id}` or `snowfence deny {id} --note WHY`."
        ))?;
    }
    Ok(())
}

fn facts(held: &HeldStatement) -> Vec<Vec<String>> {
    let list = |name, items: &[String]| row(name, long(&items.join(", ")));
    vec![
        list("kinds", &held.kinds),
        list("effects", &held.effects),
        list("objects", &held.objects),
        list("labels", &held.labels),
    ]
}

fn print_votes(ask: &Ask, now: Timestamp, output: &mut Output<'_>) -> Result<()> {
    if ask.votes.is_empty() {
        return Ok(());
    }
    output.line("")?;
    let rows: Vec<Vec<String>> = ask
        .votes
        .iter()
        .map(|vote| {
            let word = match vote.approves {
                true => output.paint(Tone::Good, "approves"),
                false => output.paint(Tone::Bad, "denies"),
            };
            let when = format!("{} ago", since(vote.time, now));
            let note = vote.note.as_deref().unwrap_or_default();
            vec![
                cell(&vote.person),
                word,
                when,
                one_line(note, LINE_CHARS_MAX),
            ]
        })
        .collect();
    output.table(&rows)
}

fn row(name: &str, value: String) -> Vec<String> {
    vec![name.to_owned(), value]
}

fn long(text: &str) -> String {
    match one_line(text, LINE_CHARS_MAX) {
        shown if shown.is_empty() => "-".to_owned(),
        shown => shown,
    }
}

/// What the daemon keeps of a statement.
const STATEMENT_CHARS_MAX: usize = 64 << 10;
