//! Every task of the project, as one program: `cargo xtask <task>`.
//!
//! `demo`, `test` and `ci` first do what `setup` does, so none of them needs a prepared machine.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a task tells the person who started it what it does"
)]

mod bench;
mod build_ebpf;
mod ci;
mod demo;
mod deny;
mod detect_report;
mod drivers;
mod facts_report;
mod fuzz;
mod presidio;
mod setup;
mod shell;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", about = "The tasks of the project")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Measures what our place in the path costs a stock driver, as ratios
    Bench(bench::Options),
    /// Installs what building and testing need: BPF compiler, bpf-linker, stand-in, drivers
    Setup {
        /// Only say what is missing; the exit code is 1 if anything is
        #[arg(long)]
        check: bool,
    },
    /// Builds the daemon with its kernel programs, and prints where the object is
    BuildEbpf,
    /// Shows the whole thing at work on this machine, and cleans up after itself
    Demo {
        /// Set-up and build are done: the demo starts itself again as root with this
        #[arg(long, hide = true)]
        prepared: bool,
    },
    /// Tells how much detectors find in labelled sets, and how much of it is right
    DetectReport(detect_report::Options),
    /// Tells what share of the statements in these files gets the right effects, and which do not
    FactsReport(facts_report::Options),
    /// Runs every test, as root where a test needs it
    Test {
        /// Only tests whose name contains this
        filter: Option<String>,
    },
    /// Runs everything that must pass before a change is merged
    Ci,
    /// Looks for inputs that break lexer, analysis or policy evaluation
    Fuzz(fuzz::Options),
    /// Checks the rules of the source that no compiler checks
    Tidy,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Setup { check: false } => setup::run(setup::Need::Everything),
        Task::Setup { check: true } => setup::check(),
        Task::BuildEbpf => build_ebpf::run(),
        Task::Bench(options) => bench::run(&options),
        Task::DetectReport(options) => detect_report::run(&options),
        Task::FactsReport(options) => facts_report::run(&options),
        Task::Demo { prepared } => demo::run(prepared),
        Task::Test { filter } => test::run(filter.as_deref()),
        Task::Ci => ci::run(),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Tidy => tidy::run(),
    };
    // Printed here, because a backtrace through the task runner helps nobody.
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
