//! `snowfence labels scan`.

pub(super) mod batch;
mod cell;
pub(super) mod look;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use clap::Args;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::source;
use crate::cli::output::{Output, one_line};
use crate::mask::key::MasterKey;
use crate::privilege::{Class, secure_read};
use look::{Looker, Question, Seen};

const KEY_BYTES: usize = 32;

/// 64 digits, and white space around them.
const KEY_FILE_BYTES_MAX: usize = 256;

/// A masked value in a table.
const SHOWN_CHARS_MAX: usize = 60;

/// Shows what is found in values, and the values as a result would carry them.
///
/// What is found is told by its place, never by itself.
#[derive(Debug, Args)]
pub(in crate::cli) struct Scan {
    /// Reads JSON lines from standard input and answers each with one
    #[arg(long, conflicts_with = "column", required_unless_present = "column")]
    batch: bool,
    /// The name of the result's column, or the whole name of a table's
    #[arg(long, value_name = "NAME", requires = "values")]
    column: Option<String>,
    /// Its values; one that is a JSON object or array is looked into
    #[arg(value_name = "VALUE", requires = "column")]
    values: Vec<String>,
    /// The labels, in place of every shipped pack
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// The account, as the configuration calls it
    #[arg(long, value_name = "NAME", default_value = "")]
    account: String,
    /// A file with the masking key: 32 bytes in hexadecimal or base64
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

impl Scan {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let labels = source::labels(self.labels.as_deref())?;
        let key = match &self.key {
            Some(path) => read_key(path)?,
            None => {
                let said = "snowfence: no --key: masked values are those of a key of this run only";
                // Nobody is left to tell if standard error is closed.
                drop(writeln!(io::stderr(), "{said}"));
                random_key()?
            }
        };
        let looker = Looker::new(labels, &key, self.account);
        let Some(column) = self.column else {
            return batch::run(io::stdin().lock(), &looker, output);
        };
        let values = self.values.iter().map(|text| given(text));
        let values: Vec<Box<RawValue>> = values.collect::<Result<_>>()?;
        let question = Question {
            id: None,
            column: column.into(),
            values: values.iter().map(AsRef::as_ref).collect(),
        };
        let seen = looker.look(&question)?;
        if self.json {
            return output.json(&seen);
        }
        print(&seen, output)
    }
}

/// A value of the command line: a text, unless it is a JSON object or array.
fn given(text: &str) -> Result<Box<RawValue>> {
    let nested = text.starts_with(['{', '[']);
    if nested && let Ok(json) = RawValue::from_string(text.to_owned()) {
        return Ok(json);
    }
    Ok(serde_json::value::to_raw_value(text)?)
}

fn read_key(path: &Path) -> Result<MasterKey> {
    let bytes = secure_read(path, Class::Secret, KEY_FILE_BYTES_MAX).context("the masking key")?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    MasterKey::parse(text).with_context(|| format!("the masking key in `{}`", path.display()))
}

fn random_key() -> Result<MasterKey> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    let filled = SystemRandom::new().fill(&mut *key);
    filled.map_err(|_unspecified| anyhow!("the system has no random numbers"))?;
    Ok(MasterKey::new(key))
}

fn print(seen: &Seen<'_>, output: &mut Output<'_>) -> Result<()> {
    let carried = match (seen.label, seen.reason) {
        (Some(label), Some(reason)) => format!("{label}, by {}", reason.words()),
        _ => "no label".to_owned(),
    };
    output.line(&format!(
        "{}: {carried}",
        one_line(seen.column, SHOWN_CHARS_MAX)
    ))?;
    output.line("")?;
    let titles = ["value", "found", "label", "at", "sure", "masked"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    for (at, cell) in seen.values.iter().enumerate() {
        let masked = one_line(&cell.masked.shown(), SHOWN_CHARS_MAX);
        let number = (at + 1).to_string();
        let mut first = Some((number, masked));
        if cell.found.is_empty() {
            let (number, masked) = first.take().unwrap_or_default();
            let empty = String::new;
            rows.push(vec![number, empty(), empty(), empty(), empty(), masked]);
        }
        for find in &cell.found {
            let (number, masked) = first.take().unwrap_or_default();
            let pointer = find.at.as_deref().map(|it| one_line(it, SHOWN_CHARS_MAX));
            let pointer = pointer.map(|it| format!("{it} ")).unwrap_or_default();
            rows.push(vec![
                number,
                find.detector.to_owned(),
                find.label.to_owned(),
                format!("{pointer}{}-{}", find.start, find.end),
                format!("{} %", find.confidence),
                masked,
            ]);
        }
    }
    output.table(&rows)
}
