//! Grants in the store. Every function runs inside a turn of the writer.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;

use super::asks::Done;
use super::event::{Event, EventKind};
use super::grant::{Grant, GrantId, GrantState, NewGrant};
use super::rows::{self, GrantRow};
use super::{AccessError, id};
use crate::store::StoreError;

/// A grant that nobody used within an hour was given for work that is over.
pub(super) const USE_WITHIN: Duration = Duration::from_secs(3_600);

/// What is needed for longer than a month is no exception any more: it belongs into a policy.
pub(super) const DURATION_MAX: Duration = Duration::from_secs(30 * 86_400);

/// Grants that count at the same time. They are all kept in memory, at about 1 KB each.
const LIVE_MAX: i64 = 10_000;

/// Gives a grant. It waits for its first use.
pub(super) async fn give(
    connection: &mut SqliteConnection,
    new: &NewGrant,
    now: Timestamp,
    done: &mut Done,
) -> Result<Grant, AccessError> {
    check_duration(new.duration)?;
    let live: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM grants WHERE state IN ('waiting', 'active')")
            .fetch_one(&mut *connection)
            .await
            .map_err(StoreError::failed)?;
    if live >= LIVE_MAX {
        return Err(AccessError::TooManyGrants);
    }
    let mut grant = Grant {
        id: GrantId(String::new()),
        role: new.role.clone(),
        workload: new.workload.clone(),
        anchor: new.anchor.clone(),
        user: new.user.clone(),
        account: new.account.clone(),
        duration: Duration::from_micros(rows::micros(new.duration).unsigned_abs()),
        reason: new.reason.clone(),
        ask: new.ask.clone(),
        granted_by: new.granted_by.clone(),
        state: GrantState::Waiting,
        granted: rows::whole(now),
        use_by: rows::after(now, USE_WITHIN),
        activated: None,
        ends: None,
        ended_by: None,
    };
    insert(connection, &mut grant).await?;
    tell(connection, EventKind::GrantGiven, grant, now, done).await
}

/// Begins a grant that is used first. `None` when it gives no role any more.
pub(super) async fn activate(
    connection: &mut SqliteConnection,
    id: &GrantId,
    now: Timestamp,
    done: &mut Done,
) -> Result<Option<Grant>, AccessError> {
    let Some(mut grant) = rows::grant(connection, id).await? else {
        return Ok(None);
    };
    if grant.state == GrantState::Waiting && now < grant.use_by {
        grant.state = GrantState::Active;
        grant.activated = Some(rows::whole(now));
        grant.ends = Some(rows::after(now, grant.duration));
        update(connection, &grant, now).await?;
        grant = tell(connection, EventKind::GrantActivated, grant, now, done).await?;
    }
    Ok(grant.gives(now).then_some(grant))
}

/// Ends a grant early.
pub(super) async fn revoke(
    connection: &mut SqliteConnection,
    id: &GrantId,
    by: &str,
    now: Timestamp,
    done: &mut Done,
) -> Result<Grant, AccessError> {
    let mut grant = live(connection, id, now).await?;
    grant.state = GrantState::Revoked;
    grant.ended_by = Some(by.to_owned());
    update(connection, &grant, now).await?;
    tell(connection, EventKind::GrantRevoked, grant, now, done).await
}

/// Makes a grant last longer.
pub(super) async fn extend(
    connection: &mut SqliteConnection,
    id: &GrantId,
    more: Duration,
    person: &str,
    now: Timestamp,
    done: &mut Done,
) -> Result<Grant, AccessError> {
    let mut grant = live(connection, id, now).await?;
    check_duration(more)?;
    grant.duration = grant.duration.saturating_add(more);
    if let Some(ends) = grant.ends {
        let ends = rows::after(ends, more);
        if ends > rows::after(now, DURATION_MAX) {
            return Err(AccessError::Duration);
        }
        grant.ends = Some(ends);
    } else {
        check_duration(grant.duration)?;
    }
    if !grant.granted_by.iter().any(|giver| giver == person) {
        grant.granted_by.push(person.to_owned());
    }
    update(connection, &grant, now).await?;
    sqlx::query("UPDATE grants SET warned = 0 WHERE id = $1")
        .bind(&grant.id.0)
        .execute(&mut *connection)
        .await
        .map_err(StoreError::failed)?;
    tell(connection, EventKind::GrantExtended, grant, now, done).await
}

/// Ends a grant whose time is over.
pub(super) async fn end(
    connection: &mut SqliteConnection,
    mut grant: Grant,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), AccessError> {
    let kind = if grant.activated.is_some() {
        grant.state = GrantState::Ended;
        EventKind::GrantEnded
    } else {
        grant.state = GrantState::Revoked;
        grant.ended_by = Some("it was not used in time".to_owned());
        EventKind::GrantUnused
    };
    update(connection, &grant, now).await?;
    tell(connection, kind, grant, now, done).await?;
    Ok(())
}

/// Warns of the end of a grant, once.
pub(super) async fn warn(
    connection: &mut SqliteConnection,
    grant: Grant,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), AccessError> {
    let warned = sqlx::query("UPDATE grants SET warned = 1 WHERE id = $1 AND warned = 0")
        .bind(&grant.id.0)
        .execute(&mut *connection)
        .await
        .map_err(StoreError::failed)?;
    if warned.rows_affected() == 1 {
        tell(connection, EventKind::GrantEnding, grant, now, done).await?;
    }
    Ok(())
}

/// All grants that count, for memory.
pub(super) async fn all_live(connection: &mut SqliteConnection) -> Result<Vec<Grant>, AccessError> {
    let rows: Vec<GrantRow> =
        sqlx::query_as("SELECT * FROM grants WHERE state IN ('waiting', 'active')")
            .fetch_all(connection)
            .await
            .map_err(StoreError::failed)?;
    rows.into_iter().map(GrantRow::grant).collect()
}

/// A grant that can still be changed.
async fn live(
    connection: &mut SqliteConnection,
    id: &GrantId,
    now: Timestamp,
) -> Result<Grant, AccessError> {
    let grant = rows::grant(connection, id).await?;
    let grant = grant.ok_or_else(|| AccessError::UnknownGrant(id.clone()))?;
    if grant.state.is_live() && !grant.is_overdue(now) {
        return Ok(grant);
    }
    Err(AccessError::Over { id: grant.id })
}

async fn tell(
    connection: &mut SqliteConnection,
    kind: EventKind,
    grant: Grant,
    now: Timestamp,
    done: &mut Done,
) -> Result<Grant, AccessError> {
    let event = Event::of_grant(kind, &grant, now)?;
    done.tell(connection, event).await?;
    done.grants.push(grant.clone());
    Ok(grant)
}

async fn insert(connection: &mut SqliteConnection, grant: &mut Grant) -> Result<(), AccessError> {
    for _try in 0..id::TRIES_MAX {
        grant.id = GrantId(id::random("grant", id::SHORT)?);
        let inserted = sqlx::query(
            "INSERT INTO grants (id, state, role, workload, anchor, person, account, duration, \
             reason, ask, granted_by, granted, use_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, \
             $9, $10, $11, $12, $13) ON CONFLICT (id) DO NOTHING",
        )
        .bind(&grant.id.0)
        .bind(grant.state.name())
        .bind(&grant.role)
        .bind(&grant.workload)
        .bind(&grant.anchor)
        .bind(&grant.user)
        .bind(&grant.account)
        .bind(rows::micros(grant.duration))
        .bind(&grant.reason)
        .bind(grant.ask.as_ref().map(|ask| &ask.0))
        .bind(rows::json(&grant.granted_by)?)
        .bind(grant.granted.as_microsecond())
        .bind(grant.use_by.as_microsecond())
        .execute(&mut *connection)
        .await
        .map_err(StoreError::failed)?;
        if inserted.rows_affected() == 1 {
            return Ok(());
        }
    }
    Err(StoreError::Random.into())
}

/// Writes what can change of a grant.
async fn update(
    connection: &mut SqliteConnection,
    grant: &Grant,
    now: Timestamp,
) -> Result<(), AccessError> {
    let closed = (!grant.state.is_live()).then(|| now.as_microsecond());
    sqlx::query(
        "UPDATE grants SET state = $2, duration = $3, granted_by = $4, activated = $5, ends = $6, \
         ended_by = $7, closed = $8 WHERE id = $1",
    )
    .bind(&grant.id.0)
    .bind(grant.state.name())
    .bind(rows::micros(grant.duration))
    .bind(rows::json(&grant.granted_by)?)
    .bind(grant.activated.map(Timestamp::as_microsecond))
    .bind(grant.ends.map(Timestamp::as_microsecond))
    .bind(&grant.ended_by)
    .bind(closed)
    .execute(connection)
    .await
    .map_err(StoreError::failed)?;
    Ok(())
}

pub(super) fn check_duration(duration: Duration) -> Result<(), AccessError> {
    if duration < Duration::from_secs(1) || duration > DURATION_MAX {
        return Err(AccessError::Duration);
    }
    Ok(())
}
