//! What principals have used, as rows of the store.

use jiff::Timestamp;
use sqlx::FromRow;
use sqlx::sqlite::SqliteConnection;

use super::AccessError;
use super::budget::{Books, DAY_SPANS, Reservation, Span, Spender, span_of};
use super::desk::Spend;
use crate::store::StoreError;

impl Books {
    /// What the store says was used, as after a crash.
    pub(super) async fn read(&self, connection: &mut SqliteConnection) -> Result<(), AccessError> {
        let rows: Vec<SpendRow> = sqlx::query_as("SELECT * FROM spends")
            .fetch_all(connection)
            .await
            .map_err(StoreError::failed)?;
        let mut pages = self.pages();
        for row in rows {
            let used = row.spend()?;
            let spender = Spender {
                workload: row.workload,
                anchor: row.anchor,
                user: row.person,
            };
            let span = Span {
                used,
                reserved: used,
                touched: 0,
            };
            pages
                .spenders
                .entry(spender)
                .or_default()
                .insert(row.bucket, span);
        }
        Ok(())
    }
}

/// Writes reservations, in the transaction of a turn.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    reservations: &[Reservation],
) -> Result<(), AccessError> {
    for Reservation {
        spender,
        span,
        reserved,
    } in reservations
    {
        sqlx::query(
            "INSERT INTO spends (workload, anchor, person, bucket, queries, row_count, bytes) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (workload, anchor, person, bucket) DO UPDATE SET \
             queries = excluded.queries, row_count = excluded.row_count, bytes = excluded.bytes",
        )
        .bind(&spender.workload)
        .bind(&spender.anchor)
        .bind(&spender.user)
        .bind(span)
        .bind(stored(reserved.queries))
        .bind(stored(reserved.rows))
        .bind(stored(reserved.bytes))
        .execute(&mut *connection)
        .await
        .map_err(StoreError::failed)?;
    }
    Ok(())
}

/// Forgets what no window reaches any more.
pub(super) async fn purge(
    connection: &mut SqliteConnection,
    now: Timestamp,
) -> Result<(), AccessError> {
    sqlx::query("DELETE FROM spends WHERE bucket < $1")
        .bind(span_of(now).saturating_sub(DAY_SPANS))
        .execute(connection)
        .await
        .map_err(StoreError::failed)?;
    Ok(())
}

#[derive(FromRow)]
struct SpendRow {
    workload: String,
    anchor: String,
    person: String,
    bucket: i64,
    queries: i64,
    row_count: i64,
    bytes: i64,
}

impl SpendRow {
    fn spend(&self) -> Result<Spend, StoreError> {
        let count = |value: i64| {
            u64::try_from(value).or(Err(StoreError::Nonsense {
                what: "a negative count",
            }))
        };
        Ok(Spend {
            queries: count(self.queries)?,
            rows: count(self.row_count)?,
            bytes: count(self.bytes)?,
        })
    }
}

fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
