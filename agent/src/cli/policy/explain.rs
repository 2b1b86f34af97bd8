//! `snowfence policy explain`.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::Args;
use serde::Serialize;

use super::batch::{self, Batch, Judge};
use super::facts::{analyse, list, print, row};
use super::judge::{Asker, Caller, Judgement, Word};
use super::named::Named;
use super::sources::{Around, DirFlag};
use super::view::{AccessView, Answer};
use crate::cli::output::{Output, Tone};
use crate::policy::PolicySet;
use crate::sql::facts::Lineage;
use crate::sql::{Facts, SessionState};

/// Shows how a statement is judged, by which policies, and what would change the answer.
#[derive(Debug, Args)]
pub(in crate::cli) struct Explain {
    /// The statement; `-` reads it from standard input
    #[arg(required_unless_present = "batch")]
    sql: Option<String>,
    /// Reads JSON lines from standard input and answers each with one
    #[arg(long, conflicts_with = "sql")]
    batch: bool,
    #[command(flatten)]
    caller: Caller,
    #[command(flatten)]
    dir: DirFlag,
    #[command(flatten)]
    around: Around,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// Everything that is said of one statement.
#[derive(Serialize)]
struct Explanation<'a> {
    #[serde(flatten)]
    answer: Answer<'a>,
    decisions: Vec<Decision>,
    changes: Vec<String>,
}

/// One access, judged as if it were all that the statement does.
#[derive(Debug, Serialize)]
struct Decision {
    #[serde(flatten)]
    access: AccessView,
    verdict: &'static str,
    policies: Vec<String>,
}

impl Explain {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let context = self.around.context()?;
        let dir = self.dir.find()?;
        let policies = PolicySet::load(&dir)?;
        let asker = Asker::from(self.caller);
        if self.batch {
            let policies = Arc::new(policies);
            let judge = Some(Judge { policies, asker });
            let batch = Batch { context, judge };
            return batch::run(std::io::stdin(), &batch, output);
        }
        let facts = analyse(&batch::statement(self.sql.unwrap_or_default())?, &context)?;
        let case = Case {
            policies: &policies,
            asker: &asker,
            facts: &facts,
            session: &context.session,
        };
        let judgement = case.judge(&asker, &facts);
        let roles = Named::in_dir(&dir).context("reading which roles there are")?;
        let explanation = Explanation {
            answer: Answer::new(&facts, Some(&judgement)),
            decisions: case.decisions(),
            changes: case.changes(&judgement, &roles.of("Role")),
        };
        if self.json {
            return output.json(&explanation);
        }
        show(&facts, &judgement, &explanation, output)
    }
}

struct Case<'a> {
    policies: &'a PolicySet,
    asker: &'a Asker,
    facts: &'a Facts,
    session: &'a SessionState,
}

impl Case<'_> {
    fn judge(&self, asker: &Asker, facts: &Facts) -> Judgement {
        asker.statement(self.policies, Some(facts), self.session)
    }

    fn decisions(&self) -> Vec<Decision> {
        let mut decisions: Vec<Decision> = self
            .facts
            .accesses
            .iter()
            .map(|access| {
                let alone = Facts {
                    effects: BTreeSet::from([access.effect]),
                    accesses: BTreeSet::from([access.clone()]),
                    // Filtering by a labelled column is judged for the statement, below.
                    predicates: BTreeSet::new(),
                    ..self.facts.clone()
                };
                let judgement = self.judge(self.asker, &alone);
                Decision {
                    access: AccessView::new(access),
                    verdict: judgement.verdict.name(),
                    policies: judgement.policies,
                }
            })
            .collect();
        decisions.sort_by(|a, b| a.access.cmp(&b.access));
        decisions
    }

    /// What would lead to another answer, found by trying it.
    fn changes(&self, judgement: &Judgement, roles: &[&str]) -> Vec<String> {
        if judgement.verdict == Word::Allow {
            return Vec::new();
        }
        let mut changes = Vec::new();
        if let Some(terms) = &judgement.terms {
            let groups: Vec<&str> = terms.approvers.iter().map(String::as_str).collect();
            let people = if terms.approvals == 1 {
                "person"
            } else {
                "people"
            };
            changes.push(format!(
                "approval by {} {people} of {} within {:#}",
                terms.approvals,
                groups.join(", "),
                jiff::SignedDuration::try_from(terms.wait).unwrap_or(jiff::SignedDuration::MAX)
            ));
        }
        for role in roles.iter().filter(|role| !self.asker.has_role(role)) {
            let with = self.judge(&self.asker.with_role(role), self.facts);
            let outcome = match with.verdict {
                Word::Allow => "allows it",
                Word::Hold if judgement.verdict == Word::Deny => "lets it wait for approval",
                Word::Hold | Word::Deny => continue,
            };
            changes.push(format!(
                "the role `{role}` {outcome}: snowfence ask {role} --for 30m --reason \"…\""
            ));
        }
        self.name_changes(&mut changes);
        if changes.is_empty() {
            changes.push(match judgement.policies.as_slice() {
                [] => "no approval and no role: a policy must permit it".to_owned(),
                forbid => format!("no approval and no role: {} forbids it", forbid.join(", ")),
            });
        }
        changes
    }

    /// What the statement's author can write in another way.
    fn name_changes(&self, changes: &mut Vec<String>) {
        for access in &self.facts.accesses {
            let object = &access.object;
            if let Some(name) = &object.name
                && name.parts().len() < object.kind.depth()
            {
                changes.push(format!(
                    "the whole name of `{name}`, in the statement or by --database and --schema"
                ));
            }
        }
        if let Some(obscurity) = &self.facts.obscurity {
            changes.push(format!("a statement that is understood: {obscurity}"));
        }
        let unknown = matches!(self.facts.lineage, Lineage::Unknown(_));
        if unknown && !self.facts.missing.is_empty() {
            changes.push("a catalog that lists what is missing in it: --catalog".to_owned());
        }
        changes.dedup();
    }
}

fn show(
    facts: &Facts,
    judgement: &Judgement,
    explanation: &Explanation<'_>,
    output: &mut Output<'_>,
) -> Result<()> {
    let tone = match judgement.verdict {
        Word::Allow => Tone::Good,
        Word::Hold | Word::Deny => Tone::Bad,
    };
    let word = output.paint(tone, judgement.verdict.name());
    let mut rows = vec![row("verdict", &word)];
    rows.extend(judgement.message.as_deref().map(|it| row("", it)));
    if judgement.verdict == Word::Allow {
        list("policies", &judgement.policies, &mut rows);
    }
    if let Some(rows_max) = judgement.limits.max_rows {
        rows.push(row("rows at most", &rows_max.to_string()));
    }
    if let Some(timeout) = judgement.limits.timeout {
        let timeout = jiff::SignedDuration::try_from(timeout)?;
        rows.push(row("runs at most", &format!("{timeout:#}")));
    }
    list("what would change it", &explanation.changes, &mut rows);
    output.table(&rows)?;
    output.line("")?;
    let mut table = vec![
        ["access", "to", "verdict", "policies"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for decision in &explanation.decisions {
        table.push(vec![
            decision.access.action.to_owned(),
            decision.access.resource(),
            decision.verdict.to_owned(),
            decision.policies.join(", "),
        ]);
    }
    output.table(&table)?;
    output.line("")?;
    print(facts, output)
}
