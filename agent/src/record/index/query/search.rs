//! Full-text search over statements, newest first.
//!
//! The words are looked up in the distinct texts. Where few entries have those texts, they are
//! fetched and sorted; where many have, the entries are walked from the newest, and enough of them
//! are met soon. Either way no more than some ten thousand rows are looked at, unless a filter
//! lets only few of many through.

use serde::Serialize;
use sqlx::QueryBuilder;
use sqlx::sqlite::{Sqlite, SqliteConnection};

use super::filter::{Filter, Resolved, Temporary, one_of};
use super::words::Words;
use crate::record::index::take::{Verdict, outcome_name};
use crate::record::index::{Index, IndexError, unsigned};

/// Around what was found in [`Hit::marked`]; of a private use area, so that texts hardly have them.
pub const MARK_BEGIN: char = '\u{e000}';
/// See [`MARK_BEGIN`].
pub const MARK_END: char = '\u{e001}';

/// Entries that are fetched and sorted rather than met on the way: some 20 ms.
const SORTED_MAX: i64 = 20_000;

/// A statement that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hit {
    pub entry: u64,
    pub time: jiff::Timestamp,
    pub segment: u64,
    pub session: Option<String>,
    pub workload: Option<String>,
    pub user: Option<String>,
    pub account: Option<String>,
    pub verdict: Option<&'static str>,
    pub outcome: Option<&'static str>,
    pub reason: Option<String>,
    pub rows: Option<u64>,
    pub masked: u64,
    pub statement: String,
    /// The part of the statement around what was found.
    #[serde(skip)]
    pub marked: String,
}

#[derive(Debug, sqlx::FromRow)]
struct Found {
    number: i64,
    time: i64,
    segment: i64,
    session: Option<String>,
    workload: Option<String>,
    user: Option<String>,
    account: Option<String>,
    verdict: Option<i64>,
    outcome: Option<i64>,
    reason: Option<String>,
    rows: Option<i64>,
    masked: Option<i64>,
    text: i64,
    statement: String,
}

const SELECT: &str = "SELECT e.number, e.time, e.segment, \
    (SELECT name FROM sessions WHERE id = e.session) AS session, \
    (SELECT word FROM words WHERE id = e.workload) AS workload, \
    (SELECT word FROM words WHERE id = e.user) AS user, \
    (SELECT word FROM words WHERE id = e.account) AS account, \
    e.verdict, e.outcome, (SELECT word FROM words WHERE id = e.reason) AS reason, \
    e.rows, e.masked, e.text, (SELECT text FROM texts WHERE id = e.text) AS statement \
    FROM entries e";

impl Index {
    /// Finds the newest statements with all of the words.
    ///
    /// # Errors
    /// The index has no statements, or cannot be read.
    pub async fn search(
        &mut self,
        words: &Words,
        filter: &Filter,
        limit: u32,
    ) -> Result<Vec<Hit>, IndexError> {
        if !self.has_text {
            return Err(IndexError::NoText);
        }
        let c = &mut self.connection;
        let matched = words.to_match();
        find(&matched, c).await?;
        let resolved = filter.resolve(c).await?;
        let mut query = QueryBuilder::<Sqlite>::new(SELECT);
        let by_text = "SELECT count(*) FROM (SELECT 1 FROM entries INDEXED BY entries_text \
                       WHERE text > 0 AND text IN (SELECT id FROM temp.found) LIMIT $1)";
        let by_table = "SELECT count(*) FROM (SELECT 1 FROM entries INDEXED BY entries_objects \
                        WHERE objects > 0 AND objects IN (SELECT id FROM temp.touched) LIMIT $1)";
        if is_rare(by_text, c).await? {
            query.push(" INDEXED BY entries_text WHERE e.text > 0");
            query.push(" AND e.text IN (SELECT id FROM temp.found)");
            tables(&mut query, &resolved);
        } else if resolved.has_tables && is_rare(by_table, c).await? {
            query.push(" INDEXED BY entries_objects WHERE e.objects > 0");
            query.push(" AND e.objects IN (SELECT id FROM temp.touched)");
            query.push(" AND +e.text IN (SELECT id FROM temp.found)");
        } else {
            query.push(" NOT INDEXED WHERE e.text IN (SELECT id FROM temp.found)");
            tables(&mut query, &resolved);
        }
        narrow(&mut query, filter, &resolved, c).await?;
        query
            .push(" ORDER BY e.number DESC LIMIT ")
            .push_bind(i64::from(limit));
        let found: Vec<Found> = query
            .build_query_as()
            .fetch_all(&mut *c)
            .await
            .map_err(IndexError::failed)?;
        let mut hits = Vec::with_capacity(found.len());
        for found in found {
            let marked = mark(&matched, found.text, c).await?;
            hits.push(found.into_hit(marked));
        }
        Ok(hits)
    }
}

/// Puts the numbers of the texts that match into `temp.found`.
async fn find(matched: &str, c: &mut SqliteConnection) -> Result<(), IndexError> {
    Temporary::Found.clear(c).await?;
    let fill = "INSERT INTO temp.found SELECT rowid FROM finds WHERE finds MATCH $1";
    super::super::write::run(sqlx::query(fill).bind(matched), c).await
}

async fn is_rare(count: &'static str, c: &mut SqliteConnection) -> Result<bool, IndexError> {
    let count = sqlx::query_scalar(count)
        .bind(SORTED_MAX + 1)
        .fetch_one(c)
        .await;
    let count: i64 = count.map_err(IndexError::failed)?;
    Ok(count <= SORTED_MAX)
}

fn tables(query: &mut QueryBuilder<Sqlite>, resolved: &Resolved) {
    if resolved.has_tables {
        query.push(" AND +e.objects IN (SELECT id FROM temp.touched)");
    }
}

async fn narrow(
    query: &mut QueryBuilder<Sqlite>,
    filter: &Filter,
    resolved: &Resolved,
    c: &mut SqliteConnection,
) -> Result<(), IndexError> {
    one_of(query, "e.workload", resolved.workloads.as_ref());
    one_of(query, "e.user", resolved.users.as_ref());
    one_of(query, "e.account", resolved.accounts.as_ref());
    if let Some(verdict) = filter.verdict {
        query.push(" AND e.verdict = ").push_bind(verdict.code());
    }
    if resolved.labels.is_some() {
        query.push(" AND EXISTS (SELECT 1 FROM labels WHERE labels.entry = e.number");
        one_of(query, "labels.label", resolved.labels.as_ref());
        query.push(")");
    }
    if filter.since.is_none() && filter.until.is_none() {
        return Ok(());
    }
    let (since, until) = (
        filter.since.unwrap_or(i64::MIN),
        filter.until.unwrap_or(i64::MAX),
    );
    query
        .push(" AND e.time BETWEEN ")
        .push_bind(since)
        .push(" AND ")
        .push_bind(until);
    // Numbers follow each other, times need not: segments tell which numbers can have such a time.
    let (first, last): (Option<i64>, Option<i64>) = sqlx::query_as(
        "SELECT min(first_entry), max(last_entry) FROM segments \
         WHERE time_max >= $1 AND time_min <= $2",
    )
    .bind(since)
    .bind(until)
    .fetch_one(c)
    .await
    .map_err(IndexError::failed)?;
    query
        .push(" AND e.number BETWEEN ")
        .push_bind(first.unwrap_or(1));
    query.push(" AND ").push_bind(last.unwrap_or(0));
    Ok(())
}

async fn mark(matched: &str, text: i64, c: &mut SqliteConnection) -> Result<String, IndexError> {
    let marked = sqlx::query_scalar(
        "SELECT snippet(finds, 0, $1, $2, '…', 48) FROM finds WHERE finds MATCH $3 AND rowid = $4",
    );
    let marked = marked
        .bind(MARK_BEGIN.to_string())
        .bind(MARK_END.to_string());
    let marked = marked.bind(matched).bind(text).fetch_optional(c).await;
    let marked: Option<String> = marked.map_err(IndexError::failed)?;
    Ok(marked.unwrap_or_default())
}

impl Found {
    fn into_hit(self, marked: String) -> Hit {
        Hit {
            entry: unsigned(self.number),
            time: jiff::Timestamp::from_millisecond(self.time).unwrap_or_default(),
            segment: unsigned(self.segment),
            session: self.session,
            workload: self.workload,
            user: self.user,
            account: self.account,
            verdict: self.verdict.and_then(Verdict::from_code).map(Verdict::name),
            outcome: self.outcome.and_then(outcome_name),
            reason: self.reason,
            rows: self.rows.map(unsigned),
            masked: self.masked.map_or(0, unsigned),
            statement: self.statement,
            marked,
        }
    }
}
