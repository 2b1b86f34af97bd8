//! Where the text of the configuration comes from.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::report::Report;
use super::{Config, raw};

/// Gives the text of a file. The daemon's refuses a file that others than root may have written.
pub trait Source {
    fn read(&self, path: &Path) -> io::Result<String>;
}

impl<F: Fn(&Path) -> io::Result<String>> Source for F {
    fn read(&self, path: &Path) -> io::Result<String> {
        self(path)
    }
}

/// Why there is no configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    #[error("cannot read `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{0}")]
    Invalid(Report),
}

/// Reads the configuration at `path`.
pub fn load(path: &Path, source: &impl Source) -> Result<Config, ConfigError> {
    let text = source.read(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    raw::read(&text, &path.display().to_string()).map_err(ConfigError::Invalid)
}
