//! Policies and labels while they are read.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;

use cedar_policy::{Effect, Policy, PolicyId, ValidationMode};

use super::annotations::{self, About};
use super::index::covers;
use super::load::Rule;
use super::mentions::Mentions;
use super::problem::{Problem, problem};
use super::read::LABELS_FILE;
use super::vocabulary::{Type, Vocabulary};
use super::{depth, names};
use crate::mask::labels::Labels;

/// What has been read so far, and what is wrong with it.
pub(super) struct Draft<'a> {
    vocabulary: &'static Vocabulary,
    pub(super) rules: Vec<Rule>,
    pub(super) policies: Vec<Policy>,
    pub(super) mentions: Mentions,
    pub(super) roles: BTreeSet<String>,
    pub(super) labels: Labels,
    /// The file of each policy, by the name that it is validated under.
    owners: BTreeMap<String, (&'a str, &'a str)>,
    pub(super) problems: Vec<Problem>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(vocabulary: &'static Vocabulary) -> Self {
        Self {
            vocabulary,
            rules: Vec::new(),
            policies: Vec::new(),
            mentions: Mentions::default(),
            roles: BTreeSet::new(),
            labels: Labels::default(),
            owners: BTreeMap::new(),
            problems: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, file: (&'a str, &'a str)) {
        let (name, text) = file;
        if name == LABELS_FILE {
            match Labels::parse(text) {
                Ok(labels) => self.labels = labels,
                Err(findings) => self.problems.extend(
                    findings
                        .into_iter()
                        .map(|it| Problem::at(file, it.offset, it.message)),
                ),
            }
            return;
        }
        let deep = depth::check(file);
        if !deep.is_empty() {
            self.problems.extend(deep);
            return;
        }
        match cedar_policy::PolicySet::from_str(text) {
            Ok(set) => self.add_policies(file, &set),
            Err(errors) => {
                let found = errors.iter().map(|error| problem(file, error));
                self.problems.extend(found);
            }
        }
    }

    fn add_policies(&mut self, file: (&'a str, &'a str), set: &cedar_policy::PolicySet) {
        let (name, text) = file;
        for template in set.templates() {
            let at = text.rfind(&template.to_string()).unwrap_or_default();
            let message = "templates are not supported".to_owned();
            self.problems.push(Problem::at(file, at, message));
        }
        let policies = set.policies().map(|policy| {
            // What Cedar read from text, it shows as that text.
            let shown = policy.to_string();
            (text.rfind(&shown).unwrap_or_default(), shown, policy)
        });
        let mut policies: Vec<(usize, String, &Policy)> = policies.collect();
        policies.sort_by_key(|(at, ..)| *at);
        for (at, shown, policy) in policies {
            let id = policy.annotation("id").unwrap_or_default();
            let taken = self.owners.get(id).map(|(other, _)| *other);
            // A name of its own, so that the policy is validated all the same.
            let mut key = format!("{name}, policy {}", self.owners.len() + 1);
            match taken {
                _ if id.is_empty() => {
                    let message = "the policy has no `@id`".to_owned();
                    self.problems.push(Problem::at(file, at, message));
                }
                Some(other) => {
                    let message = format!("the id `{id}` is taken by another policy, in `{other}`");
                    self.problems.push(Problem::at(file, at, message));
                }
                None => id.clone_into(&mut key),
            }
            self.owners.insert(key.clone(), file);
            self.add_policy(file, at, shown, policy.new_id(PolicyId::new(&key)));
        }
    }

    fn add_policy(&mut self, file: (&str, &str), at: usize, shown: String, policy: Policy) {
        let mentions = Mentions::of(&policy);
        let approval = mentions.has("approved");
        let ask = self.vocabulary.action("ask");
        let about = About {
            effect: policy.effect(),
            approval,
            ask: ask.is_some_and(|ask| covers(&policy, &ask.uid, &ask.groups)),
        };
        let (annotations, findings) = annotations::read(&policy, about);
        for (name, message) in findings {
            let inside = shown.find(&format!("@{name}")).unwrap_or_default();
            self.problems.push(Problem::at(file, at + inside, message));
        }
        for literal in policy.entity_literals() {
            if self.vocabulary.type_of(&literal) == Some(Type::Role) {
                self.roles.insert(literal.id().unescaped().to_owned());
            }
            if let Err(message) = names::check(self.vocabulary, &literal) {
                let inside = shown.find(&literal.to_string()).unwrap_or_default();
                self.problems.push(Problem::at(file, at + inside, message));
            }
        }
        self.rules.push(Rule {
            id: policy.id().to_string(),
            permits: about.effect == Effect::Permit,
            file: file.0.to_owned(),
            annotations,
            approval,
            text: shown,
        });
        self.mentions.extend(&mentions);
        self.policies.push(policy);
    }

    /// Strict validation; a warning (a policy that can never apply, a name that looks like another)
    /// is as bad as an error, because the file does not do what it seems to do.
    pub(super) fn validate(&mut self) {
        let all = match cedar_policy::PolicySet::from_policies(self.policies.iter().cloned()) {
            Ok(all) => all,
            Err(error) => {
                self.problems
                    .push(Problem::at(("", ""), 0, error.to_string()));
                return;
            }
        };
        let result = self
            .vocabulary
            .validator
            .validate(&all, ValidationMode::Strict);
        let owner = |id: &PolicyId| {
            self.owners
                .get(&id.to_string())
                .copied()
                .unwrap_or_default()
        };
        let errors = result
            .validation_errors()
            .map(|it| problem(owner(it.policy_id()), it));
        let warnings = result
            .validation_warnings()
            .map(|it| problem(owner(it.policy_id()), it));
        let found: Vec<Problem> = errors.chain(warnings).collect();
        self.problems.extend(found);
    }
}
