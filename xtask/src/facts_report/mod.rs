//! `cargo xtask facts-report`: what share of statements that others wrote gets the right effects.
//!
//! Each file has one JSON object a line with the text under `sql`. A text is right when it is
//! understood and no effect is missing that a second, simpler reader finds (see [`oracle`]), or if
//! it is not understood and that reader says so, too. What is no statement, but a piece or a template
//! of one, is counted apart.

mod oracle;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use agent::sql::{Analyst, Context, Effect, Facts};
use anyhow::{Context as _, Result, bail};

/// Below this share the report fails.
const RIGHT_MIN: f64 = 0.99;

/// Of a statement that fails, as much as tells which it is.
const SHOWN_CHARS: usize = 200;

/// What to read.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Files of JSON lines, each with the text of a statement under `sql`
    #[arg(required = true, value_name = "FILE.jsonl")]
    files: Vec<PathBuf>,
    /// Print the kind and effects of every statement, for reading them by eye
    #[arg(long)]
    every: bool,
}

/// What one file came to.
#[derive(Debug, Default)]
struct Tally {
    statements: usize,
    right: usize,
    /// Of those that are right, because to refuse them is.
    refused: usize,
    no_statements: usize,
    disguised: usize,
    times: Vec<Duration>,
}

/// Reports on every file; an error if a rate is too low or a write is taken for a read.
pub(crate) fn run(options: &Options) -> Result<()> {
    let analyst = Analyst::new().context("starting the analysis")?;
    let mut failed = Vec::new();
    for file in &options.files {
        let tally = report(file, &analyst, options.every)?;
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        println!("{name}: {}", tally.line());
        if tally.disguised > 0 || tally.rate() < RIGHT_MIN {
            failed.push(name.into_owned());
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!(
        "below {:.0} % or with a write that is taken for a read: {}",
        RIGHT_MIN * 100.0,
        failed.join(", ")
    )
}

fn report(file: &Path, analyst: &Analyst, every: bool) -> Result<Tally> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let mut tally = Tally::default();
    for (index, line) in text.lines().enumerate() {
        let place = || format!("{}:{}", file.display(), index + 1);
        let value: serde_json::Value = serde_json::from_str(line).with_context(place)?;
        let sql = value.get("sql").and_then(serde_json::Value::as_str);
        let sql = sql.with_context(|| format!("{}: no `sql`", place()))?;
        let start = SystemTime::now();
        let facts = analyst.facts_blocking(sql, &Context::default());
        tally.times.push(start.elapsed().unwrap_or_default());
        let facts = facts.with_context(|| format!("{}: analysis failed", place()))?;
        tally.add(sql, &facts);
        if every {
            println!(
                "  {} [{}] {}",
                facts.kinds.join("; "),
                effects(&facts),
                shorten(sql)
            );
        }
    }
    Ok(tally)
}

impl Tally {
    fn add(&mut self, sql: &str, facts: &Facts) {
        if !oracle::is_statement(sql) {
            self.no_statements += 1;
            return;
        }
        self.statements += 1;
        let quiet = facts
            .effects
            .iter()
            .all(|effect| matches!(effect, Effect::Read | Effect::Describe));
        let verb = oracle::acts(sql);
        if let (true, Some(verb)) = (quiet, &verb) {
            self.disguised += 1;
            println!("  TAKEN FOR A READ ({verb}): {}", shorten(sql));
            return;
        }
        match (&facts.obscurity, oracle::is_obscure(sql)) {
            (None, _) => self.right += 1,
            (Some(_), true) => {
                self.right += 1;
                self.refused += 1;
            }
            (Some(obscurity), false) => println!("  {obscurity}: {}", shorten(sql)),
        }
    }

    fn rate(&self) -> f64 {
        if self.statements == 0 {
            return 1.0;
        }
        count(self.right) / count(self.statements)
    }

    fn line(&self) -> String {
        let mut times = self.times.clone();
        times.sort_unstable();
        let quantile = |hundredths: usize| {
            let last = times.len().saturating_sub(1);
            times
                .get(last * hundredths / 100)
                .copied()
                .unwrap_or_default()
        };
        format!(
            "{} statements, {:.2} % right ({} by refusing them), {} taken for a read, {} texts that \
             are none; p50 {:?}, p99 {:?}",
            self.statements,
            self.rate() * 100.0,
            self.refused,
            self.disguised,
            self.no_statements,
            quantile(50),
            quantile(99),
        )
    }
}

/// A file has fewer lines than a `u32` has values.
fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

fn effects(facts: &Facts) -> String {
    let names: Vec<&str> = facts.effects.iter().map(|effect| effect.name()).collect();
    names.join(" ")
}

fn shorten(sql: &str) -> String {
    let words: Vec<&str> = sql.split_whitespace().collect();
    words.join(" ").chars().take(SHOWN_CHARS).collect()
}
