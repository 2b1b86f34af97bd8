//! `snowfence policy facts`.

use anyhow::{Context as _, Result};
use clap::Args;

use super::batch::{self, Batch};
use super::sources::{Around, runtime};
use super::view::{AccessView, Answer, columns};
use crate::cli::output::Output;
use crate::sql::facts::{Lineage, Sources};
use crate::sql::{Analyst, Facts};

/// Shows what analysis finds in a statement.
#[derive(Debug, Args)]
pub(in crate::cli) struct FactsCommand {
    /// The statement; `-` reads it from standard input
    #[arg(required_unless_present = "batch")]
    sql: Option<String>,
    /// Reads JSON lines from standard input and answers each with one
    #[arg(long, conflicts_with = "sql")]
    batch: bool,
    #[command(flatten)]
    around: Around,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

impl FactsCommand {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let context = self.around.context()?;
        if self.batch {
            let batch = Batch {
                context,
                judge: None,
            };
            return batch::run(std::io::stdin(), &batch, output);
        }
        let sql = batch::statement(self.sql.unwrap_or_default())?;
        let facts = analyse(&sql, &context)?;
        if self.json {
            return output.json(&Answer::new(&facts, None));
        }
        print(&facts, output)
    }
}

/// Finds the facts of one statement.
pub(super) fn analyse(sql: &str, context: &crate::sql::Context) -> Result<Facts> {
    let analyst = Analyst::new().context("starting the analysis")?;
    let facts = runtime()?.block_on(analyst.facts(sql, context));
    facts.context("the statement cannot be analysed in time, and would be refused")
}

pub(super) fn print(facts: &Facts, output: &mut Output<'_>) -> Result<()> {
    let effects: Vec<&str> = facts.effects.iter().map(|effect| effect.name()).collect();
    let mut rows = vec![
        row("statement", &facts.kinds.join("; ")),
        row("effects", &effects.join(", ")),
    ];
    if let Some(obscurity) = &facts.obscurity {
        rows.push(row("opaque", obscurity));
    }
    let mut accesses: Vec<AccessView> = facts.accesses.iter().map(AccessView::new).collect();
    accesses.sort();
    let lines: Vec<String> = accesses
        .iter()
        .map(|access| format!("{} {}", access.action, access.resource()))
        .collect();
    list("accesses", &lines, &mut rows);
    let functions: Vec<String> = facts.functions.iter().cloned().collect();
    list("functions", &functions, &mut rows);
    list("predicates", &columns(&facts.predicates), &mut rows);
    list("result", &lineage(&facts.lineage), &mut rows);
    let missing: Vec<String> = facts.missing.iter().map(ToString::to_string).collect();
    list("not in the catalog", &missing, &mut rows);
    rows.push(row("fingerprint", &facts.fingerprint));
    output.table(&rows)
}

fn lineage(lineage: &Lineage) -> Vec<String> {
    match lineage {
        Lineage::NoData => vec!["no data of tables".to_owned()],
        Lineage::Unknown(reason) => vec![format!("not known: {reason}")],
        Lineage::Columns(outputs) => outputs
            .iter()
            .enumerate()
            .map(|(at, output)| {
                let name = output
                    .name
                    .as_ref()
                    .map_or_else(|| format!("column {}", at + 1), Clone::clone);
                match &output.sources {
                    Sources::Known(sources) if sources.is_empty() => {
                        format!("{name} from no column")
                    }
                    Sources::Known(sources) => {
                        format!("{name} from {}", columns(sources).join(", "))
                    }
                    Sources::Unknown(reason) => format!("{name} not known: {reason}"),
                }
            })
            .collect(),
    }
}

/// The name stands beside the first line only.
pub(super) fn list(name: &str, lines: &[String], rows: &mut Vec<Vec<String>>) {
    for (at, line) in lines.iter().enumerate() {
        rows.push(row(if at == 0 { name } else { "" }, line));
    }
}

pub(super) fn row(name: &str, value: &str) -> Vec<String> {
    vec![name.to_owned(), value.to_owned()]
}
