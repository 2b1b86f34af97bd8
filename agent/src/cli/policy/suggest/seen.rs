//! What a recording shows, counted.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::cli::policy::sources::runtime;
use crate::record::format::Kind;
use crate::record::read::{Frame, Identities};
use crate::record::walk::{Step, Walk};
use crate::sql::facts::{Access, Object, ObjectKind};
use crate::sql::name::ObjectName;
use crate::sql::{Analyst, Context, Effect};

/// Statements that are told but not permitted, for each workload; of more, only the number.
pub(super) const REFUSED_MAX: usize = 100;

/// Everything that was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) frames: u64,
    pub(super) workloads: BTreeMap<String, Workload>,
    /// The last segment ends within a frame: it is being written.
    pub(super) torn: bool,
}

/// What one workload did.
#[derive(Debug, Default)]
pub(super) struct Workload {
    pub(super) statements: u64,
    /// Logins by account and credential.
    pub(super) logins: BTreeMap<(String, String), u64>,
    /// Accesses by account.
    pub(super) accesses: BTreeMap<(String, Access), u64>,
    /// What is not to be permitted: why and what, how often, and the first entry.
    pub(super) refused: BTreeMap<String, (u64, u64)>,
    pub(super) refused_more: u64,
}

/// The part of a frame that is read here. Frames of other kinds have less.
#[derive(Deserialize)]
struct Payload {
    caller: Option<Caller>,
    verdict: Option<String>,
    account: Option<String>,
    credential: Option<String>,
    operation: Option<String>,
    statement: Option<Statement>,
    facts: Option<RecordedFacts>,
}

#[derive(Deserialize)]
struct Caller {
    workload: String,
}

#[derive(Deserialize)]
struct Statement {
    text: String,
    cut_from: Option<u64>,
}

#[derive(Deserialize)]
struct RecordedFacts {
    kinds: Vec<String>,
    /// Missing in recordings of versions that did not keep it.
    accesses: Option<Vec<RecordedAccess>>,
    /// There when the lists are not whole.
    cut: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct RecordedAccess {
    action: String,
    #[serde(rename = "type")]
    entity: String,
    object: Option<String>,
}

impl Seen {
    /// Reads every segment of a recording.
    pub(super) fn read(
        dir: &Path,
        identities: &Identities,
        workload: Option<&str>,
    ) -> Result<Self> {
        let analyst = Analyst::new().context("starting the analysis")?;
        let runtime = runtime()?;
        // Recordings that kept no accesses kept no session either.
        let context = Context::default();
        let mut seen = Self::default();
        let walk = Walk::new(dir, identities)?;
        if walk.is_done() {
            bail!("there is no recording in `{}`", dir.display());
        }
        for step in walk {
            match step {
                Step::Frame(placed) => {
                    let frame = seen.add(&placed.frame, workload, &|text| {
                        let facts = analyst.facts(text, &context);
                        runtime.block_on(facts).map(|facts| facts.accesses)
                    });
                    frame.with_context(|| format!("segment {}", placed.segment))?;
                }
                Step::Damage(damage) if damage.is_tail => seen.torn = true,
                Step::Damage(damage) => {
                    let place = format!("the segment `{}`", damage.path.display());
                    return Err(anyhow!(damage.error).context(place));
                }
            }
        }
        Ok(seen)
    }

    fn add(
        &mut self,
        frame: &Frame,
        only: Option<&str>,
        analyse: &dyn Fn(&str) -> Option<std::collections::BTreeSet<Access>>,
    ) -> Result<()> {
        self.frames += 1;
        if !matches!(frame.kind, Kind::Decided | Kind::Ended) {
            return Ok(());
        }
        let payload: Payload = serde_json::from_slice(&frame.payload)
            .with_context(|| format!("entry {} is not one of ours", frame.entry))?;
        let (Some(caller), Some(verdict)) = (payload.caller, payload.verdict) else {
            return Ok(());
        };
        let is_statement = payload.operation.as_deref() == Some("query");
        let is_login = payload.operation.as_deref() == Some("login");
        let wanted = only.is_none_or(|only| only == caller.workload);
        if !wanted || !(is_statement || is_login) {
            return Ok(());
        }
        let account = payload.account.unwrap_or_default();
        let workload = self.workloads.entry(caller.workload).or_default();
        if is_login {
            let credential = payload.credential.unwrap_or_default();
            if verdict == "allow" && !account.is_empty() && !credential.is_empty() {
                *workload.logins.entry((account, credential)).or_default() += 1;
            } else {
                workload.refuse("a login that was denied".to_owned(), frame.entry);
            }
            return Ok(());
        }
        workload.statements += 1;
        let kinds = payload.facts.as_ref().map(|facts| facts.kinds.join("; "));
        let kinds = kinds.unwrap_or_else(|| "not analysed".to_owned());
        if verdict != "allow" {
            workload.refuse(format!("denied: {kinds}"), frame.entry);
            return Ok(());
        }
        let recorded = payload.facts.filter(|facts| facts.cut.is_none());
        let recorded = recorded.and_then(|facts| facts.accesses);
        let accesses: Option<Vec<Access>> = match (recorded, payload.statement) {
            (Some(recorded), _) => {
                // By labels, which the policies that are suggested do not know.
                let named = recorded.into_iter().filter(|it| it.action != "filter");
                named.map(access).collect()
            }
            (None, Some(statement)) if statement.cut_from.is_none() => {
                analyse(&statement.text).map(|found| found.into_iter().collect())
            }
            (None, _) => None,
        };
        workload.add(&account, &kinds, accesses, frame.entry);
        Ok(())
    }
}

impl Workload {
    fn add(&mut self, account: &str, kinds: &str, accesses: Option<Vec<Access>>, entry: u64) {
        let Some(accesses) = accesses.filter(|_| !account.is_empty()) else {
            return self.refuse(format!("what it touched is not recorded: {kinds}"), entry);
        };
        if accesses.iter().any(|it| it.effect == Effect::Opaque) {
            return self.refuse(format!("not understood: {kinds}"), entry);
        }
        let resolved = |access: &Access| {
            let parts = access
                .object
                .name
                .as_ref()
                .map_or(0, |name| name.parts().len());
            parts == access.object.kind.depth()
        };
        if !accesses.iter().all(resolved) {
            return self.refuse(format!("a name in it is not whole: {kinds}"), entry);
        }
        for access in accesses {
            *self
                .accesses
                .entry((account.to_owned(), access))
                .or_default() += 1;
        }
    }

    fn refuse(&mut self, what: String, entry: u64) {
        let full = self.refused.len() >= REFUSED_MAX;
        match self.refused.get_mut(&what) {
            Some((count, _)) => *count += 1,
            None if full => self.refused_more += 1,
            None => {
                self.refused.insert(what, (1, entry));
            }
        }
    }
}

/// `None` for words that are none of ours.
fn access(recorded: RecordedAccess) -> Option<Access> {
    let RecordedAccess {
        action,
        entity,
        object,
    } = recorded;
    let effect = Effect::ALL.into_iter().find(|it| it.name() == action)?;
    let kind = ObjectKind::ALL
        .into_iter()
        .find(|it| it.entity() == entity)?;
    let name = match object {
        Some(object) => Some(ObjectName::parse(&object)?),
        None => None,
    };
    Some(Access {
        effect,
        object: Object { kind, name },
    })
}
