//! `snowfence trust`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::{Output, Tone};
use super::{ConfigPath, read_config};
use crate::privilege::{Class, secure_read};
use crate::telemetry::ErrorChain;
use crate::tls::Authority;
use crate::tls::trust::{self, Effect, Kind, Outcome, TrustTargets};

/// One certificate is about a kilobyte.
const CERTIFICATE_BYTES_MAX: usize = 64 << 10;

#[derive(Debug, Subcommand)]
pub(super) enum TrustCommand {
    /// Puts the authority into the system's store and into every Python's certifi that is found.
    Install(Trust),
    /// Takes every authority of ours out of them again.
    Remove(Trust),
    /// Tells who trusts the authority.
    Status(Trust),
}

#[derive(Debug, Args)]
pub(super) struct Trust {
    #[command(flatten)]
    path: ConfigPath,
    /// A further directory below which Python environments are; can be given more than once.
    #[arg(long = "path", value_name = "DIR")]
    paths: Vec<PathBuf>,
    /// Leaves the system's own store alone.
    #[arg(long)]
    no_system: bool,
    /// Looks only below `--path`: neither at the system's store nor where Pythons usually are.
    #[arg(long, requires = "paths")]
    only_paths: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl TrustCommand {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let (outcomes, flags) = match self {
            Self::Install(flags) => {
                let tls = read_config(&flags.path.config)?.tls;
                // Makes the authority if the daemon never ran, so that trust can come first.
                let authority = Authority::open_or_create(&tls.ca_dir, &tls.extra_names)
                    .context("opening the authority")?;
                (
                    trust::install(authority.certificate_pem(), &flags.targets()),
                    flags,
                )
            }
            Self::Remove(flags) => (trust::remove(&flags.targets()), flags),
            Self::Status(flags) => {
                let pem = certificate(&read_config(&flags.path.config)?.tls.ca_dir)?;
                (trust::status(&pem, &flags.targets()), flags)
            }
        };
        if flags.json {
            output.json(&outcomes.iter().map(to_json).collect::<Vec<_>>())?;
        } else {
            print(&outcomes, output)?;
        }
        let failed = outcomes
            .iter()
            .filter(|outcome| outcome.result.is_err())
            .count();
        if failed > 0 {
            bail!("{failed} of {} places failed", outcomes.len());
        }
        Ok(())
    }
}

impl Trust {
    fn targets(&self) -> TrustTargets {
        let mut targets = TrustTargets::of_host();
        targets.system = !self.no_system && !self.only_paths;
        if self.only_paths {
            targets.certifi.clear();
        }
        targets.certifi.extend(self.paths.iter().cloned());
        targets
    }
}

/// Reads the authority's certificate without making one: to look must change nothing.
fn certificate(ca_dir: &Path) -> Result<String> {
    let bytes = secure_read(
        &ca_dir.join("ca.crt"),
        Class::Steering,
        CERTIFICATE_BYTES_MAX,
    )
    .context("there is no authority yet, `snowfence init` or `trust install` makes it")?;
    String::from_utf8(bytes.to_vec()).context("reading the authority's certificate")
}

fn print(outcomes: &[Outcome], output: &mut Output<'_>) -> Result<()> {
    if outcomes.is_empty() {
        bail!("no place found: give the directories of Python environments, `--path`");
    }
    let rows: Vec<_> = outcomes
        .iter()
        .map(|outcome| {
            let (tone, state) = state(outcome);
            let path = outcome.path.display().to_string();
            vec![
                kind(outcome.kind).to_owned(),
                output.paint(tone, &state),
                path,
            ]
        })
        .collect();
    output.table(&rows)?;
    if outcomes.iter().any(Outcome::needs_restart) {
        output.line("\nRestart what runs already: Go, Rust, Java, Python connector 5.")?;
    }
    if outcomes.iter().any(|outcome| outcome.kind == Kind::Certifi) {
        output.line("Python connectors 3 and 4 read certifi again at their next connection.")?;
    }
    output.line(
        "Node and other Javas read none of these: NODE_EXTRA_CA_CERTS, -Djavax.net.ssl.trustStore.",
    )
}

fn state(outcome: &Outcome) -> (Tone, String) {
    match &outcome.result {
        Ok(effect @ (Effect::Added | Effect::Replaced | Effect::Removed | Effect::Unchanged)) => {
            (Tone::Good, effect.to_string())
        }
        Ok(effect @ (Effect::Absent | Effect::Outdated | Effect::Skipped { .. })) => {
            (Tone::Bad, effect.to_string())
        }
        Err(error) => (Tone::Bad, format!("failed: {}", ErrorChain(error))),
    }
}

fn to_json(outcome: &Outcome) -> Value {
    let (_, state) = state(outcome);
    json!({
        "kind": kind(outcome.kind),
        "path": outcome.path.display().to_string(),
        "state": state,
        "failed": outcome.result.is_err(),
        "needs_restart": outcome.needs_restart(),
    })
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Certifi => "certifi",
        Kind::System => "system",
    }
}
