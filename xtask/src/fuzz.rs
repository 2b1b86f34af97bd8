//! `cargo xtask fuzz`: looks for inputs for which what must hold does not (`tests/fuzz`).
//!
//! libFuzzer comes with the crate `libfuzzer-sys`, and its counters are put in by the stable compiler
//! itself (`tests/fuzz/instrument`): nothing has to be installed but a C++ compiler.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use ::tests::layout;
use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum, value_parser};

use crate::shell;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How long each target is tried
    #[arg(long, default_value_t = 60, value_parser = value_parser!(u64).range(1..))]
    seconds: u64,
    /// Runs the target once with this input, one that was saved
    #[arg(long, value_name = "FILE", requires = "target")]
    input: Option<PathBuf>,
    /// Only this target
    target: Option<Target>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Target {
    /// Our own lexer, against what is true of every text
    Lexer,
    /// The whole analysis of a text, on its own threads
    Facts,
    /// Loading and evaluating policies
    Policy,
    /// Masking rows in JSON, against another parser
    #[value(name = "json_rows")]
    JsonRows,
    /// Masking rows in Arrow, in streams that lie
    #[value(name = "arrow_rows")]
    ArrowRows,
    /// The check of a recording, by a key that signed nothing
    Segments,
}

impl Target {
    const fn name(self) -> &'static str {
        match self {
            Self::Lexer => "lexer",
            Self::Facts => "facts",
            Self::Policy => "policy",
            Self::JsonRows => "json_rows",
            Self::ArrowRows => "arrow_rows",
            Self::Segments => "segments",
        }
    }

    /// The longest input that is made. Longer ones than the limits of analysis are soon refused.
    const fn bytes_max(self) -> usize {
        match self {
            Self::Lexer | Self::Facts => 16 << 10,
            Self::Policy | Self::JsonRows | Self::Segments => 4 << 10,
            Self::ArrowRows => 8 << 10,
        }
    }
}

/// Enough in `ci` to run what the corpus leads to, and short beside the rest of it.
const CI_SECONDS: u64 = 12;

/// Always the same way through the inputs, so that what `ci` finds was there to be found before; time
/// to look further is what `--seconds` is for.
const SEED: u32 = 1;

/// One input may take so long before it is a finding: the build has checks in it and shares the
/// machine.
const INPUT_SECONDS_MAX: u64 = 20;

const MEMORY_MIB_MAX: u64 = 3072;

/// Builds the targets and runs them.
pub(crate) fn run(options: &Options) -> Result<()> {
    let binaries = build()?;
    if let (Some(input), Some(target)) = (&options.input, options.target) {
        return shell::run(Command::new(binaries.join(target.name())).arg(input));
    }
    let all = Target::value_variants();
    let chosen = options.target.as_ref().map_or(all, std::slice::from_ref);
    for target in chosen {
        try_target(*target, options.seconds, &binaries)?;
    }
    Ok(())
}

/// Runs every target for a short time.
pub(crate) fn ci() -> Result<()> {
    run(&Options {
        seconds: CI_SECONDS,
        input: None,
        target: None,
    })
}

/// Builds the targets, and tells where they are.
fn build() -> Result<PathBuf> {
    let mut cargo = shell::cargo();
    cargo.args([
        "build",
        "--package",
        "fuzz",
        "--bins",
        "--features",
        "libfuzzer",
    ]);
    cargo.env(
        "RUSTC_WORKSPACE_WRAPPER",
        layout::tests().join("fuzz/instrument"),
    );
    shell::run(&mut cargo).context("cannot build the fuzz targets; they need a C++ compiler")?;
    Ok(layout::target().join("debug"))
}

fn dir() -> PathBuf {
    layout::target().join("fuzz")
}

fn try_target(target: Target, seconds: u64, binaries: &Path) -> Result<()> {
    let name = target.name();
    let found = dir().join("corpus").join(name);
    let crashes = dir().join("crashes").join(name);
    for made in [&found, &crashes] {
        fs::create_dir_all(made).with_context(|| format!("cannot make `{}`", made.display()))?;
    }
    let log = dir().join(format!("{name}.log"));
    let file = File::create(&log).with_context(|| format!("cannot write `{}`", log.display()))?;
    let mut fuzzer = Command::new(binaries.join(name));
    // What is new goes into the first directory; the committed corpus stays as it is.
    fuzzer.arg(&found).arg(committed().join(name));
    fuzzer.arg(format!("-artifact_prefix={}/", crashes.display()));
    fuzzer.args([
        format!("-max_total_time={seconds}"),
        format!("-seed={SEED}"),
        format!("-max_len={}", target.bytes_max()),
        format!("-timeout={INPUT_SECONDS_MAX}"),
        format!("-rss_limit_mb={MEMORY_MIB_MAX}"),
        "-print_final_stats=1".to_owned(),
    ]);
    let status = fuzzer
        .stdout(file.try_clone()?)
        .stderr(file)
        .status()
        .with_context(|| format!("cannot start `{}`", shell::show(&fuzzer)))?;
    let said = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    if !status.success() {
        let mut out = std::io::stderr();
        for line in tail(&said) {
            writeln!(out, "{line}")?;
        }
        bail!(
            "`{name}` ended with {status}; the input is in `{}`, the log in `{}`; \
             `cargo xtask fuzz {name} --input FILE` runs it again",
            crashes.display(),
            log.display()
        );
    }
    let inputs = statistic(&said, "stat::number_of_executed_units:");
    let edges = said.lines().rev().find_map(edges).unwrap_or("no");
    println!("fuzz: {name}: {inputs} inputs in {seconds} s, {edges} edges, nothing found");
    Ok(())
}

fn committed() -> PathBuf {
    layout::tests().join("fuzz/corpus")
}

/// The end of a log, where the finding is.
fn tail(text: &str) -> impl Iterator<Item = &str> {
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(60);
    lines.into_iter().skip(from)
}

fn statistic<'a>(said: &'a str, name: &str) -> &'a str {
    let line = said.lines().find_map(|line| line.strip_prefix(name));
    line.map_or("no", str::trim)
}

/// `#123 NEW    cov: 456 ft: 789 …`.
fn edges(line: &str) -> Option<&str> {
    let (_, after) = line.split_once(" cov: ")?;
    after.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_a_log() {
        let log = "#2\tINITED cov: 17 ft: 18 corp: 1/1b\n#9\tDONE   cov: 39 ft: 40 corp: 2/2b\n\
                   stat::number_of_executed_units: 512\nstat::peak_rss_mb: 30\n";
        assert_eq!(statistic(log, "stat::number_of_executed_units:"), "512");
        assert_eq!(log.lines().rev().find_map(edges), Some("39"));
        assert_eq!(statistic("", "stat::x:"), "no");
    }
}
