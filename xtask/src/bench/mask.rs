//! `cargo xtask bench mask`: how fast rows are masked, on one core.

use std::fs;

use ::tests::layout;
use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::presidio::Presidio;
use crate::shell;

/// Builds for release and measures; a table for people comes out.
pub(super) fn run() -> Result<()> {
    let values = layout::target().join("tmp/mask-values.jsonl");
    let mut cargo = shell::cargo();
    cargo.args(["bench", "--quiet", "--package", "agent", "--bench", "mask"]);
    shell::run(cargo.args(["--", "--values"]).arg(&values))?;
    let Some(presidio) = Presidio::installed() else {
        println!("Presidio is not installed: `cargo xtask detect-report --presidio` installs it");
        return Ok(());
    };
    let text = fs::read_to_string(&values).context("the values were not written")?;
    let lines: Vec<Value> = text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let field = |line: &'_ Value, name| line.get(name).and_then(Value::as_str).map(str::to_owned);
    let texts: Vec<String> = lines
        .iter()
        .filter_map(|line| field(line, "text"))
        .collect();
    let asked: Vec<(&str, Option<&str>)> = texts.iter().map(|text| (text.as_str(), None)).collect();
    let seconds = presidio.analyze(&asked)?.seconds;
    let bytes: usize = texts.iter().map(String::len).sum();
    println!(
        "Presidio, patterns alone, over {} of the values: {:.3} MB/s, {:.0} values/s",
        texts.len(),
        per_second(bytes, seconds) / 1e6,
        per_second(texts.len(), seconds)
    );
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "for a table")]
fn per_second(count: usize, seconds: f64) -> f64 {
    count as f64 / seconds
}
