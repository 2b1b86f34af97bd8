//! One turn of the one writer.

use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit};

use super::StoreError;
use crate::telemetry::ErrorChain;

/// The connection that writes.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) connection: SqliteConnection,
    /// False while a transaction runs, and after one that did not end as it should.
    pub(super) usable: bool,
}

/// A transaction that alone may write; others wait until it is dropped.
///
/// What follows a commit in memory is done before the turn is dropped, so that memory changes in
/// the order of the commits. Dropped without [`Turn::commit`] or [`Turn::abandon`], or after one of
/// them failed, the connection is replaced and SQLite rolls back.
#[derive(Debug)]
pub(crate) struct Turn {
    writer: OwnedMutexGuard<Writer>,
    fresh: bool,
    _place: OwnedSemaphorePermit,
}

impl Turn {
    pub(super) async fn begin(
        mut writer: OwnedMutexGuard<Writer>,
        place: OwnedSemaphorePermit,
        options: &SqliteConnectOptions,
    ) -> Result<Self, StoreError> {
        let fresh = !writer.usable;
        if fresh {
            writer.connection = SqliteConnection::connect_with(options)
                .await
                .map_err(StoreError::failed)?;
        }
        writer.usable = false;
        // The write lock at once: a transaction that reads first and then finds another writer
        // could not go on.
        sqlx::query("BEGIN IMMEDIATE")
            .execute(&mut writer.connection)
            .await
            .map_err(StoreError::failed)?;
        Ok(Self {
            writer,
            fresh,
            _place: place,
        })
    }

    /// True when the turn before failed: what memory says of the file may be wrong.
    pub(crate) const fn is_fresh(&self) -> bool {
        self.fresh
    }

    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.writer.connection
    }

    /// Makes it durable.
    pub(crate) async fn commit(&mut self) -> Result<(), StoreError> {
        self.end("COMMIT").await
    }

    /// Takes it back, for a caller that has an error to tell already. Where that fails too, the
    /// next turn opens the file afresh.
    pub(crate) async fn abandon(&mut self) {
        if let Err(error) = self.end("ROLLBACK").await {
            tracing::warn!(error = %ErrorChain(&error), "cannot roll back in the store");
        }
    }

    async fn end(&mut self, statement: &'static str) -> Result<(), StoreError> {
        sqlx::query(statement)
            .execute(&mut self.writer.connection)
            .await
            .map_err(StoreError::failed)?;
        self.writer.usable = true;
        Ok(())
    }
}
