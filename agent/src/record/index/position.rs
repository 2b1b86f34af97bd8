//! Up to where segments are read.

use sqlx::sqlite::SqliteConnection;

use super::error::IndexError;
use super::take::Batch;
use super::{signed, unsigned};
use crate::record::chain::Digest;
use crate::record::format::DIGEST_BYTES;

/// How far a segment is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Reading,
    Whole,
    /// What follows does not fit the chain, or is cut off.
    Damaged,
    /// It cannot be opened: it is encrypted, and nobody gave an identity.
    Closed,
}

impl State {
    const fn code(self) -> i64 {
        match self {
            Self::Reading => 0,
            Self::Whole => 1,
            Self::Damaged => 2,
            Self::Closed => 3,
        }
    }

    fn from_code(code: i64) -> Self {
        let all = [Self::Whole, Self::Damaged, Self::Closed];
        let found = all.into_iter().find(|it| it.code() == code);
        found.unwrap_or(Self::Reading)
    }
}

/// Up to where a segment is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) segment: u64,
    pub(super) state: State,
    pub(super) offset: u64,
    pub(super) digest: Digest,
}

impl Position {
    pub(super) async fn last(c: &mut SqliteConnection) -> Result<Option<Self>, IndexError> {
        let row: Option<(i64, i64, i64, Vec<u8>)> = sqlx::query_as(
            "SELECT number, state, offset, digest FROM segments ORDER BY number DESC LIMIT 1",
        )
        .fetch_optional(c)
        .await
        .map_err(IndexError::failed)?;
        Ok(row.map(|(segment, state, offset, digest)| Self {
            segment: unsigned(segment),
            state: State::from_code(state),
            offset: unsigned(offset),
            digest: <[u8; DIGEST_BYTES]>::try_from(digest).map_or(Digest::ZERO, Digest),
        }))
    }

    pub(super) async fn write(
        &self,
        batch: &Batch,
        c: &mut SqliteConnection,
    ) -> Result<(), IndexError> {
        let query = sqlx::query(
            "INSERT INTO segments (number, state, offset, digest, frames, first_entry, last_entry, \
             time_min, time_max) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
             ON CONFLICT (number) DO UPDATE SET state = $2, offset = $3, digest = $4, \
             frames = frames + $5, \
             first_entry = min(coalesce(first_entry, $6), coalesce($6, first_entry)), \
             last_entry = max(coalesce(last_entry, $7), coalesce($7, last_entry)), \
             time_min = min(coalesce(time_min, $8), coalesce($8, time_min)), \
             time_max = max(coalesce(time_max, $9), coalesce($9, time_max))",
        )
        .bind(signed(self.segment))
        .bind(self.state.code())
        .bind(signed(self.offset))
        .bind(self.digest.0.to_vec())
        .bind(signed(batch.frames))
        .bind(batch.numbers.map(|it| signed(it.0)))
        .bind(batch.numbers.map(|it| signed(it.1)))
        .bind(batch.times.map(|it| it.0))
        .bind(batch.times.map(|it| it.1));
        super::write::run(query, c).await
    }
}
