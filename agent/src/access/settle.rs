//! What an earlier daemon recorded and did not live to commit.
//!
//! Every transaction that is recorded also writes the last of its numbers into the store. What the
//! recording tells of asks and grants under higher numbers was not committed: it is marked, unless it
//! is already.

use std::collections::BTreeSet;
use std::path::Path;

use sqlx::sqlite::SqliteConnection;

use super::AccessError;
use super::witness::{Witness, take_back};
use crate::record::format::Kind;
use crate::record::read::{Identities, ReadError, Reader, list, open};
use crate::record::told::Told;
use crate::store::StoreError;
use crate::telemetry::ErrorChain;

/// A transaction is committed within a moment of its frames: they are in the last segment of the
/// daemon that ended, or, if it was rotated at that moment, in the one before. The third is our own.
const SEGMENTS: usize = 3;

const ENDED: &str = "the daemon ended before it was done";

/// Notes, in their transaction, the last of the numbers that events were recorded under.
pub(super) async fn committed_up_to(
    connection: &mut SqliteConnection,
    number: u64,
) -> Result<(), AccessError> {
    sqlx::query(
        "INSERT INTO facts (name, value) VALUES ('witnessed', $1) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(number.to_string())
    .execute(connection)
    .await
    .map_err(StoreError::failed)?;
    Ok(())
}

/// Marks what was recorded and not committed.
pub(super) async fn settle(
    connection: &mut SqliteConnection,
    witness: &dyn Witness,
) -> Result<(), AccessError> {
    let committed: Option<String> =
        sqlx::query_scalar("SELECT value FROM facts WHERE name = 'witnessed'")
            .fetch_optional(&mut *connection)
            .await
            .map_err(StoreError::failed)?;
    let Some(committed) = committed.and_then(|number| number.parse().ok()) else {
        // What is recorded already was in another store, about which this one says nothing.
        let last = witness.unmarked_after(0).last().copied();
        return committed_up_to(connection, last.unwrap_or_default()).await;
    };
    let left = witness.unmarked_after(committed);
    take_back(witness, left, ENDED.to_owned()).await;
    Ok(())
}

/// The events of asks and grants above a number that no mark takes back, at the end of a recording.
/// What cannot be read is passed over, with a word: it is the verifier's to say what is wrong.
pub(super) fn unmarked_after(dir: &Path, number: u64) -> Vec<u64> {
    let segments = match list(dir) {
        Ok(segments) => segments,
        Err(error) => {
            let error = ErrorChain(&error);
            tracing::warn!(%error, "cannot look for what was recorded and not done");
            return Vec::new();
        }
    };
    let (mut found, mut marked) = (BTreeSet::new(), BTreeSet::new());
    for segment in segments.iter().rev().take(SEGMENTS) {
        let Ok(bytes) = open(segment, &Identities::default()) else {
            continue;
        };
        let read = Reader::open(bytes).and_then(|reader| look(reader, &mut found, &mut marked));
        match read {
            // The end of the segment that is written to, or of one that was cut off.
            Ok(()) | Err(ReadError::Torn { .. }) => {}
            Err(error) => {
                let (error, segment) = (ErrorChain(&error), segment.number);
                tracing::warn!(%error, segment, "cannot look for what was recorded and not done");
            }
        }
    }
    let left = found.difference(&marked).copied();
    left.filter(|found| *found > number).collect()
}

fn look(
    mut reader: Reader<impl std::io::Read>,
    found: &mut BTreeSet<u64>,
    marked: &mut BTreeSet<u64>,
) -> Result<(), ReadError> {
    while let Some(frame) = reader.next_frame()? {
        match frame.kind {
            Kind::Ask | Kind::Vote | Kind::Grant => {
                found.insert(frame.entry);
            }
            Kind::Gap => {
                let told = Told::read(frame.kind, &frame.payload).unwrap_or_default();
                let detail = told.detail.unwrap_or_default();
                let frames = detail.get("frames").and_then(|it| it.as_array());
                let frames = frames.into_iter().flatten();
                marked.extend(frames.filter_map(serde_json::Value::as_u64));
            }
            Kind::Decided
            | Kind::Ended
            | Kind::Opened
            | Kind::Closed
            | Kind::Policy
            | Kind::Operator
            | Kind::Canary
            | Kind::Checkpoint
            | Kind::Carried
            | Kind::Archived
            | Kind::Pruned => {}
        }
    }
    Ok(())
}
