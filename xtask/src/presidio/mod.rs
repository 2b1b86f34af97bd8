//! Presidio's analyzer, to be measured beside our detectors on the same values.

use std::io::Write as _;
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use ::tests::layout;
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::drivers;

const PACKAGES: &[&str] = &["presidio-analyzer==2.2.366"];

/// An installed Presidio.
#[derive(Debug)]
pub(crate) struct Presidio {
    python: PathBuf,
}

/// What it found, by its own names.
#[derive(Debug)]
pub(crate) struct Find {
    pub(crate) entity: String,
    /// Bytes of the text.
    pub(crate) range: Range<usize>,
}

/// What it found in each text, and how long that took without its start.
#[derive(Debug)]
pub(crate) struct Finds {
    pub(crate) of: Vec<Vec<Find>>,
    pub(crate) seconds: f64,
}

impl Presidio {
    /// Presidio, if it was installed before.
    pub(crate) fn installed() -> Option<Self> {
        let python = home().join("bin/python");
        home()
            .join(".installed")
            .exists()
            .then_some(Self { python })
    }

    /// Installs it below the target directory; 400 MB.
    pub(crate) fn install() -> Result<Self> {
        drivers::install_venv(&home(), PACKAGES).context("cannot install Presidio")?;
        Self::installed().context("Presidio is not there after its installation")
    }

    /// Runs it over texts, each with the name of its column as context if it has one.
    pub(crate) fn analyze(&self, texts: &[(&str, Option<&str>)]) -> Result<Finds> {
        let script = layout::root().join("xtask/src/presidio/analyze.py");
        let mut child = Command::new(&self.python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start Presidio")?;
        let mut input = child.stdin.take().context("Presidio has no input")?;
        for (text, column) in texts {
            let context: Vec<&str> = column.iter().flat_map(|it| it.split('_')).collect();
            // It reads everything before it answers, so this cannot block for ever.
            writeln!(input, "{}", json!({ "text": text, "context": context }))?;
        }
        drop(input);
        let done = child.wait_with_output()?;
        ensure!(done.status.success(), "Presidio ended with {}", done.status);
        let lines = String::from_utf8(done.stdout)?;
        let mut lines: Vec<&str> = lines.lines().collect();
        let seconds = lines.pop().context("Presidio said nothing")?.parse()?;
        ensure!(
            lines.len() == texts.len(),
            "Presidio left out some of the values"
        );
        let of = lines.into_iter().map(finds).collect::<Result<_>>()?;
        Ok(Finds { of, seconds })
    }
}

fn finds(line: &str) -> Result<Vec<Find>> {
    let found: Vec<(String, usize, usize)> =
        serde_json::from_str::<Value>(line).and_then(serde_json::from_value)?;
    let found = found.into_iter().map(|(entity, start, end)| Find {
        entity,
        range: start..end,
    });
    Ok(found.collect())
}

fn home() -> PathBuf {
    layout::target().join("presidio")
}
