//! `snowfence labels check`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::{source, words};
use crate::cli::ConfigPath;
use crate::cli::output::Output;
use crate::cli::policy::sources::find;
use crate::mask::labels::Labels;

/// Names that a line of the table has room for.
const SHOWN_MAX: usize = 4;

/// Tells everything that is wrong with the labels, or what they are.
#[derive(Debug, Args)]
pub(in crate::cli) struct Check {
    /// A file of labels, or a directory with `labels.toml`, if it is not the configuration's
    #[arg(value_name = "FILE|DIR")]
    path: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigPath,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// One label.
#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    rank: i64,
    method: String,
    pack: Option<&'a str>,
    columns: Vec<&'a str>,
    detectors: Vec<&'a str>,
}

impl Check {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let (name, text) = source::text(&find(self.path, &self.config.config)?)?;
        let (shown, problems) = match source::parse(&name, &text) {
            Ok(labels) => (Some(labels), Vec::new()),
            Err(source::Invalid(problems)) => (None, problems),
        };
        let labels = shown.as_ref().map(shown_labels).unwrap_or_default();
        if self.json {
            let problems: Vec<_> = problems
                .iter()
                .map(|it| json!({"file": it.file, "line": it.line, "column": it.column, "message": it.message}))
                .collect();
            output.json(&json!({"file": name, "labels": labels, "problems": problems}))?;
        } else {
            // The place first, as editors expect it.
            for problem in &problems {
                output.line(&problem.to_string())?;
            }
            if let Some(labels) = &shown {
                print(&name, labels, output)?;
            }
        }
        match problems.len() {
            0 => Ok(()),
            1 => bail!("1 error in the labels"),
            count => bail!("{count} errors in the labels"),
        }
    }
}

fn shown_labels(labels: &Labels) -> Vec<Shown<'_>> {
    let mut shown: Vec<Shown<'_>> = labels
        .iter()
        .map(|(name, label)| Shown {
            name,
            rank: label.rank,
            method: words::rule(&label.rule),
            pack: label.pack,
            columns: labels.columns(name).map(|it| it.pattern).collect(),
            detectors: words::detectors(label),
        })
        .collect();
    // Those that decide first.
    shown.sort_by_key(|it| (std::cmp::Reverse(it.rank), it.name));
    shown
}

fn print(file: &str, labels: &Labels, output: &mut Output<'_>) -> Result<()> {
    let titles = ["label", "rank", "method", "columns", "detectors", "from"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    let shown = shown_labels(labels);
    for label in &shown {
        rows.push(vec![
            label.name.to_owned(),
            label.rank.to_string(),
            label.method.clone(),
            count(&label.columns, "patterns"),
            some(&label.detectors),
            words::place(label.pack, "the file"),
        ]);
    }
    output.table(&rows)?;
    let detection = labels.detection();
    output.line("")?;
    output.line(&format!(
        "found from {} % on; a column by {} % of the first {} values",
        detection.confidence, detection.share, detection.sample
    ))?;
    if labels.is_strict() {
        output.line("strict: results of unknown origin that would be masked are refused")?;
    }
    output.line(&format!("{file}: {} labels, no errors", shown.len()))
}

fn count(names: &[&str], what: &str) -> String {
    match names {
        [] => "none".to_owned(),
        [one] => (*one).to_owned(),
        [..] => format!("{} {what}", names.len()),
    }
}

/// The first names, and how many more there are.
fn some(names: &[&str]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let shown: Vec<&str> = names.iter().take(SHOWN_MAX).copied().collect();
    match names.len().saturating_sub(SHOWN_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
