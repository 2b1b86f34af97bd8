//! One SQLite file: what must outlive the daemon and is not the record.
//!
//! ```text
//! open ──► file (ours, 0600) ──► lock (one daemon) ──► migrations ──► Store
//! Store ──turn──► Turn: the one writer, inside BEGIN IMMEDIATE ──commit──► COMMIT, on disk
//!       └─reader──► a snapshot of what is committed, read only
//! ```
//!
//! Write-ahead log with `synchronous = FULL`: what [`Turn::commit`] returned for survives the end of
//! the process and of the machine, and what it did not return for is there whole or not at all. A
//! writer that failed once is thrown away with its transaction and opened afresh, so that no
//! transaction of unknown state is built upon.
#![forbid(unsafe_code)]

mod error;
mod file;
mod reader;
mod turn;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use tokio::sync::{Mutex, Semaphore};

pub use error::StoreError;
pub(crate) use file::prepare as prepare_file;
pub(crate) use reader::Reader;
pub(crate) use turn::Turn;
use turn::Writer;

/// Carried in the binary; a released file is never edited, only followed by another one.
static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations");

/// How long a statement waits for a lock of SQLite's. There is one writer, so only a checkpoint or
/// a person with `sqlite3` can hold one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Lists and single looks from the admin and the access socket; more would wait for the same disk.
const READERS_MAX: usize = 4;

/// Callers that wait for the writer: each is one request of a client, and at 1 ms for a commit the
/// last one waits for a second.
const WAITING_MAX: usize = 1_024;

/// The store; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    options: SqliteConnectOptions,
    writer: Arc<Mutex<Writer>>,
    waiting: Arc<Semaphore>,
    readers: reader::Readers,
    /// Held as long as the store is open: a second daemon would not see what we keep in memory.
    _lock: Arc<File>,
}

impl Store {
    /// Opens the file, makes it when there is none, and brings it to the present form.
    pub(crate) async fn open(path: &Path) -> Result<Self, StoreError> {
        let lock = file::prepare(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            // A cell that is damaged is an error and not a surprise.
            .pragma("cell_size_check", "ON")
            .pragma("trusted_schema", "OFF");
        let connection = prepare(&options)
            .await
            .map_err(|source| StoreError::open(path, source))?;
        let readers = reader::Readers::new(&options, READERS_MAX);
        Ok(Self {
            options,
            writer: Arc::new(Mutex::new(Writer {
                connection,
                usable: true,
            })),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
            readers,
            _lock: Arc::new(lock),
        })
    }

    /// Waits for the writer and begins a transaction. Turns come in the order of the calls.
    pub(crate) async fn turn(&self) -> Result<Turn, StoreError> {
        let place = Arc::clone(&self.waiting)
            .try_acquire_owned()
            .map_err(|_error| StoreError::Busy)?;
        let writer = Arc::clone(&self.writer).lock_owned().await;
        Turn::begin(writer, place, &self.options).await
    }

    /// A connection that sees what is committed, and cannot write.
    pub(crate) async fn reader(&self) -> Result<Reader, StoreError> {
        self.readers.reader().await
    }
}

/// Opens the writer for the first time: looks for damage, and migrates.
async fn prepare(options: &SqliteConnectOptions) -> Result<SqliteConnection, MigrateError> {
    let mut connection = SqliteConnection::connect_with(options).await?;
    let found: String = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(&mut connection)
        .await?;
    if found != "ok" {
        return Err(MigrateError::Execute(sqlx::Error::Protocol(found)));
    }
    MIGRATIONS.run(&mut connection).await?;
    // The first write tells a disk that can only be read, before anyone depends on it.
    sqlx::query(
        "INSERT INTO facts (name, value) VALUES ('opened_by', $1) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(env!("CARGO_PKG_VERSION"))
    .execute(&mut connection)
    .await?;
    Ok(connection)
}

#[cfg(test)]
mod tests;
