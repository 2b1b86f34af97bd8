//! What the commands about asks and grants share: the way to the daemon, and how things are shown.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use clap::Args;
use jiff::{SignedDuration, Timestamp};

use super::output::one_line;
use super::read_config;
use crate::access::socket::client::{Client, ClientError};
use crate::access::{Ask, AskId, GrantId, Subject};

pub(super) const EXIT_STATUS: &str = "Exit status: 0 done, 1 refused or failed, 2 wrong usage.";

/// Where it is when neither the command line nor a readable configuration says so: agents cannot
/// read the configuration.
const SOCKET: &str = "/run/snowfence/access.sock";
const CONFIG: &str = "/etc/snowfence/snowfence.toml";

/// A table's cell: what fits beside others.
pub(super) const CELL_CHARS_MAX: usize = 48;
/// A line of its own.
pub(super) const LINE_CHARS_MAX: usize = 1_000;

/// How the daemon is reached and what is printed.
#[derive(Debug, Args)]
pub(super) struct Access {
    /// The daemon's socket for asks and decisions, if it is not the one of the configuration.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Prints JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl Access {
    /// Asks the daemon.
    pub(super) fn call<T>(
        &self,
        question: impl AsyncFnOnce(&Client) -> Result<T, ClientError>,
    ) -> Result<T> {
        let client = Client::new(&self.socket()?);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("starting a runtime")?;
        runtime.block_on(question(&client)).map_err(plain)
    }

    fn socket(&self) -> Result<PathBuf> {
        if let Some(socket) = &self.socket {
            return Ok(socket.clone());
        }
        let config = match &self.config {
            Some(path) => Some(read_config(path)?),
            None => read_config(Path::new(CONFIG)).ok(),
        };
        let socket = config.map(|config| config.access.socket);
        Ok(socket.unwrap_or_else(|| SOCKET.into()))
    }
}

/// A refusal may repeat what an agent wrote.
fn plain(error: ClientError) -> anyhow::Error {
    match error {
        ClientError::Refused { message, .. } => anyhow!(one_line(&message, LINE_CHARS_MAX)),
        error @ (ClientError::Ask(_) | ClientError::Id(_) | ClientError::Write(_)) => error.into(),
    }
}

/// Reads `30m`, `1h 30m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<SignedDuration>().ok();
    let parsed = parsed.and_then(|signed| Duration::try_from(signed).ok());
    parsed.ok_or_else(|| "a duration is written `30m` or `1h 30m`".to_owned())
}

pub(super) fn ask_id(text: &str) -> Result<AskId, String> {
    id(text, "ask").map(AskId)
}

pub(super) fn grant_id(text: &str) -> Result<GrantId, String> {
    id(text, "grant").map(GrantId)
}

/// An id goes into a path of a request, so it is checked before.
fn id(text: &str, kind: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let rest = text.strip_prefix(kind).and_then(|it| it.strip_prefix('-'));
    if rest.is_some_and(|rest| !rest.is_empty() && rest.len() <= 48 && rest.bytes().all(is_plain)) {
        return Ok(text.to_owned());
    }
    Err(format!("an id of this kind looks like `{kind}-7k3m9q2f`"))
}

/// `45s`, `5m`, `3h`, `2d`: the largest unit is what a person wants to know.
pub(super) fn span(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3_600 => format!("{}m", seconds / 60),
        seconds @ 3_600..86_400 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

pub(super) fn since(then: Timestamp, now: Timestamp) -> String {
    span(now.duration_since(then).as_secs())
}

pub(super) fn until(then: Timestamp, now: Timestamp) -> String {
    if then <= now {
        return "over".to_owned();
    }
    format!("in {}", span(then.duration_since(now).as_secs()))
}

/// A duration in full: `30m`, `1h 30m`.
pub(super) fn whole(duration: Duration) -> String {
    SignedDuration::try_from(duration)
        .map_or_else(|_| "for ever".to_owned(), |it| format!("{it:#}"))
}

/// One cell of what an agent or a person wrote.
pub(super) fn cell(text: &str) -> String {
    match one_line(text, CELL_CHARS_MAX) {
        shown if shown.is_empty() => "-".to_owned(),
        shown => shown,
    }
}

/// What is asked for, in a cell.
pub(super) fn what(ask: &Ask) -> String {
    match &ask.subject {
        Subject::Role { role, duration } => {
            format!("role {} for {}", cell(role), whole(*duration))
        }
        Subject::Statement(held) => {
            let kinds = held.kinds.join(", ");
            match held.objects.as_slice() {
                [] => cell(&kinds),
                objects => cell(&format!("{kinds}: {}", objects.join(", "))),
            }
        }
    }
}

/// Approvals that are there, of those that are needed.
pub(super) fn votes(ask: &Ask) -> String {
    let approvals = ask.votes.iter().filter(|vote| vote.approves).count();
    format!("{approvals}/{}", ask.approvals)
}

#[cfg(test)]
mod tests;
