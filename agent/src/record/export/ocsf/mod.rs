//! Events of the Open Cybersecurity Schema Framework (<https://schema.ocsf.io>).
//!
//! | what was recorded | class |
//! |---|---|
//! | a statement | Datastore Activity, 6005 |
//! | a login; a session that opens or closes | Authentication, 3002 |
//! | any other request | API Activity, 6003 |
//! | asks, votes, grants, policies | Entity Management, 3004 |
//! | what an operator had done; segments archived or deleted | API Activity, 6003 |
//! | the daemon's start and stop | Application Lifecycle, 6002 |
//! | gaps, canaries | Application Error, 6008 |
//!
//! An operation is one event, made of its decision and its ending; `metadata.uid` is `host:entry`.
//! Checkpoints, and what a segment carries over, say nothing about anyone and have no event. The rows
//! of results are left out: they are in the other format. What the schema has no place for is in
//! `unmapped`.

mod access;
mod daemon;
mod event;
mod operation;
mod who;

use std::collections::BTreeMap;

use serde_json::Value;

use super::Told;
use crate::record::format::Kind;
use crate::record::walk::Placed;

use event::Place;

/// The version of the schema that the events are of.
pub const SCHEMA: &str = "1.8.0";

/// A writer has fewer operations open. Those of a daemon that crashed are told when there are more.
const OPEN_MAX: usize = 65_536;

/// Makes events out of frames.
#[derive(Debug, Default)]
pub struct Events {
    /// Decided and not ended, by entry.
    open: BTreeMap<u64, Box<(Place, Told)>>,
}

impl Events {
    /// Adds the events that a frame completes; returns how many.
    ///
    /// # Errors
    /// Never on what can be recorded.
    pub fn frame(
        &mut self,
        placed: &Placed,
        told: Told,
        out: &mut Vec<u8>,
    ) -> Result<u64, serde_json::Error> {
        let place = Place::of(placed);
        let event = match placed.frame.kind {
            Kind::Decided => {
                self.open
                    .insert(placed.frame.entry, Box::new((place, told)));
                return if self.open.len() > OPEN_MAX {
                    let oldest = self.open.pop_first().map(|(_entry, open)| unended(&open));
                    oldest.map_or(Ok(0), |event| line(&event, out))
                } else {
                    Ok(0)
                };
            }
            Kind::Ended => {
                let decided = self.open.remove(&placed.frame.entry);
                let (began, whole) = match decided {
                    Some(decided) => {
                        let (began, decided) = *decided;
                        (Some(began.time), join(decided, told))
                    }
                    None => (None, told),
                };
                operation::event(&place, began, &whole)
            }
            Kind::Opened => operation::opened(&place, &told),
            Kind::Closed => operation::closed(&place, &told),
            Kind::Ask | Kind::Vote => access::ask(&place, &told),
            Kind::Grant => access::grant(&place, &told),
            Kind::Policy => access::policy(&place, &told),
            Kind::Operator => daemon::operator(&place, &told),
            Kind::Canary | Kind::Gap => daemon::error(&place, &told),
            Kind::Archived | Kind::Pruned => daemon::kept(&place, &told),
            Kind::Checkpoint | Kind::Carried => return Ok(0),
        };
        line(&event, out)
    }

    /// Adds the events of operations that never ended.
    ///
    /// # Errors
    /// Never on what can be recorded.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<u64, serde_json::Error> {
        let mut lines = 0;
        while let Some((_entry, open)) = self.open.pop_first() {
            lines += line(&unended(&open), out)?;
        }
        Ok(lines)
    }
}

fn unended(open: &(Place, Told)) -> Value {
    let (place, told) = open;
    operation::event(place, Some(place.time), told)
}

/// The whole of an operation: what only the ending has is taken from there.
fn join(decided: Told, ended: Told) -> Told {
    Told {
        outcome: ended.outcome,
        reason: ended.reason,
        query_id: ended.query_id,
        rows: ended.rows,
        bytes: ended.bytes,
        masked: ended.masked,
        unmasked: ended.unmasked,
        unmasked_by: ended.unmasked_by,
        duration_us: ended.duration_us,
        stages: ended.stages,
        error: ended.error,
        table: ended.table,
        ..decided
    }
}

fn line(event: &Value, out: &mut Vec<u8>) -> Result<u64, serde_json::Error> {
    serde_json::to_writer(&mut *out, event)?;
    out.push(b'\n');
    Ok(1)
}
