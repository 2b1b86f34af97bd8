//! What the index has.

use serde::Serialize;

use crate::record::index::{Index, IndexError, unsigned};

/// How much there is, and what is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Condition {
    pub bytes: u64,
    pub segments: u64,
    /// They are encrypted, and nobody gave an identity.
    pub segments_closed: u64,
    pub segments_damaged: u64,
    pub frames: u64,
    pub entries: u64,
    pub last_entry: u64,
    pub sessions: u64,
    pub texts: u64,
    pub has_text: bool,
}

impl Index {
    /// Counts what is there.
    ///
    /// # Errors
    /// The index cannot be read.
    pub async fn condition(&mut self) -> Result<Condition, IndexError> {
        let segments = "SELECT count(*), coalesce(sum(state = 3), 0), coalesce(sum(state = 2), 0), \
                        coalesce(sum(frames), 0) FROM segments";
        let (count, closed, damaged, frames): (i64, i64, i64, i64) = sqlx::query_as(segments)
            .fetch_one(&mut self.connection)
            .await
            .map_err(IndexError::failed)?;
        let sizes = "SELECT (SELECT count(*) FROM entries), (SELECT count(*) FROM sessions), \
                     (SELECT count(*) FROM texts), \
                     (SELECT page_count FROM pragma_page_count()) * \
                     (SELECT page_size FROM pragma_page_size())";
        let (entries, sessions, texts, bytes): (i64, i64, i64, i64) = sqlx::query_as(sizes)
            .fetch_one(&mut self.connection)
            .await
            .map_err(IndexError::failed)?;
        let last_entry = self.last_entry().await?;
        Ok(Condition {
            bytes: unsigned(bytes),
            segments: unsigned(count),
            segments_closed: unsigned(closed),
            segments_damaged: unsigned(damaged),
            frames: unsigned(frames),
            entries: unsigned(entries),
            last_entry,
            sessions: unsigned(sessions),
            texts: unsigned(texts),
            has_text: self.has_text(),
        })
    }

    /// Segments that could not be opened, and those that are damaged.
    ///
    /// # Errors
    /// The index cannot be read.
    pub async fn missing(&mut self) -> Result<(u64, u64), IndexError> {
        let statement =
            "SELECT coalesce(sum(state = 3), 0), coalesce(sum(state = 2), 0) FROM segments";
        let (closed, damaged): (i64, i64) = sqlx::query_as(statement)
            .fetch_one(&mut self.connection)
            .await
            .map_err(IndexError::failed)?;
        Ok((unsigned(closed), unsigned(damaged)))
    }

    /// The last entry that the index knows.
    ///
    /// # Errors
    /// The index cannot be read.
    pub async fn last_entry(&mut self) -> Result<u64, IndexError> {
        let statement = "SELECT coalesce(max(number), 0) FROM entries";
        let last = super::super::file::scalar(&mut self.connection, statement).await?;
        Ok(unsigned(last))
    }
}
