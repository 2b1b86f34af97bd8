//! The command line: one file per command, tables for people, `--json` for programs.
//!
//! Exit status: 0 done, 1 failed, 2 wrong usage or wrong configuration.
#![forbid(unsafe_code)]

mod access;
mod approve;
mod ask;
mod asks;
mod config;
mod deny;
mod detach;
mod extend;
mod grant;
mod grants;
mod init;
mod labels;
mod output;
mod policy;
mod recording;
mod revoke;
mod run;
mod status;
mod trust;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use thiserror::Error;

use crate::config::{Config, ConfigError, load};
use crate::privilege::{Class, secure_read};

use output::Output;

/// More than any hand-written file, little enough to parse in a blink.
const CONFIG_BYTES_MAX: usize = 1 << 20;
const FAILED: u8 = 1;
const MISUSED: u8 = 2;

/// The host agent between autonomous AI agents and Snowflake.
#[derive(Debug, Parser)]
#[command(name = "snowfence", version, after_help = EXIT_STATUS)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_STATUS: &str = "Exit status: 0 done, 1 failed, 2 wrong usage or wrong configuration.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the daemon.
    Run(run::Run),
    /// Writes a first configuration, authority and policy.
    Init(Box<init::Init>),
    /// Shows what the daemon does.
    Status(status::StatusCommand),
    /// Checks or shows the configuration.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Makes clients of this host trust the daemon's authority, or no longer.
    #[command(subcommand)]
    Trust(trust::TrustCommand),
    /// Asks for a role, from inside an enforced scope.
    Ask(ask::AskCommand),
    /// Shows what waits for a decision.
    Asks(asks::Asks),
    /// Says yes to an ask.
    Approve(approve::Approve),
    /// Says no to an ask.
    Deny(deny::Deny),
    /// Shows who has which role, and for how long.
    Grants(grants::Grants),
    /// Gives a workload a role for a time.
    Grant(grant::GrantCommand),
    /// Ends a grant.
    Revoke(revoke::Revoke),
    /// Lets a grant last longer.
    Extend(extend::Extend),
    /// Checks, tests, explains and suggests policies; needs no daemon.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Checks, explains and imports labels, and shows what they find and mask.
    #[command(subcommand)]
    Labels(labels::LabelsCommand),
    /// Proves offline that a recording is as the host wrote it, or says where it is not.
    Verify(recording::verify::Verify),
    /// Lists the sessions of a recording.
    Sessions(recording::Sessions),
    /// Finds statements in a recording by their words.
    Search(recording::Search),
    /// Counts what a recording has.
    Stats(recording::Stats),
    /// Makes the index of a recording again, or shows how far it is.
    #[command(subcommand)]
    Index(recording::IndexCommand),
    /// Plays a recorded session as a film.
    Replay(Box<recording::replay::Replay>),
    /// Writes the recording for other programs.
    Export(Box<recording::export::Export>),
    /// Ends enforcement, which outlives the daemon.
    Detach(detach::Detach),
}

/// Where the configuration is.
#[derive(Debug, clap::Args)]
struct ConfigPath {
    /// The configuration file.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/snowfence/snowfence.toml"
    )]
    config: PathBuf,
}

/// What the caller must change in the way the command was called.
#[derive(Debug, Error)]
#[error("{0}")]
struct Misuse(String);

/// Runs the command that the arguments name, and tells how it went.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Nothing is left to tell if the terminal is gone.
            drop(error.print());
            return if error.use_stderr() {
                MISUSED.into()
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    let mut output = Output::stdout();
    match dispatch(cli.command, &mut output) {
        Ok(()) => ExitCode::SUCCESS,
        // `snowfence status | head`: the reader has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error);
            exit_code(&error).into()
        }
    }
}

fn dispatch(command: Command, output: &mut Output<'_>) -> anyhow::Result<()> {
    match command {
        Command::Run(command) => command.run(),
        Command::Init(command) => command.run(output),
        Command::Status(command) => command.run(output),
        Command::Config(command) => command.run(output),
        Command::Trust(command) => command.run(output),
        Command::Ask(command) => command.run(output),
        Command::Asks(command) => command.run(output),
        Command::Approve(command) => command.run(output),
        Command::Deny(command) => command.run(output),
        Command::Grants(command) => command.run(output),
        Command::Grant(command) => command.run(output),
        Command::Revoke(command) => command.run(output),
        Command::Extend(command) => command.run(output),
        Command::Policy(command) => command.run(output),
        Command::Labels(command) => command.run(output),
        Command::Verify(command) => command.run(output),
        Command::Sessions(command) => command.run(output),
        Command::Search(command) => command.run(output),
        Command::Stats(command) => command.run(output),
        Command::Index(command) => command.run(output),
        Command::Replay(command) => command.run(output),
        Command::Export(command) => command.run(output),
        Command::Detach(command) => command.run(output),
    }
}

fn exit_code(error: &anyhow::Error) -> u8 {
    let misused = error.chain().any(|cause| {
        cause.is::<Misuse>()
            || matches!(
                cause.downcast_ref::<ConfigError>(),
                Some(ConfigError::Invalid(_))
            )
    });
    if misused { MISUSED } else { FAILED }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Reads the configuration if nobody but root, or we ourselves, could have written it.
fn read_config(path: &Path) -> Result<Config, ConfigError> {
    load(path, &|path: &Path| {
        let bytes =
            secure_read(path, Class::Steering, CONFIG_BYTES_MAX).map_err(io::Error::other)?;
        String::from_utf8(bytes.to_vec()).map_err(io::Error::other)
    })
}

#[cfg(test)]
mod tests;
