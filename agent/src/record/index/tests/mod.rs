//! What the index promises, on real files.

mod broken;
mod killed;
mod property;
mod questions;
pub(crate) mod recording;

use std::path::Path;

use sqlx::Row as _;

use super::{Follower, Index, IndexError};
use crate::record::read::Identities;

/// An index of everything that is there, made at once.
pub(super) async fn rebuilt(dir: &Path) -> Index {
    let mut index = Index::temporary().await.unwrap();
    catch_up(dir, &mut index).await.unwrap();
    index
}

pub(super) async fn catch_up(dir: &Path, index: &mut Index) -> Result<u64, IndexError> {
    let mut follower = Follower::new(dir.to_owned(), Identities::default());
    follower.catch_up(index).await
}

/// Everything that the index says, in words instead of numbers and in an order of its own.
#[expect(clippy::too_many_lines, reason = "one list of queries")]
pub(super) async fn dump(index: &mut Index) -> Vec<String> {
    const WORD: fn(&str) -> String =
        |column| format!("coalesce((SELECT word FROM words w WHERE w.id = {column}), '-')");
    const SET: &str = "coalesce((SELECT group_concat(word, ' ') FROM (SELECT word FROM words w \
                       JOIN set_objects o ON o.object = w.id WHERE o.objects = x.objects \
                       ORDER BY word)), '-')";
    let w = WORD;
    let queries = [
        format!(
            "SELECT 'entry', number, time, {}, {}, {}, {}, {}, verdict, outcome, {}, rows, bytes, \
             duration, masked, coalesce((SELECT text FROM texts t WHERE t.id = x.text), x.text), \
             {SET}, segment FROM entries x ORDER BY number",
            "coalesce((SELECT name FROM sessions s WHERE s.id = x.session), '-')",
            w("x.workload"),
            w("x.user"),
            w("x.account"),
            w("x.operation"),
            w("x.reason"),
        ),
        format!(
            "SELECT 'session', name, {}, {}, {}, {}, {}, {}, login, begun, last, opened, closed, \
             first_entry, last_entry, entries, statements, allowed, held, denied, rows, masked \
             FROM sessions ORDER BY name",
            w("account"),
            w("credential"),
            w("workload"),
            w("user"),
            w("client"),
            w("reason"),
        ),
        format!(
            "SELECT 'label', {} AS l, entry, cells FROM labels ORDER BY l, entry",
            w("label")
        ),
        format!(
            "SELECT 'begun', hour, {} AS k, {} AS l, verdict, statements FROM begun_hours \
             ORDER BY hour, k, l, verdict",
            w("workload"),
            w("account"),
        ),
        format!(
            "SELECT 'ended', hour, {} AS k, {} AS l, verdict, {} AS m, duration, statements, rows, \
             masked FROM ended_hours ORDER BY hour, k, l, verdict, m, duration",
            w("workload"),
            w("account"),
            w("reason"),
        ),
        format!(
            "SELECT 'objects', hour, {SET} AS s, verdict, statements FROM object_hours x ORDER BY hour, s, verdict"
        ),
        format!(
            "SELECT 'labels', hour, {} AS l, statements, masked FROM label_hours ORDER BY hour, l",
            w("label")
        ),
        "SELECT 'segment', number, state, offset, hex(digest), frames, first_entry, last_entry, \
         time_min, time_max FROM segments ORDER BY number"
            .to_owned(),
        format!(
            "SELECT 'mark', x.kind, (SELECT name FROM sessions s WHERE s.id = x.session) AS n, \
             CASE x.kind WHEN 1 THEN {} ELSE {} END AS m FROM session_marks x ORDER BY 2, n, m",
            w("x.mark"),
            SET.replace("x.objects", "x.mark"),
        ),
        "SELECT 'text', text FROM texts ORDER BY text".to_owned(),
    ];
    let mut lines = Vec::new();
    for query in queries {
        let rows = sqlx::query(sqlx::AssertSqlSafe(query));
        for row in rows.fetch_all(&mut index.connection).await.unwrap() {
            let cells = (0..row.len()).map(|at| {
                let text = row.try_get_unchecked::<Option<String>, _>(at).unwrap();
                text.unwrap_or_else(|| "NULL".to_owned())
            });
            lines.push(cells.collect::<Vec<_>>().join("|"));
        }
    }
    lines
}

/// FTS5 compares itself with the texts that it is made of.
pub(super) async fn finds_fit(index: &mut Index) {
    sqlx::query("INSERT INTO finds (finds, rank) VALUES ('integrity-check', 1)")
        .execute(&mut index.connection)
        .await
        .unwrap();
}
