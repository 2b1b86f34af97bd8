//! One line of JSON for each frame, with everything that is in it.
//!
//! ```text
//! {"kind":"ended","entry":7,"segment":1,"time":"2026-11-22T10:00:00.000001Z","host":"db-1",
//!  "digest":"…","payload":{…}}
//! ```
//!
//! The payload is the one of the frame, byte by byte where it is one line; a checkpoint's is
//! `{"uptime_us":…,"sealed":…,"signature":"…"}`. A payload that is no JSON is `null`, and `raw` has
//! its bytes in hexadecimal.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::record::format::{CHECKPOINT_FIXED_BYTES, Kind};
use crate::record::walk::Placed;

#[derive(Serialize)]
struct Line<'a> {
    kind: &'static str,
    entry: u64,
    segment: u64,
    /// RFC 3339; `null` where the number is no time.
    time: Option<jiff::Timestamp>,
    host: &'a str,
    digest: String,
    payload: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<String>,
}

#[derive(Serialize)]
struct Checkpoint {
    uptime_us: u64,
    sealed: bool,
    signature: String,
}

/// Adds the line of a frame.
///
/// # Errors
/// The payload is no JSON; the line is added nevertheless.
pub fn line(placed: &Placed, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    let bytes = placed.frame.payload.as_slice();
    let owned = match placed.frame.kind {
        Kind::Checkpoint => checkpoint(bytes).map(|it| to_raw_value(&it)).transpose()?,
        Kind::Decided
        | Kind::Ended
        | Kind::Opened
        | Kind::Closed
        | Kind::Ask
        | Kind::Vote
        | Kind::Grant
        | Kind::Policy
        | Kind::Operator
        | Kind::Canary
        | Kind::Gap
        | Kind::Carried
        | Kind::Archived
        | Kind::Pruned => None,
    };
    let (payload, wrong) = match &owned {
        Some(payload) => (Some(payload.as_ref()), None),
        None => match serde_json::from_slice::<&RawValue>(bytes) {
            Ok(payload) => (Some(payload), None),
            Err(error) => (None, Some(error)),
        },
    };
    // Only between the tokens of a foreign payload: inside a string JSON escapes it.
    let single = match payload {
        Some(payload) if payload.get().contains(['\n', '\r']) => {
            let value: serde_json::Value = serde_json::from_str(payload.get())?;
            Some(to_raw_value(&value)?)
        }
        Some(_) | None => None,
    };
    let line = Line {
        kind: placed.frame.kind.name(),
        entry: placed.frame.entry,
        segment: placed.segment,
        time: jiff::Timestamp::from_microsecond(placed.frame.time_microseconds).ok(),
        host: &placed.host,
        digest: placed.digest.to_string(),
        payload: single.as_deref().or(payload),
        raw: wrong.is_some().then(|| hexadecimal(bytes)),
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.push(b'\n');
    wrong.map_or(Ok(()), Err)
}

fn checkpoint(payload: &[u8]) -> Option<Checkpoint> {
    let (fixed, signature) = payload.split_at_checked(CHECKPOINT_FIXED_BYTES)?;
    let (uptime, sealed) = fixed.split_first_chunk()?;
    Some(Checkpoint {
        uptime_us: u64::from_le_bytes(*uptime),
        sealed: sealed == [1],
        signature: hexadecimal(signature),
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(digit).collect()
}
