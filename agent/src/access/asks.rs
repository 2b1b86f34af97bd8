//! Asks and votes in the store. Every function runs inside a turn of the writer and leaves the
//! decision about commit to its caller.

use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;

use super::ask::{Ask, AskId, AskState, Subject, Vote};
use super::budget::Reservation;
use super::event::{Event, EventKind};
use super::grant::{Grant, NewGrant};
use super::rows::{self, cut};
use super::state::Step;
use super::witness::Sight;
use super::{AccessError, grants};
use crate::store::StoreError;

/// Reasons, notes and messages are read by people, in a terminal or a chat.
pub(super) const NOTE_BYTES_MAX: usize = 4 * 1024;

/// What an operation did, for memory, the log and the witness: events in order, grants as they are
/// after it.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) sights: Vec<Sight>,
    pub(super) grants: Vec<Grant>,
    pub(super) reservations: Vec<Reservation>,
}

impl Done {
    pub(super) async fn tell(
        &mut self,
        connection: &mut SqliteConnection,
        event: Event,
    ) -> Result<(), AccessError> {
        event.write(connection).await?;
        self.sights.push(Sight {
            event,
            statement: None,
        });
        Ok(())
    }

    pub(super) async fn tell_of_ask(
        &mut self,
        connection: &mut SqliteConnection,
        kind: EventKind,
        (ask, vote): (&Ask, Option<Vote>),
        now: Timestamp,
    ) -> Result<(), AccessError> {
        let mut event = Event::of_ask(kind, ask, now)?;
        event.vote = vote;
        event.write(connection).await?;
        let statement = match &ask.subject {
            Subject::Statement(held) => Some(held.text.clone()),
            Subject::Role { .. } => None,
        };
        self.sights.push(Sight { event, statement });
        Ok(())
    }

    pub(super) fn events(&self) -> impl Iterator<Item = &Event> {
        self.sights.iter().map(|sight| &sight.event)
    }
}

/// Counts a vote. The inner error is an answer that is committed too: that the ask has expired.
pub(super) async fn vote(
    connection: &mut SqliteConnection,
    id: &AskId,
    vote: &Vote,
    now: Timestamp,
    done: &mut Done,
) -> Result<Result<Ask, AccessError>, AccessError> {
    let mut ask = known(connection, id).await?;
    if ask.is_overdue(now) {
        step(connection, &mut ask, Step::Expire, now, done).await?;
    }
    let Some(next) = ask.after_vote(vote) else {
        return Ok(Err(AccessError::Closed {
            id: ask.id,
            state: ask.state.name(),
        }));
    };
    if ask.is_own(vote) {
        return Err(AccessError::OwnAsk);
    }
    if ask.has_voted(vote) {
        return Err(AccessError::VotedAlready(vote.person.clone()));
    }
    let vote = Vote {
        note: vote.note.as_ref().map(|text| cut(text, NOTE_BYTES_MAX)),
        time: rows::whole(now),
        ..vote.clone()
    };
    insert_vote(connection, &ask.id, &vote).await?;
    ask.votes.push(vote.clone());
    match next {
        AskState::Approved => {
            let people = ask.votes.iter().filter(|vote| vote.approves);
            let people = people.map(|vote| vote.person.clone()).collect();
            approve(connection, &mut ask, people, now, done).await?;
        }
        AskState::Denied => step(connection, &mut ask, Step::Deny, now, done).await?,
        AskState::Open
        | AskState::Expired
        | AskState::Withdrawn
        | AskState::Void
        | AskState::Used => {
            let voted = (&ask, Some(vote));
            done.tell_of_ask(connection, EventKind::AskVoted, voted, now)
                .await?;
        }
    }
    Ok(Ok(ask))
}

pub(super) async fn withdraw(
    connection: &mut SqliteConnection,
    id: &AskId,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), AccessError> {
    let mut ask = known(connection, id).await?;
    if ask.after(Step::Withdraw).is_some() {
        return step(connection, &mut ask, Step::Withdraw, now, done).await;
    }
    if ask.state == AskState::Approved {
        // A role: it is a grant, to be dropped as one.
        return Err(AccessError::Closed {
            id: ask.id,
            state: ask.state.name(),
        });
    }
    // Over already, which is what is wanted.
    Ok(())
}

/// Uses an approval up. The inner error is committed too: that it has expired or is void.
pub(super) async fn consume(
    connection: &mut SqliteConnection,
    id: &AskId,
    digest: &str,
    now: Timestamp,
    done: &mut Done,
) -> Result<Result<Ask, AccessError>, AccessError> {
    let mut ask = known(connection, id).await?;
    let Subject::Statement(statement) = &ask.subject else {
        return Err(AccessError::OtherStatement);
    };
    if statement.digest != digest {
        return Err(AccessError::OtherStatement);
    }
    if ask.is_overdue(now) {
        step(connection, &mut ask, Step::Expire, now, done).await?;
    }
    let in_force = policy_version(connection).await?;
    let outdated = in_force.is_some_and(|version| version != ask.policy_version);
    if outdated && ask.after(Step::Void).is_some() {
        step(connection, &mut ask, Step::Void, now, done).await?;
    }
    if ask.after(Step::Use).is_none() {
        return Ok(Err(AccessError::NotApproved {
            id: ask.id,
            state: ask.state.name(),
        }));
    }
    step(connection, &mut ask, Step::Use, now, done).await?;
    Ok(Ok(ask))
}

/// Makes void what was asked under other policies, and remembers which are in force.
pub(super) async fn void_others(
    connection: &mut SqliteConnection,
    policy_version: &str,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), AccessError> {
    sqlx::query(
        "INSERT INTO facts (name, value) VALUES ('policy_version', $1) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(policy_version)
    .execute(&mut *connection)
    .await
    .map_err(StoreError::failed)?;
    let others: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM asks WHERE policy_version <> $1 \
         AND (state = 'open' OR (state = 'approved' AND kind = 'statement'))",
    )
    .bind(policy_version)
    .fetch_all(&mut *connection)
    .await
    .map_err(StoreError::failed)?;
    for id in others {
        let mut ask = known(connection, &AskId(id)).await?;
        step(connection, &mut ask, Step::Void, now, done).await?;
    }
    Ok(())
}

/// Takes one step, in the store and in `ask`, and tells of it.
pub(super) async fn step(
    connection: &mut SqliteConnection,
    ask: &mut Ask,
    step: Step,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), AccessError> {
    let Some(next) = ask.after(step) else {
        return Err(StoreError::Nonsense {
            what: "a step that the ask cannot take",
        }
        .into());
    };
    let changed =
        sqlx::query("UPDATE asks SET state = $3, closed = $4 WHERE id = $1 AND state = $2")
            .bind(&ask.id.0)
            .bind(ask.state.name())
            .bind(next.name())
            .bind(now.as_microsecond())
            .execute(&mut *connection)
            .await
            .map_err(StoreError::failed)?;
    if changed.rows_affected() != 1 {
        return Err(StoreError::Nonsense {
            what: "an ask in another state",
        }
        .into());
    }
    ask.state = next;
    let kind = match step {
        Step::Approve if ask.break_glass => EventKind::BreakGlass,
        Step::Approve => EventKind::AskApproved,
        Step::Deny => EventKind::AskDenied,
        Step::Expire => EventKind::AskExpired,
        Step::Withdraw => EventKind::AskWithdrawn,
        Step::Void => EventKind::AskVoid,
        Step::Use => EventKind::AskUsed,
    };
    done.tell_of_ask(connection, kind, (ask, None), now).await
}

pub(super) async fn known(
    connection: &mut SqliteConnection,
    id: &AskId,
) -> Result<Ask, AccessError> {
    rows::ask(connection, id)
        .await?
        .ok_or_else(|| AccessError::UnknownAsk(id.clone()))
}

/// Approves, and makes a role ask a grant.
pub(super) async fn approve(
    connection: &mut SqliteConnection,
    ask: &mut Ask,
    people: Vec<String>,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), AccessError> {
    if let Subject::Role { role, duration } = &ask.subject {
        let new = NewGrant {
            role: role.clone(),
            workload: ask.asker.workload.clone(),
            anchor: Some(ask.asker.anchor.clone()),
            user: ask.asker.user.clone(),
            account: Some(ask.account.clone()).filter(|account| !account.is_empty()),
            duration: *duration,
            reason: ask.reason.clone(),
            ask: Some(ask.id.clone()),
            granted_by: people,
        };
        let grant = grants::give(connection, &new, now, done).await?;
        sqlx::query("UPDATE asks SET grant_id = $2 WHERE id = $1")
            .bind(&ask.id.0)
            .bind(&grant.id.0)
            .execute(&mut *connection)
            .await
            .map_err(StoreError::failed)?;
        ask.grant = Some(grant.id);
    }
    step(connection, ask, Step::Approve, now, done).await
}

/// The version of the policies that was last said to be in force.
pub(super) async fn policy_version(
    connection: &mut SqliteConnection,
) -> Result<Option<String>, AccessError> {
    sqlx::query_scalar("SELECT value FROM facts WHERE name = 'policy_version'")
        .fetch_optional(connection)
        .await
        .map_err(|source| StoreError::failed(source).into())
}

async fn insert_vote(
    connection: &mut SqliteConnection,
    ask: &AskId,
    vote: &Vote,
) -> Result<(), AccessError> {
    sqlx::query(
        "INSERT INTO votes (ask, person, uid, approves, note, time) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&ask.0)
    .bind(&vote.person)
    .bind(i64::from(vote.uid))
    .bind(vote.approves)
    .bind(&vote.note)
    .bind(vote.time.as_microsecond())
    .execute(connection)
    .await
    .map_err(StoreError::failed)?;
    Ok(())
}
