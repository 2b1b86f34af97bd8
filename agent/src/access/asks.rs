//! Asks and votes in the store. Every function runs inside a turn of the writer and leaves the
//! decision about commit to its caller.

use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;

use super::ask::{Ask, AskId, AskState, HeldStatement, NewAsk, Subject, Vote};
use super::event::{Event, EventKind};
use super::grant::{Grant, NewGrant};
use super::rows::{self, cut};
use super::state::Step;
use super::{AccessError, grants, id};
use crate::store::StoreError;

/// Open asks of one workload. Statements wait one for each connection or worker of an agent, some
/// tens at most; a loop that asks for ever must not bury the asks of others.
const OPEN_PER_WORKLOAD_MAX: i64 = 64;

/// Open asks in all: more than people can decide, and at 64 KiB each still a file of 640 MB.
const OPEN_MAX: i64 = 10_000;

/// Reasons, notes and messages are read by people, in a terminal or a chat.
const NOTE_BYTES_MAX: usize = 4 * 1024;

/// What [`HeldStatement::text`] may have.
const STATEMENT_BYTES_MAX: usize = 64 * 1024;

/// Objects, effects and labels that are shown of a statement, and the length of each. The longest
/// name that Snowflake has, `"db"."schema"."table"`, takes 771 bytes.
const LIST_MAX: usize = 64;
const LIST_ITEM_BYTES_MAX: usize = 1_024;

/// What an operation did, for memory and for the log: events in order, grants as they are after it.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) events: Vec<Event>,
    pub(super) grants: Vec<Grant>,
}

impl Done {
    pub(super) async fn tell(
        &mut self,
        connection: &mut SqliteConnection,
        event: Event,
    ) -> Result<(), AccessError> {
        event.write(connection).await?;
        self.events.push(event);
        Ok(())
    }
}

/// Files an ask, or joins the one that stands for the same.
pub(super) async fn file(
    connection: &mut SqliteConnection,
    new: &NewAsk,
    break_glass: bool,
    now: Timestamp,
    done: &mut Done,
) -> Result<Ask, AccessError> {
    let key = join_key(new, break_glass);
    if let Some(earlier) = joinable(connection, &key, now, done).await? {
        return Ok(earlier);
    }
    check_room(connection, &new.asker.workload, now).await?;
    let mut ask = Ask {
        id: AskId(String::new()),
        subject: bounded(&new.subject),
        asker: new.asker.clone(),
        account: new.account.clone(),
        reason: new.reason.as_ref().map(|text| cut(text, NOTE_BYTES_MAX)),
        approvers: new.terms.approvers.iter().cloned().collect(),
        approvals: if break_glass {
            0
        } else {
            new.terms.approvals.max(1)
        },
        policy_version: new.policy_version.clone(),
        message: cut(&new.message, NOTE_BYTES_MAX),
        state: AskState::Open,
        asked: rows::whole(now),
        expires: rows::after(now, new.terms.wait),
        votes: Vec::new(),
        break_glass,
        grant: None,
    };
    insert(connection, &mut ask, &key).await?;
    if break_glass {
        let by = vec![format!("break-glass by {}", new.asker.workload)];
        approve(connection, &mut ask, by, now, done).await?;
        let event = Event::of_ask(EventKind::BreakGlass, &ask, now)?;
        done.tell(connection, event).await?;
    } else {
        let event = Event::of_ask(EventKind::AskOpened, &ask, now)?;
        done.tell(connection, event).await?;
    }
    Ok(ask)
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
            let mut event = Event::of_ask(EventKind::AskVoted, &ask, now)?;
            event.vote = Some(vote);
            done.tell(connection, event).await?;
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
        Step::Approve => EventKind::AskApproved,
        Step::Deny => EventKind::AskDenied,
        Step::Expire => EventKind::AskExpired,
        Step::Withdraw => EventKind::AskWithdrawn,
        Step::Void => EventKind::AskVoid,
        Step::Use => EventKind::AskUsed,
    };
    let event = Event::of_ask(kind, ask, now)?;
    done.tell(connection, event).await
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
async fn approve(
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

/// The ask that stands for the same thing, unless its time is over.
async fn joinable(
    connection: &mut SqliteConnection,
    key: &str,
    now: Timestamp,
    done: &mut Done,
) -> Result<Option<Ask>, AccessError> {
    let found: Option<String> = sqlx::query_scalar(
        "SELECT id FROM asks WHERE join_key = $1 \
         AND (state = 'open' OR (state = 'approved' AND kind = 'statement'))",
    )
    .bind(key)
    .fetch_optional(&mut *connection)
    .await
    .map_err(StoreError::failed)?;
    let Some(found) = found else {
        return Ok(None);
    };
    let mut ask = known(connection, &AskId(found)).await?;
    if ask.is_overdue(now) {
        step(connection, &mut ask, Step::Expire, now, done).await?;
        return Ok(None);
    }
    Ok(Some(ask))
}

async fn check_room(
    connection: &mut SqliteConnection,
    workload: &str,
    now: Timestamp,
) -> Result<(), AccessError> {
    let (all, own): (i64, i64) = sqlx::query_as(
        "SELECT COUNT(*), COUNT(CASE WHEN workload = $1 THEN 1 END) FROM asks \
         WHERE state = 'open' AND expires > $2",
    )
    .bind(workload)
    .bind(now.as_microsecond())
    .fetch_one(connection)
    .await
    .map_err(StoreError::failed)?;
    if own >= OPEN_PER_WORKLOAD_MAX {
        return Err(AccessError::TooManyAsks(workload.to_owned()));
    }
    if all >= OPEN_MAX {
        return Err(AccessError::TooManyAsksInAll);
    }
    Ok(())
}

async fn insert(
    connection: &mut SqliteConnection,
    ask: &mut Ask,
    key: &str,
) -> Result<(), AccessError> {
    let (kind, text, subject) = match &ask.subject {
        Subject::Role { .. } => ("role", String::new(), ask.subject.clone()),
        Subject::Statement(statement) => {
            let text = statement.text.clone();
            let bare = HeldStatement {
                text: String::new(),
                ..statement.clone()
            };
            ("statement", text, Subject::Statement(bare))
        }
    };
    for _try in 0..id::TRIES_MAX {
        ask.id = AskId(id::random("ask", id::SHORT)?);
        let inserted = sqlx::query(
            "INSERT INTO asks (id, state, kind, join_key, workload, account, subject, statement, \
             asker, reason, approvers, approvals, break_glass, policy_version, message, asked, \
             expires) VALUES ($1, 'open', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, \
             $14, $15, $16) ON CONFLICT (id) DO NOTHING",
        )
        .bind(&ask.id.0)
        .bind(kind)
        .bind(key)
        .bind(&ask.asker.workload)
        .bind(&ask.account)
        .bind(rows::json(&subject)?)
        .bind(&text)
        .bind(rows::json(&ask.asker)?)
        .bind(&ask.reason)
        .bind(rows::json(&ask.approvers)?)
        .bind(i64::from(ask.approvals))
        .bind(ask.break_glass)
        .bind(&ask.policy_version)
        .bind(&ask.message)
        .bind(ask.asked.as_microsecond())
        .bind(ask.expires.as_microsecond())
        .execute(&mut *connection)
        .await
        .map_err(StoreError::failed)?;
        if inserted.rows_affected() == 1 {
            return Ok(());
        }
    }
    Err(StoreError::Random.into())
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

/// Everything that two asks must agree in to be the same one. Who decides is part of it: an ask
/// that needs two people is not answered by one that needs one.
fn join_key(new: &NewAsk, break_glass: bool) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("snowfence access 2026-11 what makes asks one");
    let mut add = |part: &str| {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    };
    match &new.subject {
        Subject::Role { role, duration } => {
            add("role");
            add(role);
            add(&duration.as_micros().to_string());
            add(new.reason.as_deref().unwrap_or_default());
        }
        Subject::Statement(statement) => {
            add("statement");
            add(&statement.session);
            add(&statement.digest);
        }
    }
    let asker = &new.asker;
    add(&asker.workload);
    add(&asker.anchor);
    add(if asker.user.is_some() { "user" } else { "" });
    add(asker.user.as_deref().unwrap_or_default());
    add(&asker.uid.to_string());
    add(&new.account);
    add(&new.policy_version);
    add(&new.terms.approvals.to_string());
    add(if break_glass { "break-glass" } else { "" });
    for group in &new.terms.approvers {
        add(group);
    }
    hasher.finalize().to_hex().to_string()
}

fn bounded(subject: &Subject) -> Subject {
    let Subject::Statement(statement) = subject else {
        return subject.clone();
    };
    Subject::Statement(HeldStatement {
        session: statement.session.clone(),
        digest: statement.digest.clone(),
        text: cut(&statement.text, STATEMENT_BYTES_MAX),
        kinds: bounded_list(&statement.kinds),
        effects: bounded_list(&statement.effects),
        objects: bounded_list(&statement.objects),
        labels: bounded_list(&statement.labels),
    })
}

fn bounded_list(items: &[String]) -> Vec<String> {
    let shown = items.iter().take(LIST_MAX);
    let mut list: Vec<String> = shown.map(|item| cut(item, LIST_ITEM_BYTES_MAX)).collect();
    if let Some(more) = items.len().checked_sub(LIST_MAX).filter(|more| *more > 0) {
        list.push(format!("and {more} more"));
    }
    list
}
