//! Deletes what the deleted segments said.

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, Executor as _};

use super::error::IndexError;
use super::file::Index;
use super::signed;

/// What is deleted with the entries: statements that nobody else made, sessions that are over, and
/// the sums of hours of which no segment is left.
const DELETIONS: [&str; 13] = [
    "DELETE FROM labels WHERE label IN (SELECT id FROM words WHERE kind = 8) \
     AND entry <= (SELECT max(number) FROM temp.doomed) \
     AND entry IN (SELECT number FROM temp.doomed)",
    "DELETE FROM entries WHERE number IN (SELECT number FROM temp.doomed)",
    "DELETE FROM temp.doomed WHERE coalesce(text, 0) = 0 \
     OR EXISTS (SELECT 1 FROM entries WHERE entries.text = doomed.text AND entries.text > 0)",
    "INSERT INTO finds (finds, rowid, text) SELECT 'delete', id, text FROM texts \
     WHERE id IN (SELECT text FROM temp.doomed)",
    "DELETE FROM texts WHERE id IN (SELECT text FROM temp.doomed)",
    "DELETE FROM temp.doomed",
    "INSERT INTO temp.doomed (number) SELECT id FROM sessions \
     WHERE last < (SELECT min(time_min) FROM segments) \
     AND (closed IS NOT NULL OR opened IS NULL)",
    "DELETE FROM session_marks WHERE session IN (SELECT number FROM temp.doomed)",
    "DELETE FROM sessions WHERE id IN (SELECT number FROM temp.doomed)",
    "DELETE FROM begun_hours WHERE hour < (SELECT min(time_min) FROM segments) / 3600000",
    "DELETE FROM ended_hours WHERE hour < (SELECT min(time_min) FROM segments) / 3600000",
    "DELETE FROM object_hours WHERE hour < (SELECT min(time_min) FROM segments) / 3600000",
    "DELETE FROM label_hours WHERE hour < (SELECT min(time_min) FROM segments) / 3600000",
];

impl Index {
    /// Deletes what began in segments before `oldest`. After an error the index must be opened again.
    ///
    /// # Errors
    /// The disk is full, or the file is damaged.
    pub(super) async fn prune(&mut self, oldest: u64) -> Result<(), IndexError> {
        let count = "SELECT count(*) FROM segments WHERE number < $1";
        let older: i64 = sqlx::query_scalar(count)
            .bind(signed(oldest))
            .fetch_one(&mut self.connection)
            .await
            .map_err(IndexError::failed)?;
        if older == 0 {
            return Ok(());
        }
        self.interned.forget();
        let transaction = self.connection.begin_with("BEGIN IMMEDIATE").await;
        let mut transaction = transaction.map_err(IndexError::failed)?;
        delete(oldest, &mut transaction)
            .await
            .map_err(IndexError::failed)?;
        transaction.commit().await.map_err(IndexError::failed)
    }
}

async fn delete(oldest: u64, c: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    c.execute("CREATE TEMP TABLE IF NOT EXISTS doomed (number INTEGER PRIMARY KEY, text INTEGER)")
        .await?;
    c.execute("DELETE FROM temp.doomed").await?;
    let doom = "INSERT INTO temp.doomed SELECT number, text FROM entries WHERE segment < $1 \
                AND number <= (SELECT max(last_entry) FROM segments WHERE number < $1)";
    sqlx::query(doom)
        .bind(signed(oldest))
        .execute(&mut *c)
        .await?;
    let segments = "DELETE FROM segments WHERE number < $1";
    sqlx::query(segments)
        .bind(signed(oldest))
        .execute(&mut *c)
        .await?;
    for deletion in DELETIONS {
        c.execute(deletion).await?;
    }
    Ok(())
}
