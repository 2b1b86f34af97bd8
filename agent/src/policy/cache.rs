//! Verdicts that were given, so that the same question is not judged twice.

use std::collections::HashMap;
use std::hash::{Hash as _, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use super::entities::{COUNTERS, is_known};
use super::evaluate::{Demand, Question};
use super::load::PolicySet;
use super::verdict::Judgement;
use crate::sql::Facts;

/// In some hundred bytes, of which most verdicts take two: at most some megabytes, also when every
/// statement is one of hundreds of accesses.
const WEIGHT_MAX: usize = 16_384;

/// Everything that a verdict depends on, as one number. Statements are what an attacker writes: a
/// hash that could be made to collide would give the verdict of another.
pub(super) type Key = [u8; 32];

#[derive(Debug, Default)]
pub(super) struct Verdicts(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    by_key: HashMap<Key, Arc<Judgement>>,
    weight: usize,
}

impl Verdicts {
    pub(super) fn find(&self, key: &Key) -> Option<Arc<Judgement>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.by_key.get(key).cloned()
    }

    pub(super) fn keep(&self, key: Key, outcome: &Arc<Judgement>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What is asked again comes back by itself.
        if known.weight >= WEIGHT_MAX {
            *known = Known::default();
        }
        known.weight += 1 + outcome.accesses().weight();
        known.by_key.insert(key, Arc::clone(outcome));
    }
}

#[derive(Debug, Default)]
struct Digest(blake3::Hasher);

impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Never asked: the whole hash is the key.
    fn finish(&self) -> u64 {
        0
    }
}

/// The key of a question. What no policy looks at and no message tells is left out.
pub(super) fn key(policies: &PolicySet, question: &Question<'_>, demand: &Demand<'_>) -> Key {
    let mut digest = Digest::default();
    let mentions = policies.mentions();
    let Question {
        principal,
        account,
        credential,
        client,
        facts: _,
        session,
        roles,
        usage,
        approved,
        mode,
        now,
    } = *question;
    let workload = &principal.workload;
    (account, roles, approved, mode).hash(&mut digest);
    workload.name.hash(&mut digest);
    let seen = |name: &str| mentions.has(name);
    (seen("cgroup").then_some(&workload.cgroup)).hash(&mut digest);
    (seen("uid").then_some(workload.uid)).hash(&mut digest);
    (seen("unit").then_some(&workload.unit)).hash(&mut digest);
    (seen("slice").then_some(&workload.slice)).hash(&mut digest);
    (seen("container").then_some(&workload.container)).hash(&mut digest);
    (seen("pod").then_some(&workload.pod)).hash(&mut digest);
    (seen("exe").then_some(&workload.exe)).hash(&mut digest);
    (seen("exe_sha256").then_some(&workload.exe_sha256)).hash(&mut digest);
    let user = principal.user.as_ref();
    user.map(|it| (&it.subject, &it.email, &it.groups))
        .hash(&mut digest);
    (seen("client").then_some(client)).hash(&mut digest);
    (seen("now").then_some(now.as_second())).hash(&mut digest);
    let session = seen("session").then_some((
        &session.database,
        &session.schema,
        &session.role,
        &session.warehouse,
    ));
    session.hash(&mut digest);
    let counts = COUNTERS.iter().any(|name| seen(name));
    counts.then_some(usage).hash(&mut digest);
    match demand {
        Demand::Login => credential.hash(&mut digest),
        Demand::Statement(facts) => statement(policies, facts, &mut digest),
        Demand::Unmask(label, table) => {
            ("unmask", label).hash(&mut digest);
            (seen("table").then_some(table)).hash(&mut digest);
            question.facts.is_some().hash(&mut digest);
            if let Some(facts) = question.facts {
                circumstances(policies, facts, &mut digest);
            }
        }
    }
    *digest.0.finalize().as_bytes()
}

fn statement(policies: &PolicySet, facts: &Facts, digest: &mut Digest) {
    // Every field is named: a new one is not left out by mistake.
    let Facts {
        effects,
        accesses,
        columns,
        predicates,
        obscurity,
        file_transfer,
        // Of the circumstances.
        kinds: _,
        functions: _,
        lineage: _,
        fingerprint: _,
        // Others look at these before and after policy.
        parts: _,
        missing: _,
        writes: _,
        names_by_values: _,
        session_changes: _,
        named_results: _,
        hides_result: _,
        uses_last_query_id: _,
    } = facts;
    (effects, accesses, obscurity, file_transfer).hash(digest);
    if policies.labels().labels_columns() {
        (columns, predicates).hash(digest);
    }
    circumstances(policies, facts, digest);
}

/// What a statement adds to the circumstances of any question about it.
fn circumstances(policies: &PolicySet, facts: &Facts, digest: &mut Digest) {
    let seen = |name: &str| policies.mentions().has(name);
    (seen("kinds").then_some(&facts.kinds)).hash(digest);
    (seen("functions").then_some(&facts.functions)).hash(digest);
    (seen("fingerprint").then_some(&facts.fingerprint)).hash(digest);
    (seen("lineage_known").then(|| is_known(&facts.lineage))).hash(digest);
}
