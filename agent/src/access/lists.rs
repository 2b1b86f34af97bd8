//! Lists of asks and grants, as people see them.

use std::collections::HashMap;

use sqlx::sqlite::SqliteConnection;

use super::AccessError;
use super::ask::{Ask, Vote};
use super::grant::Grant;
use super::rows::{AskRow, GrantRow, VoteRow};
use crate::store::StoreError;

/// Asks with their votes, newest first. 10,000 is as many as can be open; with at most 1,024
/// characters of each statement a list takes some tens of MB at the very most.
pub(super) async fn asks(
    connection: &mut SqliteConnection,
    open_only: bool,
) -> Result<Vec<Ask>, AccessError> {
    // One snapshot for both questions.
    execute(connection, "BEGIN").await?;
    let (asks, votes) = if open_only {
        (OPEN_ASKS, OPEN_VOTES)
    } else {
        (ALL_ASKS, ALL_VOTES)
    };
    let rows: Vec<AskRow> = sqlx::query_as(asks)
        .fetch_all(&mut *connection)
        .await
        .map_err(StoreError::failed)?;
    let votes: Vec<VoteRow> = sqlx::query_as(votes)
        .fetch_all(&mut *connection)
        .await
        .map_err(StoreError::failed)?;
    execute(connection, "COMMIT").await?;
    let mut by_ask: HashMap<String, Vec<Vote>> = HashMap::new();
    for vote in votes {
        let ask = vote.ask.clone();
        by_ask.entry(ask).or_default().push(vote.vote()?);
    }
    let with_votes = |row: AskRow| {
        let votes = by_ask.remove(row.id()).unwrap_or_default();
        row.ask(votes)
    };
    rows.into_iter().map(with_votes).collect()
}

/// Grants, newest first.
pub(super) async fn grants(
    connection: &mut SqliteConnection,
    live_only: bool,
) -> Result<Vec<Grant>, AccessError> {
    let statement = if live_only { LIVE_GRANTS } else { ALL_GRANTS };
    let rows: Vec<GrantRow> = sqlx::query_as(statement)
        .fetch_all(connection)
        .await
        .map_err(StoreError::failed)?;
    rows.into_iter().map(GrantRow::grant).collect()
}

async fn execute(
    connection: &mut SqliteConnection,
    statement: &'static str,
) -> Result<(), AccessError> {
    sqlx::query(statement)
        .execute(connection)
        .await
        .map_err(StoreError::failed)?;
    Ok(())
}

const OPEN_ASKS: &str = "SELECT id, state, subject, substr(statement, 1, 1024) AS statement, \
    asker, account, reason, approvers, approvals, break_glass, policy_version, message, asked, \
    expires, grant_id FROM asks WHERE state = 'open' ORDER BY asked DESC, id LIMIT 10000";

const OPEN_VOTES: &str = "SELECT * FROM votes WHERE ask IN \
    (SELECT id FROM asks WHERE state = 'open') ORDER BY time, person";

const ALL_ASKS: &str = "SELECT id, state, subject, substr(statement, 1, 1024) AS statement, \
    asker, account, reason, approvers, approvals, break_glass, policy_version, message, asked, \
    expires, grant_id FROM asks ORDER BY asked DESC, id LIMIT 10000";

const ALL_VOTES: &str = "SELECT * FROM votes WHERE ask IN \
    (SELECT id FROM asks ORDER BY asked DESC, id LIMIT 10000) ORDER BY time, person";

const LIVE_GRANTS: &str = "SELECT * FROM grants WHERE state IN ('waiting', 'active') \
    ORDER BY granted DESC, id LIMIT 10000";

const ALL_GRANTS: &str = "SELECT * FROM grants ORDER BY granted DESC, id LIMIT 10000";
