//! The batch protocol: one JSON line in, one JSON line out, in order and at once.
//!
//! A line is `{"id": any, "column": "NAME", "values": [any, …]}`. A line that is none gets
//! `{"id": null, "error": "…"}`, without a word of what it holds.

use std::io::{BufReader, Read};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use serde_json::error::Category;

use super::look::{Looker, Question};
use crate::cli::output::Output;
use crate::cli::policy::batch::next_line;

/// Why a line gets no answer.
#[derive(Serialize)]
struct Failure<'a> {
    id: Option<()>,
    error: &'a str,
}

/// Answers every line of the input.
///
/// # Errors
/// At the end when a line was no question; at once when nothing more can be read or written.
pub(in crate::cli::labels) fn run(
    input: impl Read,
    looker: &Looker,
    output: &mut Output<'_>,
) -> Result<()> {
    let mut input = BufReader::with_capacity(1 << 16, input);
    let mut failed = 0_u64;
    while let Some(line) = next_line(&mut input).context("cannot read standard input")? {
        let answer = line
            .map_err(str::to_owned)
            .and_then(|it| reply(&it, looker));
        match answer {
            Ok(answer) => output.line(&answer)?,
            Err(error) => {
                failed += 1;
                let failure = Failure {
                    id: None,
                    error: &error,
                };
                output.line(&serde_json::to_string(&failure)?)?;
            }
        }
    }
    match failed {
        0 => Ok(()),
        failed => bail!("{failed} lines could not be answered"),
    }
}

fn reply(line: &[u8], looker: &Looker) -> Result<String, String> {
    let text = std::str::from_utf8(line).map_err(|error| format!("not UTF-8: {error}"))?;
    let question: Question<'_> = serde_json::from_str(text).map_err(|error| wrong(&error))?;
    let unreadable = |_| "a value that cannot be read".to_owned();
    let seen = looker.look(&question).map_err(unreadable)?;
    serde_json::to_string(&seen).map_err(|error| wrong(&error))
}

/// The parser's own words quote what they are about.
fn wrong(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        Category::Syntax | Category::Io => "not JSON",
        Category::Eof => "the JSON is cut",
        Category::Data => "not `{\"id\": any, \"column\": \"NAME\", \"values\": [any, …]}`",
    };
    format!("{what} (at byte {})", error.column())
}
