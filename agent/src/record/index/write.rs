//! Writes a batch: rows and position in one transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::query_builder::Separated;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection};
use sqlx::{Connection as _, QueryBuilder};

use super::error::IndexError;
use super::file::Index;
use super::intern::{Interned, Word};
use super::position::Position;
use super::take::{Batch, Row, SessionRow, Verdict};
use super::{signed, sums::Sums};

/// Rows of one INSERT: the cost of a statement is shared, and 17 columns are far below the 32766
/// values that SQLite binds.
const PIECE_MAX: usize = 512;

/// An entry with numbers for its words.
#[derive(Debug, Default)]
pub(super) struct Filed {
    pub(super) number: i64,
    pub(super) begins: bool,
    pub(super) ended: Option<i64>,
    pub(super) time: i64,
    pub(super) session: Option<i64>,
    pub(super) workload: Option<i64>,
    pub(super) user: Option<i64>,
    pub(super) account: Option<i64>,
    pub(super) operation: Option<i64>,
    pub(super) verdict: Option<i64>,
    pub(super) outcome: Option<i64>,
    pub(super) reason: Option<i64>,
    pub(super) rows: Option<i64>,
    pub(super) bytes: Option<i64>,
    pub(super) duration: Option<i64>,
    pub(super) masked: Vec<(i64, i64)>,
    pub(super) text: Option<i64>,
    pub(super) objects: Option<i64>,
    pub(super) segment: i64,
}

/// What the file knows of an entry that began in an earlier batch.
type Known = (
    i64,
    i64,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
);

impl Index {
    /// Takes in what a batch has, and up to where the segment is read. After an error the index must
    /// be opened again.
    ///
    /// # Errors
    /// The disk is full, or the file is damaged.
    pub(super) async fn write(
        &mut self,
        batch: &Batch,
        position: &Position,
    ) -> Result<(), IndexError> {
        let has_text = self.has_text;
        let interned = &mut self.interned;
        let transaction = self.connection.begin_with("BEGIN IMMEDIATE").await;
        let mut transaction = transaction.map_err(IndexError::failed)?;
        let c = &mut *transaction;
        let sessions = write_sessions(&batch.sessions, interned, c).await?;
        let mut filed = file(batch, &sessions, has_text, interned, c).await?;
        filed
            .iter_mut()
            .filter(|entry| entry.begins)
            .for_each(|entry| entry.segment = signed(position.segment));
        write_entries(&filed, c).await?;
        Sums::of(&batch.sessions, &sessions, &filed)
            .write(c)
            .await?;
        position.write(batch, c).await?;
        transaction.commit().await.map_err(IndexError::failed)
    }
}

/// Gives words and texts their numbers, and entries that go on what is known of them.
async fn file(
    batch: &Batch,
    sessions: &HashMap<&str, i64>,
    has_text: bool,
    interned: &mut Interned,
    c: &mut SqliteConnection,
) -> Result<Vec<Filed>, IndexError> {
    let texts: BTreeSet<&str> = match has_text {
        true => batch
            .entries
            .values()
            .filter_map(|row| row.statement.as_deref())
            .collect(),
        false => BTreeSet::new(),
    };
    let texts = interned.texts(&texts, c).await?;
    let known = known(batch, c).await?;
    let mut filed = Vec::with_capacity(batch.entries.len());
    for (number, row) in &batch.entries {
        let mut entry = number_words(row, interned, c).await?;
        entry.number = signed(*number);
        entry.session = row
            .session
            .as_deref()
            .and_then(|name| sessions.get(name).copied());
        entry.text = row
            .statement
            .as_deref()
            .map(|text| texts.get(text).copied().unwrap_or(0));
        if row.begins {
            entry.objects = Some(interned.set(&row.objects, c).await?).filter(|it| *it > 0);
        } else {
            // Where an entry began in a segment that is no longer there, its end says nothing.
            let Some(known) = known.get(&entry.number) else {
                continue;
            };
            (_, entry.time, entry.session, entry.workload, ..) = *known;
            (.., entry.account, entry.verdict, entry.text, entry.objects) = *known;
        }
        filed.push(entry);
    }
    Ok(filed)
}

async fn number_words(
    row: &Row,
    interned: &mut Interned,
    c: &mut SqliteConnection,
) -> Result<Filed, IndexError> {
    let mut words = [
        (Word::Workload, &row.workload, None),
        (Word::User, &row.user, None),
        (Word::Account, &row.account, None),
        (Word::Operation, &row.operation, None),
        (Word::Reason, &row.reason, None),
    ];
    for (kind, word, id) in &mut words {
        if let Some(word) = word {
            *id = Some(interned.word(*kind, word, c).await?);
        }
    }
    let [workload, user, account, operation, reason] = words.map(|(_, _, id)| id);
    let mut masked = Vec::with_capacity(row.masked.len());
    for (label, cells) in &row.masked {
        masked.push((interned.word(Word::Label, label, c).await?, signed(*cells)));
    }
    Ok(Filed {
        begins: row.begins,
        ended: row.ended,
        time: row.time,
        workload,
        user,
        account,
        operation,
        verdict: row.verdict.map(Verdict::code),
        outcome: row.outcome,
        reason,
        rows: row.rows.map(signed),
        bytes: row.bytes.map(signed),
        duration: row.duration,
        masked,
        ..Filed::default()
    })
}

async fn known(batch: &Batch, c: &mut SqliteConnection) -> Result<HashMap<i64, Known>, IndexError> {
    let late = batch.entries.iter().filter(|(_number, row)| !row.begins);
    let late: Vec<i64> = late.map(|(number, _row)| signed(*number)).collect();
    let mut found = HashMap::with_capacity(late.len());
    for piece in pieces(&late) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT number, time, session, workload, account, verdict, text, objects FROM entries \
             WHERE number IN (",
        );
        let mut list = query.separated(", ");
        for number in piece {
            list.push_bind(*number);
        }
        query.push(")");
        let rows: Result<Vec<Known>, _> = query.build_query_as().fetch_all(&mut *c).await;
        found.extend(
            rows.map_err(IndexError::failed)?
                .into_iter()
                .map(|it| (it.0, it)),
        );
    }
    Ok(found)
}

/// Adds what is told of sessions, and gives their numbers. What was told first stays.
async fn write_sessions<'s>(
    sessions: &'s BTreeMap<String, SessionRow>,
    interned: &mut Interned,
    c: &mut SqliteConnection,
) -> Result<HashMap<&'s str, i64>, IndexError> {
    let mut ids = HashMap::with_capacity(sessions.len());
    for (name, row) in sessions {
        let mut words = [
            (Word::Account, &row.account, None),
            (Word::Credential, &row.credential, None),
            (Word::Workload, &row.workload, None),
            (Word::User, &row.user, None),
            (Word::Client, &row.client, None),
            (Word::Reason, &row.reason, None),
        ];
        for (kind, word, id) in &mut words {
            if let Some(word) = word {
                *id = Some(interned.word(*kind, word, c).await?);
            }
        }
        let mut query = sqlx::query_scalar(
            "INSERT INTO sessions (name, account, credential, workload, user, client, reason, login, \
             opened, closed, entries, statements, allowed, held, denied, rows, masked) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, 0, 0, 0, 0, 0, 0) \
             ON CONFLICT (name) DO UPDATE SET account = coalesce(account, excluded.account), \
             credential = coalesce(credential, excluded.credential), \
             workload = coalesce(workload, excluded.workload), \
             user = coalesce(user, excluded.user), client = coalesce(client, excluded.client), \
             reason = coalesce(reason, excluded.reason), login = coalesce(login, excluded.login), \
             opened = coalesce(opened, excluded.opened), \
             closed = coalesce(closed, excluded.closed) RETURNING id",
        )
        .bind(name);
        for (_kind, _word, id) in words {
            query = query.bind(id);
        }
        query = query
            .bind(row.login.map(signed))
            .bind(row.opened)
            .bind(row.closed);
        let id: i64 = query.fetch_one(&mut *c).await.map_err(IndexError::failed)?;
        ids.insert(name.as_str(), id);
    }
    Ok(ids)
}

async fn write_entries(filed: &[Filed], c: &mut SqliteConnection) -> Result<(), IndexError> {
    let head = "INSERT INTO entries (number, time, session, workload, user, account, operation, \
                verdict, outcome, reason, rows, bytes, duration, masked, text, objects, segment) ";
    // Of an entry that began earlier this is its end.
    let tail = " ON CONFLICT (number) DO UPDATE SET outcome = excluded.outcome, \
                reason = excluded.reason, rows = excluded.rows, bytes = excluded.bytes, \
                duration = excluded.duration, masked = excluded.masked";
    insert(head, filed, tail, c, |mut to, entry| {
        let cells = entry
            .masked
            .iter()
            .map(|(_label, cells)| *cells)
            .sum::<i64>();
        to.push_bind(entry.number)
            .push_bind(entry.time)
            .push_bind(entry.session)
            .push_bind(entry.workload)
            .push_bind(entry.user)
            .push_bind(entry.account)
            .push_bind(entry.operation)
            .push_bind(entry.verdict)
            .push_bind(entry.outcome)
            .push_bind(entry.reason)
            .push_bind(entry.rows)
            .push_bind(entry.bytes)
            .push_bind(entry.duration)
            .push_bind(Some(cells).filter(|it| *it > 0))
            .push_bind(entry.text)
            .push_bind(entry.objects)
            .push_bind(entry.segment);
    })
    .await?;
    let masked = filed.iter().flat_map(|entry| {
        let cells = entry.masked.iter();
        cells.map(|(label, cells)| (*label, entry.number, *cells))
    });
    let masked: Vec<(i64, i64, i64)> = masked.collect();
    let head = "INSERT OR REPLACE INTO labels (label, entry, cells) ";
    insert(head, &masked, "", c, |mut to, row| {
        to.push_bind(row.0).push_bind(row.1).push_bind(row.2);
    })
    .await
}

/// Cuts rows into pieces of a few sizes, so that there are few statements to prepare.
pub(super) fn pieces<T>(rows: &[T]) -> impl Iterator<Item = &[T]> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let power = rest.len().checked_ilog2()?;
        let size = (1_usize << power).min(PIECE_MAX);
        let (piece, after) = rest.split_at_checked(size)?;
        rest = after;
        Some(piece)
    })
}

/// Inserts many rows.
pub(super) async fn insert<T: Sync>(
    head: &'static str,
    rows: &[T],
    tail: &'static str,
    c: &mut SqliteConnection,
    bind: impl Fn(Separated<'_, Sqlite, &'static str>, &T) + Send + Sync,
) -> Result<(), IndexError> {
    for piece in pieces(rows) {
        let mut query = QueryBuilder::<Sqlite>::new(head);
        query.push_values(piece, &bind);
        query.push(tail);
        query
            .build()
            .execute(&mut *c)
            .await
            .map_err(IndexError::failed)?;
    }
    Ok(())
}

pub(super) async fn run(
    query: sqlx::query::Query<'_, Sqlite, SqliteArguments>,
    c: &mut SqliteConnection,
) -> Result<(), IndexError> {
    query.execute(c).await.map_err(IndexError::failed)?;
    Ok(())
}
