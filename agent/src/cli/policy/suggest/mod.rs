//! `snowfence policy suggest`.

mod seen;
mod write;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::json;

use self::seen::Seen;
use crate::cli::output::Output;
use crate::policy::PolicySet;
use crate::record::read::Identities;

/// Proposes a policy that permits what a recording shows, and no more.
#[derive(Debug, Args)]
pub(in crate::cli) struct Suggest {
    /// The directory of the recording
    #[arg(value_name = "RECORD_DIR")]
    dir: PathBuf,
    /// What opens encrypted segments, as `age-keygen` writes it; can be given more than once
    #[arg(long, value_name = "FILE")]
    identity: Vec<PathBuf>,
    /// Only what this workload did
    #[arg(long, value_name = "NAME")]
    workload: Option<String>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

impl Suggest {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let identities = Identities::read(&self.identity).context("reading the identities")?;
        let seen = Seen::read(&self.dir, &identities, self.workload.as_deref())?;
        if seen.workloads.is_empty() {
            bail!(
                "the recording at `{}` shows no statement",
                self.dir.display()
            );
        }
        let text = write::policy(&seen);
        // Names come from recorded statements: what is printed must be what was meant.
        PolicySet::parse(&[("suggested.cedar", &text)]).context("the suggestion is not valid")?;
        if self.json {
            return output.json(&json!({"policy": text, "frames": seen.frames}));
        }
        output.text(&text)
    }
}
