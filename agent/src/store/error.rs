//! What can go wrong with the store.

use std::io;
use std::path::{Path, PathBuf};

use sqlx::migrate::MigrateError;
use thiserror::Error;

/// Why the store cannot be used.
#[derive(Debug, Error)]
pub enum StoreError {
    #[error("cannot make or open `{}`", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{}` is not a regular file", path.display())]
    NotRegular { path: PathBuf },
    #[error("`{}` belongs to uid {uid}; it must belong to the user that the daemon runs as", path.display())]
    Foreign { path: PathBuf, uid: u32 },
    #[error("`{}` is open to others (mode {mode:04o}): `chmod go= {}`", path.display(), path.display())]
    Exposed { path: PathBuf, mode: u32 },
    #[error("another process uses the store `{}`; stop it first", path.display())]
    InUse { path: PathBuf },
    #[error(
        "the store `{}` is damaged: stop the daemon, keep the file, and restore a copy or move it \
         away to start without asks and grants",
        path.display()
    )]
    Damaged {
        path: PathBuf,
        #[source]
        source: sqlx::Error,
    },
    #[error(
        "the store `{}` was written by a newer version (its form {version}); run that version, or \
         move the file away to start without asks and grants",
        path.display()
    )]
    Newer { path: PathBuf, version: i64 },
    #[error("the store `{}` cannot be written: its disk or file is read-only", path.display())]
    ReadOnly {
        path: PathBuf,
        #[source]
        source: sqlx::Error,
    },
    #[error("cannot open the store `{}`", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: MigrateError,
    },
    #[error("too many callers wait for the store")]
    Busy,
    #[error("a statement on the store failed")]
    Failed {
        #[source]
        source: sqlx::Error,
    },
    #[error("the store holds what nobody wrote: {what}")]
    Nonsense { what: &'static str },
    #[error("the system gave no random bytes")]
    Random,
    #[error("a task of the store ended early")]
    Ended,
}

/// Primary result codes of SQLite; extended ones carry them in the low byte.
const READONLY: i32 = 8;
const CORRUPT: i32 = 11;
const NOT_A_DATABASE: i32 = 26;

impl StoreError {
    pub(crate) const fn failed(source: sqlx::Error) -> Self {
        Self::Failed { source }
    }

    /// Tells the faults apart that an operator mends in different ways.
    pub(super) fn open(path: &Path, source: MigrateError) -> Self {
        let path = path.to_owned();
        if let MigrateError::VersionMissing(version) = source {
            return Self::Newer { path, version };
        }
        if let MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) = source {
            return Self::open_failed(path, source);
        }
        Self::Open { path, source }
    }

    fn open_failed(path: PathBuf, source: sqlx::Error) -> Self {
        match primary_code(&source) {
            Some(READONLY) => Self::ReadOnly { path, source },
            Some(CORRUPT | NOT_A_DATABASE) => Self::Damaged { path, source },
            // What `quick_check` said.
            None if matches!(source, sqlx::Error::Protocol(_)) => Self::Damaged { path, source },
            _ => Self::Open {
                path,
                source: MigrateError::Execute(source),
            },
        }
    }
}

fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code = error.as_database_error()?.code()?;
    code.parse::<i32>().ok().map(|code| code & 0xff)
}
