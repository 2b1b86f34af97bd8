//! `snowfence policy check`.

use std::path::Path;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;

use super::sources::Dir;
use crate::cli::output::Output;
use crate::clock;
use crate::policy::rights::{self, AskView, Person};
use crate::policy::{LoadError, PolicySet, Problem, Terms};

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
        let (policies, problems, warnings) = match PolicySet::read_unchecked(&dir) {
            Ok(policies) => (policies.len(), Vec::new(), undecidable(&policies)),
            Err(LoadError::Invalid { problems }) => (0, problems, Vec::new()),
            Err(error) => return Err(error.into()),
        };
        if self.json {
            print_json(&dir, policies, &problems, &warnings, output)?;
        } else {
            for warning in &warnings {
                output.line(&format!("warning: {warning}"))?;
            }
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

/// Policies that make statements wait for people whom no policy lets decide.
fn undecidable(policies: &PolicySet) -> Vec<String> {
    let waits = policies.rules().iter().filter(|rule| rule.approval);
    waits
        .filter(|rule| {
            let mut terms = Terms::default();
            if !rule.annotations.approvers.is_empty() {
                terms.approvers.clone_from(&rule.annotations.approvers);
            }
            let groups = terms.approvers.iter().map(|group| person("anyone", 1, group));
            let mut people = groups.chain([person("root", 0, "root")]);
            !people.any(|person| may_decide(policies, &person, &terms))
        })
        .map(|rule| {
            format!(
                "`{}` makes statements wait, and no policy permits `approve` to its approvers or to \
                 root; see `approvers-decide` in the pack read-only-agent",
                rule.id
            )
        })
        .collect()
}

fn person(name: &str, uid: u32, group: &str) -> Person {
    Person {
        name: name.to_owned(),
        uid,
        groups: vec![group.to_owned()],
    }
}

fn may_decide(policies: &PolicySet, person: &Person, terms: &Terms) -> bool {
    let ask = AskView {
        role: None,
        workload: "any",
        account: "any",
        terms,
    };
    rights::approve(policies, person, &ask, clock::now()).is_ok()
}

fn print_json(
    dir: &Path,
    policies: usize,
    problems: &[Problem],
    warnings: &[String],
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
    output.json(
        &json!({"dir": dir, "policies": policies, "problems": problems, "warnings": warnings}),
    )
}
