//! Sessions, newest first.

use jiff::Timestamp;
use serde::Serialize;
use sqlx::QueryBuilder;
use sqlx::sqlite::Sqlite;

use super::filter::{Filter, one_of};
use crate::record::index::{Index, IndexError, Verdict, unsigned};

/// A session, as far as the recording tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionView {
    pub session: String,
    pub begun: Option<Timestamp>,
    /// When something was last recorded of it.
    pub last: Option<Timestamp>,
    pub closed: Option<Timestamp>,
    pub reason: Option<String>,
    /// Its beginning is recorded, and its end is not.
    pub is_open: bool,
    pub account: Option<String>,
    pub credential: Option<String>,
    pub workload: Option<String>,
    pub user: Option<String>,
    pub client: Option<String>,
    pub login: Option<u64>,
    pub first_entry: Option<u64>,
    pub last_entry: Option<u64>,
    pub entries: u64,
    pub statements: u64,
    pub allowed: u64,
    pub held: u64,
    pub denied: u64,
    pub rows: u64,
    pub masked: u64,
}

#[derive(Debug, sqlx::FromRow)]
struct Found {
    name: String,
    begun: Option<i64>,
    last: Option<i64>,
    opened: Option<i64>,
    closed: Option<i64>,
    reason: Option<String>,
    account: Option<String>,
    credential: Option<String>,
    workload: Option<String>,
    user: Option<String>,
    client: Option<String>,
    login: Option<i64>,
    first_entry: Option<i64>,
    last_entry: Option<i64>,
    entries: i64,
    statements: i64,
    allowed: i64,
    held: i64,
    denied: i64,
    rows: i64,
    masked: i64,
}

const SELECT: &str = "SELECT s.name, s.begun, s.last, s.opened, s.closed, \
    (SELECT word FROM words WHERE id = s.reason) AS reason, \
    (SELECT word FROM words WHERE id = s.account) AS account, \
    (SELECT word FROM words WHERE id = s.credential) AS credential, \
    (SELECT word FROM words WHERE id = s.workload) AS workload, \
    (SELECT word FROM words WHERE id = s.user) AS user, \
    (SELECT word FROM words WHERE id = s.client) AS client, \
    s.login, s.first_entry, s.last_entry, s.entries, s.statements, s.allowed, s.held, s.denied, \
    s.rows, s.masked FROM sessions s WHERE 1";

impl Index {
    /// Lists sessions. A session fits a time if any of it was then, and a verdict, a label or a table
    /// if one of its statements has it.
    ///
    /// # Errors
    /// The index cannot be read.
    pub async fn sessions(
        &mut self,
        filter: &Filter,
        only_open: bool,
        limit: u32,
    ) -> Result<Vec<SessionView>, IndexError> {
        let c = &mut self.connection;
        let resolved = filter.resolve(c).await?;
        let mut query = QueryBuilder::<Sqlite>::new(SELECT);
        one_of(&mut query, "s.workload", resolved.workloads.as_ref());
        one_of(&mut query, "s.user", resolved.users.as_ref());
        one_of(&mut query, "s.account", resolved.accounts.as_ref());
        query.push(match filter.verdict {
            None => "",
            Some(Verdict::Allow) => " AND s.allowed > 0",
            Some(Verdict::Hold) => " AND s.held > 0",
            Some(Verdict::Deny) => " AND s.denied > 0",
        });
        if let Some(since) = filter.since {
            query.push(" AND s.last >= ").push_bind(since);
        }
        if let Some(until) = filter.until {
            query.push(" AND s.begun <= ").push_bind(until);
        }
        if only_open {
            query.push(" AND s.opened IS NOT NULL AND s.closed IS NULL");
        }
        if resolved.has_tables {
            query.push(
                " AND s.id IN (SELECT session FROM session_marks \
                 WHERE kind = 0 AND mark IN (SELECT id FROM temp.touched))",
            );
        }
        if resolved.labels.is_some() {
            query.push(" AND s.id IN (SELECT session FROM session_marks WHERE kind = 1");
            one_of(&mut query, "mark", resolved.labels.as_ref());
            query.push(")");
        }
        query
            .push(" ORDER BY s.begun DESC, s.id DESC LIMIT ")
            .push_bind(i64::from(limit));
        let found: Vec<Found> = query
            .build_query_as()
            .fetch_all(c)
            .await
            .map_err(IndexError::failed)?;
        Ok(found.into_iter().map(Found::into_view).collect())
    }
}

impl Found {
    fn into_view(self) -> SessionView {
        let time = |time: Option<i64>| Timestamp::from_millisecond(time?).ok();
        SessionView {
            session: self.name,
            begun: time(self.begun),
            last: time(self.last),
            closed: time(self.closed),
            reason: self.reason,
            is_open: self.opened.is_some() && self.closed.is_none(),
            account: self.account,
            credential: self.credential,
            workload: self.workload,
            user: self.user,
            client: self.client,
            login: self.login.map(unsigned),
            first_entry: self.first_entry.map(unsigned),
            last_entry: self.last_entry.map(unsigned),
            entries: unsigned(self.entries),
            statements: unsigned(self.statements),
            allowed: unsigned(self.allowed),
            held: unsigned(self.held),
            denied: unsigned(self.denied),
            rows: unsigned(self.rows),
            masked: unsigned(self.masked),
        }
    }
}
