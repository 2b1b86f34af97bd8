//! Asks, votes and grants as rows of the store.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::FromRow;
use sqlx::sqlite::SqliteConnection;

use super::AccessError;
use super::ask::{Ask, AskId, AskState, Subject, Vote};
use super::grant::{Grant, GrantId, GrantState};
use crate::store::StoreError;

/// A row of `asks`. Its `statement` is what the query selected: the whole text, or its beginning.
#[derive(FromRow)]
pub(super) struct AskRow {
    id: String,
    state: String,
    subject: String,
    statement: String,
    asker: String,
    account: String,
    reason: Option<String>,
    approvers: String,
    approvals: i64,
    break_glass: bool,
    policy_version: String,
    message: String,
    asked: i64,
    expires: i64,
    grant_id: Option<String>,
}

impl AskRow {
    pub(super) fn ask(self, votes: Vec<Vote>) -> Result<Ask, AccessError> {
        let mut subject: Subject = parse(&self.subject)?;
        if let Subject::Statement(statement) = &mut subject {
            statement.text = self.statement;
        }
        Ok(Ask {
            id: AskId(self.id),
            subject,
            asker: parse(&self.asker)?,
            account: self.account,
            reason: self.reason,
            approvers: parse(&self.approvers)?,
            approvals: u32::try_from(self.approvals).or(Err(nonsense("approvals")))?,
            policy_version: self.policy_version,
            message: self.message,
            state: AskState::parse(&self.state).ok_or_else(|| nonsense("an ask's state"))?,
            asked: time(self.asked)?,
            expires: time(self.expires)?,
            votes,
            break_glass: self.break_glass,
            grant: self.grant_id.map(GrantId),
        })
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

/// A row of `votes`.
#[derive(FromRow)]
pub(super) struct VoteRow {
    pub(super) ask: String,
    person: String,
    uid: i64,
    approves: bool,
    note: Option<String>,
    time: i64,
}

impl VoteRow {
    pub(super) fn vote(self) -> Result<Vote, AccessError> {
        Ok(Vote {
            person: self.person,
            uid: u32::try_from(self.uid).or(Err(nonsense("a user id")))?,
            approves: self.approves,
            note: self.note,
            time: time(self.time)?,
        })
    }
}

/// A row of `grants`.
#[derive(FromRow)]
pub(super) struct GrantRow {
    id: String,
    state: String,
    role: String,
    workload: String,
    anchor: Option<String>,
    person: Option<String>,
    account: Option<String>,
    duration: i64,
    reason: Option<String>,
    ask: Option<String>,
    granted_by: String,
    granted: i64,
    use_by: i64,
    activated: Option<i64>,
    ends: Option<i64>,
    ended_by: Option<String>,
}

impl GrantRow {
    pub(super) fn grant(self) -> Result<Grant, AccessError> {
        let duration = u64::try_from(self.duration).or(Err(nonsense("a duration")))?;
        Ok(Grant {
            id: GrantId(self.id),
            role: self.role,
            workload: self.workload,
            anchor: self.anchor,
            user: self.person,
            account: self.account,
            duration: Duration::from_micros(duration),
            reason: self.reason,
            ask: self.ask.map(AskId),
            granted_by: parse(&self.granted_by)?,
            state: GrantState::parse(&self.state).ok_or_else(|| nonsense("a grant's state"))?,
            granted: time(self.granted)?,
            use_by: time(self.use_by)?,
            activated: self.activated.map(time).transpose()?,
            ends: self.ends.map(time).transpose()?,
            ended_by: self.ended_by,
        })
    }
}

/// The whole ask with its votes.
pub(super) async fn ask(
    connection: &mut SqliteConnection,
    id: &AskId,
) -> Result<Option<Ask>, AccessError> {
    let row: Option<AskRow> = sqlx::query_as("SELECT * FROM asks WHERE id = $1")
        .bind(&id.0)
        .fetch_optional(&mut *connection)
        .await
        .map_err(StoreError::failed)?;
    let Some(row) = row else {
        return Ok(None);
    };
    let votes: Vec<VoteRow> =
        sqlx::query_as("SELECT * FROM votes WHERE ask = $1 ORDER BY time, person")
            .bind(&id.0)
            .fetch_all(connection)
            .await
            .map_err(StoreError::failed)?;
    let votes: Result<Vec<Vote>, AccessError> = votes.into_iter().map(VoteRow::vote).collect();
    row.ask(votes?).map(Some)
}

pub(super) async fn grant(
    connection: &mut SqliteConnection,
    id: &GrantId,
) -> Result<Option<Grant>, AccessError> {
    let row: Option<GrantRow> = sqlx::query_as("SELECT * FROM grants WHERE id = $1")
        .bind(&id.0)
        .fetch_optional(connection)
        .await
        .map_err(StoreError::failed)?;
    row.map(GrantRow::grant).transpose()
}

/// A time as the store keeps it: whole microseconds.
pub(super) fn whole(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

/// A duration as the store keeps it. Too long for the clock: as long as the clock goes.
pub(super) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// The time after a while; the end of all times when there is no such time.
pub(super) fn after(now: Timestamp, while_: Duration) -> Timestamp {
    let end = SignedDuration::try_from(while_)
        .ok()
        .and_then(|duration| now.checked_add(duration).ok());
    whole(end.unwrap_or(Timestamp::MAX))
}

/// At most so many bytes of a text, with a mark where it was cut.
pub(super) fn cut(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(bytes_max.saturating_sub(MARK.len()));
    let mut kept = text.get(..end).unwrap_or_default().to_owned();
    kept.push_str(MARK);
    kept
}

const MARK: &str = " …";

pub(super) fn json<T: Serialize>(value: &T) -> Result<String, AccessError> {
    serde_json::to_string(value).map_err(|_error| nonsense("a value that is no JSON"))
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, AccessError> {
    serde_json::from_str(text).map_err(|_error| nonsense("a value of another form"))
}

fn time(micros: i64) -> Result<Timestamp, AccessError> {
    Timestamp::from_microsecond(micros).or(Err(nonsense("a time that is none")))
}

fn nonsense(what: &'static str) -> AccessError {
    StoreError::Nonsense { what }.into()
}
