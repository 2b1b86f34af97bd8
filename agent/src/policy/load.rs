//! Policy files become a policy set: all of them are good, or none is used.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cedar_policy::{Policy, PolicyId};

use super::annotations::Annotations;
use super::cache::Verdicts;
use super::depth;
use super::draft::Draft;
use super::entities::Unfit;
use super::index::{Bits, Index, covers};
use super::judge::Subset;
use super::mentions::Mentions;
use super::problem::{LoadError, Problem, folded};
use super::read::{LABELS_FILE, Trust, directory};
use super::vocabulary::{Vocabulary, vocabulary};
use crate::mask::labels::Labels;

/// Sets of candidates that are kept ready. Their number is that of the kinds of questions that the
/// policies tell apart; one set holds its policies by reference.
const SUBSETS_MAX: usize = 1024;

/// Where policies are, for messages about those that came from elsewhere.
const DEFAULT_DIR: &str = "/etc/snowfence/policies";

/// The pack that `snowfence init` writes.
#[must_use]
pub const fn default_policy() -> &'static str {
    include_str!("../../../policies/read-only-agent.cedar")
}

/// Validated policies that are in force together, with the labels of columns.
#[derive(Debug)]
pub struct PolicySet {
    vocabulary: &'static Vocabulary,
    rules: Vec<Rule>,
    policies: Vec<Policy>,
    numbers: HashMap<PolicyId, usize>,
    index: Index,
    mentions: Mentions,
    /// Roles that policies name, sorted.
    roles: Vec<String>,
    labels: Labels,
    version: String,
    files: Vec<(String, blake3::Hash)>,
    dir: PathBuf,
    subsets: Mutex<HashMap<Bits, Subset>>,
    verdicts: Verdicts,
}

/// One policy, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub id: String,
    pub permits: bool,
    pub file: String,
    pub annotations: Annotations,
    /// It looks at `context.approved`: it makes statements wait.
    pub approval: bool,
    /// As the file writes it.
    pub text: String,
}

impl PolicySet {
    /// Reads every `*.cedar` file and the `labels.toml` of a directory that only root or we can
    /// change.
    ///
    /// # Errors
    /// With everything that is wrong with them, at once.
    pub fn load(dir: &Path) -> Result<Self, LoadError> {
        Self::read(dir, Trust::Owners)
    }

    /// Reads a directory whoever can change it: to look at, never to be put in force.
    ///
    /// # Errors
    /// With everything that is wrong with the files, at once.
    pub fn read_unchecked(dir: &Path) -> Result<Self, LoadError> {
        Self::read(dir, Trust::Anyone)
    }

    fn read(dir: &Path, trust: Trust) -> Result<Self, LoadError> {
        let files = directory(dir, trust)?;
        let files = files
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()));
        let files: Vec<(&str, &str)> = files.collect();
        Ok(Self {
            dir: dir.to_path_buf(),
            ..Self::parse(&files)?
        })
    }

    /// Parses and validates files, given as name and text; `labels.toml` gives the labels, all
    /// others are policies.
    ///
    /// # Errors
    /// With everything that is wrong with them, at once.
    pub fn parse(files: &[(&str, &str)]) -> Result<Self, LoadError> {
        let unreadable = |source| LoadError::Read {
            path: PathBuf::from(DEFAULT_DIR),
            source,
        };
        std::thread::scope(|scope| {
            let reader = std::thread::Builder::new()
                .name("policies".to_owned())
                .stack_size(depth::STACK_BYTES)
                .spawn_scoped(scope, || Self::parse_here(files))
                .map_err(unreadable)?;
            let read = reader.join();
            read.unwrap_or_else(|_panic| Err(unreadable(io::ErrorKind::InvalidData.into())))
        })
    }

    /// Needs [`depth::STACK_BYTES`] of stack.
    fn parse_here(files: &[(&str, &str)]) -> Result<Self, LoadError> {
        let mut files = files.to_vec();
        files.sort_unstable();
        let invalid = |problems| LoadError::Invalid {
            problems: folded(problems),
        };
        let vocabulary = vocabulary().map_err(|problem| invalid(vec![problem]))?;
        let mut draft = Draft::new(vocabulary);
        for file in &files {
            draft.add(*file);
        }
        draft.validate();
        if !draft.problems.is_empty() {
            return Err(invalid(draft.problems));
        }
        let numbers = draft.policies.iter().enumerate();
        Ok(Self {
            vocabulary,
            index: Index::new(vocabulary, &draft.policies),
            numbers: numbers
                .map(|(at, policy)| (policy.id().clone(), at))
                .collect(),
            rules: draft.rules,
            policies: draft.policies,
            mentions: draft.mentions,
            roles: draft.roles.into_iter().collect(),
            labels: draft.labels,
            version: version(&files),
            files: digests(&files),
            dir: PathBuf::from(DEFAULT_DIR),
            subsets: Mutex::default(),
            verdicts: Verdicts::default(),
        })
    }

    /// The same policies with the labels of this file in place of their own.
    ///
    /// # Errors
    /// With everything that is wrong with the file, at once.
    pub fn with_labels(self, name: &str, text: &str) -> Result<Self, LoadError> {
        let labels = Labels::parse(text).map_err(|findings| {
            let problems = findings.into_iter();
            let problems = problems.map(|it| Problem::at((name, text), it.offset, it.message));
            LoadError::Invalid {
                problems: problems.collect(),
            }
        })?;
        let replaced = version(&[("", &self.version), (LABELS_FILE, text)]);
        Ok(Self {
            labels,
            version: replaced,
            files: with(self.files, name, text),
            // What was judged with other labels is not known of these.
            verdicts: Verdicts::default(),
            ..self
        })
    }

    /// BLAKE3 over the files' names and contents, in hexadecimal.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The files that it was read from, `labels.toml` included, with the BLAKE3 of each, by name.
    #[must_use]
    pub fn files(&self) -> &[(String, blake3::Hash)] {
        &self.files
    }

    /// Number of policies.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rules.len()
    }

    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Every policy, by file and place.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The roles that policies name, sorted.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// What `labels.toml` says.
    #[must_use]
    pub const fn labels(&self) -> &Labels {
        &self.labels
    }

    /// False if nobody may ever see a value of a label.
    #[must_use]
    pub fn could_unmask(&self) -> bool {
        let unmask = self.vocabulary.action("unmask");
        unmask.is_some_and(|action| {
            let speaks = |it: &&Policy| covers(it, &action.uid, &action.groups);
            let mut policies = self.policies.iter().filter(speaks);
            policies.any(|it| it.effect() == cedar_policy::Effect::Permit)
        })
    }

    pub(super) const fn vocabulary(&self) -> &'static Vocabulary {
        self.vocabulary
    }

    pub(super) const fn index(&self) -> &Index {
        &self.index
    }

    pub(super) const fn mentions(&self) -> &Mentions {
        &self.mentions
    }

    pub(super) const fn verdicts(&self) -> &Verdicts {
        &self.verdicts
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn number(&self, id: &PolicyId) -> Option<usize> {
        self.numbers.get(id).copied()
    }

    /// The rules of these numbers.
    pub(super) fn named(&self, numbers: &BTreeSet<usize>) -> impl Iterator<Item = &Rule> {
        numbers.iter().filter_map(|number| self.rules.get(*number))
    }

    /// Their ids, sorted.
    pub(super) fn ids(&self, numbers: &BTreeSet<usize>) -> Vec<String> {
        let mut ids: Vec<String> = self.named(numbers).map(|rule| rule.id.clone()).collect();
        ids.sort_unstable();
        ids
    }

    pub(super) fn annotations(&self, numbers: &BTreeSet<usize>) -> Vec<&Annotations> {
        self.named(numbers).map(|rule| &rule.annotations).collect()
    }

    /// The policies of a set, as Cedar takes them.
    pub(super) fn subset(&self, bits: &Bits) -> Result<Subset, Unfit> {
        let mut subsets = self.subsets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = subsets.get(bits) {
            return Ok(Arc::clone(known));
        }
        let chosen = bits.iter().filter_map(|number| self.policies.get(number));
        let made = cedar_policy::PolicySet::from_policies(chosen.cloned()).or(Err(Unfit))?;
        let made = Arc::new(made);
        if subsets.len() >= SUBSETS_MAX {
            subsets.clear();
        }
        subsets.insert(bits.clone(), Arc::clone(&made));
        Ok(made)
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> Result<cedar_policy::PolicySet, Unfit> {
        cedar_policy::PolicySet::from_policies(self.policies.iter().cloned()).or(Err(Unfit))
    }
}

fn version(files: &[(&str, &str)]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in files.iter().flat_map(|(name, text)| [name, text]) {
        // Lengths keep two sets apart whose concatenations are the same.
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

fn digests(files: &[(&str, &str)]) -> Vec<(String, blake3::Hash)> {
    let files = files.iter();
    files
        .map(|(name, text)| ((*name).to_owned(), blake3::hash(text.as_bytes())))
        .collect()
}

/// The files with this one in place of the labels that were there.
fn with(
    mut files: Vec<(String, blake3::Hash)>,
    name: &str,
    text: &str,
) -> Vec<(String, blake3::Hash)> {
    files.retain(|(known, _)| known != LABELS_FILE && known != name);
    files.push((name.to_owned(), blake3::hash(text.as_bytes())));
    files.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    files
}
