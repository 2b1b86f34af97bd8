//! The sums that a batch adds to: of sessions, and of hours.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::sqlite::SqliteConnection;

use super::error::IndexError;
use super::take::{SessionRow, Verdict};
use super::write::{Filed, insert, run};

const HOUR_MS: i64 = 3_600_000;

/// What is added to one session.
#[derive(Debug, Default)]
struct SessionSum {
    times: Option<(i64, i64)>,
    numbers: Option<(i64, i64)>,
    entries: i64,
    statements: i64,
    allowed: i64,
    held: i64,
    denied: i64,
    rows: i64,
    masked: i64,
}

/// Hour, workload, account, verdict, reason, duration.
type EndedKey = (i64, i64, i64, i64, i64, i64);

/// What is added to what is there.
#[derive(Debug, Default)]
pub(super) struct Sums {
    sessions: BTreeMap<i64, SessionSum>,
    marks: BTreeSet<(i64, i64, i64)>,
    begun: BTreeMap<(i64, i64, i64, i64), i64>,
    ended: BTreeMap<EndedKey, (i64, i64, i64)>,
    objects: BTreeMap<(i64, i64, i64), i64>,
    labels: BTreeMap<(i64, i64), (i64, i64)>,
}

pub(super) fn widen(range: &mut Option<(i64, i64)>, value: i64) {
    let (low, high) = range.unwrap_or((value, value));
    *range = Some((low.min(value), high.max(value)));
}

impl Sums {
    pub(super) fn of(
        told: &BTreeMap<String, SessionRow>,
        ids: &HashMap<&str, i64>,
        filed: &[Filed],
    ) -> Self {
        let mut sums = Self::default();
        for (name, row) in told {
            if let Some(id) = ids.get(name.as_str()) {
                let sum = sums.sessions.entry(*id).or_default();
                for time in row
                    .times
                    .into_iter()
                    .flat_map(|(first, last)| [first, last])
                {
                    widen(&mut sum.times, time);
                }
            }
        }
        for entry in filed {
            sums.add_session(entry);
            sums.add_hours(entry);
        }
        sums
    }

    fn add_session(&mut self, entry: &Filed) {
        let Some(session) = entry.session else { return };
        let sum = self.sessions.entry(session).or_default();
        if entry.begins {
            widen(&mut sum.times, entry.time);
            widen(&mut sum.numbers, entry.number);
            sum.entries += 1;
            if entry.text.is_some() {
                sum.statements += 1;
                match entry.verdict.and_then(Verdict::from_code) {
                    Some(Verdict::Allow) => sum.allowed += 1,
                    Some(Verdict::Hold) => sum.held += 1,
                    Some(Verdict::Deny) => sum.denied += 1,
                    None => {}
                }
            }
            if let Some(objects) = entry.objects {
                self.marks.insert((0, objects, session));
            }
        }
        if let Some(ended) = entry.ended {
            widen(&mut sum.times, ended);
            sum.rows += entry.rows.unwrap_or_default();
            for (label, cells) in &entry.masked {
                sum.masked += cells;
                self.marks.insert((1, *label, session));
            }
        }
    }

    /// Hours are those in which entries began. Beside statements only refusals are counted.
    fn add_hours(&mut self, entry: &Filed) {
        let hour = entry.time.div_euclid(HOUR_MS);
        let workload = entry.workload.unwrap_or_default();
        let account = entry.account.unwrap_or_default();
        let verdict = entry.verdict.unwrap_or_default();
        if entry.begins && entry.text.is_some() {
            *self
                .begun
                .entry((hour, workload, account, verdict))
                .or_default() += 1;
            if let Some(objects) = entry.objects {
                *self.objects.entry((hour, objects, verdict)).or_default() += 1;
            }
        }
        let reason = entry.reason.unwrap_or_default();
        if entry.ended.is_some() && (entry.text.is_some() || reason != 0) {
            let duration = entry.duration.unwrap_or_default();
            let key = (hour, workload, account, verdict, reason, duration);
            let sum = self.ended.entry(key).or_default();
            sum.0 += 1;
            sum.1 += entry.rows.unwrap_or_default();
            for (label, cells) in &entry.masked {
                sum.2 += cells;
                let of_label = self.labels.entry((hour, *label)).or_default();
                of_label.0 += 1;
                of_label.1 += cells;
            }
        }
    }

    pub(super) async fn write(self, c: &mut SqliteConnection) -> Result<(), IndexError> {
        for (id, sum) in self.sessions {
            let query = sqlx::query(
                "UPDATE sessions SET begun = min(coalesce(begun, $2), coalesce($2, begun)), \
                 last = max(coalesce(last, $3), coalesce($3, last)), \
                 first_entry = min(coalesce(first_entry, $4), coalesce($4, first_entry)), \
                 last_entry = max(coalesce(last_entry, $5), coalesce($5, last_entry)), \
                 entries = entries + $6, statements = statements + $7, allowed = allowed + $8, \
                 held = held + $9, denied = denied + $10, rows = rows + $11, \
                 masked = masked + $12 WHERE id = $1",
            )
            .bind(id)
            .bind(sum.times.map(|it| it.0))
            .bind(sum.times.map(|it| it.1))
            .bind(sum.numbers.map(|it| it.0))
            .bind(sum.numbers.map(|it| it.1))
            .bind(sum.entries)
            .bind(sum.statements)
            .bind(sum.allowed)
            .bind(sum.held)
            .bind(sum.denied)
            .bind(sum.rows)
            .bind(sum.masked);
            run(query, c).await?;
        }
        let marks: Vec<_> = self.marks.into_iter().collect();
        let head = "INSERT OR IGNORE INTO session_marks (kind, mark, session) ";
        insert(head, &marks, "", c, |mut to, row| {
            to.push_bind(row.0).push_bind(row.1).push_bind(row.2);
        })
        .await?;
        write_begun(self.begun, c).await?;
        write_ended(self.ended, c).await?;
        write_objects(self.objects, c).await?;
        write_labels(self.labels, c).await
    }
}

async fn write_begun(
    sums: BTreeMap<(i64, i64, i64, i64), i64>,
    c: &mut SqliteConnection,
) -> Result<(), IndexError> {
    let rows: Vec<_> = sums.into_iter().collect();
    let head = "INSERT INTO begun_hours (hour, workload, account, verdict, statements) ";
    let tail = " ON CONFLICT DO UPDATE SET statements = statements + excluded.statements";
    insert(head, &rows, tail, c, |mut to, (key, count)| {
        to.push_bind(key.0)
            .push_bind(key.1)
            .push_bind(key.2)
            .push_bind(key.3)
            .push_bind(*count);
    })
    .await
}

async fn write_ended(
    sums: BTreeMap<EndedKey, (i64, i64, i64)>,
    c: &mut SqliteConnection,
) -> Result<(), IndexError> {
    let rows: Vec<_> = sums.into_iter().collect();
    let head = "INSERT INTO ended_hours (hour, workload, account, verdict, reason, duration, \
                statements, rows, masked) ";
    let tail = " ON CONFLICT DO UPDATE SET statements = statements + excluded.statements, \
                rows = rows + excluded.rows, masked = masked + excluded.masked";
    insert(head, &rows, tail, c, |mut to, (key, sum)| {
        to.push_bind(key.0)
            .push_bind(key.1)
            .push_bind(key.2)
            .push_bind(key.3);
        to.push_bind(key.4).push_bind(key.5);
        to.push_bind(sum.0).push_bind(sum.1).push_bind(sum.2);
    })
    .await
}

async fn write_objects(
    sums: BTreeMap<(i64, i64, i64), i64>,
    c: &mut SqliteConnection,
) -> Result<(), IndexError> {
    let rows: Vec<_> = sums.into_iter().collect();
    let head = "INSERT INTO object_hours (hour, objects, verdict, statements) ";
    let tail = " ON CONFLICT DO UPDATE SET statements = statements + excluded.statements";
    insert(head, &rows, tail, c, |mut to, (key, count)| {
        to.push_bind(key.0)
            .push_bind(key.1)
            .push_bind(key.2)
            .push_bind(*count);
    })
    .await
}

async fn write_labels(
    sums: BTreeMap<(i64, i64), (i64, i64)>,
    c: &mut SqliteConnection,
) -> Result<(), IndexError> {
    let rows: Vec<_> = sums.into_iter().collect();
    let head = "INSERT INTO label_hours (hour, label, statements, masked) ";
    let tail = " ON CONFLICT DO UPDATE SET statements = statements + excluded.statements, \
                masked = masked + excluded.masked";
    insert(head, &rows, tail, c, |mut to, (key, sum)| {
        to.push_bind(key.0)
            .push_bind(key.1)
            .push_bind(sum.0)
            .push_bind(sum.1);
    })
    .await
}
