//! What was decided of each access of a statement, and by which policies: for the record.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::demand::{Need, Target};
use super::judge::Finding;
use super::load::PolicySet;
use crate::sql::facts::Access;
use crate::sql::{Facts, ObjectName};

/// Accesses of which the decision is kept, of either kind: a statement with more is described by its
/// first ones. Verdicts are kept for the next such question, so it is memory too.
pub const ACCESSES_MAX: usize = 256;

/// The decisions of one judgement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// Of the first accesses of the facts, in their order. Empty when the statement was refused
    /// whatever policies say, or when it is a request that needs no access of its own.
    pub accesses: Vec<Decision>,
    /// Of what the statement needs besides: to filter by labelled columns, or an effect on the
    /// account that no access names.
    pub others: Vec<Other>,
    /// How many others there are, when not all are kept.
    pub others_count: usize,
}

/// What was decided of one access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub is_permitted: bool,
    /// The policies that permit it; of one that is not permitted those that forbid it, that failed
    /// to evaluate, or by which people must approve it. None if no policy speaks of it.
    pub policies: Arc<[String]>,
}

/// An access that the facts do not name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    pub action: &'static str,
    /// The entity type: `Table`, `Account`.
    pub kind: &'static str,
    /// Nothing for the account as a whole.
    pub object: Option<ObjectName>,
    pub decision: Decision,
}

impl Decisions {
    /// Takes them from the findings, of which there is one for each need; `held` has, for each need,
    /// the policies by which people must approve.
    pub(super) fn of(
        policies: &PolicySet,
        facts: Option<&Facts>,
        needs: &[Need],
        findings: &[Finding],
        held: &[BTreeSet<usize>],
    ) -> Arc<Self> {
        let Some(facts) = facts else {
            return Arc::default();
        };
        let mut writer = Writer {
            policies,
            findings,
            held,
            known: BTreeMap::new(),
        };
        let mut is_named = vec![false; needs.len()];
        let mut accesses = Vec::with_capacity(facts.accesses.len().min(ACCESSES_MAX));
        for access in &facts.accesses {
            let found = position(needs, access);
            if let Some(named) = found.and_then(|at| is_named.get_mut(at)) {
                *named = true;
            }
            let decision = found.and_then(|at| writer.decision(at));
            if let (true, Some(decision)) = (accesses.len() < ACCESSES_MAX, decision) {
                accesses.push(decision);
            }
        }
        let rest = needs.iter().zip(&is_named).enumerate();
        let rest = rest.filter(|(_, (_, is_named))| !**is_named);
        let others: Vec<Other> = rest
            .clone()
            .take(ACCESSES_MAX)
            .filter_map(|(at, (need, _))| writer.other(at, need))
            .collect();
        Arc::new(Self {
            accesses,
            others,
            others_count: rest.count(),
        })
    }

    /// How much memory they take, in some hundred bytes.
    pub(super) fn weight(&self) -> usize {
        1 + self.accesses.len() / 4 + self.others.len()
    }
}

/// The need that an access became. Needs are sorted, and no two have one action and one target.
fn position(needs: &[Need], access: &Access) -> Option<usize> {
    let sought = (access.effect.name(), Target::of(&access.object));
    let order = |need: &Need| (need.action, &need.target).cmp(&(sought.0, &sought.1));
    needs.binary_search_by(order).ok()
}

struct Writer<'a> {
    policies: &'a PolicySet,
    findings: &'a [Finding],
    held: &'a [BTreeSet<usize>],
    /// Most accesses of a statement are decided by the same policies.
    known: BTreeMap<BTreeSet<usize>, Arc<[String]>>,
}

impl Writer<'_> {
    fn decision(&mut self, at: usize) -> Option<Decision> {
        let finding = self.findings.get(at)?;
        let is_permitted = finding.is_permitted();
        let mut deciding = BTreeSet::new();
        if is_permitted {
            deciding.extend(&finding.permitted_by);
        } else {
            deciding.extend(&finding.forbidden_by);
            deciding.extend(&finding.failed);
            deciding.extend(self.held.get(at).into_iter().flatten());
        }
        let policies = self.policies;
        let entry = self.known.entry(deciding);
        let ids = entry.or_insert_with_key(|deciding| policies.ids(deciding).into());
        Some(Decision {
            is_permitted,
            policies: Arc::clone(ids),
        })
    }

    fn other(&mut self, at: usize, need: &Need) -> Option<Other> {
        let (kind, object) = match &need.target {
            Target::Account => ("Account", None),
            Target::Object(kind, name) => (kind.entity(), Some(name.clone())),
            // No statement needs them.
            Target::Ask
            | Target::Credential(_)
            | Target::Host
            | Target::Label(_)
            | Target::Role(_) => return None,
        };
        Some(Other {
            action: need.action,
            kind,
            object,
            decision: self.decision(at)?,
        })
    }
}
