//! `snowfence policy explain`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::batch::{self, Batch, Judge};
use super::facts::{analyse, list, print, row};
use super::judge::{self, Asker, Caller};
use super::masks;
use super::sources::{Around, DirFlag, labelled};
use super::view::Answer;
use crate::cli::output::{Output, Tone};
use crate::policy::explain::{Change, Explained, Explanation, explain};
use crate::policy::{Demand, Judgement, Terms};
use crate::sql::Facts;
use crate::sql::facts::Lineage;

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
    /// The labels of columns, in place of `labels.toml` beside the policies
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    #[command(flatten)]
    around: Around,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// Everything that is said of one statement.
#[derive(Serialize)]
struct Said<'a> {
    #[serde(flatten)]
    answer: Answer<'a>,
    decisions: Vec<Decision<'a>>,
    changes: &'a [String],
}

/// What the policies say of one access.
#[derive(Serialize)]
struct Decision<'a> {
    action: &'static str,
    #[serde(rename = "type")]
    entity: &'static str,
    object: &'a str,
    permitted: bool,
    permitted_by: &'a [String],
    forbidden_by: &'a [String],
    failed: &'a [String],
    labels: &'a BTreeSet<String>,
}

impl Explain {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let context = self.around.context()?;
        let policies = labelled(&self.dir.find()?, self.labels.as_deref())?;
        let asker = Asker::from(self.caller);
        if self.batch {
            let judge = Some(Judge {
                masks: Arc::new(masks::masks(&policies)),
                policies: Arc::new(policies),
                asker,
            });
            let batch = Batch { context, judge };
            return batch::run(std::io::stdin(), &batch, output);
        }
        let facts = analyse(&batch::statement(self.sql.unwrap_or_default())?, &context)?;
        let question = asker.question(Some(&facts), &context.session);
        let explanation = explain(&policies, &question, Demand::Statement(&facts));
        let changes = changes(&explanation, &facts);
        let made = masks::masks(&policies);
        let masks = masks::of(&policies, &made, &asker, &facts, &context.session);
        if self.json {
            let mut answer = Answer::new(&facts, Some(&explanation.judgement));
            answer.masks = Some(masks);
            return output.json(&Said {
                answer,
                decisions: explanation.accesses.iter().map(decision).collect(),
                changes: &changes,
            });
        }
        show(&facts, &explanation, &changes, output)?;
        if !masks.is_empty() {
            output.line("")?;
            output.table(&masks::rows(&masks))?;
        }
        Ok(())
    }
}

fn decision(explained: &Explained) -> Decision<'_> {
    Decision {
        action: explained.action,
        entity: explained.kind,
        object: &explained.name,
        permitted: explained.permitted,
        permitted_by: &explained.permitted_by,
        forbidden_by: &explained.forbidden_by,
        failed: &explained.failed,
        labels: &explained.labels,
    }
}

/// What would lead to another answer, one line each.
fn changes(explanation: &Explanation, facts: &Facts) -> Vec<String> {
    if matches!(explanation.judgement, Judgement::Allow { .. }) {
        return Vec::new();
    }
    let mut changes: Vec<String> = explanation.changes.iter().map(change).collect();
    if let Some(obscurity) = &facts.obscurity {
        changes.push(format!("a statement that is understood: {obscurity}"));
    }
    let unknown = matches!(facts.lineage, Lineage::Unknown(_));
    if unknown && !facts.missing.is_empty() {
        changes.push("a catalog that lists what is missing in it: --catalog".to_owned());
    }
    if changes.is_empty() {
        changes.push("nothing".to_owned());
    }
    changes
}

fn change(change: &Change) -> String {
    match change {
        Change::Approval { terms, policies } => {
            format!(
                "approval by {}, says {}",
                people(terms),
                policies.join(", ")
            )
        }
        Change::Role { role, terms } => format!(
            "the role `{role}`, given by {}: snowfence ask {role} --for 30m --reason \"…\"",
            people(terms)
        ),
        Change::FullName { name } => {
            format!("the whole name of `{name}`, in the statement or by --database and --schema")
        }
        Change::Without { policies } => {
            format!(
                "another wording of {}, which forbids it",
                policies.join(", ")
            )
        }
        Change::Permit { missing } => {
            let missing = missing
                .iter()
                .map(|(action, kind, name)| format!("{action} on {kind} {name}"));
            let missing: Vec<String> = missing.collect();
            format!("a policy that permits {}", missing.join(", "))
        }
    }
}

/// `2 of data-stewards, security within 30m`.
fn people(terms: &Terms) -> String {
    let groups: Vec<&str> = terms.approvers.iter().map(String::as_str).collect();
    let wait = jiff::SignedDuration::try_from(terms.wait).unwrap_or(jiff::SignedDuration::MAX);
    match terms.approvals {
        0 => "nobody, though everybody is told".to_owned(),
        count => format!("{count} of {} within {wait:#}", groups.join(", ")),
    }
}

fn show(
    facts: &Facts,
    explanation: &Explanation,
    changes: &[String],
    output: &mut Output<'_>,
) -> Result<()> {
    let judgement = &explanation.judgement;
    let tone = match judgement {
        Judgement::Allow { .. } => Tone::Good,
        Judgement::Hold { .. } | Judgement::Deny(_) => Tone::Bad,
    };
    let mut rows = vec![row("verdict", &output.paint(tone, judgement.name()))];
    rows.extend(judge::message(judgement).map(|it| row("", it)));
    list("policies", judgement.policies(), &mut rows);
    let limits = judge::limits(judgement);
    if let Some(rows_max) = limits.max_rows {
        rows.push(row("rows at most", &rows_max.to_string()));
    }
    if let Some(timeout) = limits.timeout {
        let timeout = jiff::SignedDuration::try_from(timeout)?;
        rows.push(row("runs at most", &format!("{timeout:#}")));
    }
    list("what would change it", changes, &mut rows);
    output.table(&rows)?;
    output.line("")?;
    let titles = ["access", "to", "labels", "answer", "policies"];
    let mut table = vec![titles.map(str::to_owned).to_vec()];
    table.extend(explanation.accesses.iter().map(|access| {
        let labels: Vec<&str> = access.labels.iter().map(String::as_str).collect();
        vec![
            access.action.to_owned(),
            format!("{} {}", access.kind, access.name),
            labels.join(", "),
            answer(access).to_owned(),
            deciding(access),
        ]
    }));
    output.table(&table)?;
    output.line("")?;
    print(facts, output)
}

fn answer(access: &Explained) -> &'static str {
    if access.permitted {
        "permitted"
    } else if !access.whole {
        "name is not whole"
    } else if !access.failed.is_empty() {
        "failed"
    } else if access.forbidden_by.is_empty() {
        "not permitted"
    } else {
        "forbidden"
    }
}

fn deciding(access: &Explained) -> String {
    let deciding = if !access.failed.is_empty() {
        &access.failed
    } else if access.forbidden_by.is_empty() {
        &access.permitted_by
    } else {
        &access.forbidden_by
    };
    deciding.join(", ")
}
