//! What frames say about the recording itself: files that were archived, segments that retention
//! deleted, gaps.

use serde::Deserialize;

use crate::record::format::Kind;

/// Kept of one segment: what is past it explains nothing, so that the check fails rather than the
/// memory.
const STATEMENTS_MAX: usize = 1 << 16;
/// Read of the reason of a gap.
const REASON_CHARS_MAX: usize = 200;
/// More than the name of any segment: what is longer names none, and costs memory.
const FILE_BYTES_MAX: usize = 64;
const SHA256_DIGITS: usize = 64;

/// One such frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Statement {
    Gap {
        reason: String,
    },
    Pruned {
        first: u64,
        last: u64,
    },
    Archived {
        file: String,
        bytes: u64,
        sha256: String,
    },
}

/// Every field that is read here; what is not there, or is something else, is no statement.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    reason: Option<String>,
    first: Option<u64>,
    last: Option<u64>,
    file: Option<String>,
    bytes: Option<u64>,
    sha256: Option<String>,
}

impl Statement {
    pub(super) fn read(kind: Kind, payload: &[u8]) -> Option<Self> {
        let fields = || serde_json::from_slice::<Fields>(payload).unwrap_or_default();
        match kind {
            Kind::Gap => {
                let reason = fields().reason.unwrap_or_default();
                let reason = reason.chars().take(REASON_CHARS_MAX).collect();
                Some(Self::Gap { reason })
            }
            Kind::Pruned => {
                let fields = fields();
                let (first, last) = (fields.first?, fields.last?);
                Some(Self::Pruned { first, last })
            }
            Kind::Archived => {
                let fields = fields();
                Some(Self::Archived {
                    file: fields.file.filter(|it| it.len() <= FILE_BYTES_MAX)?,
                    bytes: fields.bytes?,
                    sha256: fields
                        .sha256
                        .filter(|it| it.len() == SHA256_DIGITS)?
                        .to_ascii_lowercase(),
                })
            }
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
            | Kind::Checkpoint
            | Kind::Carried => None,
        }
    }
}

/// The statements of a segment with their places: how many runs there were, and the offset.
#[derive(Debug, Default)]
pub(super) struct Statements(Vec<(usize, u64, Statement)>);

impl Statements {
    pub(super) fn push(&mut self, (run, offset): (usize, u64), statement: Statement) {
        if self.0.len() < STATEMENTS_MAX {
            self.0.push((run, offset, statement));
        }
    }

    /// Run (counted from 0), offset, and what is said there.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, u64, &Statement)> {
        let all = self.0.iter();
        all.map(|(run, offset, statement)| (run.saturating_sub(1), *offset, statement))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_no_file_is_not_kept() {
        let digest = "A".repeat(SHA256_DIGITS);
        let read = |file: &str, sha256: &str| {
            let says = serde_json::json!({"file": file, "bytes": 1, "sha256": sha256});
            Statement::read(Kind::Archived, says.to_string().as_bytes())
        };
        assert!(read("0000000000000001.sfr.zst.age", &digest).is_some());
        assert_eq!(read(&"x".repeat(1 << 20), &digest), None);
        let file = "0000000000000001.sfr.zst";
        assert_eq!(read(file, &"a".repeat(1 << 20)), None);
        assert_eq!(read(file, "a"), None);
    }
}
