//! What is asked for, and the numbers that it has in the index.

use sqlx::QueryBuilder;
use sqlx::sqlite::{Sqlite, SqliteConnection};

use super::glob::{Glob, TablePattern};
use crate::record::index::intern::Word;
use crate::record::index::write::insert;
use crate::record::index::{IndexError, Verdict};

/// Which sessions or entries; what is not given lets all through.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub workload: Option<Glob>,
    pub user: Option<Glob>,
    pub account: Option<Glob>,
    pub label: Option<Glob>,
    pub table: Option<TablePattern>,
    pub verdict: Option<Verdict>,
    /// Milliseconds since 1970, both ends included.
    pub since: Option<i64>,
    pub until: Option<i64>,
}

/// The filter in numbers. An empty list lets nothing through.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) workloads: Option<Vec<i64>>,
    pub(super) users: Option<Vec<i64>>,
    pub(super) accounts: Option<Vec<i64>>,
    pub(super) labels: Option<Vec<i64>>,
    /// The sets of tables are in `temp.touched`.
    pub(super) has_tables: bool,
}

impl Filter {
    pub(super) async fn resolve(&self, c: &mut SqliteConnection) -> Result<Resolved, IndexError> {
        if let Some(pattern) = &self.table {
            let objects = numbers(Word::Object, |name| pattern.fits(name), c).await?;
            let mut query = QueryBuilder::<Sqlite>::new(
                "SELECT DISTINCT objects FROM set_objects WHERE object IN ",
            );
            list(&mut query, &objects);
            let sets = query.build_query_scalar().fetch_all(&mut *c).await;
            let sets: Vec<i64> = sets.map_err(IndexError::failed)?;
            fill(Temporary::Touched, &sets, c).await?;
        }
        Ok(Resolved {
            workloads: fitting(Word::Workload, self.workload.as_ref(), c).await?,
            users: fitting(Word::User, self.user.as_ref(), c).await?,
            accounts: fitting(Word::Account, self.account.as_ref(), c).await?,
            labels: fitting(Word::Label, self.label.as_ref(), c).await?,
            has_tables: self.table.is_some(),
        })
    }
}

/// Tables of this connection alone, which hold numbers that an answer is looked for with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Temporary {
    Touched,
    Found,
}

impl Temporary {
    const fn statements(self) -> [&'static str; 3] {
        match self {
            Self::Touched => [
                "CREATE TEMP TABLE IF NOT EXISTS touched (id INTEGER PRIMARY KEY)",
                "DELETE FROM temp.touched",
                "INSERT INTO temp.touched (id) ",
            ],
            Self::Found => [
                "CREATE TEMP TABLE IF NOT EXISTS found (id INTEGER PRIMARY KEY)",
                "DELETE FROM temp.found",
                "INSERT INTO temp.found (id) ",
            ],
        }
    }

    pub(super) async fn clear(self, c: &mut SqliteConnection) -> Result<(), IndexError> {
        let [create, delete, _insert] = self.statements();
        for statement in [create, delete] {
            super::super::write::run(sqlx::query(statement), c).await?;
        }
        Ok(())
    }
}

async fn fill(table: Temporary, ids: &[i64], c: &mut SqliteConnection) -> Result<(), IndexError> {
    table.clear(c).await?;
    let [_create, _delete, head] = table.statements();
    insert(head, ids, "", c, |mut to, id| {
        to.push_bind(*id);
    })
    .await
}

async fn fitting(
    kind: Word,
    glob: Option<&Glob>,
    c: &mut SqliteConnection,
) -> Result<Option<Vec<i64>>, IndexError> {
    let Some(glob) = glob else { return Ok(None) };
    Ok(Some(numbers(kind, |word| glob.fits(word), c).await?))
}

async fn numbers(
    kind: Word,
    fits: impl Fn(&str) -> bool,
    c: &mut SqliteConnection,
) -> Result<Vec<i64>, IndexError> {
    let words = sqlx::query_as("SELECT id, word FROM words WHERE kind = $1");
    let words = words.bind(kind.code()).fetch_all(c).await;
    let words: Vec<(i64, String)> = words.map_err(IndexError::failed)?;
    let fitting = words.into_iter().filter(|(_id, word)| fits(word));
    Ok(fitting.map(|(id, _word)| id).collect())
}

/// Numbers are safe to write into a statement.
pub(super) fn list(query: &mut QueryBuilder<Sqlite>, ids: &[i64]) {
    // With an empty list SQLite finds no way to use an index; no number is negative.
    let ids = match ids {
        [] => "-1".to_owned(),
        ids => ids
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(","),
    };
    query.push("(").push(ids).push(")");
}

/// Adds `AND column IN (…)`.
pub(super) fn one_of(query: &mut QueryBuilder<Sqlite>, column: &str, ids: Option<&Vec<i64>>) {
    if let Some(ids) = ids {
        query.push(" AND ").push(column).push(" IN ");
        list(query, ids);
    }
}
