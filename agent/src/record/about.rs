//! What a frame says of who asked and what was asked.
//!
//! Only what these types name is recorded: a field that is not here cannot leak. Statement text is
//! recorded as the client sent it, but for values that detectors find in it; tokens, passwords and
//! bind values have no field.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;

use super::facts::RecordedFacts;
use crate::access::AskId;
use crate::identity::Principal;
use crate::mask::content::Content;
use crate::mask::literal;
use crate::snowflake::{Abort, Operation};
use crate::sql::Facts;

/// Statement text in a frame; what is longer is cut, and its digest is that of the whole. It is the
/// limit above which analysis does not understand a statement either.
pub const STATEMENT_BYTES_MAX: usize = 1 << 20;

/// The principal as it is recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Caller {
    pub workload: String,
    pub cgroup: String,
    pub tgid: u32,
    pub uid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exe: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exe_sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

impl From<&Principal> for Caller {
    fn from(principal: &Principal) -> Self {
        let workload = &principal.workload;
        Self {
            workload: workload.name.clone(),
            cgroup: workload.cgroup.clone(),
            tgid: workload.tgid,
            uid: workload.uid,
            unit: workload.unit.clone(),
            container: workload.container.clone(),
            pod: workload.pod.clone(),
            exe: workload
                .exe
                .as_ref()
                .map(|exe| exe.to_string_lossy().into_owned()),
            exe_sha256: workload.exe_sha256.clone(),
            user: principal.user.as_ref().map(|user| user.subject.clone()),
        }
    }
}

/// What was decided about. The verdict is added from the permit or the denial itself.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Decided {
    #[serde(skip)]
    pub time: jiff::Timestamp,
    /// Our session's id; never its token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    operation: &'static str,
    /// Finds the values that are not recorded.
    #[serde(skip)]
    redactions: Arc<Content>,
    /// A request of the daemon's own: what it was for.
    #[serde(skip)]
    purpose: Option<&'static str>,
    /// The person who had the daemon make the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// Where a request went that is no operation; without its query, which may hold anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<Statement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    facts: Option<RecordedFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<Approval>,
}

/// What people were asked, and who said yes: all there is while it waits is the ask.
#[derive(Clone, Debug, Serialize)]
struct Approval {
    ask: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    approved_by: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Statement {
    text: String,
    /// BLAKE3 of the whole text; of what is recorded of it, if that is another: from the digest of
    /// the clear text and all the text around it a short value could be found by trying.
    digest: String,
    /// Values in the text were found and are not recorded.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    redacted: bool,
    /// Of the text as it came.
    #[serde(skip)]
    of: Option<blake3::Hash>,
    /// Bytes of the whole text, when `text` is only its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    cut_from: Option<usize>,
}

impl Decided {
    /// Takes from an operation what is recorded of it, without the values that are found in it.
    #[must_use]
    pub fn of(operation: &Operation, redactions: &Arc<Content>, time: jiff::Timestamp) -> Self {
        let mut decided = Self {
            time,
            redactions: Arc::clone(redactions),
            ..Self::default()
        };
        decided.describe(operation);
        decided
    }

    /// Does the same for a request of the daemon's own, which is recorded under its purpose.
    #[must_use]
    pub fn ours(
        purpose: &'static str,
        operation: &Operation,
        redactions: &Arc<Content>,
        time: jiff::Timestamp,
    ) -> Self {
        let mut decided = Self {
            time,
            redactions: Arc::clone(redactions),
            purpose: Some(purpose),
            ..Self::default()
        };
        decided.describe(operation);
        decided
    }

    /// A request that is no operation.
    #[must_use]
    pub fn unreadable(path: &str, time: jiff::Timestamp) -> Self {
        Self {
            time,
            operation: "unreadable",
            path: Some(path.to_owned()),
            ..Self::default()
        }
    }

    /// Adds what analysis found.
    #[must_use]
    pub fn with_facts(mut self, facts: &Facts) -> Self {
        let mut recorded = RecordedFacts::of(facts);
        // Of some parts of a text every byte is in its fingerprint: a short value that was redacted
        // in one could be found by trying.
        let statement = self.statement.as_ref().filter(|it| it.redacted);
        if statement.is_some_and(|it| facts.obscurity.is_some() || it.is_code()) {
            recorded.fingerprint.clear();
        }
        self.facts = Some(recorded);
        self
    }

    /// Adds the ask that decides, with those who have approved it.
    #[must_use]
    pub fn with_ask(mut self, ask: &AskId, approved_by: Vec<String>) -> Self {
        self.approval = Some(Approval {
            ask: ask.0.clone(),
            approved_by,
        });
        self
    }

    /// Takes over what is recorded of an operation.
    pub(super) fn describe(&mut self, operation: &Operation) {
        self.operation = self.purpose.unwrap_or_else(|| operation.name());
        match operation {
            Operation::Query(query) => {
                self.request = Some(query.request_id.0.clone());
                // Found once: what is decided about is nearly always what was asked.
                let of = blake3::hash(query.text.as_bytes());
                let is_known = self.statement.as_ref().is_some_and(|it| it.of == Some(of));
                if !is_known {
                    self.statement = Some(Statement::new(&query.text, of, &self.redactions));
                }
            }
            Operation::Result(id)
            | Operation::Monitor(id)
            | Operation::Abort(Abort::Query(id))
            | Operation::ApiResult { handle: id, .. }
            | Operation::ApiCancel(id) => {
                self.query = Some(id.as_str().to_owned());
            }
            Operation::Abort(Abort::Request(request)) => self.request = Some(request.0.clone()),
            // A chunk's capability is a secret of its session.
            Operation::Login(_)
            | Operation::Renew
            | Operation::Heartbeat
            | Operation::Close
            | Operation::Telemetry
            | Operation::Chunk { .. } => {}
        }
    }
}

impl Statement {
    /// True if there are parts that a fingerprint takes as they are.
    fn is_code(&self) -> bool {
        self.text.contains("$$") || self.text.contains('"')
    }

    fn new(text: &str, of: blake3::Hash, redactions: &Content) -> Self {
        let shown = literal::redact(text, redactions);
        Self::shown(&shown, matches!(shown, Cow::Owned(_)), of)
    }

    /// `of` is the digest of the text as it came.
    fn shown(text: &str, redacted: bool, of: blake3::Hash) -> Self {
        let digest = if redacted {
            blake3::hash(text.as_bytes())
        } else {
            of
        };
        let kept = text.floor_char_boundary(STATEMENT_BYTES_MAX);
        Self {
            digest: digest.to_hex().to_string(),
            cut_from: (kept < text.len()).then_some(text.len()),
            text: text.get(..kept).unwrap_or_default().to_owned(),
            redacted,
            of: Some(of),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snowflake::Query;
    use crate::sql::Effect;

    fn decided(clear: &str, shown: &str, facts: &Facts) -> serde_json::Value {
        let mut decided = Decided {
            statement: Some(Statement::shown(
                shown,
                shown != clear,
                blake3::hash(clear.as_bytes()),
            )),
            ..Decided::default()
        };
        decided = decided.with_facts(facts);
        // The permit's operation is the one that was asked: what was found in it still is.
        let query = Query::for_test("r", clear);
        decided.describe(&Operation::Query(Box::new(query)));
        serde_json::to_value(decided).unwrap()
    }

    #[test]
    fn a_redacted_statement_leaves_no_digest_of_what_it_hid() {
        let clear = "select 1 where ssn = '123-45-6789'";
        let shown = clear.replace("123-45-6789", "[masked:pii.ssn]");
        let mut facts = Facts::for_test(&[Effect::Read]);
        facts.fingerprint = "f".to_owned();
        let frame = decided(clear, &shown, &facts);
        let expected = serde_json::json!({
            "text": shown,
            "digest": blake3::hash(shown.as_bytes()).to_hex().to_string(),
            "redacted": true,
        });
        assert_eq!(frame["statement"], expected);
        // A string has no part in a fingerprint.
        assert_eq!(frame["facts"]["fingerprint"], "f");

        let code = "select $$ [masked:pii.ssn] $$";
        assert!(decided("c", code, &facts)["facts"]["fingerprint"].is_null());
        facts.obscurity = Some("not read for certain".to_owned());
        let frame = decided(clear, &shown, &facts);
        assert!(frame["facts"]["fingerprint"].is_null());
    }

    #[test]
    fn a_statement_in_which_nothing_is_found_is_recorded_as_it_came() {
        let clear = "select \"a\"";
        let mut facts = Facts::for_test(&[Effect::Read]);
        facts.fingerprint = "f".to_owned();
        let frame = decided(clear, clear, &facts);
        let expected = serde_json::json!({
            "text": clear,
            "digest": blake3::hash(clear.as_bytes()).to_hex().to_string(),
        });
        assert_eq!(frame["statement"], expected);
        assert_eq!(frame["facts"]["fingerprint"], "f");
    }

    #[test]
    fn another_statement_is_not_taken_for_the_one_before() {
        let frame = decided("a", "a", &Facts::for_test(&[]));
        assert_eq!(frame["statement"]["text"], "a");
        let mut decided = Decided {
            statement: Some(Statement::shown("a", false, blake3::hash(b"a"))),
            ..Decided::default()
        };
        let query = Query::for_test("r", "b");
        decided.describe(&Operation::Query(Box::new(query)));
        assert_eq!(decided.statement.unwrap().text, "b");
    }
}
