//! `snowfence labels explain`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::{source, words};
use crate::cli::Misuse;
use crate::cli::output::{Output, Tone};
use crate::cli::policy::sources::DirFlag;
use crate::mask::labels::{Because, Label, Labels};
use crate::sql::ObjectName;
use crate::sql::facts::Column;

/// Says why a column is masked, or why not.
#[derive(Debug, Args)]
pub(in crate::cli) struct Explain {
    /// `DB.SCHEMA.TABLE.COLUMN`, or as much of its end as is known
    column: String,
    /// The account, as the configuration calls it
    #[arg(long, value_name = "NAME", default_value = "")]
    account: String,
    /// The labels, in place of `labels.toml` beside the policies
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    #[command(flatten)]
    dir: DirFlag,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// Why a column is masked.
#[derive(Serialize)]
struct Said<'a> {
    column: String,
    labels: Vec<Carried<'a>>,
    /// The label that decides.
    label: Option<&'a str>,
    method: Option<String>,
    reason: String,
}

/// One pattern that fits.
#[derive(Serialize)]
struct Carried<'a> {
    label: &'a str,
    rank: i64,
    method: String,
    pattern: &'a str,
    source: String,
}

impl Explain {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let file = match self.labels {
            Some(file) => file,
            None => self.dir.find()?.join(source::FILE),
        };
        let labels = source::labels(Some(&file))?;
        let name = ColumnName::parse(&self.column)?;
        let because = name.because(&labels, &self.account);
        let shown = file.display().to_string();
        let said = said(&name, &labels, &because, &shown);
        if self.json {
            return output.json(&said);
        }
        print(&said, output)
    }
}

/// A column, with as much of its table as is known.
#[derive(Debug)]
pub(super) struct ColumnName {
    table: Option<ObjectName>,
    column: String,
}

impl ColumnName {
    pub(super) fn parse(text: &str) -> Result<Self, Misuse> {
        let wrong = || {
            Misuse(format!(
                "`{text}` is not `DB.SCHEMA.TABLE.COLUMN`; what is not plain stands in double quotes"
            ))
        };
        let (table, column) = cut(text).ok_or_else(wrong)?;
        let column = ObjectName::parse(column).ok_or_else(wrong)?;
        let table = table.map(|it| ObjectName::parse(it).ok_or_else(wrong));
        Ok(Self {
            table: table.transpose()?,
            column: column.last().to_owned(),
        })
    }

    /// By what the column is called, and by what a result's column of its name is taken for.
    pub(super) fn because<'l>(&self, labels: &'l Labels, account: &str) -> BTreeSet<Because<'l>> {
        let tables = self.table.as_ref();
        let mut found = labels.because_of_name(account, &self.column, &mut tables.into_iter());
        if let Some(table) = &self.table {
            let column = Column {
                table: table.clone(),
                column: Some(self.column.clone()),
            };
            found.extend(labels.because(account, &column));
        }
        found
    }
}

/// Cuts at the last dot that is not in quotes.
fn cut(text: &str) -> Option<(Option<&str>, &str)> {
    let mut quoted = false;
    let mut last = None;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => last = Some(at),
            _ => {}
        }
    }
    match last {
        None => Some((None, text)),
        Some(at) => Some((Some(text.get(..at)?), text.get(at + 1..)?)),
    }
}

fn said<'a>(
    name: &ColumnName,
    labels: &'a Labels,
    because: &BTreeSet<Because<'a>>,
    file: &str,
) -> Said<'a> {
    let find = |label: &str| labels.iter().find(|(name, _)| *name == label);
    let carried = because.iter().filter_map(|because| {
        let (label, rule) = find(because.label)?;
        Some(Carried {
            label,
            rank: rule.rank,
            method: words::rule(&rule.rule),
            pattern: because.pattern,
            source: words::source(because, file),
        })
    });
    let names: BTreeSet<&str> = because.iter().map(|it| it.label).collect();
    let mut carrying: Vec<(&str, &Label)> = names.iter().filter_map(|name| find(name)).collect();
    carrying.sort_by_key(|(name, it)| (it.rank, it.rule.method.privacy(), *name));
    let winner = carrying.pop();
    let reason = match (winner, carrying.pop()) {
        (None, _) => unmasked(labels),
        (Some(_), None) => "no other label fits".to_owned(),
        (Some((_, one)), Some((other, two))) if one.rank > two.rank => {
            format!("its rank is higher than that of {other}, {}", two.rank)
        }
        (Some((_, one)), Some((other, two)))
            if one.rule.method.privacy() > two.rule.method.privacy() =>
        {
            format!("its rank is that of {other}, and its method says less")
        }
        (Some(_), Some((other, _))) => {
            format!("rank and method are those of {other}, and of two names the last decides")
        }
    };
    let table = name.table.as_ref().map(|it| format!("{it}."));
    let column = ObjectName::new(vec![name.column.clone()]);
    Said {
        column: format!(
            "{}{}",
            table.unwrap_or_default(),
            column.map(|it| it.to_string()).unwrap_or_default()
        ),
        labels: carried.collect(),
        label: winner.map(|(name, _)| name),
        method: winner.map(|(_, it)| words::rule(&it.rule)),
        reason,
    }
}

fn unmasked(labels: &Labels) -> String {
    let detectors: usize = labels.iter().map(|(_, it)| it.detectors.len()).sum();
    match (labels.is_empty(), detectors) {
        (true, _) => "there are no labels".to_owned(),
        (false, 0) => "no pattern fits, and no label has a detector".to_owned(),
        (false, 1) => "no pattern fits; 1 detector looks at its values".to_owned(),
        (false, count) => format!("no pattern fits; {count} detectors look at its values"),
    }
}

fn print(said: &Said<'_>, output: &mut Output<'_>) -> Result<()> {
    let masked = match (&said.label, &said.method) {
        (Some(label), Some(method)) => output.paint(Tone::Good, &format!("as {label}: {method}")),
        _ => output.paint(Tone::Bad, "not by its name"),
    };
    let rows = [
        ["column".to_owned(), said.column.clone()],
        ["masked".to_owned(), masked],
        ["because".to_owned(), said.reason.clone()],
    ];
    output.table(&rows.map(Vec::from))?;
    if said.labels.is_empty() {
        return Ok(());
    }
    output.line("")?;
    let titles = ["label", "rank", "method", "pattern", "in"];
    let mut table = vec![titles.map(str::to_owned).to_vec()];
    table.extend(said.labels.iter().map(|it| {
        vec![
            it.label.to_owned(),
            it.rank.to_string(),
            it.method.clone(),
            it.pattern.to_owned(),
            it.source.clone(),
        ]
    }));
    output.table(&table)
}
