//! `snowfence policy check`.

use std::path::Path;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;

use super::sources::Dir;
use crate::cli::output::Output;
use crate::policy::{LoadError, PolicySet, Problem};

/// Tells everything that is wrong with the policies.
#[derive(Debug, Args)]
pub(in crate::cli) struct Check {
    #[command(flatten)]
    dir: Dir,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let dir = self.dir.find()?;
        let (policies, problems) = match PolicySet::read_unchecked(&dir) {
            Ok(policies) => (policies.len(), Vec::new()),
            Err(LoadError::Invalid { problems }) => (0, problems),
            Err(error) => return Err(error.into()),
        };
        if self.json {
            print_json(&dir, policies, &problems, output)?;
        } else {
            // The place first, from the directory on, as editors expect it.
            for problem in &problems {
                output.line(&format!("{}/{problem}", dir.display()))?;
            }
        }
        match problems.len() {
            0 if self.json => Ok(()),
            0 => output.line(&format!(
                "{}: {policies} policies, no errors",
                dir.display()
            )),
            1 => bail!("1 error in the policies"),
            count => bail!("{count} errors in the policies"),
        }
    }
}

fn print_json(
    dir: &Path,
    policies: usize,
    problems: &[Problem],
    output: &mut Output<'_>,
) -> Result<()> {
    let problems: Vec<_> = problems
        .iter()
        .map(|problem| {
            let Problem {
                file,
                line,
                column,
                message,
            } = problem;
            json!({"file": file, "line": line, "column": column, "message": message})
        })
        .collect();
    output.json(&json!({"dir": dir, "policies": policies, "problems": problems}))
}
