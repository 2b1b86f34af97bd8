//! `snowfence policy`: everything about policies that needs no daemon, no root and no configuration.

pub(super) mod batch;
mod cases;
mod check;
mod explain;
mod facts;
mod judge;
mod masks;
mod matrix;
mod named;
pub(super) mod sources;
mod suggest;
mod view;

use anyhow::Result;
use clap::Subcommand;

use super::output::Output;

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Tells everything that is wrong with the policies.
    Check(check::Check),
    /// Runs the cases that say what the policies must answer.
    Test(cases::Test),
    /// Shows what analysis finds in a statement.
    Facts(facts::FactsCommand),
    /// Shows how a statement is judged, by which policies, and what would change the answer.
    Explain(Box<explain::Explain>),
    /// Shows who may do what to which objects.
    Matrix(matrix::Matrix),
    /// Proposes a policy that permits what a recording shows, and no more.
    Suggest(suggest::Suggest),
}

impl PolicyCommand {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<()> {
        match self {
            Self::Check(command) => command.run(output),
            Self::Test(command) => command.run(output),
            Self::Facts(command) => command.run(output),
            Self::Explain(command) => command.run(output),
            Self::Matrix(command) => command.run(output),
            Self::Suggest(command) => command.run(output),
        }
    }
}

#[cfg(test)]
mod tests;
