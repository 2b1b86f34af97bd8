//! How an ask comes in: joined to the one that stands for the same, bounded, counted.

use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;

use super::ask::{Ask, AskId, AskState, HeldStatement, NewAsk, Subject};
use super::asks::{self, Done, NOTE_BYTES_MAX};
use super::event::EventKind;
use super::rows::{self, cut};
use super::state::Step;
use super::{AccessError, grants, id};
use crate::policy::Terms;
use crate::store::StoreError;

/// Open asks of one workload. Statements wait one for each connection or worker of an agent, some
/// tens at most; a loop that asks for ever must not bury the asks of others.
const OPEN_PER_WORKLOAD_MAX: i64 = 64;

/// Open asks in all: more than people can decide, and at 64 KiB each still a file of 640 MB.
const OPEN_MAX: i64 = 10_000;

/// What [`HeldStatement::text`] may have.
const STATEMENT_BYTES_MAX: usize = 64 * 1024;

/// Objects, effects and labels that are shown of a statement, and the length of each. The longest
/// name that Snowflake has, `"db"."schema"."table"`, takes 771 bytes.
const LIST_MAX: usize = 64;
const LIST_ITEM_BYTES_MAX: usize = 1_024;

/// Files an ask, or joins the one that stands for the same.
pub(super) async fn file(
    connection: &mut SqliteConnection,
    new: &NewAsk,
    now: Timestamp,
    done: &mut Done,
) -> Result<Ask, AccessError> {
    check_duration(new)?;
    let break_glass = breaks_glass(&new.terms);
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
        asks::approve(connection, &mut ask, by, now, done).await?;
    } else {
        done.tell_of_ask(connection, EventKind::AskOpened, (&ask, None), now)
            .await?;
    }
    Ok(ask)
}

/// True when nobody needs to decide. Both must say so: a number alone could be a slip.
pub(super) const fn breaks_glass(terms: &Terms) -> bool {
    terms.breakglass && terms.approvals == 0
}

/// Refuses what no approval could make a grant, before people spend time on it.
fn check_duration(new: &NewAsk) -> Result<(), AccessError> {
    let Subject::Role { role, duration } = &new.subject else {
        return Ok(());
    };
    grants::check_duration(*duration)?;
    match new.terms.longest {
        Some(longest) if *duration > longest => Err(AccessError::TooLong {
            role: role.clone(),
            longest,
        }),
        _ => Ok(()),
    }
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
    let mut ask = asks::known(connection, &AskId(found)).await?;
    if ask.is_overdue(now) {
        asks::step(connection, &mut ask, Step::Expire, now, done).await?;
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
