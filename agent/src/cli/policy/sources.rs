//! Where a command finds policies and what statements are about.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use super::judge;
use crate::catalog::file::CatalogFile;
use crate::cli::{ConfigPath, read_config};
use crate::config::ConfigError;
use crate::policy::PolicySet;
use crate::sql::{Context, SessionState};

const DEFAULT_DIR: &str = "/etc/snowfence/policies";

/// As much as policies and labels in force may be.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A catalog of a large account; its tree in memory is some ten times as large.
const CATALOG_BYTES_MAX: u64 = 256 << 20;

/// The directory with the policies.
#[derive(Debug, Args)]
pub(super) struct Dir {
    /// The directory with the policies, if it is not the configuration's
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigPath,
}

/// The same, for commands whose argument is something else.
#[derive(Debug, Args)]
pub(in crate::cli) struct DirFlag {
    /// The directory with the policies, if it is not the configuration's
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigPath,
}

/// What names in statements are looked up in.
#[derive(Debug, Args)]
pub(super) struct Around {
    /// Tables, columns and views: a JSON file (see `agent/docs/policy.md`)
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// The session's current database
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// The session's current schema
    #[arg(long, value_name = "NAME")]
    schema: Option<String>,
    /// The session's role inside Snowflake
    #[arg(long, value_name = "NAME")]
    snowflake_role: Option<String>,
}

impl Dir {
    pub(in crate::cli) fn find(self) -> Result<PathBuf> {
        find(self.dir, &self.config.config)
    }
}

impl DirFlag {
    pub(in crate::cli) fn find(self) -> Result<PathBuf> {
        find(self.policies, &self.config.config)
    }
}

/// A configuration that is not there, or that this user may not read, is no reason to stop: people
/// who write policies have none.
pub(in crate::cli) fn find(given: Option<PathBuf>, config: &Path) -> Result<PathBuf> {
    if let Some(dir) = given {
        return Ok(dir);
    }
    match File::open(config).map_err(|error| error.kind()) {
        Err(ErrorKind::NotFound | ErrorKind::PermissionDenied) => Ok(PathBuf::from(DEFAULT_DIR)),
        Ok(_) | Err(_) => {
            let config: Result<_, ConfigError> = read_config(config);
            Ok(config?.policy.dir)
        }
    }
}

impl Around {
    pub(super) fn context(&self) -> Result<Context> {
        let mut context = Context::default();
        if let Some(path) = &self.catalog {
            context.catalog = Arc::new(catalog(path)?);
        }
        context.session = Arc::new(self.session());
        Ok(context)
    }

    pub(super) fn session(&self) -> SessionState {
        judge::session(
            self.database.as_deref(),
            self.schema.as_deref(),
            self.snowflake_role.as_deref(),
        )
    }
}

/// Reads policies, with other labels than those beside them if a file is given.
pub(super) fn labelled(dir: &Path, labels: Option<&Path>) -> Result<PolicySet> {
    let policies = PolicySet::read_unchecked(dir)?;
    let Some(path) = labels else {
        return Ok(policies);
    };
    let text = read(path, FILE_BYTES_MAX)?;
    Ok(policies.with_labels(&path.display().to_string(), &text)?)
}

/// Reads a catalog file.
pub(super) fn catalog(path: &Path) -> Result<CatalogFile> {
    let text = read(path, CATALOG_BYTES_MAX)?;
    CatalogFile::parse(&text).with_context(|| format!("the catalog `{}`", path.display()))
}

/// Reads a text file that people wrote.
pub(in crate::cli) fn read(path: &Path, bytes_max: u64) -> Result<String> {
    let shown = path.display();
    let mut text = String::new();
    let file = File::open(path).with_context(|| format!("cannot open `{shown}`"))?;
    let read = file.take(bytes_max + 1).read_to_string(&mut text);
    if read.with_context(|| format!("cannot read `{shown}`"))? as u64 > bytes_max {
        bail!("`{shown}` is larger than {bytes_max} bytes");
    }
    Ok(text)
}

/// A runtime for the few things that wait.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("starting a runtime")
}
