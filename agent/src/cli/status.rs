//! `snowfence status`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;

use super::output::{Output, Tone};
use super::{ConfigPath, read_config};
use crate::admin::{Status, client};

/// Shows what the running daemon enforces, serves and records.
#[derive(Debug, Args)]
pub(super) struct StatusCommand {
    #[command(flatten)]
    path: ConfigPath,
    /// The daemon's socket, if it is not the one of the configuration.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl StatusCommand {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let socket = match self.socket {
            Some(socket) => socket,
            None => read_config(&self.path.config)?.admin.socket,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("starting a runtime")?;
        let status = runtime.block_on(client::status(&socket))?;
        if self.json {
            output.json(&status)
        } else {
            print(&status, output)
        }
    }
}

/// Prints what a person wants to see first.
pub(super) fn print(status: &Status, output: &mut Output<'_>) -> Result<()> {
    let uptime = jiff::SignedDuration::try_from(Duration::from_secs(status.uptime_seconds))?;
    let policy = &status.policy;
    let version = match policy.version.as_str() {
        "" => "none".to_owned(),
        version => format!("{version}, {} policies", policy.policies),
    };
    let mut rows = vec![
        row("version", &status.version),
        row("pid", &status.pid.to_string()),
        row("up", &format!("{uptime:#}")),
        row("sessions", &status.sessions.to_string()),
        row("connections", &status.connections.to_string()),
        row("policy", &version),
    ];
    rows.extend(recorder(status, output));
    if let Some(left) = status.recorder.unshipped.as_ref() {
        let text = format!("{} segments, {} bytes", left.segments, left.bytes);
        rows.push(row("unshipped", &text));
    }
    if let Some(why) = &policy.rejected {
        rows.push(row(
            "",
            &output.paint(Tone::Bad, &format!("newer policies rejected: {why}")),
        ));
    }
    output.table(&rows)?;
    let scopes: Vec<_> = status
        .scopes
        .iter()
        .map(|scope| (&scope.cgroup, scope.enforced))
        .collect();
    section("scope", "enforced", &scopes, output)?;
    let links: Vec<_> = status
        .links
        .iter()
        .map(|link| (&link.program, link.attached))
        .collect();
    section("program", "attached", &links, output)?;
    if !status.holds.is_empty() {
        output.line("")?;
        let holds = status.holds.iter().map(|hold| {
            let waited = jiff::SignedDuration::from_secs(hold.seconds.try_into()?);
            let frozen = if hold.frozen { "frozen" } else { "" };
            Ok(vec![
                "waits".to_owned(),
                hold.ask.clone().unwrap_or_default(),
                hold.workload.clone(),
                format!("{waited:#}"),
                frozen.to_owned(),
            ])
        });
        output.table(&holds.collect::<Result<Vec<_>>>()?)?;
    }
    if !status.counters.is_empty() {
        output.line("")?;
        let counters = status.counters.iter();
        let rows: Vec<_> = counters
            .map(|(name, value)| row(name, &value.to_string()))
            .collect();
        output.table(&rows)?;
    }
    Ok(())
}

/// Whether it can write, and how far it is signed: an operator can note the head elsewhere.
fn recorder(status: &Status, output: &Output<'_>) -> Vec<Vec<String>> {
    let recorder = &status.recorder;
    let why = match (recorder.writable, recorder.low_space) {
        (true, _) => None,
        (false, true) => Some("DISK BELOW ITS RESERVE, all traffic is refused"),
        (false, false) => Some("CANNOT WRITE, all traffic is refused"),
    };
    let state = match why {
        None => output.paint(Tone::Good, "writable"),
        Some(why) => output.paint(Tone::Bad, why),
    };
    let state = format!("{state}, {} entries", recorder.entries);
    let mut rows = vec![row("recorder", &state)];
    if let Some(head) = &recorder.head {
        let head = format!(
            "segment {}, next entry {}, {}",
            head.segment, head.next_entry, head.digest
        );
        rows.push(row("head", &head));
        rows.push(row("host", &recorder.host));
    }
    rows
}

fn section(
    noun: &str,
    good: &str,
    items: &[(&String, bool)],
    output: &mut Output<'_>,
) -> Result<()> {
    let rows: Vec<_> = items
        .iter()
        .map(|(name, is_good)| {
            let state = match *is_good {
                true => output.paint(Tone::Good, good),
                false => output.paint(Tone::Bad, &format!("NOT {good}")),
            };
            vec![noun.to_owned(), (*name).clone(), state]
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    output.line("")?;
    output.table(&rows)
}

fn row(name: &str, value: &str) -> Vec<String> {
    vec![name.to_owned(), value.to_owned()]
}
