//! `cargo xtask bench`: what our place in the path costs a stock driver.
//!
//! Each cell is measured through us, directly, and directly once more, in the same repetition and
//! in random order. Only the ratio within a repetition means anything: the stand-in is Python and
//! slow, and everything shares the machine. A cell whose two direct measurements disagree is void.
//! Nothing here fails because something was slow.

mod cell;
mod host;
mod mask;
mod measure;
mod order;
mod policy;
mod record;
mod report;
mod search;
mod stages;
mod stats;

use std::env;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use ::tests::{interrupt, layout};
use anyhow::{Context as _, Result};
use clap::{Args, Subcommand, value_parser};

use self::cell::Cell;
use self::host::Host;
use self::measure::Bench;
use self::report::Report;
use crate::{setup, shell};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    alone: Option<Alone>,
    /// How often each cell is measured on each way; fewer than five say little
    #[arg(long, default_value_t = 5, value_parser = value_parser!(u16).range(1..=1000))]
    reps: u16,
    /// Decides the order of the measurements; from the clock if not given
    #[arg(long)]
    seed: Option<u64>,
    /// Writes every sample to this file
    #[arg(long)]
    json: Option<PathBuf>,
    /// Where the daemon records; the disk below it decides what a decision costs
    #[arg(long)]
    record_dir: Option<PathBuf>,
    /// Set-up and build are done: the task starts itself again as root with this
    #[arg(long, hide = true)]
    prepared: bool,
}

/// What is measured without a driver, a kernel or root.
#[derive(Debug, Subcommand)]
enum Alone {
    /// Measures the masking of rows alone
    Mask,
    /// Measures analysis and decisions alone
    Policy(policy::Options),
    /// Measures durable decisions and the check of a recording alone
    Record(record::Options),
    /// Measures the index of a recording alone
    Search(search::Options),
}

/// Sets up, builds the release binary, becomes root, and measures.
pub(crate) fn run(options: &Options) -> Result<()> {
    match &options.alone {
        Some(Alone::Mask) => return mask::run(),
        Some(Alone::Policy(options)) => return policy::run(options),
        Some(Alone::Record(options)) => return record::run(options),
        Some(Alone::Search(options)) => return search::run(options),
        None => {}
    }
    if !options.prepared {
        return Err(prepare()?);
    }
    interrupt::install()?;
    let seed = options.seed.unwrap_or_else(clock);
    println!("bench: seed {seed}, {} repetitions", options.reps);
    let record = match &options.record_dir {
        Some(dir) => dir.clone(),
        None => layout::target(),
    };
    let mut bench = Bench::new(Host::start(&record)?)?;
    let mut report = Report::new(seed, options.reps, &record);
    report.disk(bench.host().disk_sync_seconds()?);
    report.memory("idle", bench.host().memory()?);
    let mut random = order::Random::new(seed);
    for rep in 1..=options.reps {
        println!("bench: repetition {rep} of {}", options.reps);
        for cell in random.shuffled(Cell::ALL) {
            for way in random.shuffled(cell.ways()) {
                let sample = bench.measure(cell, way)?;
                report.sample(cell, way, sample);
            }
        }
    }
    report.memory("at the end", bench.host().memory()?);
    report.print();
    if let Some(path) = &options.json {
        report.write(path)?;
    }
    Ok(())
}

/// Everything that is better done as the user. Only returns if it fails.
fn prepare() -> Result<anyhow::Error> {
    setup::run(setup::Need::Demo)?;
    let mut cargo = shell::cargo();
    cargo.args(["build", "--release", "--package", "agent"]);
    shell::run(cargo.args(["--features", "ebpf"])).context("cannot build the daemon")?;
    let program = env::current_exe().context("cannot find this program")?;
    let error = shell::as_root(program)?
        .args(env::args_os().skip(1))
        .arg("--prepared")
        .env(
            "SNOWFENCE_BINARY",
            layout::target().join("release/snowfence"),
        )
        .exec();
    Ok(anyhow::Error::from(error).context("cannot become root"))
}

fn clock() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since.as_secs()
}
