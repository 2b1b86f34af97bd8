//! Tells what the daemon does: one subscriber for the whole process, on standard error.
//!
//! Text for people, JSON for collectors. `SNOWFENCE_LOG` filters it (`info`, `agent::proxy=debug`).
#![forbid(unsafe_code)]

mod chain;

use std::env;
use std::io::{self, IsTerminal as _};

use thiserror::Error;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

pub use chain::ErrorChain;

const FILTER_VARIABLE: &str = "SNOWFENCE_LOG";
/// systemd sets it, to device and inode of the journal's socket, where that is our standard error.
const JOURNAL_VARIABLE: &str = "JOURNAL_STREAM";

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    Text,
}

impl Format {
    /// JSON below systemd or when nobody looks, text on a terminal.
    #[must_use]
    pub fn detect() -> Self {
        let journal = env::var_os(JOURNAL_VARIABLE).is_some();
        Self::of(io::stderr().is_terminal(), journal)
    }

    const fn of(terminal: bool, journal: bool) -> Self {
        if terminal && !journal {
            Self::Text
        } else {
            Self::Json
        }
    }
}

/// Why nothing can be logged.
#[derive(Debug, Error)]
pub enum TelemetryError {
    #[error("`SNOWFENCE_LOG` is not a log filter")]
    Filter(#[source] ParseError),
    #[error("logging is set up already")]
    Twice,
}

/// object_store tells of every try; what comes of them the recording's keeper tells.
const QUIET: &str = "info,object_store=warn";

/// Sets the process's subscriber.
pub fn init(format: Format) -> Result<(), TelemetryError> {
    let given = env::var(FILTER_VARIABLE).unwrap_or_default();
    let given = if given.is_empty() { QUIET } else { &given };
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .parse(given)
        .map_err(TelemetryError::Filter)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    let set = match format {
        Format::Json => builder.json().flatten_event(true).try_init(),
        Format::Text => builder.with_ansi(io::stderr().is_terminal()).try_init(),
    };
    set.ok().ok_or(TelemetryError::Twice)
}

#[cfg(test)]
mod tests {
    use super::Format;

    #[test]
    fn collectors_get_json_and_people_get_text() {
        assert_eq!(Format::of(true, false), Format::Text);
        assert_eq!(Format::of(true, true), Format::Json);
        assert_eq!(Format::of(false, false), Format::Json);
    }
}
