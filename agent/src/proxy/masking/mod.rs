//! What is masked of a result, by the rights that its principal has now.
//!
//! The plan is made when the answer is there: between a statement and its result a grant can end. It
//! is made again for each chunk; one that would be masked otherwise than the rows before it is
//! withheld, because nobody could tell which of the rows mean what.

mod metrics;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(super) use self::metrics::Metrics;
use super::connection::Connection;
use super::perform::bad_answer;
use super::question::{self, Question};
use super::refusal::{Reason, Refusal};
use super::services::{Services, Session};
use crate::mask::column::Tally;
use crate::mask::masks::Masks;
use crate::mask::outputs::{Origin, Scope};
use crate::mask::plan::Plan;
use crate::mask::rows::Format;
use crate::mask::sample::{self, Limits};
use crate::mask::text::Wording;
use crate::mask::{Admitted, Ready};
use crate::policy::PolicySet;
use crate::policy::rights::{Right, may_see};
use crate::record::Masked;
use crate::record::told::Table;
use crate::session::{ChunkLink, Shape, Terms};
use crate::snowflake::rowtype::Field;
use crate::snowflake::{Operation, QueryId};
use crate::sql::ObjectName;

/// An answer below this is masked where it was read: a change of threads would cost more.
const INLINE_BYTES_MAX: u64 = 64 << 10;

/// A plan with what it was made by.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) plan: Arc<Plan>,
    wording: Wording,
    /// As for someone who may see nothing: for the record.
    strict: Wording,
    masks: Arc<Masks>,
    is_parent: bool,
    has_rows: bool,
    /// Policies by which labels are shown.
    shown_by: BTreeSet<String>,
}

impl Planned {
    /// What later parts of the result are held to.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.plan.digest(&self.masks)
    }

    /// Refuses the rest of a result that would be masked otherwise than its beginning was.
    pub(super) fn goes_on(&self, digest: &[u8; 32]) -> Result<(), Refusal> {
        if self.digest() == *digest {
            return Ok(());
        }
        Err(Refusal::new(
            Reason::RightLost,
            "the rest of the result is withheld: since its first rows a grant began or ended, or \
             the policies changed, so that it would be masked otherwise than they were; run the \
             statement again",
        ))
    }

    /// What later chunks of the result are held to.
    pub(super) fn shape(&self, format: Format) -> Shape {
        let columns = self.plan.columns.iter();
        Shape {
            fields: columns.map(|column| column.field.clone()).collect(),
            format,
            digest: self.digest(),
            is_parent: self.is_parent,
        }
    }

    /// Code and message of a statement that failed, as they are recorded: without what only this
    /// principal may see.
    pub(super) fn failure(&self, ready: &Ready) -> Option<(String, String)> {
        let (code, message) = ready.failure()?;
        let message = self.strict.reword(&message).into_owned();
        Some((code.to_owned(), message))
    }

    /// What is recorded and counted once the rows are masked.
    pub(super) fn outcome(&self, tally: &Tally) -> Masked {
        let cells = tally.cells.iter();
        let shown = if self.has_rows {
            self.plan.shown()
        } else {
            BTreeSet::new()
        };
        Masked {
            is_result: self.has_rows,
            is_clear: self.plan.is_clear(),
            cells: cells
                .map(|(label, count)| (label.to_string(), *count))
                .collect(),
            shown_by: match shown.is_empty() {
                true => Vec::new(),
                false => self.shown_by.iter().cloned().collect(),
            },
            shown: shown.iter().map(ToString::to_string).collect(),
        }
    }
}

/// What is known of the statement that an answer is about. A request id that Snowflake knows already
/// is answered with an older result, which is masked by the statement that made it.
pub(super) fn about(
    services: &Services,
    operation: &Operation,
    answered: Option<&QueryId>,
    terms: &Terms,
) -> Terms {
    match (operation, answered) {
        (Operation::Monitor(id), _) | (Operation::Query(_), Some(id)) => services.results.terms(id),
        (
            Operation::Query(_)
            | Operation::Result(_)
            | Operation::Abort(_)
            | Operation::Login(_)
            | Operation::Renew
            | Operation::Heartbeat
            | Operation::Close
            | Operation::Telemetry
            | Operation::Chunk { .. }
            | Operation::ApiResult { .. }
            | Operation::ApiCancel(_),
            _,
        ) => terms.clone(),
    }
}

/// Plans what is masked of an answer.
pub(super) async fn plan(
    connection: &Connection,
    services: &Services,
    session: &Session,
    terms: &Terms,
    admitted: &Admitted,
) -> Result<Planned, Refusal> {
    let policies = services.policies.snapshot();
    let mut question = Question::without_facts(session);
    question.judged.clone_from(&terms.judged);
    question.approved = terms.approved;
    // An answer that a statement still runs shows nothing of it.
    let is_final = admitted.summary().in_progress.is_none();
    if is_final && policies.could_unmask() && !policies.labels().is_empty() {
        let (account, key) = (&session.account, None);
        question.standing = question::standing(connection, services, account, key).await?;
    }
    let is_parent = !admitted.summary().child_ids.is_empty();
    let origin = terms.origin(is_parent);
    let fields = admitted.fields().to_vec();
    let is_failure = !admitted.summary().success;
    let answer = (fields, is_failure);
    let planned = make(connection, services, &policies, &question, origin, answer);
    check_strict(&policies, &planned.plan)?;
    Ok(Planned {
        is_parent,
        ..planned
    })
}

/// Plans what is masked of another chunk, by a question that was just judged again.
pub(super) fn plan_chunk(
    connection: &Connection,
    services: &Services,
    question: &Question,
    link: &ChunkLink,
) -> Result<Planned, Refusal> {
    let policies = services.policies.snapshot();
    let origin = link.terms.origin(link.shape.is_parent);
    let fields = link.shape.fields.clone();
    let answer = (fields, false);
    let planned = make(connection, services, &policies, question, origin, answer);
    planned.goes_on(&link.shape.digest)?;
    Ok(planned)
}

fn make(
    connection: &Connection,
    services: &Services,
    policies: &PolicySet,
    question: &Question,
    origin: Origin<'_>,
    (fields, is_failure): (Vec<Field>, bool),
) -> Planned {
    let masks = services.masker.masks(policies.labels(), policies.version());
    let rights = Rights {
        policies,
        question: question.view(connection),
        known: RefCell::default(),
    };
    let unmasked = |label: &str, table: Option<&ObjectName>| rights.may_see(label, table);
    let account = question.account.as_str();
    let written = |table: &ObjectName| services.state.copies.of(account, table);
    let scope = Scope {
        labels: policies.labels(),
        masks: &masks,
        account,
        unmasked: &unmasked,
        written: &written,
    };
    let has_rows = !fields.is_empty();
    let plan = Plan::of(&scope, origin, fields);
    let nobody = Scope {
        unmasked: &|_, _| false,
        ..scope
    };
    Planned {
        wording: Wording::of(&scope, origin, &plan),
        strict: match is_failure {
            true => Wording::of(&nobody, origin, &plan),
            false => Wording::default(),
        },
        plan: Arc::new(plan),
        is_parent: false,
        has_rows,
        shown_by: rights.shown_by(),
        masks,
    }
}

/// The rights of one question, each looked for once.
struct Rights<'a> {
    policies: &'a PolicySet,
    question: crate::policy::Question<'a>,
    known: RefCell<Known>,
}

/// By label and table.
type Known = BTreeMap<(String, Option<ObjectName>), Option<Right>>;

impl Rights<'_> {
    fn may_see(&self, label: &str, table: Option<&ObjectName>) -> bool {
        let key = (label.to_owned(), table.cloned());
        let mut known = self.known.borrow_mut();
        let right = known
            .entry(key)
            .or_insert_with(|| may_see(self.policies, &self.question, label, table));
        right.is_some()
    }

    fn shown_by(&self) -> BTreeSet<String> {
        let known = self.known.borrow();
        let rights = known.values().flatten();
        rights.flat_map(|right| &right.policies).cloned().collect()
    }
}

/// Where the labels are strict, what would be masked because nobody knows its origin is refused.
fn check_strict(policies: &PolicySet, plan: &Plan) -> Result<(), Refusal> {
    if !policies.labels().is_strict() {
        return Ok(());
    }
    let Some((at, column, why)) = plan.uncertain() else {
        return Ok(());
    };
    let labels: Vec<&str> = column.labels.iter().map(|label| &**label).collect();
    let name: String = column.field.name.chars().take(NAME_CHARS_MAX).collect();
    Err(Refusal::new(
        Reason::OriginUnknown,
        format!(
            "column {at} (`{name}`) of the result may hold `{}`, because its origin is not known \
             ({why}), so nothing of the result is passed on; name the columns of tables themselves \
             in place of `*`, functions, procedures and earlier results, or leave the column out",
            labels.join("`, `")
        ),
    ))
}

/// A column without a name is called by its expression.
const NAME_CHARS_MAX: usize = 80;

/// How much of each result is recorded.
pub(super) const fn limits(services: &Services) -> Limits {
    let record = &services.config.record;
    Limits {
        rows_max: record.rows_max,
        bytes_max: record.rows_bytes_max,
    }
}

/// Masks an answer, and takes from it what is recorded of its rows; of a large one where it holds up
/// nobody else.
pub(super) async fn apply(
    admitted: Admitted,
    planned: &Planned,
    limits: Limits,
) -> Result<(Ready, Option<Table>), Refusal> {
    let is_small = admitted.summary().body_bytes() < INLINE_BYTES_MAX;
    let is_read = !planned.plan.is_clear() || limits.rows_max > 0;
    let (plan, masks) = (Arc::clone(&planned.plan), Arc::clone(&planned.masks));
    let wording = planned.wording.clone();
    let work = move || {
        let ready = admitted.mask(&plan, &wording)?;
        let table = ready.sample(&plan, &masks, limits);
        Ok((ready, table))
    };
    let masked = if is_small || !is_read {
        work()
    } else {
        let work = tokio::task::spawn_blocking(work);
        work.await
            .map_err(|_stopped| Refusal::new(Reason::Bug, "the result could not be masked"))?
    };
    let (ready, table) = masked.map_err(|error| bad_answer(&error))?;
    if let Some(Table { cut: Some(cut), .. }) = &table
        && cut == sample::UNREADABLE
    {
        tracing::warn!("the rows of a result cannot be read, so none are recorded");
    }
    Ok((ready, table))
}

#[cfg(test)]
mod tests;
