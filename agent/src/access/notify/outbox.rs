//! The outbox, as one endpoint sees it.

use crate::access::event::Event;
use crate::access::{AccessError, Desk};
use crate::store::StoreError;

/// Events that are read at once: at 10 KiB each, some 640 KB for each endpoint.
const BATCH_MAX: i64 = 64;

/// An event in its place. `None`: it cannot be read.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) seq: i64,
    pub(super) event: Option<Event>,
}

/// Gives every endpoint a place, and forgets the places of those that are gone. A new one starts
/// with what happens next.
pub(super) async fn enrol(desk: &Desk, names: &[String]) -> Result<(), AccessError> {
    let names = names.to_vec();
    desk.ledger
        .write(move |store, _done| {
            Box::pin(async move {
                let known: Vec<String> = sqlx::query_scalar("SELECT name FROM endpoints")
                    .fetch_all(&mut *store)
                    .await
                    .map_err(StoreError::failed)?;
                for gone in known.iter().filter(|name| !names.contains(name)) {
                    sqlx::query("DELETE FROM endpoints WHERE name = $1")
                        .bind(gone)
                        .execute(&mut *store)
                        .await
                        .map_err(StoreError::failed)?;
                }
                for name in &names {
                    sqlx::query(
                        "INSERT INTO endpoints (name, seq) \
                         VALUES ($1, (SELECT COALESCE(MAX(seq), 0) FROM events)) \
                         ON CONFLICT (name) DO NOTHING",
                    )
                    .bind(name)
                    .execute(&mut *store)
                    .await
                    .map_err(StoreError::failed)?;
                }
                Ok(Ok(()))
            })
        })
        .await
}

/// The endpoint's place: the last event that it is done with.
pub(super) async fn place(desk: &Desk, name: &str) -> Result<i64, AccessError> {
    let mut reader = desk.ledger.reader().await?;
    let place: Option<i64> = sqlx::query_scalar("SELECT seq FROM endpoints WHERE name = $1")
        .bind(name)
        .fetch_optional(reader.connection())
        .await
        .map_err(StoreError::failed)?;
    reader.give_back();
    Ok(place.unwrap_or_default())
}

/// The events after a place, in order, and how many there are in all.
pub(super) async fn after(desk: &Desk, place: i64) -> Result<(Vec<Entry>, i64), AccessError> {
    let mut reader = desk.ledger.reader().await?;
    let rows: Vec<(i64, String)> =
        sqlx::query_as("SELECT seq, body FROM events WHERE seq > $1 ORDER BY seq LIMIT $2")
            .bind(place)
            .bind(BATCH_MAX)
            .fetch_all(reader.connection())
            .await
            .map_err(StoreError::failed)?;
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM events WHERE seq > $1")
        .bind(place)
        .fetch_one(reader.connection())
        .await
        .map_err(StoreError::failed)?;
    reader.give_back();
    let entries = rows.into_iter().map(|(seq, body)| Entry {
        seq,
        event: serde_json::from_str(&body).ok(),
    });
    Ok((entries.collect(), count))
}

/// Moves the endpoint's place.
pub(super) async fn advance(desk: &Desk, name: &str, place: i64) -> Result<(), AccessError> {
    let name = name.to_owned();
    desk.ledger
        .write(move |store, _done| {
            Box::pin(async move {
                sqlx::query("UPDATE endpoints SET seq = $2 WHERE name = $1 AND seq < $2")
                    .bind(name)
                    .bind(place)
                    .execute(store)
                    .await
                    .map_err(StoreError::failed)?;
                Ok(Ok(()))
            })
        })
        .await
}
