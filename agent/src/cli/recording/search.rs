//! `snowfence search`.

use anyhow::Result;
use clap::Args;

use super::sessions::{moment, text};
use super::source::{Source, Wanted, block_on};
use crate::cli::Misuse;
use crate::cli::output::{Output, Tone, one_line};
use crate::record::index::query::{Hit, MARK_BEGIN, MARK_END, Words};

/// What fits beside the other columns on a wide terminal; `--json` tells all.
const STATEMENT_CHARS_MAX: usize = 160;

/// Finds statements by their words, the newest first.
///
/// All words must be in the statement, in any case and order. `"several words"` in quotation marks
/// (which the shell must not take away) must follow each other, and `word*` is the beginning of one.
#[derive(Debug, Args)]
pub(in crate::cli) struct Search {
    /// What to look for.
    #[arg(required = true, value_name = "WORDS")]
    words: Vec<String>,
    #[command(flatten)]
    wanted: Wanted,
    /// How many.
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    limit: u32,
    /// Prints JSON, with whole statements.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: Source,
}

impl Search {
    pub(in crate::cli) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let words = Words::parse(&self.words.join(" "));
        let words = words.map_err(|error| Misuse(one_line(&error.to_string(), 400)))?;
        let filter = self.wanted.filter()?;
        let hits = block_on(async {
            let mut index = self.source.open().await?;
            Ok(index.search(&words, &filter, self.limit).await?)
        })?;
        match self.json {
            true => output.json(&hits),
            false => table(&hits, output),
        }
    }
}

fn table(hits: &[Hit], output: &mut Output<'_>) -> Result<()> {
    if hits.is_empty() {
        return output.line("No statement has these words.");
    }
    let heads = ["ENTRY", "TIME", "WORKLOAD", "VERDICT", "STATEMENT"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(hits.iter().map(|hit| {
        let verdict = match hit.verdict {
            Some("deny") => output.paint(Tone::Bad, "deny"),
            Some(verdict) => verdict.to_owned(),
            None => text(hit.reason.as_deref()),
        };
        vec![
            hit.entry.to_string(),
            moment(hit.time),
            text(hit.workload.as_deref()),
            verdict,
            painted(&hit.marked, output),
        ]
    }));
    output.table(&rows)
}

/// The statement on one line, with what was found in colour on a terminal.
fn painted(marked: &str, output: &Output<'_>) -> String {
    let line = one_line(marked, STATEMENT_CHARS_MAX);
    let mut painted = String::new();
    let mut rest = line.as_str();
    while let Some((before, after)) = rest.split_once(MARK_BEGIN) {
        let (found, after) = after.split_once(MARK_END).unwrap_or((after, ""));
        painted.push_str(before);
        painted.push_str(&output.paint(Tone::Good, &found.replace(MARK_BEGIN, "")));
        rest = after;
    }
    painted.push_str(rest);
    painted.replace(MARK_END, "")
}
