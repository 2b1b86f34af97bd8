//! Statistics from the sums by hour.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::sqlite::SqliteConnection;

use crate::record::index::take::{Verdict, unbucket};
use crate::record::index::{Index, IndexError, unsigned};

const HOUR_MS: i64 = 3_600_000;

/// What statements are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    Workload,
    Account,
    Table,
    Label,
    Verdict,
    Day,
    Hour,
}

/// The counts of one workload, table, hour …
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Empty where nobody is named.
    pub name: String,
    pub statements: u64,
    pub allowed: u64,
    pub held: u64,
    pub denied: u64,
    /// Rows, masked cells and durations are not known by table; of labels only masked cells are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub masked: Option<u64>,
    /// Of statements that were answered, within 6 %.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95_us: Option<u64>,
}

/// What was asked, how it was decided, and how long it took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Statistics {
    pub all: Group,
    /// Why operations were refused, the most frequent first; not only statements.
    pub refusals: Vec<(String, u64)>,
    pub tables: Vec<(String, u64)>,
    pub tables_denied: Vec<(String, u64)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
}

/// Hours, both included.
type Hours = (i64, i64);

impl Index {
    /// Counts statements by the hour in which they began: `since` and `until` are taken to be the
    /// hours around them.
    ///
    /// # Errors
    /// The index cannot be read.
    pub async fn statistics(
        &mut self,
        (since, until): (Option<i64>, Option<i64>),
        by: Option<By>,
        limit: u32,
    ) -> Result<Statistics, IndexError> {
        let c = &mut self.connection;
        let hour = |time: i64| time.div_euclid(HOUR_MS);
        let hours = (since.map_or(i64::MIN, hour), until.map_or(i64::MAX, hour));
        let mut groups = match by {
            None => Vec::new(),
            Some(By::Table) => by_table(hours, c).await?,
            Some(By::Label) => by_label(hours, c).await?,
            Some(by @ (By::Workload | By::Account | By::Verdict | By::Day | By::Hour)) => {
                counted(by, hours, c).await?
            }
        };
        match by {
            Some(By::Day | By::Hour) => groups.sort_by(|a, b| b.name.cmp(&a.name)),
            Some(_) | None => groups.sort_by(|a, b| {
                let order = b.statements.cmp(&a.statements);
                order.then_with(|| a.name.cmp(&b.name))
            }),
        }
        groups.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(Statistics {
            all: all(hours, c).await?,
            refusals: top(REFUSALS, hours, limit, c).await?,
            tables: top(TABLES, hours, limit, c).await?,
            tables_denied: top(TABLES_DENIED, hours, limit, c).await?,
            groups,
        })
    }
}

const REFUSALS: &str = "SELECT word, sum(statements) FROM ended_hours \
    JOIN words ON words.id = reason WHERE hour BETWEEN $1 AND $2 \
    GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $3";
const TABLES: &str = "SELECT word, sum(statements) FROM object_hours \
    JOIN set_objects USING (objects) JOIN words ON words.id = object \
    WHERE hour BETWEEN $1 AND $2 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $3";
const TABLES_DENIED: &str = "SELECT word, sum(statements) FROM object_hours \
    JOIN set_objects USING (objects) JOIN words ON words.id = object \
    WHERE hour BETWEEN $1 AND $2 AND verdict = 3 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $3";

async fn top(
    statement: &'static str,
    hours: Hours,
    limit: u32,
    c: &mut SqliteConnection,
) -> Result<Vec<(String, u64)>, IndexError> {
    let query = sqlx::query_as(statement)
        .bind(hours.0)
        .bind(hours.1)
        .bind(i64::from(limit));
    let rows: Vec<(String, i64)> = query.fetch_all(c).await.map_err(IndexError::failed)?;
    Ok(rows
        .into_iter()
        .map(|(word, count)| (word, unsigned(count)))
        .collect())
}

/// The statements for begun and ended ones: what is counted by, as text, comes first.
const fn statements(by: Option<By>) -> (&'static str, &'static str) {
    macro_rules! by {
        ($key:literal) => {
            (
                concat!(
                    "SELECT coalesce(",
                    $key,
                    ", ''), verdict, sum(statements) FROM begun_hours \
                     WHERE hour BETWEEN $1 AND $2 GROUP BY 1, 2"
                ),
                concat!(
                    "SELECT coalesce(",
                    $key,
                    ", ''), reason, duration, sum(statements), \
                     sum(rows), sum(masked) FROM ended_hours \
                     WHERE hour BETWEEN $1 AND $2 GROUP BY 1, 2, 3"
                ),
            )
        };
    }
    match by {
        Some(By::Workload) => by!("(SELECT word FROM words WHERE id = workload)"),
        Some(By::Account) => by!("(SELECT word FROM words WHERE id = account)"),
        Some(By::Verdict) => {
            by!("CASE verdict WHEN 1 THEN 'allow' WHEN 2 THEN 'hold' WHEN 3 THEN 'deny' END")
        }
        Some(By::Day) => by!("date(hour * 3600, 'unixepoch')"),
        Some(By::Hour) => by!("strftime('%Y-%m-%dT%H:00Z', hour * 3600, 'unixepoch')"),
        Some(By::Table | By::Label) | None => by!("''"),
    }
}

async fn all(hours: Hours, c: &mut SqliteConnection) -> Result<Group, IndexError> {
    let (begun, ended) = statements(None);
    Ok(count(begun, ended, hours, c)
        .await?
        .pop()
        .unwrap_or_default())
}

async fn counted(by: By, hours: Hours, c: &mut SqliteConnection) -> Result<Vec<Group>, IndexError> {
    let (begun, ended) = statements(Some(by));
    count(begun, ended, hours, c).await
}

async fn count(
    begun: &'static str,
    ended: &'static str,
    hours: Hours,
    c: &mut SqliteConnection,
) -> Result<Vec<Group>, IndexError> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let query = sqlx::query_as(begun).bind(hours.0).bind(hours.1);
    let rows: Vec<(String, i64, i64)> =
        query.fetch_all(&mut *c).await.map_err(IndexError::failed)?;
    for (name, verdict, statements) in rows {
        groups
            .entry(name)
            .or_default()
            .add(verdict, unsigned(statements));
    }
    let query = sqlx::query_as(ended).bind(hours.0).bind(hours.1);
    let rows: Vec<(String, i64, i64, i64, i64, i64)> =
        query.fetch_all(c).await.map_err(IndexError::failed)?;
    let mut durations: BTreeMap<String, BTreeMap<i64, u64>> = BTreeMap::new();
    for (name, reason, duration, statements, rows, masked) in rows {
        // Refusals of what is no statement have no group of their own.
        let Some(group) = groups.get_mut(&name) else {
            continue;
        };
        group.rows = Some(group.rows.unwrap_or_default() + unsigned(rows));
        group.masked = Some(group.masked.unwrap_or_default() + unsigned(masked));
        if reason == 0 {
            *durations
                .entry(name)
                .or_default()
                .entry(duration)
                .or_default() += unsigned(statements);
        }
    }
    for (name, group) in &mut groups {
        group.name.clone_from(name);
        if let Some(counts) = durations.get(name) {
            group.p50_us = percentile(counts, 50);
            group.p95_us = percentile(counts, 95);
        }
    }
    Ok(groups.into_values().collect())
}

async fn by_table(hours: Hours, c: &mut SqliteConnection) -> Result<Vec<Group>, IndexError> {
    let query = sqlx::query_as(
        "SELECT word, verdict, sum(statements) FROM object_hours \
         JOIN set_objects USING (objects) JOIN words ON words.id = object \
         WHERE hour BETWEEN $1 AND $2 GROUP BY 1, 2",
    );
    let query = query.bind(hours.0).bind(hours.1);
    let rows: Vec<(String, i64, i64)> = query.fetch_all(c).await.map_err(IndexError::failed)?;
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for (name, verdict, statements) in rows {
        let group = groups.entry(name.clone()).or_default();
        group.name = name;
        group.add(verdict, unsigned(statements));
    }
    Ok(groups.into_values().collect())
}

async fn by_label(hours: Hours, c: &mut SqliteConnection) -> Result<Vec<Group>, IndexError> {
    let query = sqlx::query_as(
        "SELECT word, sum(statements), sum(masked) FROM label_hours \
         JOIN words ON words.id = label WHERE hour BETWEEN $1 AND $2 GROUP BY 1",
    );
    let query = query.bind(hours.0).bind(hours.1);
    let rows: Vec<(String, i64, i64)> = query.fetch_all(c).await.map_err(IndexError::failed)?;
    let groups = rows.into_iter().map(|(name, statements, masked)| Group {
        name,
        statements: unsigned(statements),
        masked: Some(unsigned(masked)),
        ..Group::default()
    });
    Ok(groups.collect())
}

impl Group {
    fn add(&mut self, verdict: i64, statements: u64) {
        self.statements += statements;
        match Verdict::from_code(verdict) {
            Some(Verdict::Allow) => self.allowed += statements,
            Some(Verdict::Hold) => self.held += statements,
            Some(Verdict::Deny) => self.denied += statements,
            None => {}
        }
    }
}

fn percentile(counts: &BTreeMap<i64, u64>, percent: u64) -> Option<u64> {
    let total: u64 = counts.values().sum();
    let wanted = (total * percent).div_ceil(100);
    let mut met = 0;
    counts.iter().find_map(|(bucket, count)| {
        met += count;
        (met >= wanted).then(|| unbucket(*bucket))
    })
}
