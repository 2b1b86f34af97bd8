//! The file of the index: opening, making, throwing away.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection as _, Executor as _};

use super::error::IndexError;
use super::intern::Interned;
use crate::store;

const SCHEMA: &str = include_str!("schema.sql");
/// Tells our file from any other database ("SNIX").
const APPLICATION: i64 = 0x534e_4958;
/// Another form of the tables has another number; the file is then made again.
const FORM: i64 = 1;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Pages in memory, in KiB (negative, as SQLite wants it): the inner pages of 10 million entries.
const CACHE: &str = "-32768";
/// The most that SQLite keeps of a write-ahead log that a long read made grow.
const WAL_BYTES_MAX: &str = "67108864";

/// An index, open to write or only to read.
#[derive(Debug)]
pub struct Index {
    pub(super) connection: SqliteConnection,
    pub(super) interned: Interned,
    pub(super) has_text: bool,
    /// `None` for a temporary one.
    path: Option<PathBuf>,
    /// Held as long as we write: two writers would count twice.
    _lock: Option<File>,
}

impl Index {
    /// Opens the index to write, and makes it when there is none. `text` says if statements are in
    /// it. With `check`, all of the file is read to find damage, which takes seconds for gigabytes.
    ///
    /// # Errors
    /// The file is not ours alone, another process writes it, or it must be made again
    /// ([`IndexError::wants_rebuild`]).
    pub async fn open(path: &Path, text: bool, check: bool) -> Result<Self, IndexError> {
        let lock = store::prepare_file(path).map_err(|source| IndexError::File { source })?;
        Self::open_locked(path, lock, text, check).await
    }

    async fn open_locked(
        path: &Path,
        lock: File,
        text: bool,
        check: bool,
    ) -> Result<Self, IndexError> {
        let options = options()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal);
        let mut connection = connect(&options).await?;
        if check {
            let found: String = sqlx::query_scalar("PRAGMA quick_check(1)")
                .fetch_one(&mut connection)
                .await
                .map_err(IndexError::failed)?;
            if found != "ok" {
                let source = sqlx::Error::Protocol(found);
                return Err(IndexError::Damaged { source });
            }
        }
        let tables: i64 = scalar(&mut connection, "SELECT count(*) FROM sqlite_schema").await?;
        if tables == 0 {
            create(&mut connection, text).await?;
        }
        let mut index = Self::known(connection, path, Some(lock)).await?;
        if index.has_text != text {
            return Err(IndexError::Unfit);
        }
        index.interned.load(&mut index.connection).await?;
        Ok(index)
    }

    /// Opens the index to write, whatever is there: what is damaged or of another form is made
    /// again, what is no index is set aside. The flag tells that it begins empty.
    ///
    /// # Errors
    /// The file is not ours alone, another process writes it, or the disk fails.
    pub async fn open_or_replace(path: &Path, text: bool) -> Result<(Self, bool), IndexError> {
        match Self::open(path, text, true).await {
            Ok(index) => Ok((index, false)),
            Err(error) if error.wants_rebuild() => {
                tracing::warn!(
                    error = %crate::telemetry::ErrorChain(&error),
                    path = %path.display(),
                    "the index of the recording is made again"
                );
                Ok((Self::replace(path, text).await?, true))
            }
            Err(error) => Err(error),
        }
    }

    /// Makes an empty index in place of what is there.
    ///
    /// # Errors
    /// As for [`Index::open`].
    pub async fn replace(path: &Path, text: bool) -> Result<Self, IndexError> {
        let lock = store::prepare_file(path).map_err(|source| IndexError::File { source })?;
        let is_ours = is_ours(path).await;
        discard(path, is_ours).map_err(|source| IndexError::Replace {
            path: path.to_owned(),
            source,
        })?;
        // SQLite would make the file with the mode that the process happens to have.
        drop(lock);
        Self::open(path, text, false).await
    }

    /// Opens the index only to read, beside the daemon that writes it.
    ///
    /// # Errors
    /// It is not there, or no index.
    pub async fn read(path: &Path) -> Result<Self, IndexError> {
        let options = options().filename(path).read_only(true);
        let connection = connect(&options).await?;
        Self::known(connection, path, None).await
    }

    /// Makes an index that is gone when it is closed. SQLite keeps it in a file without a name.
    ///
    /// # Errors
    /// No room for temporary files.
    pub async fn temporary() -> Result<Self, IndexError> {
        let options = options().filename("").pragma("journal_mode", "OFF");
        let mut connection = connect(&options).await?;
        create(&mut connection, true).await?;
        Ok(Self {
            connection,
            interned: Interned::default(),
            has_text: true,
            path: None,
            _lock: None,
        })
    }

    async fn known(
        mut connection: SqliteConnection,
        path: &Path,
        lock: Option<File>,
    ) -> Result<Self, IndexError> {
        let foreign = || IndexError::Foreign {
            path: path.to_owned(),
        };
        let application: i64 = scalar(&mut connection, "PRAGMA application_id").await?;
        let form: i64 = scalar(&mut connection, "PRAGMA user_version").await?;
        if (application, form) != (APPLICATION, FORM) {
            return Err(foreign());
        }
        let text = "SELECT value FROM about WHERE name = 'text'";
        let text: i64 = scalar(&mut connection, text).await?;
        Ok(Self {
            connection,
            interned: Interned::default(),
            has_text: text != 0,
            path: Some(path.to_owned()),
            _lock: lock,
        })
    }

    /// Where the file is; `None` for a temporary one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// True if statements can be searched.
    #[must_use]
    pub const fn has_text(&self) -> bool {
        self.has_text
    }

    /// Closes the file in order, with everything in its main part.
    ///
    /// # Errors
    /// The last writes failed.
    pub async fn close(self) -> Result<(), IndexError> {
        self.connection.close().await.map_err(IndexError::failed)
    }
}

fn options() -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .create_if_missing(false)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("cache_size", CACHE)
        .pragma("journal_size_limit", WAL_BYTES_MAX)
        // A statement that was deleted is not left in free pages.
        .pragma("secure_delete", "ON")
        .pragma("cell_size_check", "ON")
        .pragma("trusted_schema", "OFF")
}

async fn connect(options: &SqliteConnectOptions) -> Result<SqliteConnection, IndexError> {
    let connected = SqliteConnection::connect_with(options).await;
    connected.map_err(IndexError::failed)
}

async fn create(connection: &mut SqliteConnection, text: bool) -> Result<(), IndexError> {
    let mut transaction = connection.begin().await.map_err(IndexError::failed)?;
    let made = async {
        transaction.execute(SCHEMA).await?;
        // What is deleted is deleted at once, not when the parts of the index are merged.
        let statement = "INSERT INTO finds (finds, rank) VALUES ('secure-delete', 1)";
        transaction.execute(statement).await?;
        sqlx::query("INSERT INTO about (name, value) VALUES ('text', $1)")
            .bind(i64::from(text))
            .execute(&mut *transaction)
            .await?;
        // The numbers of `APPLICATION` and `FORM`: a pragma takes no bound values.
        transaction
            .execute("PRAGMA application_id = 1397639512")
            .await?;
        transaction.execute("PRAGMA user_version = 1").await?;
        Ok(())
    };
    made.await.map_err(IndexError::failed)?;
    transaction.commit().await.map_err(IndexError::failed)
}

pub(super) async fn scalar(
    connection: &mut SqliteConnection,
    statement: &'static str,
) -> Result<i64, IndexError> {
    let found = sqlx::query_scalar(statement).fetch_one(connection).await;
    found.map_err(IndexError::failed)
}

/// True for an index of any form, and for what SQLite cannot read any more: only a sound database
/// of someone else is worth keeping.
async fn is_ours(path: &Path) -> bool {
    let options = options().filename(path).pragma("query_only", "ON");
    let Ok(mut connection) = connect(&options).await else {
        return true;
    };
    let application = scalar(&mut connection, "PRAGMA application_id").await;
    let tables = scalar(&mut connection, "SELECT count(*) FROM sqlite_schema").await;
    application.is_ok_and(|it| it == APPLICATION) || tables.map_or(true, |count| count == 0)
}

/// Removes the file, or sets it aside where it is a database of someone else.
fn discard(path: &Path, is_ours: bool) -> io::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut from = path.as_os_str().to_owned();
        from.push(suffix);
        let done = if is_ours {
            fs::remove_file(&from)
        } else {
            let mut to = path.as_os_str().to_owned();
            to.push(".foreign");
            to.push(suffix);
            fs::rename(&from, to)
        };
        match done {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}
