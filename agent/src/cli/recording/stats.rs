//! `snowfence stats`.

use anyhow::Result;
use clap::Args;

use super::source::{Source, block_on};
use super::when::Times;
use crate::cli::access::cell;
use crate::cli::output::Output;
use crate::record::index::query::{By, Group, Statistics};

/// Counts the statements of a recording: verdicts, rows, masked cells, refusals, durations.
///
/// Counted are whole hours, in UTC.
#[derive(Debug, Args)]
pub(in crate::cli) struct Stats {
    #[command(flatten)]
    times: Times,
    /// What to count by.
    #[arg(long, value_enum)]
    by: Option<By>,
    /// How many groups, tables and reasons.
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: u32,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: Source,
}

impl Stats {
    pub(in crate::cli) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let statistics = block_on(async {
            let mut index = self.source.open().await?;
            let times = self.times.milliseconds();
            Ok(index.statistics(times, self.by, self.limit).await?)
        })?;
        match self.json {
            true => output.json(&statistics),
            false => print(&statistics, self.by, output),
        }
    }
}

fn print(statistics: &Statistics, by: Option<By>, output: &mut Output<'_>) -> Result<()> {
    let heads = [
        "STATEMENTS",
        "ALLOWED",
        "HELD",
        "DENIED",
        "ROWS",
        "MASKED",
        "P50",
        "P95",
    ];
    let head = |first: &str| {
        let heads = heads.iter().map(|head| (*head).to_owned());
        std::iter::once(first.to_owned())
            .chain(heads)
            .collect::<Vec<_>>()
    };
    let mut rows = vec![head(""), row("all", &statistics.all)];
    if by.is_some() {
        rows.extend(
            statistics
                .groups
                .iter()
                .map(|group| row(&cell(&group.name), group)),
        );
    }
    output.table(&rows)?;
    for (title, counts) in [
        ("REFUSED BECAUSE", &statistics.refusals),
        ("TABLE", &statistics.tables),
        ("TABLE DENIED", &statistics.tables_denied),
    ] {
        if !counts.is_empty() {
            output.line("")?;
            let mut rows = vec![vec![title.to_owned(), "TIMES".to_owned()]];
            rows.extend(
                counts
                    .iter()
                    .map(|(name, count)| vec![cell(name), count.to_string()]),
            );
            output.table(&rows)?;
        }
    }
    Ok(())
}

fn row(name: &str, group: &Group) -> Vec<String> {
    let count = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |it| it.to_string());
    vec![
        name.to_owned(),
        group.statements.to_string(),
        group.allowed.to_string(),
        group.held.to_string(),
        group.denied.to_string(),
        count(group.rows),
        count(group.masked),
        duration(group.p50_us),
        duration(group.p95_us),
    ]
}

fn duration(microseconds: Option<u64>) -> String {
    match microseconds {
        None => "-".to_owned(),
        Some(it @ 0..1_000) => format!("{it} µs"),
        Some(it @ 1_000..10_000_000) => format!("{} ms", it / 1_000),
        Some(it) => format!("{} s", it / 1_000_000),
    }
}
